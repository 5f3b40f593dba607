"""Families and members, flags, the run directory, and the stages of an experiment in order."""
