"""Recurrent cells, and laws of sequences that are drawn by the state of such a network."""
