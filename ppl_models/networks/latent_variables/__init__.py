"""Latents of a datum, in model and guide: Gaussians, flows, binary layers, codebooks."""
