"""Generators: noise through a network to a point of data space."""
