"""Markov chains: paths of hidden states, and of corruption and reconstruction."""
