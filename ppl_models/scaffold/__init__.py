"""New models from templates: a pair, its card, and its test row or its package."""
