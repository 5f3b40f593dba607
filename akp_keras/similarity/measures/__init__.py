"""Measures, one module a family; a new one is a new file here and a line in `FAMILIES`."""

from akp_keras.similarity.measures import cka, procrustes

FAMILIES = (
    cka,
    procrustes,
)
