"""Densities known up to a constant: Boltzmann machines and energies, with their kernels."""
