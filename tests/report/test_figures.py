import dataclasses
import math

import numpy as np
import pytest
from matplotlib.colors import to_hex
from scipy.stats import ttest_1samp

from akp_keras.comparison import Rectangle
from akp_keras.dispersion import principal_coordinates
from akp_keras.dispersion.intervals import half_width_of_mean
from akp_keras.report.families import legends_of, order_families, style_families
from akp_keras.report.figures.dispersion_chart import draw_dispersion_chart
from akp_keras.report.figures.generalisation_chart import draw_generalisation_chart
from akp_keras.report.figures.heat_map import draw_heat_map
from akp_keras.report.figures.mds_map import draw_mds_map
from akp_keras.report.figures.rectangle import draw_rectangle, write_rectangle
from akp_keras.report.figures.spread_chart import draw_spread_chart
from akp_keras.report.figures.training_curves import (
    MOST_PANELS,
    draw_training_curves,
    swap_marks,
)
from akp_keras.report.illustrations import distances_by_family
from akp_keras.report.summary import summarise_family
from akp_keras.report.svg import RULE


@pytest.fixture(scope="module")
def styles(experiment):
    families = [member.family for member in experiment.members]
    return style_families(order_families(families, "control"), "control")


def test_control_comes_first_and_others_as_they_appear():
    names = ["late", "control", "early", "late", "control"]
    assert order_families(names, "control") == ("control", "late", "early")
    assert order_families(names, "none") == ("late", "control", "early")


@pytest.mark.parametrize(("measure", "bright"), [("cka.linear", 0), ("procrustes.angular", 1)])
def test_similar_cells_are_bright_and_undefined_ones_grey(tmp_path, measure, bright):
    values = np.array([[0.9, 0.1, np.nan]])
    rectangle = Rectangle(measure, ("a",), ("x", "y", "z"), "rows", "columns", values, values)
    figure = draw_rectangle(rectangle)
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["x", "y", "z"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a"]
    image = axes.images[0]
    colours = image.cmap(image.norm(image.get_array()))[0]
    assert np.argmax(colours[:2, :3].sum(axis=1)) == bright
    assert to_hex(colours[2]) == RULE
    for name in ("one.png", "two.png"):
        write_rectangle(rectangle, tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


@pytest.mark.parametrize("count", [2, 7, 12, 40])
def test_families_can_be_told_apart(count):
    styles = style_families([f"family{number}" for number in range(count)], "family0")
    assert len({(style.colour, style.marker) for style in styles.values()}) == count
    if count <= 12:
        assert len({style.colour for style in styles.values()}) == count


@pytest.fixture(scope="module")
def styles_of_many(many):
    legends = legends_of(many.members, "control")
    families = order_families([member.family for member in many.members], "control", legends)
    return style_families(families, "control", legends)


LEGENDS = ["control", "memoriser", "7 × activation", "5 × loss"]


def test_many_families_of_one_member_are_shown_by_kind(many, styles_of_many):
    legends = legends_of(many.members, "control")
    assert list(dict.fromkeys(style.legend for style in styles_of_many.values())) == LEGENDS
    assert legends["random000"] == legends["random006"] == LEGENDS[2]
    assert legends["control"] == "control"
    assert len({style.colour for style in styles_of_many.values()}) == len(LEGENDS)
    few = [member for member in many.members if member.family != "random011"][:-1]
    assert set(legends_of(few, "control").values()) == {member.family for member in few}


def test_figures_of_many_families_name_each_kind_once(many, styles_of_many):
    heat = draw_heat_map(many.matrices[0], styles_of_many).axes[0]
    assert [label.get_text() for label in heat.get_yticklabels()] == LEGENDS
    points = draw_mds_map(many.matrices[0], styles_of_many).axes[0]
    assert points.get_legend_handles_labels()[1] == LEGENDS
    assert len(points.collections) == len(styles_of_many)
    figure = draw_training_curves(
        many.members, styles_of_many, metric="val_loss", label="loss", common_scale=True
    )
    assert [panel.get_title(loc="left") for panel in figure.axes] == LEGENDS
    *curves, mean = figure.axes[2].lines
    assert len(curves) == 7
    np.testing.assert_allclose(mean.get_ydata(), np.mean([c.get_ydata() for c in curves], axis=0))


def test_spread_chart_has_a_point_a_family_and_the_fitted_ratio(many, styles_of_many):
    (outcome,) = many.principle.values()
    finding = outcome.across
    axes = draw_spread_chart(
        finding.spread, outcome.generalisation, styles_of_many, slope=finding.effect.slope
    ).axes[0]
    drawn = sorted(tuple(points.get_offsets()[0]) for points in axes.collections)
    assert drawn == sorted((100 * outcome.generalisation[f], s) for f, s in finding.spread.items())
    accuracy, spread = axes.lines[0].get_data()
    assert (accuracy.min(), accuracy.max()) == pytest.approx((drawn[0][0], drawn[-1][0]))
    lost = (accuracy[-1] - accuracy[0]) / 100
    ratio, *_ = finding.effect.over(lost)
    assert spread[0] / spread[-1] == pytest.approx(ratio)


def test_mds_map_has_one_scale(experiment, styles):
    figure = draw_mds_map(experiment.matrices[0], styles)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    across, up = np.diff(axes.transData.transform([[0, 0], [1, 0], [0, 1]]), axis=0)[[0, 1]]
    assert across[0] == pytest.approx((up - -across)[1])


def test_mds_map_puts_each_member_in_its_family(experiment, styles):
    matrix = experiment.matrices[0]
    mapped = principal_coordinates(matrix.distances)
    coordinates, shares = mapped.leading(2), mapped.shares(2)
    axes = draw_mds_map(matrix, styles).axes[0]
    assert f"{shares[0]:.0%}" in axes.get_xlabel() and f"{shares[1]:.0%}" in axes.get_ylabel()
    drawn = axes.collections
    assert [points.get_label() for points in drawn] == list(styles)
    for points in drawn:
        family = points.get_label()
        rows = [name.startswith(f"{family}/") for name in matrix.members]
        np.testing.assert_array_equal(points.get_offsets(), coordinates[rows])
        assert to_hex(points.get_facecolor()[0]) == styles[family].colour.lower()


def test_heat_map_puts_families_beside_each_other(experiment, styles):
    matrix = experiment.matrices[0]
    mixed = np.random.default_rng(0).permutation(len(matrix.members))
    shuffled = type(matrix)(
        matrix.layer,
        matrix.measure,
        tuple(np.array(matrix.members)[mixed]),
        matrix.values[np.ix_(mixed, mixed)],
        matrix.distances,
        matrix.samples,
        matrix.features,
        matrix.ranks,
    )
    axes = draw_heat_map(shuffled, styles).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == list(styles)
    image = np.asarray(axes.images[0].get_array())
    seeds = len(matrix.members) // len(styles)
    for block in range(len(styles)):
        rows = slice(block * seeds, (block + 1) * seeds)
        np.testing.assert_array_equal(
            np.sort(image[rows, rows], axis=None), np.sort(matrix.values[rows, rows], axis=None)
        )
    between = matrix.values[~np.eye(len(matrix.members), dtype=bool)]
    assert axes.images[0].get_clim() == (between.min(), between.max())


def test_dispersion_chart_draws_all_members_their_mean_and_the_ratio(experiment, styles):
    outcome = experiment.outcomes["dense", "cka.linear"]
    ratios = {
        family: (ratio.log_ratio, *ratio.interval) for family, ratio in outcome.ratios.items()
    }
    figure = draw_dispersion_chart(distances_by_family(outcome), ratios, styles, confidence=0.95)
    left, right = figure.axes
    members = [c for c in left.collections if len(c.get_offsets()) == 6]
    drawn = np.concatenate([points.get_offsets()[:, 0] for points in members])
    np.testing.assert_array_equal(np.sort(drawn), np.sort(outcome.member_distances))
    means = [line.get_xdata()[0] for line in left.lines if line.get_marker() != "None"]
    np.testing.assert_allclose(means, [outcome.dispersion[family] for family in styles])
    points = [line.get_xdata()[0] for line in right.lines if line.get_marker() != "None"]
    assert points == [ratios[family][0] for family in styles if family != "control"]
    low, high = right.get_xlim()
    assert all(low < end < high for ratio in ratios.values() for end in ratio)


def test_ratio_without_interval_is_a_point(styles):
    figure = draw_dispersion_chart(
        {"control": [0.2], "pulse": [0.4]},
        {"pulse": (math.log(2), math.nan, math.nan)},
        styles,
        confidence=0.95,
    )
    figure.draw_without_rendering()
    assert [tick.get_text() for tick in figure.axes[1].get_xticklabels()] == ["1×", "2×"]


def test_generalisation_chart_has_one_point_a_family(experiment, styles, make_member):
    outcome = experiment.outcomes["dense", "cka.linear"]
    summaries = {family: summarise_family(family, experiment.members) for family in styles}
    summaries["pulse"] = summarise_family("pulse", [make_member("pulse", 0, metrics={})])
    figure = draw_generalisation_chart(
        summaries, distances_by_family(outcome), styles, confidence=0.95
    )
    points = {
        container.get_label(): container[0].get_xydata()[0]
        for container in figure.axes[0].containers
    }
    assert list(points) == [family for family in styles if family != "pulse"]
    for family, point in points.items():
        assert point == pytest.approx(
            [outcome.dispersion[family], 100 * summaries[family].accuracy]
        )


def test_swaps_stand_where_they_happened(make_member):
    control, late, pulse, both = (
        make_member(family, 0) for family in ("control", "late_hinge", "pulse", "both")
    )
    assert swap_marks([control]) == {}
    assert swap_marks([late, late]) == {6: "loss → hinge"}
    assert swap_marks([pulse]) == {
        150 / 48: "loss → hinge",
        210 / 48: "loss → binary_crossentropy",
    }
    assert swap_marks([both]) == {4: "activation → gelu\nloss → hinge"}
    to_itself = tuple({**swap, "from": swap["to"]} for swap in late.swaps)
    assert swap_marks([dataclasses.replace(late, swaps=to_itself)]) == {}


def test_training_curves_have_a_panel_a_family(experiment, styles, make_member):
    stopped = make_member("control", 6, history={"val_accuracy": (0.5, 0.6)})
    figure = draw_training_curves(
        [*experiment.members, stopped],
        styles,
        metric="val_accuracy",
        label="validation accuracy",
        common_scale=True,
    )
    panels = {panel.get_title(loc="left"): panel for panel in figure.axes}
    assert list(panels) == list(styles)
    own = [m for m in experiment.members if m.family == "late_hinge"]
    *curves, mean, swap = panels["late_hinge"].lines
    assert [tuple(curve.get_ydata()) for curve in curves] == [
        m.history["val_accuracy"] for m in own
    ]
    np.testing.assert_allclose(
        mean.get_ydata(), np.mean([m.history["val_accuracy"] for m in own], axis=0)
    )
    assert list(swap.get_xdata()) == [6, 6]
    assert len(panels["control"].lines[-1].get_ydata()) == 2, "mean of what all members have"


def test_interval_of_a_mean_is_that_of_students_test():
    values = np.random.default_rng(0).normal(size=7)
    interval = ttest_1samp(values, 0).confidence_interval(0.9)
    assert half_width_of_mean(values, 0.9) == pytest.approx((interval.high - interval.low) / 2)
    assert half_width_of_mean(values[:1], 0.9) == 0


def test_a_heat_map_of_many_members_shows_means_of_pairs_within_a_family(experiment):
    sizes = {"control": 701, "late": 403}
    names = tuple(f"{family}/{seed}" for family, size in sizes.items() for seed in range(size))
    family = np.repeat([0.0, 1.0], list(sizes.values()))
    # Alike within families, different between them; the diagonal is not shown.
    values = np.where(family[:, None] == family, 0.75, 0.25)
    np.fill_diagonal(values, 1.0)
    matrix = dataclasses.replace(
        experiment.matrices[0], members=names, values=values, distances=1 - values
    )
    figure = draw_heat_map(matrix, style_families(tuple(sizes), "control"))
    shown = np.asarray(figure.axes[0].images[0].get_array())
    # Three neighbours share a row, and no row is of two families.
    rows = [math.ceil(size / 3) for size in sizes.values()]
    assert shown.shape == (sum(rows), sum(rows))
    of_rows = np.repeat([0, 1], rows)
    expected = np.where(of_rows[:, None] == of_rows, 0.75, 0.25)
    # The last of 403 is alone in its row.
    expected[-1, -1] = 1.0
    np.testing.assert_allclose(shown, expected, rtol=1e-12)


def test_curves_of_many_families_are_their_means_in_one_panel(make_member):
    names = [f"family{number}" for number in range(MOST_PANELS + 1)]
    members = [
        make_member(family, seed, history={"val_loss": (1.0 + seed, 0.5 + seed)})
        for family in names
        for seed in range(3)
    ]
    styles = style_families(names, names[0])
    figure = draw_training_curves(
        members, styles, metric="val_loss", label="loss", common_scale=False
    )
    (panel,) = figure.axes
    assert len(panel.lines) == len(names)
    for line in panel.lines:
        np.testing.assert_allclose(line.get_ydata(), [2.0, 1.5])
