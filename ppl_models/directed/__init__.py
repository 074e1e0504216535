"""Directed latent-variable models: p(z) p(x | z)."""
