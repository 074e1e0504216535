"""Does a model that was rewritten still do what it did when a figure was made of it?"""
