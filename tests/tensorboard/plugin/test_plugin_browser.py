"""The page `akp` in a real browser, asserted on its elements and on the file's numbers."""

import dataclasses
import json
import shutil
import time
import urllib.request
from contextlib import contextmanager

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.summary.writer.record_writer import RecordWriter

from akp_keras.comparison.matrix import SimilarityMatrix
from akp_keras.tensorboard.event_files import write_event_file
from akp_keras.tensorboard.plugin_data import page_summaries

FAMILIES = ("control", "late_sigmoid", "memoriser")
RUN, LIVE, DAMAGED, MANY = "00_models", "01_live", "02_damaged", "03_many"

# TensorBoard with the page, whether or not it is installed as an entry point.
PROGRAM = """
import sys
from tensorboard import default, program
from akp_keras.tensorboard.plugin.plugin import AkpPlugin
server = program.TensorBoard(plugins=[*default.get_static_plugins(), AkpPlugin])
server.configure(sys.argv)
server.main()
"""


def small_page(page_data, values):
    """The page's data for one layer of two members alike by `values`."""
    members = page_data.members[:2]
    array = np.array([[1.0, values], [values, 1.0]])
    matrix = SimilarityMatrix(
        "dense",
        "cka.linear",
        tuple(m.name for m in members),
        array,
        1 - array,
        5,
        np.full(2, 3),
        np.full(2, 3),
    )
    return list(page_summaries(members, [matrix], [np.array([[0.0, 0, 0], [1, 0, 0]])], {}))


def many_members(page_data, count=500):
    rng = np.random.default_rng(8)
    members = [
        dataclasses.replace(page_data.members[0], family=f"family{index % 10}", seed=index // 10)
        for index in range(count)
    ]
    places = rng.normal(size=(count, 5))
    distances = squareform(pdist(places))
    sizes = np.full(count, 5)
    names = tuple(member.name for member in members)
    matrix = SimilarityMatrix(
        "dense", "cka.linear", names, np.exp(-distances), distances, 5, sizes, sizes
    )
    return members, matrix, places


@dataclasses.dataclass(frozen=True)
class Served:
    browser: object
    address: str
    many: SimilarityMatrix
    logdir: object


@pytest.fixture(scope="module")
def served(page_data, headless, tmp_path_factory):
    missing = headless.missing_programs()
    if missing:
        pytest.skip(f"needs {' and '.join(missing)} (Debian: chromium, chromium-driver)")
    logdir = tmp_path_factory.mktemp("browser")
    shutil.copytree(page_data.logdir / RUN, logdir / RUN)
    write_event_file(logdir / LIVE, [(0, s) for s in small_page(page_data, 0.25)], wall_time=1.0)
    damaged = small_page(page_data, 0.75)
    next(s for s in damaged if s.value[0].tag == "dispersion").value[0].tensor.string_val[0] = b"{"
    write_event_file(logdir / DAMAGED, [(0, summary) for summary in damaged], wall_time=1.0)
    members, many, places = many_members(page_data)
    summaries = page_summaries(members, [many], [places], {"dense": {"family0": 1.0}})
    write_event_file(logdir / MANY, ((0, summary) for summary in summaries), wall_time=1.0)
    program = ("-c", PROGRAM, "--reload_interval=1")
    with (
        headless.serve_tensorboard(logdir, program=program) as address,
        headless.open_browser(1400, 900) as browser,
    ):
        open_page(browser, address)
        wait_for_page(headless, browser)
        yield Served(browser, address, many, logdir)


@pytest.fixture
def browser(served, headless):
    """The page at the layer dense under CKA, light, at the last epoch, nothing chosen."""
    choose(headless, served.browser, run=RUN)
    choose(headless, served.browser, layer="dense", measure="cka.linear")
    served.browser.execute_script("document.querySelector('.clear')?.click()")
    served.browser.execute_script("document.querySelector('[data-view=values]').click()")
    press(served.browser, "#time", "End")
    return served.browser


def open_page(browser, address):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support import expected_conditions
    from selenium.webdriver.support.wait import WebDriverWait

    browser.switch_to.default_content()
    # Another fragment alone would leave the page as it is.
    browser.get("about:blank")
    browser.get(address + "#akp")
    WebDriverWait(browser, 60).until(
        expected_conditions.frame_to_be_available_and_switch_to_it((By.TAG_NAME, "iframe"))
    )


def wait_for_page(headless, browser):
    headless.wait_until(browser, "document.querySelector('#status')?.dataset.ready === '1'")


def choose(headless, browser, **selects):
    for name, value in selects.items():
        browser.execute_script(
            "const select = document.getElementById(arguments[0]);"
            "if (select.value !== arguments[1]) { select.value = arguments[1];"
            "select.dispatchEvent(new Event('change')); }",
            name,
            value,
        )
        wait_for_page(headless, browser)


def press(browser, selector, *keys):
    for key in keys:
        browser.execute_script(
            "document.querySelector(arguments[0])?.dispatchEvent("
            "new KeyboardEvent('keydown', {key: arguments[1], cancelable: true}))",
            selector,
            key,
        )


def by_family(matrix, values):
    order = sorted(
        range(len(matrix.members)),
        key=lambda index: FAMILIES.index(matrix.members[index].split("/")[0]),
    )
    return [matrix.members[index] for index in order], values[np.ix_(order, order)]


@contextmanager
def hovering(headless, browser, row, column):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By

    edge, cell, width = headless.ask(
        browser,
        "(({dataset, clientWidth}) => [+dataset.edge, +dataset.cell, clientWidth])"
        "(document.querySelector('canvas'))",
    )
    # Selenium counts from the middle of the element.
    place = [round(edge + (index + 0.5) * cell - width / 2) for index in (column, row)]
    canvas = browser.find_element(By.TAG_NAME, "canvas")
    yield ActionChains(browser).move_to_element_with_offset(canvas, *place)


def points(headless, browser):
    found = headless.ask(
        browser,
        "[...document.querySelectorAll('.dots .point')].map(dot => {"
        "const [x, y] = dot.style.transform.match(/-?[\\d.]+(e-?\\d+)?(?=px)/g).map(Number);"
        "return [dot.dataset.name, +dot.dataset.x, +dot.dataset.y, x, y,"
        " dot.hasAttribute('hidden'), dot.getAttribute('fill')]; })",
    )
    return {name: rest for name, *rest in found}


def texts(headless, browser, selector):
    return headless.ask(
        browser, "[...document.querySelectorAll(arguments[0])].map(e => e.textContent)", selector
    )


def test_layers_come_by_depth_and_measures_by_their_ids(browser, headless):
    assert texts(headless, browser, "#layer option") == ["stem", "block1", "dense"]
    assert texts(headless, browser, "#measure option") == [
        "cka.linear",
        "knn.jaccard[k=10,cosine]",
    ]


@pytest.mark.parametrize("measure", ["cka.linear", "knn.jaccard[k=10,cosine]"])
def test_a_cell_tells_the_value_of_the_file(browser, headless, page_data, measure):
    choose(headless, browser, measure=measure.replace("[k=10,cosine]", "_k_10_cosine"))
    matrix = page_data.matrices["dense", measure]
    names, values = by_family(matrix, matrix.values)
    _, distances = by_family(matrix, matrix.distances)
    for row, column in ((0, 17), (9, 2)):
        with hovering(headless, browser, row, column) as pointer:
            pointer.perform()
        told = texts(headless, browser, "#tooltip")[0]
        start = f"{names[row]} and {names[column]}: {measure} "
        assert told.startswith(start)
        value, distance = told.removeprefix(start).split(", distance ")
        assert float(value) == pytest.approx(values[row, column], rel=1e-3)
        assert float(distance) == pytest.approx(distances[row, column], rel=1e-3)


def test_the_colour_bar_spans_the_pairs_of_the_chosen_view(browser, headless, page_data):
    matrix = page_data.matrices["dense", "cka.linear"]
    pairs = ~np.eye(len(matrix.members), dtype=bool)
    for view, numbers in (("distances", matrix.distances), ("values", matrix.values)):
        browser.find_element("css selector", f"[data-view={view}]").click()
        ends = headless.ask(
            browser, "(c => [+c.dataset.low, +c.dataset.high])(document.querySelector('canvas'))"
        )
        assert ends == pytest.approx([numbers[pairs].min(), numbers[pairs].max()], rel=1e-6)
        told = [float(text) for text in texts(headless, browser, "#bar .ends:last-child span")]
        assert told == pytest.approx([ends[0], sum(ends) / 2, ends[1]], rel=1e-2)


def test_the_diagonal_and_the_closest_pair_have_the_brightest_colour(browser, headless, page_data):
    matrix = page_data.matrices["dense", "cka.linear"]
    _, values = by_family(matrix, matrix.values)
    np.fill_diagonal(values, -1)
    row, column = np.unravel_index(values.argmax(), values.shape)
    colours = headless.ask(
        browser,
        """(canvas => {
          const edge = canvas.dataset.edge * canvas.width / canvas.clientWidth;
          const cell = canvas.dataset.cell * canvas.width / canvas.clientWidth;
          return arguments[0].map(([row, column]) => [...canvas.getContext('2d').getImageData(
            edge + (column + 0.5) * cell, edge + (row + 0.5) * cell, 1, 1).data]);
        })(document.querySelector('canvas'))""",
        [[0, 0], [int(row), int(column)]],
    )
    assert colours == [[253, 231, 37, 255]] * 2


def test_the_matrix_is_walked_with_the_keyboard(browser, headless, page_data):
    matrix = page_data.matrices["dense", "cka.linear"]
    names, _ = by_family(matrix, matrix.values)
    press(browser, "canvas", "ArrowDown", *["ArrowRight"] * 13, "ArrowDown", "ArrowDown", "Enter")
    headless.wait_until(browser, "document.querySelector('#details').dataset.ready === '1'")
    assert texts(headless, browser, "#details h3")[:2] == [names[2], names[13]]
    focusable = headless.ask(
        browser,
        "['canvas', '#map svg', '#time', '#play', '#theme', '#reload', '#layer', '#measure',"
        " '[data-view=values]'].filter(s => document.querySelector(s).tabIndex < 0)",
    )
    assert focusable == []


def test_dispersion_shows_members_mean_and_interval_in_the_order_of_the_legend(
    browser, headless, page_data
):
    assert texts(headless, browser, "#legend span") == list(FAMILIES)
    groups = headless.ask(
        browser,
        "[...document.querySelectorAll('#dispersion g[data-family]')].map(g => [g.dataset.family,"
        " +g.dataset.mean, JSON.parse(g.dataset.interval), Object.fromEntries("
        "[...g.querySelectorAll('.member')].map(m => [m.dataset.name, +m.dataset.value]))])",
    )
    outcome = page_data.outcomes["dense", "cka.linear"]
    assert [family for family, *_ in groups] == list(FAMILIES)
    expected = dict(zip(outcome.members, outcome.member_distances, strict=True))
    for family, mean, (low, high), members in groups:
        assert mean == pytest.approx(outcome.dispersion[family], rel=1e-6)
        assert low < mean < high
        assert members == pytest.approx(
            {name: value for name, value in expected.items() if name.startswith(f"{family}/")},
            rel=1e-6,
        )


def test_the_verdict_stands_beneath_with_its_effect(browser, headless, page_data):
    for layer in ("stem", "dense"):
        choose(headless, browser, layer=layer)
        outcome = page_data.outcomes[layer, "cka.linear"]
        told = texts(headless, browser, "#verdict")[0]
        assert outcome.verdict in told
        assert outcome.reason in told
        ratio = np.exp(outcome.ratios["memoriser"].log_ratio)
        assert f"memoriser, {ratio:.2f} times as dispersed" in told
        assert texts(headless, browser, "#summary b") == [outcome.verdict]


def test_without_snapshots_the_map_is_that_of_the_matrix(browser, headless, page_data):
    choose(headless, browser, layer="stem")
    matrix = page_data.matrices["stem", "cka.linear"]
    found = points(headless, browser)
    assert tuple(found) == matrix.members
    wanted = pdist(page_data.coordinates["stem", "cka.linear"][:, :2])
    seen = pdist(np.array([place[2:4] for place in found.values()]))
    scale = headless.ask(browser, "+document.querySelector('#map svg').dataset.scale")
    np.testing.assert_allclose(seen, scale * wanted, atol=0.01)
    assert headless.ask(browser, "document.querySelector('#time')") is None
    colours = {name.split("/")[0]: place[5] for name, place in found.items()}
    assert len(set(colours.values())) == len(FAMILIES)
    assert all(colours[name.split("/")[0]] == place[5] for name, place in found.items())


def test_the_slider_moves_the_points_to_their_epoch(browser, headless, page_data):
    trajectory = page_data.trajectories["dense", "cka.linear"]
    scale = headless.ask(browser, "+document.querySelector('#map svg').dataset.scale")
    press(browser, "#time", "Home")
    for time_index, epoch in enumerate(trajectory.epochs):
        found = points(headless, browser)
        wanted = trajectory.coordinates[:, time_index]
        seen = np.array([found[name][:2] for name in trajectory.members])
        screen = np.array([found[name][2:4] for name in trajectory.members])
        hidden = np.array([found[name][4] for name in trajectory.members])
        np.testing.assert_array_equal(hidden, np.isnan(wanted[:, 0]))
        np.testing.assert_allclose(seen[~hidden], wanted[~hidden], rtol=1e-6)
        np.testing.assert_allclose(
            pdist(screen[~hidden]), scale * pdist(wanted[~hidden]), atol=0.01
        )
        assert headless.ask(browser, "+document.querySelector('#now').dataset.epoch") == epoch
        press(browser, "#time", "ArrowRight")
    # The pointer's way: an epoch without a snapshot goes to the nearest one that has one.
    browser.execute_script(
        "const slider = document.querySelector('#time'); slider.value = 3.4;"
        "slider.dispatchEvent(new Event('input'))"
    )
    assert headless.ask(browser, "+document.querySelector('#time').value") == 4
    assert texts(headless, browser, "#epoch") == ["after epoch 4 (0 to 8)"]


def test_dispersion_over_epochs_is_that_of_the_file(browser, headless, page_data):
    lines = headless.ask(
        browser,
        "Object.fromEntries([...document.querySelectorAll('path.course')]"
        ".map(line => [line.dataset.family, JSON.parse(line.dataset.values)]))",
    )
    expected = page_data.trajectories["dense", "cka.linear"].dispersion
    assert set(lines) == set(expected)
    for family, values in lines.items():
        assert values == pytest.approx(expected[family], rel=1e-6)


def test_swaps_are_marked_on_the_track_and_on_the_trajectories(browser, headless, page_data):
    marks = headless.ask(
        browser,
        "[...document.querySelectorAll('.mark')].map(m => [m.dataset.family, +m.dataset.epoch,"
        " +m.dataset.last, m.title, (m.getBoundingClientRect().left"
        " + (m.classList.contains('stretch') ? 0 : 4.5) - document.querySelector('#time')"
        ".getBoundingClientRect().left - 8) / (document.querySelector('#time').clientWidth - 16)])",
    )
    # The memorisers at steps 60 and 125, 30 an epoch; the others on a plateau, one by one.
    at = {"memoriser": [(1, 1), (125 / 30 - 1,) * 2], "late_sigmoid": [(2, 5)]}
    for family, first, last, _, place in marks:
        assert place == pytest.approx(first / 8, abs=0.01)
        assert (first, last) == pytest.approx(at[family].pop(0), rel=1e-6)
    assert not any(at.values())
    told = next(title for family, *_, title, _ in marks if family == "late_sigmoid")
    assert "epoch 3, step 90 to epoch 6, step 180" in told
    assert "members" in told
    assert len(texts(headless, browser, "#course .swap-stretch")) == 1
    assert len(texts(headless, browser, "#course circle.swap")) == 2

    frame = headless.ask(browser, "+document.querySelector('#map svg').dataset.scale")
    trajectory = page_data.trajectories["dense", "cka.linear"]
    name = "memoriser/2"
    way = trajectory.coordinates[trajectory.members.index(name)]
    rings = headless.ask(browser, RINGS, name)
    at_the_end = np.array(points(headless, browser)[name][2:4])
    part = 125 / 30 - 1 - 2
    expected = (way[1], way[2] + part / 2 * (way[3] - way[2]))
    for (_, *ring), wanted in zip(rings, expected, strict=True):
        moved = (np.array(ring) - at_the_end) * [1, -1] / frame
        np.testing.assert_allclose(moved, wanted - way[4], atol=1e-4)


RINGS = (
    "[...document.querySelectorAll('#map circle.swap')]"
    ".filter(r => r.dataset.name === arguments[0])"
    ".map(r => [+r.dataset.epoch, +r.getAttribute('cx'), +r.getAttribute('cy')])"
)


def test_a_swap_on_a_plateau_is_marked_on_the_members_that_swapped_then(
    browser, headless, page_data
):
    trajectory = page_data.trajectories["dense", "cka.linear"]
    own = [name for name in trajectory.members if name.startswith("late_sigmoid/")]
    found = {name: [epoch for epoch, *_ in headless.ask(browser, RINGS, name)] for name in own}
    # Plateaus at epochs 3 and 6, or never.
    assert found == {name: [[2], [5], []][int(name[-1]) % 3] for name in own}


def test_a_member_that_is_not_in_the_map_is_named_with_the_reason(browser, headless, page_data):
    trajectory = page_data.trajectories["dense", "cka.linear"]
    (name,) = set(page_data.matrices["dense", "cka.linear"].members) - set(trajectory.members)
    told = texts(headless, browser, "#missing")[0]
    assert f"{name} (not finite after epoch 2: NaN or infinity among its answers)" in told
    choose(headless, browser, layer="stem")
    assert texts(headless, browser, "#missing") == [""]


def test_panels_say_where_snapshots_are_averaged_and_tested_distances_are_not(browser, headless):
    assert len(texts(headless, browser, "#dispersion .averaged")) == 1
    assert len(texts(headless, browser, "#course .averaged")) == 1
    assert "averaged" in texts(headless, browser, "#reading")[0]
    choose(headless, browser, layer="stem")
    assert texts(headless, browser, "#dispersion .averaged") == []
    assert "averaged" not in texts(headless, browser, "#reading")[0]


def test_a_chosen_point_is_drawn_above_all_others(browser, headless):
    first = headless.ask(browser, "document.querySelector('.dots .point').dataset.name")
    browser.execute_script(
        "document.querySelector('.dots .point').dispatchEvent(new MouseEvent('click'))"
    )
    raised = headless.ask(
        browser, "[...document.querySelectorAll('.dots ~ .raised use')].map(u => u.dataset.name)"
    )
    assert raised == [first]
    browser.execute_script("document.querySelector('.clear').click()")
    assert texts(headless, browser, ".raised use") == []


def test_training_is_played_from_the_beginning(browser, headless):
    browser.find_element("id", "play").click()
    assert headless.ask(browser, "document.querySelector('#time').dataset.time") == "0"
    headless.wait_until(browser, "document.querySelector('#time').dataset.time === '2'")
    browser.find_element("id", "play").click()
    assert headless.ask(browser, "document.querySelector('#play').ariaPressed") == "false"


def row_lengths(page_data, first, second):
    def gram(name):
        rows = page_data.representations[name]
        rows = rows - rows.mean(axis=0)
        product = rows @ rows.T
        return product / np.linalg.norm(product)

    return np.linalg.norm(gram(first) - gram(second), axis=1)


def test_a_cell_shows_both_members_and_their_most_different_samples(browser, headless, page_data):
    matrix = page_data.matrices["dense", "cka.linear"]
    names, values = by_family(matrix, matrix.values)
    with hovering(headless, browser, 1, 14) as pointer:
        pointer.click().perform()
    headless.wait_until(browser, "document.querySelector('#samples') !== null")
    sections = headless.ask(
        browser,
        "[...document.querySelectorAll('#details section')]"
        ".map(section => [section.dataset.name, section.innerText])",
    )
    assert [name for name, _ in sections] == [names[1], names[14]]
    record = next(m for m in page_data.members if m.name == names[14])
    assert "activation: relu → sigmoid in block1, dense" in sections[1][1]
    assert f"{100 * record.metrics['test_accuracy']:.1f}\u00a0%" in sections[1][1]
    assert "99.0\u00a0%" in sections[1][1]
    assert record.schedule in sections[1][1].replace("\n", "")
    pair = [float(text) for text in texts(headless, browser, "#pair dd")]
    assert pair[0] == pytest.approx(values[1, 14], rel=1e-3)

    figures = headless.ask(
        browser,
        "[...document.querySelectorAll('#samples figure')].map(f => [+f.dataset.sample,"
        " f.dataset.id, f.dataset.label, +f.dataset.difference,"
        " f.querySelector('.thumbnail').style.backgroundPosition, f.innerText])",
    )
    lengths = row_lengths(page_data, names[1], names[14])
    expected = np.argsort(-lengths)[: len(figures)]
    assert len(figures) == 12
    assert texts(headless, browser, "#details .rough") == []
    probe = page_data.probe
    # Float16 keeps three decimal digits, so that near equals may change places.
    for (sample, identity, label, difference, position, told), rank in zip(
        figures, expected, strict=True
    ):
        assert lengths[sample] == pytest.approx(lengths[rank], rel=5e-3)
        assert difference == pytest.approx(lengths[sample], rel=5e-3)
        assert identity == probe.ids[sample]
        assert label == probe.class_names[probe.labels[sample]]
        # 40 samples lie in 8 × 8 tiles.
        x, y = (float(part.rstrip("%")) * 7 / 100 for part in position.split())
        assert (round(y), round(x)) == divmod(sample, 8)
        assert identity in told
        assert label in told


def test_members_without_factors_say_so(browser, headless, page_data):
    choose(headless, browser, layer="block1")
    press(browser, "canvas", "ArrowDown", "ArrowRight", "Enter")
    headless.wait_until(browser, "document.querySelector('#details').dataset.ready === '1'")
    assert "Not written at block1" in texts(headless, browser, "#more")[0]


def test_a_point_shows_its_nearest_and_farthest_members(browser, headless, page_data):
    matrix = page_data.matrices["dense", "cka.linear"]
    browser.execute_script(
        "document.querySelector(`.point[data-name='memoriser/2']`)"
        ".dispatchEvent(new MouseEvent('click', {bubbles: true}))"
    )
    own = matrix.members.index("memoriser/2")
    order = [i for i in np.argsort(matrix.distances[own]) if i != own]
    for place, expected in (("nearest", order[:5]), ("farthest", order[::-1][:5])):
        found = headless.ask(
            browser,
            f"[...document.querySelectorAll('#{place} button')]"
            ".map(b => [b.dataset.name, +b.dataset.distance])",
        )
        assert [name for name, _ in found] == [matrix.members[index] for index in expected]
        assert [value for _, value in found] == pytest.approx(
            matrix.distances[own][expected], rel=1e-6
        )
    browser.find_element("css selector", "#farthest button").click()
    assert texts(headless, browser, "#details h3")[:2] == ["memoriser/2", matrix.members[order[-1]]]


CONTRASTS = """
(() => {
  const channels = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = colour => channels(colour).slice(0, 3).map(c => c / 255).map(
    c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
  ).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if (channels(colour)[3] !== 0) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  return [...document.querySelectorAll('body *')].filter(e => e.checkVisibility()
    && !['STYLE', 'SCRIPT', 'TITLE'].includes(e.tagName.toUpperCase())
    && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())).map(e => {
      const style = getComputedStyle(e);
      const ink = e instanceof SVGElement ? style.fill : style.color;
      const [a, b] = [light(ink), light(behind(e))].sort((p, q) => q - p);
      return [(a + 0.05) / (b + 0.05), e.textContent];
    });
})()
"""


def test_dark_follows_the_system_until_the_switch_is_used_and_text_stays_readable(
    served, browser, headless
):
    theme = "document.documentElement.dataset.theme"
    press(browser, "canvas", "ArrowDown", "ArrowRight", "Enter")
    backgrounds = {}
    for preferred in ("dark", "light"):
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": preferred}]},
        )
        headless.wait_until(browser, f"{theme} === arguments[0]", preferred)
        contrasts = headless.ask(browser, CONTRASTS.strip())
        assert len(contrasts) > 60
        # WCAG 2.1 asks for 4.5 for text of this size.
        assert [(round(ratio, 2), text) for ratio, text in contrasts if ratio < 4.5] == []
        backgrounds[preferred] = headless.ask(
            browser, "getComputedStyle(document.body).backgroundColor"
        )
    assert backgrounds["dark"] != backgrounds["light"]
    browser.find_element("id", "theme").click()
    assert headless.ask(browser, theme) == "dark"
    assert headless.ask(browser, "localStorage.getItem('akp.theme')") == "dark"
    open_page(browser, served.address)
    wait_for_page(headless, browser)
    assert headless.ask(browser, theme) == "dark"
    browser.find_element("id", "theme").click()
    assert headless.ask(browser, "localStorage.getItem('akp.theme')") == "light"


def test_reading_again_keeps_the_choice(browser, headless):
    choose(headless, browser, layer="block1", measure="knn.jaccard_k_10_cosine")
    browser.find_element("id", "reload").click()
    wait_for_page(headless, browser)
    assert headless.ask(browser, "document.querySelector('#layer').value") == "block1"
    assert (
        headless.ask(browser, "document.querySelector('#measure').value")
        == "knn.jaccard_k_10_cosine"
    )


def test_the_reload_button_of_tensorboard_shows_a_later_step(served, browser, headless, page_data):
    choose(headless, browser, run=LIVE)
    low = "+document.querySelector('canvas').dataset.low"
    assert headless.ask(browser, low) == 0.25
    with (served.logdir / LIVE / "events.out.tfevents.0000000001.akp").open("ab") as file:
        # More steps than TensorBoard keeps, of which the last is to be shown.
        for step, values in enumerate(np.linspace(0.3, 0.5, 120), start=1):
            for summary in small_page(page_data, values):
                event = Event(wall_time=2.0, step=step, summary=summary)
                RecordWriter(file).write(event.SerializeToString())
    address = f"{served.address}data/plugin/akp/data?run={LIVE}&tag=matrix/dense/cka.linear"
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with urllib.request.urlopen(address) as answer:
            if json.load(answer)["values"][0][1] == 0.5:
                break
        time.sleep(0.2)
    assert headless.ask(browser, low) == 0.25
    browser.switch_to.default_content()
    browser.execute_script(f"{headless.FIND} find(document, 'app-header-reload button').click()")
    browser.switch_to.frame(browser.find_element("tag name", "iframe"))
    headless.wait_until(browser, f"{low} === 0.5")


def test_damaged_data_leave_the_other_panels(browser, headless):
    choose(headless, browser, run=DAMAGED)
    assert headless.ask(browser, "+document.querySelector('canvas').dataset.low") == 0.75
    assert len(points(headless, browser)) == 2
    assert "Nothing was written" in texts(headless, browser, "#dispersion .picture")[0]
    assert texts(headless, browser, "#status")[0].startswith("dispersion: ")
    choose(headless, browser, run=RUN)
    assert texts(headless, browser, "#status") == [""]


def test_five_hundred_members_are_all_in_the_matrix(served, browser, headless):
    choose(headless, browser, run=MANY)
    matrix = served.many
    assert headless.ask(browser, "+document.querySelector('canvas').dataset.members") == 500
    assert headless.ask(browser, "document.querySelector('canvas').width") >= 500
    assert len(points(headless, browser)) == 500
    order = sorted(range(500), key=lambda i: (int(matrix.members[i].split("/")[0][6:]), i))
    with hovering(headless, browser, 480, 250) as pointer:
        pointer.perform()
    told = texts(headless, browser, "#tooltip")[0]
    first, second = told.split(":")[0].split(" and ")
    # A cell is smaller than a pixel here: the pointer is within two cells.
    found = [[matrix.members[i] for i in order].index(name) for name in (first, second)]
    assert np.abs(np.array(found) - [480, 250]).max() <= 2
    value = matrix.values[matrix.members.index(first), matrix.members.index(second)]
    assert float(told.split("cka.linear ")[1].split(",")[0]) == pytest.approx(value, rel=1e-3)


def test_no_request_leaves_this_machine(browser, headless):
    assert headless.outside_requests(browser) == []


def test_the_scale_bar_has_a_round_length_at_every_scale(browser, headless):
    at_most = [10.0**power * factor for power in range(-6, 5) for factor in (1, 1.9, 4.5, 4.999, 9)]
    found = browser.execute_async_script(
        """
        const [numbers, done] = arguments;
        const here = performance.getEntriesByType('resource').map(({name}) => name);
        import(here.find(name => name.includes('numbers.js')))
          .then(({roundBelow}) => done(numbers.map(roundBelow)), error => done(String(error)));
        """,
        at_most,
    )
    for length, limit in zip(found, at_most, strict=True):
        assert 0.4 * limit < length <= limit
        assert f"{length:e}"[0] in "125"
    (bar,) = texts(headless, browser, ".scalebar text")
    assert float(bar.removeprefix("distance ")) > 0
