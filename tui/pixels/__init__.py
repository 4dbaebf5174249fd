"""Real pixels in terminals that have them: Kitty's protocol and Sixel.

The package textual-image does this too, but its newest version needs Python 3.12 and it asks the terminal while it is
being imported, so this small one is beholder's own.
"""
