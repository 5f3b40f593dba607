"""A name in, train, validation and test splits and a probe set out."""
