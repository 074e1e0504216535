"""How likely held-out data are under a fitted pair."""
