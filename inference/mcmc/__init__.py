"""Markov chains as a competitor of guides, and as the reference that their error is measured by."""
