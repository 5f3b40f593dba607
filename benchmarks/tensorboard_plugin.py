"""How long the page of families takes to be there, with many members.

    python benchmarks/tensorboard_plugin.py [--members=500] [--layers=5]

Writes a log directory of random families through the page's own writer (members, matrices,
dispersions, trajectories, pictures and every member's sample factors), starts TensorBoard and
headless Chromium on it, and prints the seconds from the navigation to a page that is drawn and
answers, and those of the next interactions. Needs Debian's `chromium` and `chromium-driver`.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.distance import pdist, squareform

from akp_keras.comparison.matrix import SimilarityMatrix
from akp_keras.data.records import ProbeSet
from akp_keras.export.member_record import MemberRecord
from akp_keras.tensorboard.coordinates import classical_scaling
from akp_keras.tensorboard.event_files import write_event_file
from akp_keras.tensorboard.page_contents import SampleFactor, Trajectory
from akp_keras.tensorboard.page_dispersions import measured_dispersions
from akp_keras.tensorboard.page_pictures import draw_pictures
from akp_keras.tensorboard.plugin_data import page_summaries
from akp_keras.tensorboard.sample_factors import sample_factor
from akp_keras.tensorboard.swap_marks import swap_marks

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

FAMILIES = 10
SAMPLES = 256
EPOCHS = (0, 1, 2, 4, 6, 8)
STEPS_PER_EPOCH = 64
MEASURE = "cka.linear"
READY = "document.querySelector('#status')?.dataset.ready === '1'"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=500)
    parser.add_argument("--layers", type=int, default=5)
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    browsing = load_browsing()
    missing = browsing.missing_programs()
    if missing:
        sys.exit(f"needs {' and '.join(missing)} (Debian: chromium, chromium-driver)")
    with tempfile.TemporaryDirectory() as logdir:
        begin = time.perf_counter()
        write_random_families(Path(logdir), options.members, options.layers)
        size = sum(file.stat().st_size for file in Path(logdir).rglob("*") if file.is_file())
        print(f"{options.members} members x {options.layers} layers: {size / 1e6:.1f} MB", end=" ")
        print(f"written in {time.perf_counter() - begin:.1f} s")
        for loading in ("true", "false"):
            measure(browsing, Path(logdir), loading, options)


def measure(browsing: ModuleType, logdir: Path, loading: str, options: argparse.Namespace) -> None:
    """Print the seconds with one of TensorBoard's two ways of reading."""
    program = ("-m", "tensorboard.main", f"--load_fast={loading}")
    with (
        browsing.serve_tensorboard(logdir, program=program) as address,
        browsing.open_browser(1400, 900) as browser,
    ):
        wait_for_data(browsing, browser, address, options.members)
        times = [open_page(browsing, browser, address) for _ in range(options.repetitions)]
        seconds = statistics.median(each for each, _ in times)
        framed = statistics.median(each for _, each in times)
        print(
            f"--load_fast={loading}: navigation to data-ready {seconds:.2f} s (median of "
            f"{options.repetitions}), of which {framed:.2f} s are the page's own"
        )
        print(
            "  then "
            + ", ".join(
                f"{what} {interaction(browsing, browser, script, done):.2f} s"
                for what, script, done in INTERACTIONS
            )
        )


INTERACTIONS = (
    (
        "another layer",
        "const select = document.querySelector('#layer'); select.selectedIndex = 1;"
        "select.dispatchEvent(new Event('change'))",
        READY,
    ),
    (
        "an epoch of the slider",
        "document.querySelector('#time').dispatchEvent("
        "new KeyboardEvent('keydown', {key: 'Home'}))",
        "document.querySelector('#map svg').dataset.epoch === '0'",
    ),
    (
        "a pair with its samples",
        "const canvas = document.querySelector('canvas');"
        "const box = canvas.getBoundingClientRect();"
        "canvas.dispatchEvent(new MouseEvent('click', {clientX: box.left + 300,"
        "clientY: box.top + 60}))",
        "document.querySelectorAll('#samples figure').length === 12",
    ),
)


def interaction(browsing: ModuleType, browser: Chrome, script: str, done: str) -> float:
    """Return seconds from a script to what it brings about."""
    begin = time.perf_counter()
    browser.execute_script(script)
    browsing.wait_until(browser, done)
    return time.perf_counter() - begin


def wait_for_data(browsing: ModuleType, browser: Chrome, address: str, members: int) -> None:
    """Wait until TensorBoard has read the log directory, which no page can hasten."""
    for _ in range(120):
        browser.get(address + "data/plugin/akp/tags")
        text = browser.find_element("tag name", "body").text
        if text.count("sample_factors/") >= members and "trajectory/" in text:
            return
        time.sleep(0.5)
    sys.exit("TensorBoard did not read the log directory in a minute")


def open_page(browsing: ModuleType, browser: Chrome, address: str) -> tuple[float, float]:
    """Return seconds until ready, from the navigation and from the start of the page's frame."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support import expected_conditions
    from selenium.webdriver.support.wait import WebDriverWait

    browser.switch_to.default_content()
    browser.get("about:blank")
    begin = time.perf_counter()
    browser.get(address + "#akp")
    WebDriverWait(browser, 60, poll_frequency=0.02).until(
        expected_conditions.frame_to_be_available_and_switch_to_it((By.TAG_NAME, "iframe"))
    )
    browsing.wait_until(browser, READY, seconds=60)
    seconds = time.perf_counter() - begin
    return seconds, browsing.ask(browser, "performance.now()") / 1000


def write_random_families(logdir: Path, members: int, layers: int) -> None:
    """Write the page's data of families of different widths."""
    rng = np.random.default_rng(0)
    records = [a_member(index, layers) for index in range(members)]
    names = tuple(record.name for record in records)
    matrices, coordinates, dispersions, trajectories = [], [], [], []
    for layer in records[0].layers:
        widths = np.array([0.3 + 0.1 * (index % FAMILIES) for index in range(members)])
        centres = rng.normal(size=(FAMILIES, 12))[np.arange(members) % FAMILIES]
        places = centres + widths[:, None] * rng.normal(size=(members, 12))
        distances = squareform(pdist(places)) / 5
        sizes = np.full(members, 64)
        matrices.append(
            SimilarityMatrix(
                layer, MEASURE, names, 1 - distances**2 / 2, distances, SAMPLES, sizes, sizes
            )
        )
        coordinates.append(classical_scaling(distances).coordinates)
        dispersions.append(
            measured_dispersions(layer, MEASURE, names, distances, control="family0")
        )
        grown = np.array(EPOCHS) / EPOCHS[-1]
        ways = coordinates[-1][:, None, :2] * grown[:, None]
        trajectories.append(
            Trajectory(
                layer,
                MEASURE,
                EPOCHS,
                names,
                ways + rng.normal(scale=0.01, size=ways.shape),
                {
                    of_layer.family: tuple(of_layer.mean * part for part in grown)
                    for of_layer in dispersions[-1].families
                },
                {record.name: swap_marks(record) for record in records},
            )
        )
    probe = ProbeSet(
        ids=np.array([f"sample-{index}" for index in range(SAMPLES)]),
        inputs=rng.integers(0, 256, (SAMPLES, 32, 32, 3)).astype(np.float32),
        labels=rng.integers(0, 2, SAMPLES),
        class_names=("benign", "malignant"),
    )
    summaries = page_summaries(
        records,
        matrices,
        coordinates,
        {},
        dispersions=dispersions,
        trajectories=trajectories,
        pictures=draw_pictures(probe),
        sample_factors=random_factors(records, rng),
    )
    write_event_file(logdir / "00_models", ((0, each) for each in summaries), wall_time=1.0)


def random_factors(records: list[MemberRecord], rng: np.random.Generator) -> Iterator[SampleFactor]:
    """Return every member's sample factor at every layer."""
    for record in records:
        for layer in record.layers:
            yield sample_factor(layer, record.name, rng.normal(size=(SAMPLES, 16)))


def a_member(index: int, layers: int) -> MemberRecord:
    """Return a member of one of ten families, swapped at epoch 2 but for the first."""
    start = {"epoch": 0, "step": 0, "what": "activation", "from": "relu", "to": "relu"}
    swap = start | {"epoch": 2, "step": 2 * STEPS_PER_EPOCH, "to": "tanh", "layers": ["dense"]}
    accuracy = 0.9 - 0.03 * (index % FAMILIES)
    return MemberRecord(
        family=f"family{index % FAMILIES}",
        seed=index // FAMILIES,
        schedule="@0 activation=relu loss=binary_crossentropy; @2 activation=tanh",
        layers=tuple(f"block{layer}" for layer in range(layers)),
        metrics={"test_accuracy": accuracy, "train_accuracy": 0.95, "gap": 0.95 - accuracy},
        history={},
        swaps=(start | {"layers": ["dense"]}, *([swap] if index % FAMILIES else [])),
        steps_per_epoch=STEPS_PER_EPOCH,
    )


def load_browsing() -> ModuleType:
    """Return the module `docs/browser.py`, which is no part of a package."""
    path = Path(__file__).parents[1] / "docs" / "browser.py"
    specification = importlib.util.spec_from_file_location("akp_docs_browser", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
