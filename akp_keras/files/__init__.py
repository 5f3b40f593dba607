"""Files and folders: whole or absent, locked, named safely, walked through and digested.

Nothing here knows what the files hold. Standard library only.
"""
