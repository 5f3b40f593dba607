import dataclasses
import math
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from akp_keras.report import wording

VOID = {"meta", "link", "input", "br", "img"}


class Page(HTMLParser):
    """Elements, texts, tables and nesting of a page."""

    def __init__(self, path):
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.open = []
        self.elements = []
        self.texts = []
        self.tables = []
        self.feed(self.source)
        self.close()
        assert not self.open, f"left open: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if "script" in self.open or "style" in self.open:
            return
        self.texts.append(text)
        if "td" in self.open or "th" in self.open:
            self.tables[-1][-1][-1] += f"{text} "

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    def row(self, table, name):
        """The cells of the first row whose first cell is that name."""
        rows = [[" ".join(cell.split()) for cell in row] for row in self.tables[table] if row]
        return next(row for row in rows if row[0] == name)


@pytest.fixture(scope="module")
def page(written):
    return Page(written)


@pytest.fixture(scope="module")
def small_written(small, tmp_path_factory):
    """The report of the small experiment, not to be written to."""
    return small.write(tmp_path_factory.mktemp("small"), tensorboard_command=None)


def test_asks_for_nothing_from_outside(page):
    for tag, attributes in page.elements:
        for attribute in ("src", "href", "xlink:href", "action", "srcset", "data"):
            target = attributes.get(attribute)
            if target:
                assert not re.match(r"[a-z+]*:?//|https?:", target), (tag, target)
    assert "@import" not in page.source
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", page.source))


def test_every_link_has_its_target(page, written):
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert links
    for link in links:
        if link.startswith("#"):
            assert link[1:] in ids
        else:
            assert (written.parent / link).is_file()


def test_every_family_layer_and_measure_is_there(page, experiment):
    sections = [a for tag, a in page.elements if tag == "section" and "data-layer" in a]
    assert len(sections) == len(experiment.matrices)
    headings = re.findall(r"<h3 id=.*?</h3>", page.source)
    for layer, measure in experiment.outcomes:
        assert sum(f">{layer} <" in text and f">{measure}<" in text for text in headings) == 1
    for member in experiment.members:
        assert member.family in page.text
        assert member.schedule in page.text


def test_verdicts_are_those_of_the_outcomes(page, experiment):
    verdicts = {outcome.verdict for outcome in experiment.outcomes.values()}
    assert len(verdicts) > 1, "the example should tell verdicts apart"
    for (layer, measure), outcome in experiment.outcomes.items():
        cell = page.row(0, layer)[1 + ["cka.linear", "rsa"].index(measure)]
        assert cell.split()[0] == outcome.verdict
        assert f"p = {wording.probability(outcome.adjusted_pvalue)}" in cell
        assert page.text.count(outcome.reason) >= 1
        if measure == "cka.linear":
            assert f"{outcome.verdict} {layer} : {wording.verdict_sentence(outcome)}" in page.text


def test_table_of_families_has_the_numbers_given(page, experiment):
    for family in {member.family for member in experiment.members}:
        own = [member for member in experiment.members if member.family == family]
        accuracy = 100 * np.array([member.metrics["test_accuracy"] for member in own])
        gap = 100 * np.array([member.metrics["gap"] for member in own])
        _, members, shown_accuracy, shown_gap, *layers = page.row(1, family)
        assert members == "6"
        assert shown_accuracy.startswith(f"{accuracy.mean():.1f} ± {accuracy.std(ddof=1):.1f}")
        assert shown_gap == f"{gap.mean():.1f} ± {gap.std(ddof=1):.1f}"
        for layer, cell in zip(("block1", "dense"), layers, strict=True):
            outcome = experiment.outcomes[layer, "cka.linear"]
            assert cell.startswith(f"{outcome.dispersion[family]:.3f} ")
            if family != "control":
                low, high = outcome.ratios[family].interval
                expected = f"{outcome.ratios[family].log_ratio:+.2f} [{low:.2f}, {high:.2f}]"
                assert cell.endswith(expected.replace("-", "−"))
        unhappy = family in experiment.outcomes["block1", "cka.linear"].unhappy
        assert shown_accuracy.endswith("unhappy") == unhappy


def test_cross_checks_have_the_numbers_given(page, experiment):
    rows = [[" ".join(cell.split()) for cell in row] for row in page.tables[2][2:]]
    assert len(rows) == len(experiment.outcomes)
    for row, outcome in zip(rows, map(experiment.outcomes.get, experiment.outcomes), strict=True):
        assert row[2] == f"{outcome.statistic:.2f}"
        assert row[5] == f"{outcome.association.statistic:.2f}".replace("-", "−")
        assert row[8:] == [
            f"{outcome.permdisp.statistic:.2f}",
            f"{outcome.permdisp.pvalue:.2g}",
            f"{outcome.permanova.statistic:.2f}",
            f"{outcome.permanova.pvalue:.2g}",
        ]


def test_figures_have_captions_and_say_what_they_show(page, experiment):
    tags = [tag for tag, _ in page.elements]
    images = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert len(images) == 5 * len(experiment.matrices) + 2
    assert tags.count("figcaption") == tags.count("figure") == len(images)
    assert all(image["role"] == "img" and len(image["aria-label"]) > 20 for image in images)
    assert all("scope" in attributes for tag, attributes in page.elements if tag == "th")


def test_figure_files_are_well_formed_and_hold_their_text(written):
    files = sorted((written.parent / "figures").iterdir())
    assert [file.name for file in files if "dense" in file.name and "rsa" in file.name] == [
        "dense.rsa.dispersion.svg",
        "dense.rsa.generalisation.svg",
        "dense.rsa.heat_map.svg",
        "dense.rsa.mds_map.svg",
        "dense.rsa.spread.svg",
    ]
    for file in files:
        assert ElementTree.parse(file).getroot().tag == "{http://www.w3.org/2000/svg}svg"
        assert ">memoriser</text>" in file.read_text(encoding="utf-8")


def test_says_the_data_and_the_flags(page):
    assert "Data. Synthetic patches; no finding about real tissue." in page.text
    assert "tensorboard --logdir RUN/tensorboard" in page.text
    assert page.row(3, "model") == ["model", "small_cnn"]


def contents_of(page):
    return {
        str(file.relative_to(page.parent)): file.read_bytes()
        for file in page.parent.rglob("*")
        if file.is_file()
    }


def test_same_bytes_for_the_same_input_and_nothing_left_over(small, small_written, tmp_path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "earlier.heat_map.svg").write_text("<svg/>")
    again = small.write(tmp_path, tensorboard_command=None)
    assert contents_of(again) == contents_of(small_written)


def test_primary_measure_comes_first(make_experiment, tmp_path):
    two_measures = make_experiment(("control", "memoriser"), 2, ("dense",))
    page = Page(two_measures.write(tmp_path, primary_measure="rsa"))
    assert [" ".join(cell.split()) for cell in page.tables[0][0]] == ["Layer", "rsa", "cka.linear"]
    assert "Layer by layer under rsa ." in page.text


def test_names_are_text_and_no_markup(make_experiment, tmp_path):
    hostile = "<script>alert('x')</script>\"&$x$"
    other = "it's {{ 7 * 7 }}"
    named = make_experiment(("control", hostile, other), 2, ("a b", "a/b"), ("m[k=1,<i>]",))
    path = named.write(tmp_path, title=hostile, settings={hostile: hostile})
    page = Page(path)
    assert page.row(1, hostile)
    assert page.row(1, other)
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert "alert" not in page.source[page.source.rindex("<script>") :]
    files = list((tmp_path / "figures").iterdir())
    assert len(files) == 2 * 4 + 2
    for file in files:
        texts = ["".join(text.itertext()) for text in ElementTree.parse(file).getroot().iter()]
        assert hostile in texts


def test_two_families_one_layer_one_measure(small, small_written):
    page = Page(small_written)
    assert small.outcomes["dense", "cka.linear"].verdict == "undecidable"
    assert page.row(0, "dense")[1].startswith("undecidable")
    assert small.outcomes["dense", "cka.linear"].reason in page.text
    assert "tensorboard" not in page.text


def test_single_members_have_no_dispersion(make_experiment, tmp_path):
    single = make_experiment(("control", "memoriser"), 1, ("dense",), ("cka.linear",))
    page = Page(single.write(tmp_path))
    assert page.row(1, "memoriser")[-1] == "– –"


def test_the_answer_across_families_is_shown_first_with_its_figure(page, experiment):
    for (layer, measure), outcome in experiment.principle.items():
        # In the caption of its figure and its text alternative; under the leading one also on top.
        assert page.text.count(outcome.across.sentence) == 2 + (measure == "cka.linear")
        assert f"{layer}.{measure}.spread.svg" in page.source
    assert page.text.index("Across families") < page.text.index("Within families")


def test_many_families_of_one_member_make_a_page_that_can_be_read(many, tmp_path):
    page = Page(many.write(tmp_path))
    assert page.row(1, "random003")[1:3] == ["1", page.row(1, "random003")[2]]
    assert page.row(1, "random003")[-1] == "– –"
    assert "7 × activation" in page.source
    panels = (tmp_path / "figures" / "training.val_loss.svg").read_text()
    assert panels.count("<title>") <= 1
    assert "random003" not in panels


def test_identical_members_are_drawn(small, tmp_path):
    matrix = dataclasses.replace(
        small.matrices[0], values=np.ones((10, 10)), distances=np.zeros((10, 10))
    )
    assert small.write(tmp_path, matrices=[matrix]).is_file()


def test_failed_member_is_counted_apart(small, make_member, tmp_path):
    failed = make_member(
        "memoriser", 5, metrics={"test_accuracy": math.nan}, history={}, swaps=(), schedule=""
    )
    page = Page(small.write(tmp_path, members=[*small.members, failed]))
    assert page.row(1, "memoriser")[1] == "5 1 failed"
    assert "11 networks of 2 families" in page.text


def test_records_may_lack(small, tmp_path):
    page = Page(small.write(tmp_path, members=[]))
    assert page.row(1, "memoriser")[1:4] == ["0", "– unhappy", "–"]
    assert "#training" not in page.source


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"matrices": []}, "at least one similarity matrix"),
        ({"outcomes": {}}, "no outcome for layer 'block1' and measure 'cka.linear'"),
        ({"primary_measure": "cca"}, "primary measure 'cca'; there are cka.linear, rsa"),
    ],
)
def test_results_that_do_not_fit_write_nothing(experiment, tmp_path, changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        experiment.write(tmp_path / "report", **changes)
    assert not (tmp_path / "report").exists()


def test_matrices_that_do_not_fit_are_refused(experiment, tmp_path):
    with pytest.raises(ValueError, match="same layer and measure"):
        experiment.write(tmp_path, matrices=[*experiment.matrices, experiment.matrices[0]])
    with pytest.raises(
        ValueError, match="no similarity matrix for layer 'dense' and measure 'rsa'"
    ):
        experiment.write(tmp_path, matrices=experiment.matrices[:-1])


def test_page_is_not_replaced_when_it_cannot_be_written(small, tmp_path, monkeypatch):
    page = tmp_path / "index.html"
    page.write_text("before")

    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        small.write(tmp_path)
    assert page.read_text() == "before"
    assert not [file for file in tmp_path.rglob("*") if file.name.endswith(".part")]
