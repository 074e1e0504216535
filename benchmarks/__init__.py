"""Speed and memory, measured side by side with hand-written loops."""
