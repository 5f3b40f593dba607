"""The projector in a real browser, asserted on the page's data and not on its pixels."""

import dataclasses
from importlib.metadata import entry_points

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

FAMILIES = ("control", "late_sigmoid", "memoriser")
ANCHORS = 6
SAMPLES = 30
MAP = "block1/cka.linear"

# TensorBoard as it is where TensorFlow is not installed: it starts in a fifth of the time.
PROGRAM = """
import sys, types
sys.modules["tensorboard.compat.notf"] = types.ModuleType("notf")
from tensorboard.main import run_main
run_main()
"""

PROJECTOR = "find(document, 'vz-projector')"
PANEL = "find(document, 'vz-projector-data-panel')"
SCATTER = f"{PROJECTOR}.projectorScatterPlotAdapter.scatterPlot"


@pytest.fixture(scope="module")
def spatial(make_arguments, make_whole_arguments, tmp_path_factory):
    """An experiment whose distances are those of points in three dimensions.

    Only these can all be seen on the screen at once.
    """
    from akp_keras.tensorboard import write_experiment

    arguments = make_arguments(5)
    # Very different spreads along the axes, which the page would draw equally long.
    places = np.random.default_rng(6).normal(size=(12, 3)) * [1.0, 0.4, 0.1]
    arguments["matrices"] = [
        dataclasses.replace(matrix, distances=squareform(pdist(places)))
        for matrix in arguments["matrices"]
    ]
    arguments["trajectories"] = make_whole_arguments(5)["trajectories"]
    return write_experiment(tmp_path_factory.mktemp("browser") / "logs", **arguments), arguments


@pytest.fixture(scope="module")
def browser(spatial, headless):
    missing = headless.missing_programs()
    if missing:
        pytest.skip(f"needs {' and '.join(missing)} (Debian: chromium, chromium-driver)")
    logdir, _ = spatial
    with (
        headless.serve_tensorboard(logdir, program=("-c", PROGRAM)) as address,
        headless.open_browser(1400, 900) as browser,
    ):
        headless.open_projector(browser, address)
        yield browser


def screen_distances(headless, browser):
    flat = headless.ask(browser, f"[...{SCATTER}.worldSpacePointPositions]")
    return pdist(np.reshape(flat, (-1, 3))[:-ANCHORS])


def test_the_models_come_first_and_all_runs_and_tensors_are_offered(browser, headless):
    assert headless.ask(browser, f"{PANEL}.selectedRun") == "00_models"
    assert headless.ask(browser, f"{PANEL}.selectedTensor") == MAP
    assert sorted(headless.ask(browser, f"{PANEL}.runNames")) == [
        "00_models",
        "01_layers",
        "02_training",
        *(f"families/{family}" for family in FAMILIES),
        *(f"members/{family}/m1" for family in FAMILIES),
    ]
    assert headless.ask(browser, f"{PANEL}.tensorNames.map(tensor => tensor.name)") == [
        f"{layer}/{measure}"
        for layer in ("block1", "dense")
        for measure in ("cka.linear", "knn.jaccard_k_10_cosine")
    ]
    assert headless.ask(browser, f"{PROJECTOR}.dataSet.points.length") == 12 + ANCHORS
    assert headless.ask(browser, f"{PROJECTOR}.normalizeData") is False


def test_distances_on_the_screen_are_the_distances_of_the_matrix(browser, headless, spatial):
    _, arguments = spatial
    wanted = squareform(arguments["matrices"][0].distances)
    assert np.corrcoef(screen_distances(headless, browser), wanted)[0, 1] > 0.999
    headless.click_bookmark(browser, "Colour by family, in space")
    headless.wait_until(browser, f"{SCATTER}.camera.type === 'PerspectiveCamera'")
    seen = screen_distances(headless, browser)
    np.testing.assert_allclose(seen / wanted, seen[0] / wanted[0], rtol=1e-3)


def test_one_click_colours_by_family(browser, headless, spatial):
    _, arguments = spatial
    headless.click_bookmark(browser, "Colour by family, flat")
    legend = headless.ask(browser, f"{PROJECTOR}.selectedColorOption.items")
    assert {item["label"]: item["count"] for item in legend} == dict.fromkeys(FAMILIES, 4)
    colours = np.reshape(headless.ask(browser, f"[...{SCATTER}.pointColors]"), (-1, 3))
    families = [name.split("/")[0] for name in arguments["matrices"][0].members]
    colour_of = {
        family: {tuple(c) for c, f in zip(colours, families, strict=False) if f == family}
        for family in FAMILIES
    }
    assert all(len(found) == 1 for found in colour_of.values())
    assert len(set.union(*colour_of.values())) == len(FAMILIES)
    assert {tuple(colour) for colour in colours[-ANCHORS:]} == {(0.0, 0.0, 0.0)}


def test_every_sample_has_its_own_picture(browser, headless, spatial):
    _, arguments = spatial
    browser.execute_script(f"{headless.FIND} {PANEL}.selectedRun = 'members/memoriser/m1'")
    headless.wait_until(
        browser,
        f"{PROJECTOR}.dataSet?.points.length === {SAMPLES} "
        f"&& {PROJECTOR}.dataSet.spriteAndMetadataInfo?.spriteImage?.complete",
    )
    probe = arguments["probe"]
    names = headless.ask(browser, f"{PROJECTOR}.dataSet.points.map(p => p.metadata.name)")
    assert names == list(probe.ids)
    # The tile that the page's shader takes for a row, by its rule.
    pixels = headless.ask(
        browser,
        """((info) => {
          const [width, height] = info.spriteMetadata.singleImageDim;
          const a_column = info.spriteImage.height / height;
          const a_row = info.spriteImage.width / width;
          const canvas = document.createElement('canvas');
          canvas.width = info.spriteImage.width;
          canvas.height = info.spriteImage.height;
          const drawing = canvas.getContext('2d');
          drawing.drawImage(info.spriteImage, 0, 0);
          return arguments[0].map(row => [...drawing.getImageData(
            (row % a_row) * width, Math.floor(row / a_column) * height, width, height).data]);
        })(find(document, 'vz-projector').dataSet.spriteAndMetadataInfo)""",
        list(range(SAMPLES)),
    )
    tiles = np.reshape(pixels, (SAMPLES, 32, 32, 4))[..., :3]
    np.testing.assert_array_equal(tiles, probe.inputs)


def test_lines_lead_through_the_layers_of_each_member(browser, headless):
    browser.execute_script(f"{headless.FIND} {PANEL}.selectedRun = '01_layers'")
    headless.wait_until(
        browser, f"{PROJECTOR}.dataSet?.points.length === {2 * len(FAMILIES) + ANCHORS}"
    )
    lines = headless.ask(browser, f"{PROJECTOR}.dataSet.sequences.map(s => s.pointIndices)")
    assert lines == [[0, 1], [2, 3], [4, 5]]


def test_lines_lead_through_training(browser, headless):
    browser.execute_script(f"{headless.FIND} {PANEL}.selectedRun = '02_training'")
    headless.wait_until(browser, f"{PROJECTOR}.dataSet?.points.length === {12 * 3 + ANCHORS}")
    lines = headless.ask(browser, f"{PROJECTOR}.dataSet.sequences.map(s => s.pointIndices)")
    assert lines == [[row, row + 1, row + 2] for row in range(0, 36, 3)]


def test_a_family_has_its_own_map_over_training(browser, headless, spatial):
    _, arguments = spatial
    browser.execute_script(f"{headless.FIND} {PANEL}.selectedRun = 'families/memoriser'")
    headless.wait_until(browser, f"{PROJECTOR}.dataSet?.points.length === {4 * 3 + ANCHORS}")
    flat = headless.ask(browser, f"{PROJECTOR}.dataSet.points.flatMap(p => [...p.vector])")
    points = np.reshape(flat, (4 * 3 + ANCHORS, -1))[:-ANCHORS]
    within = arguments["trajectories"][0].within["memoriser"]
    np.testing.assert_allclose(squareform(pdist(points)), within, atol=1e-3)
    headless.click_bookmark(browser, "Colour by epoch, in space")
    legend = headless.ask(browser, f"{PROJECTOR}.selectedColorOption.items")
    epochs = {f"epoch {epoch}" for epoch in (0, 2, 4)}
    assert {item["label"] for item in legend} == epochs


# Text wherever it stands, in shadow trees too, and the values of fields.
TEXT = """
(function read(root) {
  return [...root.childNodes].map(node => {
    if (node.nodeType === Node.TEXT_NODE) return node.textContent;
    if (['STYLE', 'SCRIPT'].includes(node.nodeName)) return '';
    return (node.shadowRoot ? read(node.shadowRoot) : '') + read(node);
  }).join(' ');
})(document.body)
"""


@pytest.mark.parametrize(
    ("tab", "wanted"),
    [
        ("timeseries", ["dispersion", "accuracy"]),
        ("scalars", ["dispersion/block1", "families/memoriser"]),
        ("custom_scalars", ["Dispersion with confidence intervals", "through the layers"]),
        ("images", ["similarity/block1/cka.linear", "00_models"]),
        ("hparams", ["schedule", "memoriser"]),
        ("text", ["about", "every point is one trained network"]),
    ],
)
def test_every_tab_opens_and_shows_the_experiment(browser, headless, tab, wanted):
    open_tab(browser, tab)
    headless.wait_until(
        browser, f"arguments[0].every(text => {TEXT}.includes(text))", wanted, seconds=60
    )


def test_the_page_of_families_opens_beside_them(browser, headless, spatial):
    if not entry_points(group="tensorboard_plugins", name="akp"):
        pytest.skip("needs akp-keras installed, as its page is an entry point")
    open_tab(browser, "akp")
    browser.switch_to.frame(browser.find_element("tag name", "iframe"))
    headless.wait_until(browser, "document.querySelector('#status')?.dataset.ready === '1'")
    names = headless.ask(
        browser, "[...document.querySelectorAll('.dots .point')].map(dot => dot.dataset.name)"
    )
    _, arguments = spatial
    assert tuple(names) == arguments["trajectories"][0].members


def open_tab(browser, tab):
    from selenium.webdriver.support.wait import WebDriverWait

    browser.switch_to.default_content()
    address = browser.current_url.partition("#")[0]
    # Another fragment alone would leave the frames of the tab before.
    browser.get("about:blank")
    browser.get(f"{address}#{tab}")
    if tab == "akp":
        WebDriverWait(browser, 60).until(lambda _: browser.find_elements("tag name", "iframe"))


def test_no_request_leaves_this_machine(browser, headless):
    assert headless.outside_requests(browser) == []
