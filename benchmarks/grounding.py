"""How well measures recover similarities that are known: the six tests of ReSi on small networks.

    python -m benchmarks.grounding                     # digits and synthetic cells, all measures
    python -m benchmarks.grounding --data=digits --seeds=3 --measures='cka.*,procrustes.angular'

After Klabunde et al. 2024 (arXiv 2408.00531). Every network is trained here.

* accuracy, output: seeds of one network; Spearman correlation over pairs of the measure's
  dissimilarity with |Δ accuracy| and with the Jensen–Shannon divergence of outputs. The p-value of
  the latter is Mantel's (networks are permuted, not pairs: pairs that share one are dependent).
* labels, shortcut, augmentation: groups trained on labels of which 0, 50, 100 % are random; with a
  mark that gives away 0, 75, 100 % of labels; with noise of four strengths. A pair of one group
  should be more alike than a pair of two: AUPRC (mean over groups) and violation rate.
* layers: in one network, nearer layers should be more alike than farther ones: violation rate.

`shuffled` is the control: the measure on the same groups, the rows of every network permuted on
their own, where no measure can know anything.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
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
_EPOCHS = flags.DEFINE_integer("epochs", 30, "epochs a network")
_PROBES = flags.DEFINE_integer("probes", 400, "test samples on which representations are taken")
_MEASURES = flags.DEFINE_list("measures", ["*"], "identifiers or patterns")
_PERMUTATIONS = flags.DEFINE_integer("permutations", 999, "of Mantel's test")


@dataclass(frozen=True)
class Data:
    """Images from 0 to 1 and labels, split."""

    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    classes: int


def digits(probes: int) -> Data:
    """scikit-learn's 8 × 8 digits."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16.0).reshape(-1, 8, 8, 1).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(images))
    test, train = order[:probes], order[probes:]
    return Data(images[train], labels[train], images[test], labels[test], 10)


def cells(probes: int) -> Data:
    """The project's synthetic cells, cancer or not, at half resolution."""
    from akp_keras.data.cell_patches import draw_cell_patches

    drawn = draw_cell_patches(1200 + probes, seed=0)
    images = np.asarray(drawn.images, dtype=np.float32) / 255.0
    images = images.reshape(len(images), 16, 2, 16, 2, 3).mean(axis=(2, 4))
    labels = np.asarray(drawn.labels, dtype=np.int64)
    return Data(images[probes:], labels[probes:], images[:probes], labels[:probes], 2)


class Trainer:
    """One compiled network, trained again and again from other initial weights."""

    def __init__(self, data: Data) -> None:
        inputs = keras.Input(data.train_x.shape[1:])
        x = inputs
        taps = []
        if data.train_x.shape[1] > 8:
            for width in (12, 24):
                x = keras.layers.Conv2D(width, 3, strides=2, padding="same", activation="relu")(x)
                taps.append(keras.layers.GlobalAveragePooling2D()(x))
        x = keras.layers.Flatten()(x)
        for _ in range(4):
            x = keras.layers.Dense(48, activation="relu")(x)
            taps.append(x)
        logits = keras.layers.Dense(data.classes)(x)
        self.model = keras.Model(inputs, logits)
        self.tapped = keras.Model(inputs, [*taps, logits])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        self.model.compile(optimizer=keras.optimizers.Adam(2e-3), loss=loss)
        self.data = data

    def __call__(
        self, seed: int, x: np.ndarray, y: np.ndarray, probe: np.ndarray
    ) -> list[np.ndarray]:
        """Trains, and gives the tapped layers and last the logits on the probe samples."""
        initial = np.random.default_rng([seed, 7])
        self.model.set_weights(
            [
                np.zeros(w.shape, np.float32)
                if w.ndim == 1
                else (initial.normal(size=w.shape) * np.sqrt(2 / np.prod(w.shape[:-1]))).astype(
                    np.float32
                )
                for w in self.model.get_weights()
            ]
        )
        optimizer = self.model.optimizer
        if not optimizer.built:
            optimizer.build(self.model.trainable_variables)
        for variable in optimizer.variables:
            if variable is not optimizer.learning_rate:
                variable.assign(np.zeros(variable.shape, dtype=variable.dtype))
        optimizer.learning_rate = 2e-3
        keras.utils.set_random_seed(seed)
        self.model.fit(x, y, batch_size=64, epochs=_EPOCHS.value, verbose=0)
        return [np.asarray(layer) for layer in self.tapped.predict(probe, verbose=0)]


def _marked(
    images: np.ndarray, labels: np.ndarray, share: float, classes: int, seed: int
) -> np.ndarray:
    """Images with a dot that tells the label with a probability, else a random one."""
    rng = np.random.default_rng(seed)
    told = np.where(rng.random(len(labels)) < share, labels, rng.integers(0, classes, len(labels)))
    marked = images.copy()
    marked[:, 0, :, :] = 0.0
    width = images.shape[2]
    # Eight places and two brightnesses tell up to sixteen classes.
    marked[np.arange(len(labels)), 0, told % width, :] = np.where(told < width, 1.0, 0.5)[:, None]
    return marked


def _groups(data: Data, train: Trainer) -> dict[str, list[list[list[np.ndarray]]]]:
    """Test name -> groups of networks, each network its tapped layers."""
    x, y = data.train_x, data.train_y
    found: dict[str, list[list[list[np.ndarray]]]] = {}

    def grow(make: Callable[[int], tuple[np.ndarray, np.ndarray]], probe: np.ndarray) -> list:
        return [train(seed, *make(seed), probe) for seed in range(_SEEDS.value)]

    def random_labels(share: float) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
        def make(seed: int) -> tuple[np.ndarray, np.ndarray]:
            # One set of labels a group, as in ReSi: its networks learn the same task.
            rng = np.random.default_rng([int(100 * share), 1])
            noise = rng.integers(0, data.classes, len(y))
            return x, np.where(rng.random(len(y)) < share, noise, y)

        return make

    found["labels"] = [grow(random_labels(share), data.test_x) for share in (0.0, 0.5, 1.0)]
    probe = _marked(data.test_x, data.test_y, 0.0, data.classes, 99)
    found["shortcut"] = [
        grow(lambda seed, s=share: (_marked(x, y, s, data.classes, seed), y), probe)
        for share in (0.0, 0.75, 1.0)
    ]

    def noisy(strength: float) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
        def make(seed: int) -> tuple[np.ndarray, np.ndarray]:
            noise = np.random.default_rng([seed, 2]).normal(size=x.shape)
            return (x + strength * noise).astype(np.float32), y

        return make

    found["augmentation"] = [grow(noisy(s), data.test_x) for s in (0.0, 0.2, 0.5, 1.0)]
    return found


def _dissimilarity(
    networks: Sequence[np.ndarray], id: str, labels: np.ndarray | None = None
) -> np.ndarray:
    named = {f"n{i:03d}": network for i, network in enumerate(networks)}
    result = similarity.pairwise(named, [id], labels=labels)[id]
    sign = -1.0 if result.declaration.larger_is_more_similar else 1.0
    values = sign * result.values
    return (values + values.T) / 2.0


def group_scores(dissimilarity: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """Mean AUPRC over groups, and the violation rate over all.

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
    """Share of layer triples l < m < k, from either end, where the farther one is more alike."""
    violations, comparisons = 0, 0
    for near, middle, far in itertools.combinations(range(len(dissimilarity)), 3):
        for source, other in ((near, far), (far, near)):
            violations += dissimilarity[source, other] < dissimilarity[source, middle]
            comparisons += 1
    return violations / comparisons


def mantel(a: np.ndarray, b: np.ndarray, permutations: int) -> tuple[float, float]:
    """Spearman correlation of two distance matrices, and its two-sided permutation p-value."""
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


def _report(data_name: str, data: Data) -> None:
    train = Trainer(data)
    print(f"\n{data_name}: training", flush=True)
    grown = _groups(data, train)
    seeds = [
        train(100 + seed, data.train_x, data.train_y, data.test_x)
        for seed in range(2 * _SEEDS.value)
    ]
    accuracies = np.array([(net[-1].argmax(axis=1) == data.test_y).mean() for net in seeds])
    print(
        f"control accuracy {accuracies.mean():.3f} ± {accuracies.std():.3f}, n = {len(data.test_y)}"
    )
    gap = np.abs(accuracies[:, None] - accuracies[None, :])
    upper = np.triu_indices(len(seeds), 1)
    outputs = _dissimilarity([net[-1] for net in seeds], "output.jensen_shannon")
    print(
        f"{'measure':<40}{'accuracy ρ':>11}{'output ρ':>10}{'(p)':>7}"
        f"{'labels AUPRC, viol.':>21}{'shortcut':>15}{'augmentation':>15}"
        f"{'layers viol.':>14}{'shuffled AUPRC':>16}"
    )
    ids = [id for pattern in _MEASURES.value for id in similarity.list_measures(pattern)]
    for id in dict.fromkeys(ids):
        if similarity.measure(id).takes == "logits":
            continue
        try:
            print(_line(id, grown, seeds, gap[upper], outputs), flush=True)
        except ValueError as error:
            print(f"{id:<40}  not defined: {error}", flush=True)


def _line(
    id: str,
    grown: dict[str, list[list[list[np.ndarray]]]],
    seeds: list[list[np.ndarray]],
    gaps: np.ndarray,
    outputs: np.ndarray,
) -> str:
    penultimate = -2
    among = _dissimilarity([net[penultimate] for net in seeds], id)
    upper = np.triu_indices(len(seeds), 1)
    accuracy = scipy.stats.spearmanr(among[upper], gaps).statistic
    output, pvalue = mantel(among, outputs, _PERMUTATIONS.value)
    columns = [f"{id:<40}{accuracy:11.2f}{output:10.2f}{pvalue:7.3f}"]
    for width, name in ((21, "labels"), (15, "shortcut"), (15, "augmentation")):
        networks = [net[penultimate] for group in grown[name] for net in group]
        groups = np.repeat(np.arange(len(grown[name])), _SEEDS.value)
        precision, violations = group_scores(_dissimilarity(networks, id), groups)
        columns.append(f"{f'{precision:.2f}, {violations:.2f}':>{width}}")
    layers = np.mean([layer_violations(_dissimilarity(net[:-1], id)) for net in seeds[:3]])
    columns.append(f"{layers:14.2f}")
    rng = np.random.default_rng(5)
    networks = [rng.permutation(net[penultimate]) for group in grown["labels"] for net in group]
    groups = np.repeat(np.arange(3), _SEEDS.value)
    columns.append(f"{group_scores(_dissimilarity(networks, id), groups)[0]:16.2f}")
    return "".join(columns)


def main(arguments: list[str]) -> None:
    """Prints one table a data set."""
    sources = {"digits": digits, "cells": cells}
    for name in _DATA.value:
        if name not in sources:
            raise app.UsageError(f"--data={name}: one of {', '.join(sources)}")
        _report(name, sources[name](_PROBES.value))


if __name__ == "__main__":
    app.run(main)
