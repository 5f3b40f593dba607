"""Every registered measure with its defaults, and variants of parameters that change properties."""

import os

from akp_keras import similarity

# POT would load every array library that it finds.
os.environ.setdefault("POT_BACKEND_DISABLE_TENSORFLOW", "1")
os.environ.setdefault("POT_BACKEND_DISABLE_PYTORCH", "1")
os.environ.setdefault("POT_BACKEND_DISABLE_JAX", "1")

VARIANTS = (
    "cka.linear.minibatch[batch=8]",
    "cka.rbf[bandwidth=0.3]",
    "rsa.spearman[squared_euclidean]",
    "rsa.spearman[cosine]",
    "rsa.pearson[euclidean]",
    "rsa.cosine[squared_euclidean]",
    "rsa.cosine.whitened[correlation]",
    "rsa.tau_a[euclidean]",
    "distance_matrix.norm[vector]",
    "distance_matrix.stress[none]",
    "cca.svcca[variance=0.8]",
    "gulp[penalty=0]",
    "shape.angular[alpha=0]",
    "shape.angular[alpha=1]",
    "knn.jaccard[k=4,euclidean]",
    "knn.mutual[k=3,inner]",
    "knn.rank[k=5,euclidean]",
)


def pytest_generate_tests(metafunc):
    if "measure_id" in metafunc.fixturenames:
        metafunc.parametrize("measure_id", [*similarity.list_measures(), *VARIANTS])
