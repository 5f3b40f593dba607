"""SavedModels and a probe set in, similarity matrices out."""
