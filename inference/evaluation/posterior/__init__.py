"""Posterior quality: what the guide says about the data, and how far it is from the posterior."""
