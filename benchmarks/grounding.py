"""How well measures recover similarities that are known: the six tests of ReSi on small networks.

    python -m benchmarks.grounding                   # digits and synthetic cells, a few measures
    python -m benchmarks.grounding --measures='*'    # all measures
    python -m benchmarks.grounding --tests=labels    # the networks of one test alone
    python -m benchmarks.grounding --data=digits --seeds=3 --measures='cka.*,procrustes.angular'

After Klabunde et al. 2024 (arXiv 2408.00531). Every network is trained here, and representations
are those of its last hidden layer on samples that it has not seen. Networks of a group learn the
same data and differ by initial weights and batch order; no two networks share initial weights.

* accuracy, output: networks that differ by seed alone; Spearman correlation over pairs of the
  measure's dissimilarity with |Δ accuracy| and with the Jensen–Shannon divergence of outputs. The
  p-values are Mantel's (networks are permuted, not pairs: pairs that share one are dependent).
* labels, shortcut, noise: groups trained on labels of which 0, 50, 100 % are random; with a mark
  that gives away 0, 75, 100 % of labels; with Gaussian noise of four strengths. Two networks of one
  group should be more alike than two of different groups: AUPRC, the mean over groups, and the
  violation rate, the share of (pair within, pair across) where they are not.
* layers: within one network, nearer layers (of four hidden ones and the logits) should be more
  alike than farther ones: violation rate, and beside it that of networks with initial weights.

Three controls. `rows shuffled`: the labels test with the rows of every network permuted on their
own; what is then above chance is not agreement about samples but groups told apart by size or
spectrum alone. `groups shuffled`: the labels test with networks dealt to groups at random, which no
measure can beat. And the first table says what the groups learnt, without which the rest means
nothing: labels that are not memorised make no group.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import math
import multiprocessing
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import keras
import numpy as np
import scipy.stats
from absl import app, flags
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score

from akp_keras import similarity

_DATA = flags.DEFINE_list("data", ["digits", "cells"], "digits, cells")
_SEEDS = flags.DEFINE_integer("seeds", 5, "networks a group; twice as many for accuracy and output")
_EPOCHS = flags.DEFINE_integer("epochs", 80, "epochs of every network")
_PROBES = flags.DEFINE_integer("probes", 400, "unseen samples on which layers are compared")
_MEASURES = flags.DEFINE_list(
    "measures",
    [
        "cka.linear",
        "cka.linear.debiased",
        "cka.rbf",
        "ensd",
        "gram.relative",
        "rsa.spearman",
        "rsa.pearson",
        "distance_matrix.norm",
        "distance_matrix.stress",
        "distance_correlation",
        "cca.mean",
        "cca.svcca",
        "cca.pwcca",
        "regression.linear",
        "eigenspace_overlap",
        "gulp",
        "procrustes.angular",
        "procrustes.size_and_shape",
        "procrustes.permutation.angular",
        "procrustes.aligned_cosine",
        "matching.hard",
        "matching.best",
        "knn.jaccard",
        "knn.rank",
        "knn.second_order_cosine",
        "knn.cknna",
        "magnitude",
        "concentricity",
        "uniformity",
        "imd",
    ],
    "identifiers or patterns",
)
_PERMUTATIONS = flags.DEFINE_integer("permutations", 999, "of Mantel's test")
_TESTS = flags.DEFINE_list(
    "tests",
    ["labels", "shortcut", "noise", "layers", "outputs"],
    "which networks are trained: labels (and its controls), shortcut, noise; layers; outputs "
    "(with accuracy)",
)
_WORKERS = flags.DEFINE_integer("workers", 2, "processes that train networks", lower_bound=1)

_BATCH = 64

# What a group's number means in each test.
GROUPS = {
    "labels": ("random_labels", (0.0, 0.5, 1.0)),
    "shortcut": ("mark", (0.0, 0.75, 1.0)),
    "noise": ("noise", (0.0, 0.5, 1.0, 2.0)),
}


@dataclass(frozen=True)
class Data:
    """Images from 0 to 1 and labels, split."""

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    classes: int


@dataclass(frozen=True)
class Recipe:
    """One network.

    Attributes:
        data: name of the data set.
        seed: of initial weights and batch order; what is learnt does not depend on it.
        epochs: 0 for initial weights.
        random_labels: share of the training labels that are drawn anew.
        mark: share of the images whose mark tells the label; None for images without marks.
        noise: standard deviation of the noise that every batch is trained with, in standard
            deviations of the training images' values.
    """

    data: str
    seed: int
    epochs: int
    random_labels: float = 0.0
    mark: float | None = None
    noise: float = 0.0

    @property
    def group(self) -> list[int]:
        """Numbers that differ between groups, for random generators."""
        mark = 0 if self.mark is None else 1 + round(100 * self.mark)
        return [round(100 * self.random_labels), mark, round(100 * self.noise)]


@dataclass(frozen=True)
class Network:
    """What a trained network is known by.

    Attributes:
        layers: representations of the hidden layers on the probe samples, first layer first.
        logits: its outputs there.
        fitted: accuracy on what it was trained on, marks and random labels included.
        accuracy: accuracy on the probe samples.
    """

    layers: list[np.ndarray]
    logits: np.ndarray
    fitted: float
    accuracy: float


@functools.cache
def digits(probes: int) -> Data:
    """Return scikit-learn's 8 × 8 digits."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16.0).reshape(-1, 8, 8, 1).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(images))
    test, train = order[:probes], order[probes:][:1000]
    return Data(images[train], labels[train], images[test], labels[test], 10)


@functools.cache
def cells(probes: int) -> Data:
    """Return the project's synthetic cells, cancer or not, at half resolution."""
    from akp_keras.data.cell_patches import draw_cell_patches

    drawn = draw_cell_patches(1000 + probes, seed=0)
    images = np.asarray(drawn.images, dtype=np.float32) / 255.0
    images = images.reshape(len(images), 16, 2, 16, 2, 3).mean(axis=(2, 4))
    labels = np.asarray(drawn.labels, dtype=np.int64)
    return Data(images[probes:], labels[probes:], images[:probes], labels[:probes], 2)


SOURCES = {"digits": digits, "cells": cells}


class TrainingNoise(keras.layers.Layer):
    """Gaussian noise in training, of a strength that can be set between trainings."""

    def __init__(self) -> None:
        super().__init__()
        self.strength = self.add_weight(shape=(), initializer="zeros", trainable=False)
        self.generator = keras.random.SeedGenerator(0)

    def call(self, inputs, training=False):
        """Add it in training."""
        if not training:
            return inputs
        drawn = keras.random.normal(keras.ops.shape(inputs), seed=self.generator)
        return inputs + self.strength * drawn


class Trainer:
    """One compiled network, trained again and again from other initial weights."""

    def __init__(self, data: Data, epochs: int) -> None:
        inputs = keras.Input(data.train_x.shape[1:])
        self.noise = TrainingNoise()
        x = self.noise(inputs)
        taps = []
        if data.train_x.shape[1] > 8:
            for width in (16, 32):
                x = keras.layers.Conv2D(width, 3, strides=2, padding="same", activation="relu")(x)
                taps.append(keras.layers.GlobalAveragePooling2D()(x))
        x = keras.layers.Flatten()(x)
        while len(taps) < 4:
            x = keras.layers.Dense(192, activation="relu")(x)
            taps.append(x)
        logits = keras.layers.Dense(data.classes)(x)
        self.model = keras.Model(inputs, logits)
        self.tapped = keras.Model(inputs, [*taps, logits])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        steps = epochs * math.ceil(len(data.train_x) / _BATCH)
        # To the end of every training the rate falls to 0, or what is fitted depends on the last
        # few batches.
        self.optimizer = keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(2e-3, max(steps, 1))
        )
        self.model.compile(optimizer=self.optimizer, loss=loss, steps_per_execution=8)
        self.optimizer.build(self.model.trainable_variables)
        self.initial = [variable.numpy() for variable in self.optimizer.variables]
        self.data = data

    def __call__(self, recipe: Recipe) -> Network:
        """Train a network."""
        x, y, probe = self.learnt(recipe)
        rng = np.random.default_rng([7, recipe.seed, *recipe.group])
        for weight in self.model.trainable_variables:
            scale = np.sqrt(2 / np.prod(weight.shape[:-1])) if len(weight.shape) > 1 else 0.0
            weight.assign(scale * rng.normal(size=weight.shape))
        for variable, value in zip(self.optimizer.variables, self.initial, strict=True):
            variable.assign(value)
        self.noise.strength.assign(recipe.noise * self.data.train_x.std())
        self.noise.generator.state.assign(rng.integers(0, 2**31, 2))
        keras.utils.set_random_seed(int(rng.integers(0, 2**31)))
        if recipe.epochs:
            self.model.fit(x, y, batch_size=_BATCH, epochs=recipe.epochs, verbose=0)
        *layers, logits = (np.asarray(output) for output in self.tapped.predict(probe, verbose=0))
        fitted = self.model.predict(x, verbose=0).argmax(axis=1) == y
        right = logits.argmax(axis=1) == self.data.test_y
        return Network(layers, logits, float(fitted.mean()), float(right.mean()))

    def learnt(self, recipe: Recipe) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return training images and labels, the same within a group, and probe images."""
        data = self.data
        x, y, probe = data.train_x, data.train_y, data.test_x
        rng = np.random.default_rng([1, *recipe.group])
        if recipe.random_labels:
            drawn = rng.integers(0, data.classes, len(y))
            y = np.where(rng.random(len(y)) < recipe.random_labels, drawn, y)
        if recipe.mark is not None:
            x = marked(x, y, recipe.mark, data.classes, rng)
            probe = marked(probe, data.test_y, 0.0, data.classes, np.random.default_rng(99))
        return x, y, probe


def marked(
    images: np.ndarray, labels: np.ndarray, share: float, classes: int, rng: np.random.Generator
) -> np.ndarray:
    """Return images with a dot that tells the label with a probability, else a random one."""
    told = np.where(rng.random(len(labels)) < share, labels, rng.integers(0, classes, len(labels)))
    result = images.copy()
    result[:, 0, :, :] = 0.0
    width = images.shape[2]
    # Eight places and two brightnesses tell up to sixteen classes.
    result[np.arange(len(labels)), 0, told % width, :] = np.where(told < width, 1.0, 0.5)[:, None]
    return result


@functools.cache
def _trainer(data: str, probes: int, epochs: int) -> Trainer:
    return Trainer(SOURCES[data](probes), epochs)


def train(recipe: Recipe, probes: int) -> Network:
    """Train a network in this process."""
    return _trainer(recipe.data, probes, recipe.epochs)(recipe)


def recipes(
    data: str, tests: Sequence[str], seeds: int, epochs: int
) -> dict[str, list[list[Recipe]]]:
    """Test -> groups -> networks."""
    recipes = {
        test: [
            [Recipe(data, seed, epochs, **{parameter: strength}) for seed in range(seeds)]
            for strength in strengths
        ]
        for test, (parameter, strengths) in GROUPS.items()
        if test in tests
    }
    if "layers" in tests:
        recipes["layers"] = [[Recipe(data, seed, end) for seed in range(3)] for end in (epochs, 0)]
    if "outputs" in tests:
        recipes["outputs"] = [[Recipe(data, seed, epochs) for seed in range(2 * seeds)]]
    return recipes


def grow(
    wanted: Mapping[str, list[list[Recipe]]], probes: int, workers: int
) -> dict[str, list[list[Network]]]:
    """Train every network that is wanted, once."""
    distinct = list(dict.fromkeys(r for test in wanted.values() for group in test for r in group))
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread) as pool:
        networks = {}
        trained = pool.map(train, distinct, itertools.repeat(probes))
        for recipe, network in zip(distinct, trained, strict=True):
            networks[recipe] = network
            done = f"{len(networks)}/{len(distinct)} networks of {recipe.data}"
            print(f"\r{done}, the last fits {network.fitted:.3f}", end="", file=sys.stderr)
        print(file=sys.stderr)
    return {
        test: [[networks[recipe] for recipe in group] for group in groups]
        for test, groups in wanted.items()
    }


def _one_thread() -> None:
    """Leave the other processors to the other processes."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)


def dissimilarities(
    representations: Sequence[np.ndarray], ids: Sequence[str]
) -> dict[str, np.ndarray]:
    """Measure -> (M, M), larger where it says less alike; of asymmetric ones, both ways' mean.

    A measure that is not defined on one of the representations is left out.
    """
    named = {f"n{i:03d}": representation for i, representation in enumerate(representations)}
    try:
        # Together, so that what several measures need of a network is computed once.
        results = dict(similarity.pairwise(named, ids))
    except ValueError:
        results = {}
        for id in ids:
            with contextlib.suppress(ValueError):
                results[id] = similarity.pairwise(named, [id])[id]
    distances = {}
    for id, result in results.items():
        sign = -1.0 if result.declaration.larger_is_more_similar else 1.0
        values = sign * result.values
        distances[id] = (values + values.T) / 2.0
    return distances


def group_scores(dissimilarity: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """Return mean AUPRC over groups, and the violation rate over all.

    For each group, its own pairs are positives and pairs of it with others negatives; a violation
    is a pair within that is no more alike than a pair across.
    """
    precisions, violations, comparisons = [], 0, 0
    upper = np.triu_indices(len(groups), 1)
    first, second = groups[upper[0]], groups[upper[1]]
    apart = dissimilarity[upper]
    for group in np.unique(groups):
        inside = apart[(first == group) & (second == group)]
        across = apart[(first == group) ^ (second == group)]
        truth = np.concatenate([np.ones(len(inside)), np.zeros(len(across))])
        precisions.append(average_precision_score(truth, -np.concatenate([inside, across])))
        violations += int((inside[:, None] >= across[None, :]).sum())
        comparisons += len(inside) * len(across)
    return float(np.mean(precisions)), violations / comparisons


def layer_violations(dissimilarity: np.ndarray) -> float:
    """Return the share of layer triples, from either end, where the farther layer is more alike."""
    violations, comparisons = 0, 0
    for near, middle, far in itertools.combinations(range(len(dissimilarity)), 3):
        for source, other in ((near, far), (far, near)):
            violations += dissimilarity[source, other] < dissimilarity[source, middle]
            comparisons += 1
    return violations / comparisons


def mantel(a: np.ndarray, b: np.ndarray, permutations: int) -> tuple[float, float]:
    """Return Spearman's correlation of two distance matrices, and its two-sided p-value."""
    upper = np.triu_indices(len(a), 1)
    ranks = scipy.stats.rankdata(b[upper])
    actual = float(np.corrcoef(scipy.stats.rankdata(a[upper]), ranks)[0, 1])
    rng = np.random.default_rng(0)
    beyond = 0
    for _ in range(permutations):
        order = rng.permutation(len(a))
        permuted = a[np.ix_(order, order)][upper]
        value = np.corrcoef(scipy.stats.rankdata(permuted), ranks)[0, 1]
        beyond += abs(value) >= abs(actual) - 1e-12
    return actual, (1 + beyond) / (1 + permutations)


def learnt_table(grown: Mapping[str, list[list[Network]]]) -> Iterator[str]:
    """Return what the groups learnt, in Markdown."""
    yield "| test | group | accuracy on its training data | accuracy on unseen samples |"
    yield "|---|---|---|---|"
    for test, (_, strengths) in GROUPS.items():
        if test not in grown:
            continue
        for strength, group in zip(strengths, grown[test], strict=True):
            fitted, accuracy = ([getattr(n, of) for n in group] for of in ("fitted", "accuracy"))
            yield (
                f"| {test} | {strength:g} | {min(fitted):.3f} … {max(fitted):.3f} "
                f"| {np.mean(accuracy):.3f} ± {np.std(accuracy):.3f} |"
            )


def measures_table(
    grown: Mapping[str, list[list[Network]]],
    ids: Sequence[str],
    permutations: int,
    deals: int = 200,
) -> Iterator[str]:
    """Return how each measure does, in Markdown, row by row."""
    columns = {test: group_cells(grown[test], ids) for test in GROUPS if test in grown}
    if "layers" in grown:
        columns["layers (untrained)"] = layer_cells(*grown["layers"], ids)
    if "outputs" in grown:
        correlations = correlation_cells(grown["outputs"][0], ids, permutations)
        columns["accuracy ρ (p)"], columns["output ρ (p)"] = correlations
    if "labels" in grown:
        controls = control_cells(grown["labels"], ids, deals)
        columns["rows shuffled"], columns["groups shuffled"] = controls
    yield f"| measure | {' | '.join(columns)} |"
    yield "|---" * (1 + len(columns)) + "|"
    for id in ids:
        cells = (column.get(id, "not defined") for column in columns.values())
        yield f"| `{id}` | {' | '.join(cells)} |"


def _last_layers(groups: list[list[Network]]) -> tuple[list[np.ndarray], np.ndarray]:
    last = [network.layers[-1] for group in groups for network in group]
    return last, np.repeat(np.arange(len(groups)), [len(group) for group in groups])


def group_cells(networks: list[list[Network]], ids: Sequence[str]) -> dict[str, str]:
    """Measure -> AUPRC and violation rate."""
    last, groups = _last_layers(networks)
    return {
        id: _pair(group_scores(apart, groups)) for id, apart in dissimilarities(last, ids).items()
    }


def control_cells(
    networks: list[list[Network]], ids: Sequence[str], deals: int
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the same with shuffled rows of every network, and with networks dealt to groups."""
    last, groups = _last_layers(networks)
    rng = np.random.default_rng(5)
    rows = dissimilarities([rng.permutation(rows_of_network) for rows_of_network in last], ids)
    orders = [rng.permutation(groups) for _ in range(deals)]
    dealt = {
        id: np.mean([group_scores(apart, order) for order in orders], axis=0)
        for id, apart in dissimilarities(last, ids).items()
    }
    return (
        {id: _pair(group_scores(apart, groups)) for id, apart in rows.items()},
        {id: _pair(scores) for id, scores in dealt.items()},
    )


def layer_cells(
    trained: list[Network], untrained: list[Network], ids: Sequence[str]
) -> dict[str, str]:
    """Return violation rates of layers, trained and (untrained), means over networks."""
    rates: list[dict[str, list[float]]] = []
    for networks in (trained, untrained):
        rates.append({id: [] for id in ids})
        for network in networks:
            apart = dissimilarities([*network.layers, network.logits], ids)
            for id in apart:
                rates[-1][id].append(layer_violations(apart[id]))
    return {
        id: f"{np.mean(rates[0][id]):.2f} ({np.mean(rates[1][id]):.2f})"
        for id in ids
        if rates[0][id] and rates[1][id]
    }


def correlation_cells(
    networks: list[Network], ids: Sequence[str], permutations: int
) -> tuple[dict[str, str], dict[str, str]]:
    """Return correlations, and p-values, with differences of accuracy and of outputs."""
    accuracies = np.array([network.accuracy for network in networks])
    gaps = np.abs(accuracies[:, None] - accuracies[None, :])
    logits = [network.logits for network in networks]
    outputs = dissimilarities(logits, ["output.jensen_shannon"])["output.jensen_shannon"]
    among = dissimilarities([network.layers[-1] for network in networks], ids)
    columns = []
    for known in (gaps, outputs):
        correlations = {id: mantel(apart, known, permutations) for id, apart in among.items()}
        columns.append({id: f"{rho:.2f} ({p:.3f})" for id, (rho, p) in correlations.items()})
    return columns[0], columns[1]


def _pair(scores: Sequence[float]) -> str:
    return f"{scores[0]:.2f}, {scores[1]:.2f}"


def main(arguments: list[str]) -> None:
    """Print two tables a data set."""
    for name in _DATA.value:
        if name not in SOURCES:
            raise app.UsageError(f"--data={name}: one of {', '.join(SOURCES)}")
    known = _TESTS.default
    for test in _TESTS.value:
        if test not in known:
            raise app.UsageError(f"--tests={test}: one of {', '.join(known)}")
    listed = [id for pattern in _MEASURES.value for id in similarity.list_measures(pattern)]
    ids = [id for id in dict.fromkeys(listed) if similarity.measure(id).takes == "representation"]
    for name in _DATA.value:
        wanted = recipes(name, _TESTS.value, _SEEDS.value, _EPOCHS.value)
        grown = grow(wanted, _PROBES.value, _WORKERS.value)
        print(f"\n{name}: {_SEEDS.value} networks a group, {_PROBES.value} unseen samples\n")
        for line in learnt_table(grown):
            print(line)
        print("\nAUPRC and violation rate; violation rate of layers; correlations\n")
        for line in measures_table(grown, ids, _PERMUTATIONS.value):
            print(line, flush=True)


if __name__ == "__main__":
    app.run(main)
