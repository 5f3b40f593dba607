"""The steps of an experiment: each a function from files and settings to files, declared once."""
