"""How well a pair has learnt: likelihood, draws, figures."""
