"""Pairs with latents that all data share, beside those of each datum."""
