"""One thread at a time runs programs: handlers, stores and seeds of the libraries are global."""

from __future__ import annotations

import threading

ALONE = threading.RLock()
"""Held while a program runs, and for as long as a fit takes; other threads wait."""
