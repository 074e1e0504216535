"""How a pair is fitted: data, the loop, the run folder, progress."""
