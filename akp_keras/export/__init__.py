"""The SavedModel contract, written and read."""
