"""Undirected models: densities that are known up to a constant, with a kernel to draw from them."""
