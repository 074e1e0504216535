"""What guides, chains and kernels say about latents and missing entries, and how far it is off."""
