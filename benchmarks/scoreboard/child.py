"""A fit that never ends by itself: `python -m benchmarks.scoreboard.child ENGINE OUT`."""

import sys

from benchmarks.scoreboard.tiny import trained

if __name__ == "__main__":
    trained(sys.argv[1], 10**9, out=sys.argv[2], checkpoint_seconds=0.0)
