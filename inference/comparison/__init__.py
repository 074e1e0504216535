"""Algorithms side by side: one call, one table, one report."""
