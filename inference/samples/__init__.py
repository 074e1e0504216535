"""How good draws are, whatever trained the generator: rows in, numbers out, no framework."""
