"""Checks of a pair before anybody trains it: what is wrong, where, and what to do."""
