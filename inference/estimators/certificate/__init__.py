"""Objectives against exact answers, on small programs of every latent kind."""
