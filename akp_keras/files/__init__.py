"""Files and folders: written whole, locked, named safely, listed and digested.

Nothing here depends on the contents of files. Standard library only.
"""
