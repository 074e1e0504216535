"""What a guide, or Markov chains, say about the latents, and how far that is from the posterior."""
