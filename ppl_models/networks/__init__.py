"""Networks that several pairs share, once for torch and once for flax."""
