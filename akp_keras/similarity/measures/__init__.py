"""Measures, one module a family; a new one is a new file here and a line in `FAMILIES`."""

from akp_keras.similarity.measures import (
    alignment,
    cca,
    cka,
    distance_correlation,
    distance_matrix,
    gram,
    hsic,
    neighbours,
    outputs,
    procrustes,
    regression,
    rsa,
    summaries,
)

FAMILIES = (
    cka,
    hsic,
    gram,
    rsa,
    distance_matrix,
    distance_correlation,
    cca,
    regression,
    procrustes,
    alignment,
    neighbours,
    summaries,
    outputs,
)
