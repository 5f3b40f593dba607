import re
from xml.etree import ElementTree

import matplotlib
from matplotlib.figure import Figure

from akp_keras.report.svg import render_svg


def draw():
    figure = Figure(figsize=(2, 2))
    axes = figure.add_subplot()
    axes.scatter([0, 1], [0, 1])
    axes.set_xlabel('$5 & <b> id="label"')
    return figure


def ids(svg):
    return {element.get("id") for element in ElementTree.fromstring(svg).iter()} - {None}


def test_is_well_formed_and_says_what_it_shows():
    root = ElementTree.fromstring(render_svg(draw, name="one", alternative='two "points" & <more>'))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'two "points" & <more>'
    assert root.find("{http://www.w3.org/2000/svg}title").text == 'two "points" & <more>'


def test_same_bytes_twice():
    first, second = (render_svg(draw, name="one", alternative="points") for _ in range(2))
    assert first == second


def test_two_figures_share_no_id_and_each_reference_has_its_target():
    one, two = (render_svg(draw, name=name, alternative="points") for name in ("one", "two"))
    assert ids(one) and ids(two)
    assert not ids(one) & ids(two)
    references = re.findall(r'(?:href="#|url\(#)([^")]+)', one)
    assert references
    assert set(references) <= ids(one)


def test_text_stays_text_as_it_was_written():
    texts = [
        "".join(element.itertext())
        for element in ElementTree.fromstring(
            render_svg(draw, name="one", alternative="points")
        ).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert '$5 & <b> id="label"' in texts


def test_the_style_of_others_is_left_alone():
    before = dict(matplotlib.rcParams)
    render_svg(draw, name="one", alternative="points")
    assert dict(matplotlib.rcParams) == before
