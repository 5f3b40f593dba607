"""The page `akp` in a real browser, asserted on its elements and on the file's numbers."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

FAMILIES = ("control", "late_sigmoid", "memoriser")
TAG = "matrix/dense/cka.linear"

# TensorBoard with the page, whether or not it is installed as an entry point.
PROGRAM = """
import sys
from tensorboard import default, program
from akp_keras.tensorboard.plugin.plugin import AkpPlugin
server = program.TensorBoard(plugins=[*default.get_static_plugins(), AkpPlugin])
server.configure(sys.argv)
server.main()
"""


@pytest.fixture(scope="module")
def browser(written, headless):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support import expected_conditions
    from selenium.webdriver.support.wait import WebDriverWait

    missing = headless.missing_programs()
    if missing:
        pytest.skip(f"needs {' and '.join(missing)} (Debian: chromium, chromium-driver)")
    with (
        headless.serve_tensorboard(written.logdir, program=("-c", PROGRAM)) as address,
        headless.open_browser(1500, 950) as browser,
    ):
        browser.get(address + "#akp")
        frame = (By.TAG_NAME, "iframe")
        WebDriverWait(browser, 40).until(
            expected_conditions.frame_to_be_available_and_switch_to_it(frame)
        )
        wait_for_page(headless, browser)
        choose(headless, browser, TAG)
        yield browser


def wait_for_page(headless, browser):
    headless.wait_until(browser, "document.querySelector('#status')?.dataset.ready === '1'")


def choose(headless, browser, tag):
    browser.execute_script(
        "const tags = document.querySelector('#tag'); tags.value = arguments[0];"
        "tags.dispatchEvent(new Event('change'))",
        tag,
    )
    wait_for_page(headless, browser)


def by_family(matrix):
    order = sorted(
        range(len(matrix.members)),
        key=lambda index: FAMILIES.index(matrix.members[index].split("/")[0]),
    )
    return [matrix.members[index] for index in order], matrix.values[np.ix_(order, order)]


def cell(headless, browser, row, column):
    """The middle of a cell from the middle of the canvas, as selenium counts."""
    size, edge, width, height = headless.ask(
        browser,
        "(c => [+c.dataset.cell, +c.dataset.edge, c.width, c.height])"
        "(document.querySelector('canvas'))",
    )
    middle = [edge + (place + 0.5) * size for place in (column, row)]
    return round(middle[0] - width / 2), round(middle[1] - height / 2)


def test_every_matrix_is_offered(browser, headless):
    offered = headless.ask(
        browser, "[...document.querySelectorAll('#tag option')].map(o => o.value)"
    )
    assert sorted(offered) == [
        f"matrix/{layer}/{measure}"
        for layer in ("block1", "dense")
        for measure in ("cka.linear", "knn.jaccard_k_10_cosine")
    ]


def test_a_cell_tells_the_value_of_the_file(browser, headless, written):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By

    names, values = by_family(written.matrix("dense", "cka.linear"))
    canvas = browser.find_element(By.TAG_NAME, "canvas")
    for row, column in ((0, 11), (5, 2), (10, 3)):
        place = cell(headless, browser, row, column)
        ActionChains(browser).move_to_element_with_offset(canvas, *place).perform()
        told = headless.ask(browser, "document.querySelector('#tooltip').textContent")
        assert told.startswith(f"{names[row]} and {names[column]}: cka.linear ")
        number = float(told.split("cka.linear ")[1].split(",")[0])
        assert number == pytest.approx(values[row, column], rel=1e-3)


def test_a_click_shows_what_both_members_went_through(browser, headless, written):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By

    names, _ = by_family(written.matrix("dense", "cka.linear"))
    canvas = browser.find_element(By.TAG_NAME, "canvas")
    place = cell(headless, browser, 1, 8)
    ActionChains(browser).move_to_element_with_offset(canvas, *place).click().perform()
    sections = headless.ask(
        browser,
        "[...document.querySelectorAll('#details section')]"
        ".map(section => [section.dataset.name, section.innerText])",
    )
    assert [name for name, _ in sections] == [names[1], names[8]]
    assert "activation relu → sigmoid block1, dense" in sections[1][1]
    assert "test accuracy 0.8" in sections[1][1]
    browser.find_element(By.CSS_SELECTOR, "circle[data-name='memoriser/2']").click()
    assert (
        headless.ask(browser, "document.querySelector('#details section').dataset.name")
        == "memoriser/2"
    )


def test_the_map_has_one_scale_and_one_colour_a_family(browser, headless, written):
    matrix = written.matrix("dense", "cka.linear")
    circles = headless.ask(
        browser,
        "[...document.querySelectorAll('circle')].map(c => [c.dataset.name, +c.getAttribute('cx'),"
        "+c.getAttribute('cy'), c.getAttribute('fill')])",
    )
    assert tuple(name for name, *_ in circles) == matrix.members
    tensor = np.loadtxt(next((written.logdir / "00_models").glob("*_dense_cka.linear.tsv")))
    wanted = pdist(tensor[: len(circles), :2])
    seen = pdist(np.array([[x, y] for _, x, y, _ in circles]))
    np.testing.assert_allclose(seen / wanted, seen[0] / wanted[0], rtol=1e-4)
    colours = {name.split("/")[0]: colour for name, _, _, colour in circles}
    assert len(set(colours.values())) == len(FAMILIES)
    assert all(colours[name.split("/")[0]] == colour for name, _, _, colour in circles)


def test_dispersion_is_that_of_the_layer(browser, headless, written):
    for layer in ("block1", "dense"):
        choose(headless, browser, f"matrix/{layer}/cka.linear")
        bars = headless.ask(
            browser,
            "Object.fromEntries([...document.querySelectorAll('rect')]"
            ".map(r => [r.dataset.family, +r.dataset.value]))",
        )
        assert bars == pytest.approx(written.arguments["dispersion"][layer])


def test_reading_again_keeps_the_choice(browser, headless):
    choose(headless, browser, "matrix/block1/cka.linear")
    browser.find_element("id", "reload").click()
    wait_for_page(headless, browser)
    assert (
        headless.ask(browser, "document.querySelector('#tag').value") == "matrix/block1/cka.linear"
    )


def test_no_request_leaves_this_machine(browser, headless):
    assert headless.outside_requests(browser) == []
