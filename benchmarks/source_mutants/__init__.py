"""Mistakes planted in a copy of the source, one at a time: does the suite find them?"""
