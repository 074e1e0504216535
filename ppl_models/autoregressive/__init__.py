"""Models without latents: each entry of x given those before it, so that ELBO() is exact."""
