"""What a swap costs: plain fit, a recompiling callback, `switch` and `retrace`, in one run.

    python benchmarks/hotswap.py                         # graph and XLA, 1, 10 and 100 swaps
    python benchmarks/hotswap.py --modes graph --swaps 1 10

For each mode (graph, XLA) and number of swaps, each way trains the same small convolutional
network on the same batches; activations go to tanh and back. Printed are the time of the first
epoch (tracing included), how often the train function was traced, the cost of a swap (time of the
steps at which a swap took place, less the median step), alone and as a share of a step, what all
swaps together cost and how many times as much recompiling does, and the median step; each the
median of `--repeats` runs.

A second table tells what a step costs where nothing is swapped any more. There a plain fit and the
other run at the same time, and hand the machine to each other after every step, so that both steps
of a pair find the same machine; the ratio is the median over `--pairs` pairs.

The recompiling callback is what users write by hand, mended so that it works: it sets the
activations, compiles with the same optimizer, and makes the train function anew.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import statistics
import threading
import time

import keras
import numpy as np

from akp_keras.hotswap import HotSwap

WAYS = ("plain", "recompile", "switch", "retrace")
HIDDEN = ("conv1", "conv2", "dense")


def build(is_xla):
    """Return the same small network each time."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(16, 3, activation="relu", name="conv1"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu", name="conv2"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu", name="dense"),
            layers.Dense(1, activation="sigmoid", name="head"),
        ]
    )
    model.compile("adam", loss="binary_crossentropy", jit_compile=is_xla)
    return model


class Recompile(keras.callbacks.Callback):
    """The way by hand."""

    def __init__(self, steps):
        super().__init__()
        self.at = set(steps)
        self.done = 0
        self.traces = 0

    def on_train_begin(self, logs=None):
        """Make the train function count how often it is traced."""
        step = type(self.model).train_step

        def counted(*arguments):
            self.traces += 1
            return step(self.model, *arguments)

        self.model.train_step = counted
        self.model.make_train_function(force=True)

    def on_train_batch_begin(self, batch, logs=None):
        """Swap by hand where a swap is due."""
        if self.done in self.at:
            for name in HIDDEN:
                layer = self.model.get_layer(name)
                is_relu = layer.activation is keras.activations.relu
                layer.activation = keras.activations.tanh if is_relu else keras.activations.relu
            self.model.compile(
                self.model.optimizer, loss=self.model.loss, jit_compile=self.model.jit_compile
            )
            self.model.make_train_function()
        self.done += 1


class Clock(keras.callbacks.Callback):
    """Notes the time after each step, callbacks included."""

    def on_train_begin(self, logs=None):
        """Start the clock."""
        self.times = [time.perf_counter()]

    def on_train_batch_end(self, batch, logs=None):
        """Note the time."""
        self.times.append(time.perf_counter())


def swapper_of(way, at):
    """Return the callback that swaps at these steps, to tanh and back in turn."""
    if way == "plain":
        return Recompile(())
    if way == "recompile":
        return Recompile(at)
    text = "; ".join(
        f"@step:{step} activation={'relu' if number % 2 else 'tanh'}"
        for number, step in enumerate(at)
    )
    return HotSwap(text, strategy=way)


def run(way, is_xla, at, steps, epochs, data):
    """Train once and give what was measured."""
    model = build(is_xla)
    clock = Clock()
    swapper = swapper_of(way, at)
    model.fit(data, epochs=epochs, steps_per_epoch=steps, verbose=0, callbacks=[clock, swapper])
    durations = np.diff(clock.times)
    # The last step of an epoch carries the epoch's own work; traces fall on the first steps.
    usual = [
        d for i, d in enumerate(durations) if i >= 3 and i not in at and i % steps not in (0, 1)
    ]
    step = statistics.median(usual)
    swaps = [durations[i] - step for i in at if way != "plain"]
    return {
        "first": clock.times[steps] - clock.times[0],
        "traces": swapper.traces,
        "step": step,
        "first_swap": swaps[0] if swaps else 0.0,
        "swap": statistics.median(swaps) if swaps else 0.0,
        "all_swaps": sum(swaps),
    }


class Turn(keras.callbacks.Callback):
    """Waits for its turn before a step; the last of a fit's callbacks starts the clock last."""

    def __init__(self, turn, mine):
        super().__init__()
        self.turn, self.mine = turn, mine
        self.started = 0.0

    def on_train_batch_begin(self, batch, logs=None):
        """Wait until the other fit has finished its step."""
        with self.turn["changed"]:
            self.turn["changed"].wait_for(lambda: self.turn["whose"] in (self.mine, None))
        self.started = time.perf_counter()


class HandOver(keras.callbacks.Callback):
    """Notes how long the step took, other callbacks included, and gives the turn away."""

    def __init__(self, turn, mine, beginning):
        super().__init__()
        self.turn, self.mine, self.beginning = turn, mine, beginning
        self.durations = []

    def on_train_batch_end(self, batch, logs=None):
        """Let the other fit take its step."""
        self.durations.append(time.perf_counter() - self.beginning.started)
        self._give(1 - self.mine)

    def on_train_end(self, logs=None):
        """Let the other fit finish without waiting."""
        self._give(None)

    def _give(self, whose):
        with self.turn["changed"]:
            if self.turn["whose"] is not None:
                self.turn["whose"] = whose
            self.turn["changed"].notify_all()


def steady(way, is_xla, pairs, data):
    """Return durations of the steps of a plain fit and of one that has swapped and swapped back."""
    at = [4, 8]
    turn = {"changed": threading.Condition(), "whose": 0}
    fits, hands = [], []
    for mine, other in enumerate(("plain", way)):
        begin = Turn(turn, mine)
        hands.append(HandOver(turn, mine, begin))
        # `fit` asks callbacks in this order, at the beginning and at the end of a step alike.
        swapping = [] if other == "plain" else [swapper_of(other, at)]
        callbacks = [begin, *swapping, hands[-1]]
        fits.append(
            threading.Thread(
                target=build(is_xla).fit,
                args=(data,),
                kwargs={"epochs": 1 + (pairs + 20) // len(data), "verbose": 0}
                | {"callbacks": callbacks, "shuffle": False},
            )
        )
    for fit in fits:
        fit.start()
    for fit in fits:
        fit.join()
    # The first steps trace and swap; the last of an epoch carry the epoch's own work.
    kept = [i for i in range(20, len(hands[0].durations)) if i % len(data) not in (0, 1)]
    return [[hand.durations[i] for i in kept] for hand in hands]


def print_steady(modes, ways, pairs, batch_sizes):
    """Print the second table."""
    rng = np.random.default_rng(0)
    print("\n| mode | batch | way | pairs | plain step ms | step ms | step / plain | quartiles |")
    print("|---|---|---|---|---|---|---|---|")
    for mode, batch_size, way in itertools.product(modes, batch_sizes, ways):
        x = rng.normal(size=(50 * batch_size, 32, 32, 3)).astype("float32")
        data = Batches(x, (x.mean(axis=(1, 2, 3)) > 0).astype("float32"), batch_size)
        plain, other = steady(way, mode == "xla", pairs, data)
        low, ratio, high = np.quantile(np.divide(other, plain), [0.25, 0.5, 0.75])
        print(
            f"| {mode} | {batch_size} | {way} | {len(plain)} "
            f"| {1e3 * statistics.median(plain):.2f} | {1e3 * statistics.median(other):.2f} "
            f"| {ratio:.3f} | {low:.3f}–{high:.3f} |",
            flush=True,
        )


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--modes", nargs="+", choices=("graph", "xla"), default=["graph", "xla"])
    parser.add_argument("--swaps", nargs="*", type=int, default=[1, 10, 100])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=400, help="0 leaves the second table out")
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument("--steady_batch_sizes", nargs="*", type=int, default=[64, 256])
    arguments = parser.parse_args()

    rng = np.random.default_rng(0)
    print(f"keras {keras.__version__} on {keras.backend.backend()}, {platform.machine()}")
    print(
        "| mode | swaps | way | first epoch s | traces | first swap ms | median swap ms "
        "| all swaps s | step ms | swap / step | recompile / all swaps |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for mode in arguments.modes:
        for count in arguments.swaps:
            steps = max(20, 2 * count)
            at = [steps + 4 + 2 * i for i in range(count)]
            epochs = 2 + -(-(at[-1] + 1) // steps)
            x = rng.normal(size=(steps * arguments.batch_size, 32, 32, 3)).astype("float32")
            y = (x.mean(axis=(1, 2, 3)) > 0).astype("float32")
            data = Batches(x, y, arguments.batch_size)
            results = {way: [] for way in arguments.ways}
            for _ in range(arguments.repeats):
                for way in arguments.ways:
                    measured = run(way, mode == "xla", at, steps, epochs, data)
                    results[way].append(measured)
            medians = {
                way: {
                    key: statistics.median(result[key] for result in results[way])
                    for key in results[way][0]
                }
                for way in arguments.ways
            }
            for way, median in medians.items():
                by_hand = medians.get("recompile", median)["all_swaps"]
                shares = ["–", "–"]
                if way != "plain":
                    # What cannot be told from the noise of a step is no cost, and no ratio.
                    cost = max(median["all_swaps"], 0.0)
                    shares[0] = f"{median['swap'] / median['step']:.2f}"
                    shares[1] = f"{by_hand / cost:.0f}" if cost else "∞"
                print(
                    f"| {mode} | {count} | {way} | {median['first']:.2f} | {median['traces']:.0f} "
                    f"| {1e3 * median['first_swap']:.2f} | {1e3 * median['swap']:.2f} "
                    f"| {median['all_swaps']:.2f} | {1e3 * median['step']:.2f} "
                    f"| {shares[0]} | {shares[1]} |",
                    flush=True,
                )
    if arguments.pairs:
        print_steady(arguments.modes, arguments.ways, arguments.pairs, arguments.steady_batch_sizes)


class Batches(keras.utils.PyDataset):
    """Batches that are cut beforehand, so that the data cost the same in each way."""

    def __init__(self, x, y, batch_size):
        super().__init__()
        starts = range(0, len(x), batch_size)
        self.batches = [(x[i : i + batch_size], y[i : i + batch_size]) for i in starts]

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


if __name__ == "__main__":
    main()
