"""What `write_experiment` shows of training over time, and beside the projector."""

import io
import json
from collections import defaultdict

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.distance import pdist, squareform
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.util import tensor_util

from akp_keras.tensorboard import write_experiment
from akp_keras.tensorboard.experiment import MOST_RUNS
from akp_keras.tensorboard.models_map import ANCHORS
from akp_keras.tensorboard.whole_folders import is_experiment

FAMILIES = ("control", "late_sigmoid", "memoriser")
LAYERS = ("block1", "dense")
MEASURES = ("cka.linear", "knn.jaccard[k=10,cosine]")
MEMBERS = tuple(f"{family}/{seed}" for family in FAMILIES for seed in range(4))
EPOCHS = (0, 2, 4)


def values_of(run_folder):
    """{tag: [(step, array), …]} of everything in a run's event files."""
    found = defaultdict(list)
    for path in sorted(run_folder.glob("events.out.tfevents.*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                array = None
                if value.HasField("tensor"):
                    array = tensor_util.make_ndarray(value.tensor)
                found[value.tag].append((event.step, array))
    return found


def runs_of(logdir):
    return sorted(
        {str(path.parent.relative_to(logdir)) for path in logdir.rglob("events.out.tfevents.*")}
    )


@pytest.fixture(scope="module")
def over_time_pages(over_time, pages_of):
    return pages_of(over_time.logdir)


@pytest.fixture(scope="module")
def trajectories(over_time):
    return {found.layer: found for found in over_time.arguments["trajectories"]}


def test_a_run_of_training_comes_with_snapshots(over_time, over_time_pages):
    assert "02_training" in runs_of(over_time.logdir)
    assert "02_training" in over_time_pages.runs()
    assert set(over_time_pages.embeddings("02_training")) == {f"{x}/cka.linear" for x in LAYERS}


@pytest.mark.parametrize("layer", LAYERS)
def test_lines_lead_each_member_through_its_epochs(over_time_pages, layer):
    metadata = over_time_pages.metadata("02_training", f"{layer}/cka.linear")
    points = [(name, epoch) for name in MEMBERS for epoch in EPOCHS]
    assert metadata["name"][:-ANCHORS] == tuple(f"{name} epoch {e}" for name, e in points)
    assert metadata["epoch"][:-ANCHORS] == tuple(f"epoch {epoch}" for _, epoch in points)
    following = metadata["__seq_next__"]
    assert following[:6] == ("1", "2", "", "4", "5", "")
    for row, cell in enumerate(following[:-ANCHORS]):
        if cell:
            assert metadata["member"][int(cell)] == metadata["member"][row]
            assert int(cell) == row + 1
    assert following[-ANCHORS:] == ("",) * ANCHORS


def test_accuracies_are_those_of_the_epoch_and_of_the_end(over_time, over_time_pages):
    metadata = over_time_pages.metadata("02_training", "dense/cka.linear")
    records = {member.name: member for member in over_time.arguments["members"]}
    for row, name in enumerate(metadata["member"][:-ANCHORS]):
        epoch = EPOCHS[row % len(EPOCHS)]
        expected = records[name].history["val_accuracy"][epoch]
        assert float(metadata["validation_accuracy"][row]) == pytest.approx(expected, abs=1e-4)
        final = records[name].metrics["test_accuracy"]
        assert float(metadata["test_accuracy"][row]) == pytest.approx(final, abs=1e-4)


def test_points_of_training_are_the_trajectories(over_time_pages, trajectories):
    points = over_time_pages.tensor("02_training", "dense/cka.linear")[:-ANCHORS]
    expected = trajectories["dense"].coordinates.reshape(-1, 3)
    np.testing.assert_allclose(pdist(points), pdist(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("layer", LAYERS)
def test_each_family_has_its_own_map_with_its_own_distances(
    over_time_pages, trajectories, family, layer
):
    run, tensor = f"families/{family}", f"{layer}/cka.linear"
    points = over_time_pages.tensor(run, tensor)[:-ANCHORS].astype(float)
    np.testing.assert_allclose(
        squareform(pdist(points)), trajectories[layer].within[family], atol=1e-3
    )
    metadata = over_time_pages.metadata(run, tensor)
    assert set(metadata["family"][:-ANCHORS]) == {family}
    assert metadata["__seq_next__"][:3] == ("1", "2", "")
    colours = {state["selectedColorOptionName"] for state in over_time_pages.bookmarks(run, tensor)}
    assert {"epoch", "member"} <= colours


def test_without_snapshots_a_family_shows_its_trained_members(written, pages):
    tensor = "dense/cka.linear"
    points = pages.tensor("families/memoriser", tensor)[:-ANCHORS].astype(float)
    matrix = written.matrix("dense", "cka.linear")
    rows = [row for row, name in enumerate(matrix.members) if name.startswith("memoriser/")]
    np.testing.assert_allclose(
        squareform(pdist(points)), matrix.distances[np.ix_(rows, rows)], atol=1e-4
    )


def test_dispersion_goes_by_epoch_with_its_limits(over_time, trajectories):
    for family in FAMILIES:
        found = values_of(over_time.logdir / "families" / family)
        for layer in LAYERS:
            steps, values = zip(*found[f"dispersion/{layer}"], strict=True)
            assert steps == EPOCHS
            expected = trajectories[layer].dispersion[family]
            np.testing.assert_allclose(values, expected, rtol=1e-6)
            for side, sign in (("lower", -1), ("upper", 1)):
                steps, limits = zip(*found[f"dispersion_{side}/{layer}"], strict=True)
                assert steps == EPOCHS
                assert (sign * (np.array(limits) - values) > 0).all()


def test_dispersion_through_the_layers_is_that_of_the_test(over_time):
    outcomes = over_time.arguments["outcomes"]
    found = values_of(over_time.logdir / "families" / "memoriser")
    expected = [outcomes[layer, "cka.linear"].dispersion["memoriser"] for layer in LAYERS]
    steps, values = zip(*found["dispersion_through_layers"], strict=True)
    assert steps == (0, 1)
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    assert len(found["dispersion_through_layers_lower"]) == len(LAYERS)


def test_the_layout_of_custom_charts_names_tags_that_are_there(over_time):
    models = values_of(over_time.logdir / "00_models")
    ((_, content),) = models["custom_scalars__config__"]
    layout = layout_pb2.Layout.FromString(content.item())
    series = [s for c in layout.category for chart in c.chart for s in chart.margin.series]
    assert len(series) == 1 + len(LAYERS)
    for family in FAMILIES:
        tags = set(values_of(over_time.logdir / "families" / family))
        for names in series:
            assert {names.value, names.lower, names.upper} <= tags
    lines = [tag for c in layout.category for chart in c.chart for tag in chart.multiline.tag]
    assert lines == ["^accuracy/validation$", "^swaps/so_far$"]
    assert {"accuracy/validation", "swaps/so_far"} <= set(
        values_of(over_time.logdir / "members" / "control" / "m0")
    )


def test_matrices_are_pictures_by_epoch(over_time):
    models = values_of(over_time.logdir / "00_models")
    last = len(over_time.arguments["members"][0].history["loss"]) - 1
    for layer in LAYERS:
        by_epoch = models[f"similarity_by_epoch/{layer}/cka.linear"]
        assert [step for step, _ in by_epoch] == list(EPOCHS)
        ((step, (width, height, png)),) = models[f"similarity/{layer}/cka.linear"]
        assert step == last
        assert Image.open(io.BytesIO(png)).size == (int(width), int(height))
        pictures = [np.asarray(Image.open(io.BytesIO(array[2]))) for _, array in by_epoch]
        assert not np.array_equal(pictures[0], pictures[1])
    assert "similarity/dense/knn.jaccard_k_10_cosine" in models


def test_the_page_gets_the_ways_through_training(over_time, trajectories):
    models = values_of(over_time.logdir / "00_models")
    ((_, text),) = models["trajectory/dense/cka.linear"]
    found = json.loads(text.item())
    assert found["members"] == list(MEMBERS)
    assert found["epochs"] == list(EPOCHS)
    np.testing.assert_allclose(
        found["coordinates"], trajectories["dense"].coordinates[:, :, :2], rtol=1e-5, atol=1e-6
    )
    assert set(found["swaps"]) == set(MEMBERS)
    assert found["swaps"]["control/3"] == []
    # Steps 60 and 125, at the start of epoch 2 and in epoch 4.
    marks = [swap["epoch"] for swap in found["swaps"]["memoriser/2"]]
    assert marks == [1, pytest.approx(125 / 30 - 1, rel=1e-6)]
    # Sixteen features are compared, and six are in the snapshots.
    assert found["averaged"] is True
    ((_, text),) = models["dispersion"]
    verdicts = {entry["verdict"] for entry in json.loads(text.item())}
    assert verdicts <= {"AKP", "anti-AKP", "neither", "undecidable"}


def test_hyperparameters_stand_against_accuracy_and_dispersion(over_time):
    content = next(
        value.metadata.plugin_data.content
        for path in (over_time.logdir / "00_models").glob("events.*")
        for event in EventFileLoader(str(path)).Load()
        for value in event.summary.value
        if value.tag == hparams_metadata.EXPERIMENT_TAG
    )
    experiment = hparams_metadata.parse_experiment_plugin_data(content)
    tags = {info.name.tag for info in experiment.metric_infos}
    wanted = {f"final/{what}/{layer}" for what in ("family_dispersion",) for layer in LAYERS}
    assert wanted | {"final/test_accuracy", "final/distance_to_centroid/dense"} <= tags
    member = values_of(over_time.logdir / "members" / "memoriser" / "m2")
    assert tags <= set(member)
    outcome = over_time.arguments["outcomes"]["dense", "cka.linear"]
    ((_, value),) = member["final/family_dispersion/dense"]
    assert value == pytest.approx(outcome.dispersion["memoriser"])
    ((_, value),) = member["final/distance_to_centroid/dense"]
    own = outcome.member_distances[outcome.members.index("memoriser/2")]
    assert value == pytest.approx(own)


# More members than one log directory shows, 84; of one measure, which has fewer pictures.
MANY = {"families": [f"family{i}" for i in range(7)], "seeds": range(12), "measures": MEASURES[:1]}


def test_members_without_room_are_in_further_log_directories(tmp_path, arguments, make_arguments):
    many = make_arguments(3, **MANY)
    logdir = tmp_path / "logs"
    write_experiment(logdir, **many)
    assert {path.name for path in tmp_path.iterdir()} == {"logs", "logs_2", "logs_3"}
    runs = [runs_of(tmp_path / name) for name in ("logs", "logs_2", "logs_3")]
    assert [len(found) for found in runs] == [MOST_RUNS, MOST_RUNS, 1 + 84 - 31 - 39]
    members = [run for found in runs for run in found if run.startswith("members/")]
    assert len(members) == len(set(members)) == 84
    found = values_of(tmp_path / "logs_3" / next(r for r in runs[2] if "members" in r))
    assert {"accuracy/train", "swaps", "final/test_accuracy"} <= set(found)
    ((_, about),) = values_of(logdir / "00_models")["about"]
    assert "tensorboard --logdir …/logs_3" in about.item().decode()
    assert all(is_experiment(tmp_path / name) for name in ("logs", "logs_2", "logs_3"))

    write_experiment(logdir, **arguments)
    assert {path.name for path in tmp_path.iterdir()} == {"logs"}


def test_a_folder_of_somebody_else_is_no_further_log_directory(tmp_path, arguments, make_arguments):
    (tmp_path / "logs_2").mkdir()
    (tmp_path / "logs_2" / "thesis.txt").write_text("…")
    write_experiment(tmp_path / "logs", **arguments)
    assert (tmp_path / "logs_2" / "thesis.txt").exists()
    with pytest.raises(ValueError, match="logs_2 holds files"):
        write_experiment(tmp_path / "logs", **make_arguments(3, **MANY))
    assert len(runs_of(tmp_path / "logs")) < MOST_RUNS


def test_trajectories_that_do_not_fit_are_refused(tmp_path, make_whole_arguments):
    arguments = make_whole_arguments(5)
    arguments["members"] = [m for m in arguments["members"] if m.family != "memoriser"]
    arguments["matrices"] = []
    with pytest.raises(ValueError, match="at least one member and one similarity matrix"):
        write_experiment(tmp_path / "logs", **arguments)
    arguments = make_whole_arguments(5)
    first = arguments["trajectories"][0]
    other = type(first)(**{**vars(first), "epochs": (0, 1, 2)})
    arguments["trajectories"] = [other, arguments["trajectories"][1]]
    with pytest.raises(ValueError, match=r"layer dense are of the epochs \(0, 2, 4\)"):
        write_experiment(tmp_path / "logs", **arguments)
    renamed = type(first)(**{**vars(first), "members": ("nobody/0", *first.members[1:])})
    arguments["trajectories"] = [renamed]
    with pytest.raises(ValueError, match="'nobody/0', which is not among the members"):
        write_experiment(tmp_path / "logs", **arguments)
    assert list(tmp_path.iterdir()) == []
