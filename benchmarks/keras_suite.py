"""Keras' own tests with a HotSwap without effect in every `fit`.

    python -m benchmarks.keras_suite --keras=CHECKOUT         # a checkout of keras-team/keras
    python -m benchmarks.keras_suite --keras=CHECKOUT --modes switch
    KERAS_BACKEND=jax python -m benchmarks.keras_suite --keras=CHECKOUT

Keras' tests of callbacks, trainers, optimizers and models run once as they are, and once for each
mode: `switch` and `retrace` have tanh as a candidate of every activation, `empty` has a schedule
without swaps. Printed is how many tests passed and failed, in how many calls of `fit` a HotSwap
was, and each test that fails with it and passes without; the exit code is 1 if there is one.

The file is a pytest plugin too, which the command gives to pytest.
"""

from __future__ import annotations

import argparse
import collections
import functools
import inspect
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDERS = ("callbacks", "trainers", "optimizers", "models")
MODES = ("switch", "retrace", "empty")
_MODE, _REPORT = "AKP_KERAS_SUITE_MODE", "AKP_KERAS_SUITE_REPORT"


class Suite:
    """The plugin: puts a callback into every `fit`, and notes what becomes of each test."""

    def __init__(self, mode, report):
        self.mode, self.report = mode, Path(report)
        self.outcomes = {}
        self.count = collections.Counter()

    def pytest_configure(self, config):
        """Give `fit` a HotSwap before the other callbacks."""
        for name in ("requires_trainable_backend", "multi_device"):
            config.addinivalue_line("markers", f"{name}: a marker of Keras' own suite")
        import keras

        trainer = next(cls for cls in keras.Model.__mro__ if "fit" in vars(cls))
        plain = trainer.fit
        signature = inspect.signature(plain)

        @functools.wraps(plain)
        def fit(model, *arguments, **options):
            self.count["fits"] += 1
            if self.mode == "off":
                return plain(model, *arguments, **options)
            bound = signature.bind(model, *arguments, **options)
            callbacks = bound.arguments.get("callbacks") or []
            if isinstance(callbacks, keras.callbacks.CallbackList):
                callbacks.append(self.callback())
            else:
                listed = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
                callbacks = [self.callback(), *listed]
            bound.arguments["callbacks"] = callbacks
            self.count["with HotSwap"] += 1
            return plain(*bound.args, **bound.kwargs)

        trainer.fit = fit

    def callback(self):
        """Return a HotSwap without effect."""
        from akp_keras.hotswap import HotSwap

        if self.mode == "empty":
            return HotSwap("")
        return HotSwap("", candidates=["@0 activation=tanh"], strategy=self.mode)

    def pytest_runtest_logreport(self, report):
        """Note the outcome of a test, or of its set-up where that fails."""
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.nodeid] = report.outcome

    def pytest_sessionfinish(self):
        """Write what was noted."""
        content = {"outcomes": self.outcomes, "count": dict(self.count)}
        self.report.write_text(json.dumps(content), encoding="utf-8")


def pytest_configure(config):
    """Register the plugin where the command has asked for it."""
    if _MODE in os.environ:
        # Its own pytest_configure is called as it is registered.
        config.pluginmanager.register(Suite(os.environ[_MODE], os.environ[_REPORT]))


def run(mode, checkout, folders):
    """Run the tests in a process of their own: outcomes by test, and counts."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        root = Path(__file__).parents[1]
        environment = os.environ | {_MODE: mode, _REPORT: str(report)}
        # By its own name, as Keras has a folder `benchmarks` too.
        path = [Path(__file__).parent, root, checkout]
        environment["PYTHONPATH"] = os.pathsep.join(map(str, path))
        command = [sys.executable, "-m", "pytest", "-q", "-p", Path(__file__).stem]
        # Tests of what is not installed cannot be collected.
        command += ["-p", "no:cacheprovider", "--continue-on-collection-errors", *folders]
        subprocess.run(
            command, cwd=checkout, env=environment, stdout=subprocess.DEVNULL, check=False
        )
        if not report.exists():
            sys.exit(f"pytest could not run {' '.join(folders)} of {checkout}")
        content = json.loads(report.read_text(encoding="utf-8"))
    return content["outcomes"], content["count"]


def main():
    """Print the table, and the tests that fail with a HotSwap only."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--keras", required=True, help="a checkout of keras-team/keras")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--folders", nargs="+", default=list(FOLDERS), help="under keras/src")
    arguments = parser.parse_args()
    checkout = Path(arguments.keras).absolute()
    folders = [f"keras/src/{folder}" for folder in arguments.folders]
    missing = [folder for folder in folders if not (checkout / folder).exists()]
    if missing:
        sys.exit(f"--keras={checkout} has no {missing[0]}; give a checkout of keras-team/keras")

    expected, count = run("off", checkout, folders)
    if not expected:
        sys.exit(f"no tests of {checkout} could be run")
    print("| mode | passed | failed | fits | with a HotSwap | fail with it only |")
    print("|---|---|---|---|---|---|")
    broken = {}
    for mode in ("off", *arguments.modes):
        outcomes, count = (expected, count) if mode == "off" else run(mode, checkout, folders)
        tally = collections.Counter(outcomes.values())
        failing = [
            name
            for name, outcome in outcomes.items()
            if outcome == "failed" and expected.get(name) == "passed"
        ]
        print(
            f"| {mode} | {tally['passed']} | {tally['failed']} | {count.get('fits', 0)} "
            f"| {count.get('with HotSwap', 0)} | {len(failing)} |",
            flush=True,
        )
        broken |= {f"{mode}: {name}": None for name in failing}
    print(*broken, sep="\n")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
