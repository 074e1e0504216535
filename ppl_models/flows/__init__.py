"""Invertible maps between data and noise: likelihoods that are exact."""
