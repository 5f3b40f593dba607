"""What HotSwap traces, and what numbers that move cost, against the same written by hand.

    python benchmarks/hotswap_tracing.py
    KERAS_BACKEND=jax python benchmarks/hotswap_tracing.py --layers 100

Three tables, each with medians of `--repeats` runs of each way, in turn:

1. The first step of a new model of many `Dense` layers, tracing and compiling included: plain, and
   with three candidates for each activation. The ratio is to be at most 2.
2. A blend of two activations in four layers whose weight grows at each of 60 epochs: by a
   `keras.Variable` in functions of one's own, and by `blend(…, linear(…))`. The ratio is to be at
   most 1.3, with a single trace.
3. A swap of all activations at every step: plain steps, and steps with swaps. The ratio is to be at
   most 1.5.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import time
from functools import partial

import keras
import numpy as np

from akp_keras.hotswap import HotSwap

EPOCHS, STEPS, BATCH = 60, 20, 32
CANDIDATES = ["tanh", "gelu", "elu"]


def build(count, width, activation="relu", **options):
    """Return the same model of some hidden layers each time."""
    keras.utils.set_random_seed(0)
    hidden = [keras.layers.Dense(width, activation=activation) for _ in range(count)]
    model = keras.Sequential([keras.Input((width,)), *hidden, keras.layers.Dense(1)])
    model.compile("adam", "mse", **options)
    return model


def data(steps, width):
    """Return the inputs and labels of some steps."""
    x = np.random.default_rng(0).normal(size=(steps * BATCH, width)).astype("float32")
    return x, x[:, :1]


def timed_fit(model, steps, width, callbacks, **options):
    """Return the seconds that a fit takes."""
    x, y = data(steps, width)
    options = {"batch_size": BATCH, "verbose": 0, "shuffle": False} | options
    # The graphs of earlier models are not to be collected at the cost of this one.
    gc.collect()
    begun = time.perf_counter()
    model.fit(x, y, callbacks=callbacks, **options)
    return time.perf_counter() - begun


class Steps(keras.callbacks.Callback):
    """Notes how long each step takes, other callbacks included."""

    def on_train_begin(self, logs=None):
        """Start the clock."""
        self.times = []

    def on_train_batch_end(self, batch, logs=None):
        """Note the time."""
        self.times.append(time.perf_counter())

    @property
    def median(self):
        """Seconds of a step, without the first ones, in which functions are traced."""
        return statistics.median(np.diff(self.times[3:]))


def first_step(count, candidates):
    """Return the seconds of a new model's first step."""
    swaps = [HotSwap("", strategy="switch", candidates=candidates)] if candidates else []
    return timed_fit(build(count, 16), 1, 16, swaps)


def blend_by_hand():
    """Return the seconds of a training with a variable in the activations."""
    weight = keras.Variable(0.0, trainable=False)

    def blended(x):
        return (1 - weight) * keras.activations.relu(x) + weight * keras.activations.tanh(x)

    assign = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: weight.assign(epoch / EPOCHS)
    )
    return timed_fit(build(4, 64, blended), STEPS, 64, [assign], epochs=EPOCHS), 1


def blend_by_hotswap():
    """Return the seconds of the same training with HotSwap, and how often it traced."""
    swap = HotSwap(f"@0 activation=blend(relu,tanh,linear(0->1 over {EPOCHS} epochs))")
    return timed_fit(build(4, 64), STEPS, 64, [swap], epochs=EPOCHS), swap.traces


def step_swaps(count):
    """Return the seconds of a plain step, and of one with a swap before it."""
    names = ["relu", *CANDIDATES]
    text = "; ".join(f"@step:{step} activation={names[step % 4]}" for step in range(count))
    medians = []
    for callbacks in ([], [HotSwap(text, strategy="switch")]):
        steps = Steps()
        timed_fit(build(4, 64), count, 64, [*callbacks, steps])
        medians.append(steps.median)
    return medians


def in_turn(repeats, *ways):
    """Return the median of what each way measures, run in turn; the first runs warm up."""
    runs = [[way() for way in ways] for _ in range(repeats + 1)][1:]
    return [np.median(results, axis=0) for results in zip(*runs, strict=True)]


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--layers", nargs="*", type=int, default=[100, 300])
    parser.add_argument("--swaps", type=int, default=1000, help="0 leaves the third table out")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    repeats = arguments.repeats

    print(f"keras {keras.__version__} on {keras.backend.backend()}")
    print("\n| layers | candidates | plain first step s | with candidates s | ratio |")
    print("|---|---|---|---|---|")
    for count in arguments.layers:
        plain, switched = in_turn(
            repeats, partial(first_step, count, []), partial(first_step, count, CANDIDATES)
        )
        print(
            f"| {count} | {len(CANDIDATES)} | {plain:.2f} | {switched:.2f} "
            f"| {switched / plain:.2f} |",
            flush=True,
        )

    (by_hand, _), (by_hotswap, traces) = in_turn(repeats, blend_by_hand, blend_by_hotswap)
    print("\n| epochs | layers | variable by hand s | blend s | ratio | traces |")
    print("|---|---|---|---|---|---|")
    print(
        f"| {EPOCHS} | 4 | {by_hand:.2f} | {by_hotswap:.2f} | {by_hotswap / by_hand:.2f} "
        f"| {traces:.0f} |",
        flush=True,
    )

    if arguments.swaps:
        ((plain, swapped),) = in_turn(repeats, partial(step_swaps, arguments.swaps))
        print("\n| swaps | plain step ms | step with a swap ms | ratio |")
        print("|---|---|---|---|")
        print(
            f"| {arguments.swaps} | {1e3 * plain:.2f} | {1e3 * swapped:.2f} "
            f"| {swapped / plain:.2f} |"
        )


if __name__ == "__main__":
    main()
