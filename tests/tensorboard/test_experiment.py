import dataclasses
import io
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.distance import pdist, squareform
from sklearn.decomposition import PCA
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.util import tensor_util

from akp_keras.similarity import compare
from akp_keras.tensorboard import write_experiment
from akp_keras.tensorboard.experiment import MOST_RUNS, choose_members
from akp_keras.tensorboard.layers_map import why_not_comparable
from akp_keras.tensorboard.models_map import ANCHORS, accuracy_class

# As the fixtures of this folder have them.
FAMILIES = ("control", "late_sigmoid", "memoriser")
LAYERS = ("block1", "dense")
SEEDS = range(4)
SAMPLES = 30
EPOCHS = 5

MAPS = [
    (layer, measure, f"{layer}/{name}")
    for layer in LAYERS
    for measure, name in (
        ("cka.linear", "cka.linear"),
        ("knn.jaccard[k=10,cosine]", "knn.jaccard_k_10_cosine"),
    )
]


def runs_of(logdir):
    return sorted(
        str(path.parent.relative_to(logdir)) for path in logdir.rglob("events.out.tfevents.*")
    )


def summaries_of(run_folder):
    """Everything in a run's event file: {tag: [(step, value), …]}."""
    found = defaultdict(list)
    (path,) = run_folder.glob("events.out.tfevents.*")
    for event in EventFileLoader(str(path)).Load():
        for value in event.summary.value:
            if value.metadata.plugin_data.plugin_name == "hparams":
                content = value.metadata.plugin_data.content
            else:
                array = tensor_util.make_ndarray(value.tensor)
                content = array.item() if array.size == 1 else array
            found[value.tag].append((event.step, content))
    return dict(found)


def contents_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_runs_are_those_of_the_layout(written, pages):
    members = [f"members/{family}/m{seed}" for family in FAMILIES for seed in SEEDS]
    families = [f"families/{family}" for family in FAMILIES]
    assert runs_of(written.logdir) == sorted(["00_models", "01_layers", *families, *members])
    assert sorted(pages.runs()) == [
        "00_models",
        "01_layers",
        *families,
        *(f"members/{name}/m1" for name in FAMILIES),
    ]


def test_the_map_of_the_models_is_the_first_run(written):
    times = {
        run: next(
            EventFileLoader(str(next((written.logdir / run).glob("events.*")))).Load()
        ).wall_time
        for run in runs_of(written.logdir)
    }
    assert times["00_models"] == 1.0
    assert all(time > 1.0 for run, time in times.items() if run != "00_models")


@pytest.mark.parametrize(("layer", "measure", "tensor"), MAPS)
def test_distances_between_points_are_the_distances_of_the_matrix(
    written, pages, layer, measure, tensor
):
    points = pages.tensor("00_models", tensor)[:-ANCHORS].astype(float)
    distances = written.matrix(layer, measure).distances
    np.testing.assert_allclose(squareform(pdist(points)), distances, atol=1e-4)
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=1e-6)


@pytest.mark.parametrize(("layer", "measure", "tensor"), MAPS)
def test_metadata_names_the_point_of_its_row(written, pages, layer, measure, tensor):
    metadata = pages.metadata("00_models", tensor)
    names = written.matrix(layer, measure).members
    records = {member.name: member for member in written.arguments["members"]}
    assert next(iter(metadata)) == "name"
    assert metadata["name"][:-ANCHORS] == names
    assert metadata["family"][:-ANCHORS] == tuple(records[name].family for name in names)
    assert metadata["seed"][:-ANCHORS] == tuple(str(records[name].seed) for name in names)
    for name, accuracy, named_class in zip(
        names, metadata["test_accuracy"], metadata["accuracy_class"], strict=False
    ):
        assert float(accuracy) == pytest.approx(records[name].metrics["test_accuracy"])
        low, high = (float(bound) for bound in named_class.split(" to "))
        assert low <= float(accuracy) < high


def test_anchors_keep_the_axes_in_proportion_and_the_components_as_they_are(pages):
    tensor = pages.tensor("00_models", "dense/cka.linear").astype(float)
    metadata = pages.metadata("00_models", "dense/cka.linear")
    # The page stretches each axis from its smallest to its largest point to the same length.
    np.testing.assert_allclose(np.ptp(tensor[:, :3], axis=0), np.ptp(tensor[:, 0]), rtol=1e-6)
    assert (metadata["family"][-ANCHORS:]) == ("",) * ANCHORS
    assert len(set(metadata["name"])) == len(metadata["name"])
    # The page's own principal components, not centred, are our first three columns.
    _, _, directions = np.linalg.svd(tensor, full_matrices=False)
    np.testing.assert_allclose(np.abs(tensor @ directions[:3].T), np.abs(tensor[:, :3]), atol=1e-5)
    members = tensor[:-ANCHORS]
    np.testing.assert_allclose(
        np.abs(PCA(3, svd_solver="full").fit_transform(members)), np.abs(members[:, :3]), atol=1e-5
    )


def test_bookmarks_colour_by_family_and_hold_the_map(pages):
    tensor = pages.tensor("00_models", "dense/cka.linear")
    first, flat, *others = pages.bookmarks("00_models", "dense/cka.linear")
    assert first["selectedColorOptionName"] == flat["selectedColorOptionName"] == "family"
    assert {state["selectedColorOptionName"] for state in others} == {"accuracy_class"}
    for state, axes in ((first, 3), (flat, 2)):
        assert state["dataSetDimensions"] == list(tensor.shape)
        coordinates = [
            [point[f"pca-{axis}"] for axis in range(axes)] for point in state["projections"]
        ]
        np.testing.assert_array_equal(np.float32(coordinates), tensor[:, :axes])
        assert state["cameraDef"]["orthographic"] == (axes == 2)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("layer", LAYERS)
def test_samples_lie_as_the_representation_has_them(written, pages, family, layer):
    representation = written.arguments["representations"][f"{family}/1"][layer]
    tensor = pages.tensor(f"members/{family}/m1", layer)
    assert 3 <= tensor.shape[1] <= 49
    np.testing.assert_allclose(
        squareform(pdist(tensor)),
        squareform(pdist(representation.reshape(SAMPLES, -1))),
        rtol=1e-4,
        atol=1e-4,
    )
    np.testing.assert_allclose(tensor.mean(axis=0), 0, atol=1e-5)


def test_sample_rows_have_their_name_class_and_picture(written, pages):
    probe = written.arguments["probe"]
    run, layer = "members/memoriser/m1", "dense"
    metadata = pages.metadata(run, layer)
    assert metadata["name"] == tuple(probe.ids)
    assert metadata["class"] == tuple(probe.class_names[label] for label in probe.labels)
    tile = pages.embeddings(run)[layer]["sprite"]["singleImageDim"]
    assert tile == [32, 32]
    answer = pages.get("/sprite_image", run=run, name=layer)
    assert answer.mimetype == "image/png"
    picture = Image.open(io.BytesIO(answer.data))
    assert picture.width == picture.height
    a_side = picture.width // 32
    for index in range(SAMPLES):
        left, top = index % a_side * 32, index // a_side * 32
        shown = np.asarray(picture.crop((left, top, left + 32, top + 32)))
        np.testing.assert_array_equal(shown, probe.inputs[index])


def test_layers_are_joined_from_input_to_output_within_each_member(written, pages):
    tensor = pages.tensor("01_layers", "layers/cka.linear")
    metadata = pages.metadata("01_layers", "layers/cka.linear")
    places = [(f"{family}/1", layer) for family in FAMILIES for layer in LAYERS]
    assert metadata["name"][:-ANCHORS] == tuple(f"{name} {layer}" for name, layer in places)
    assert metadata["layer"][:-ANCHORS] == LAYERS * len(FAMILIES)
    assert metadata["__seq_next__"] == ("1", "", "3", "", "5", "", *[""] * ANCHORS)
    arrays = [written.arguments["representations"][name][layer] for name, layer in places]
    arrays = [array.mean(axis=(1, 2)) if array.ndim == 4 else array for array in arrays]
    cka = [[compare(x, y, "cka.linear") for y in arrays] for x in arrays]
    chord = np.sqrt(np.clip(2 - 2 * np.array(cka), 0, None))
    np.testing.assert_allclose(squareform(pdist(tensor[:-ANCHORS])), chord, atol=1e-3)


def test_a_dead_member_is_left_out_of_the_layers(tmp_path, arguments, pages_of):
    arguments["representations"]["control/1"]["dense"][:] = 3
    write_experiment(tmp_path / "logs", **arguments)
    metadata = pages_of(tmp_path / "logs").metadata("01_layers", "layers/cka.linear")
    assert metadata["model"][:-ANCHORS] == ("late_sigmoid/1",) * 2 + ("memoriser/1",) * 2
    about = summaries_of(tmp_path / "logs" / "00_models")["about"][0][1].decode()
    reason = "dense is constant over the probe set: it tells no samples apart"
    assert f"Without control/1: {reason}." in about


def test_a_diverged_layer_is_not_comparable():
    assert why_not_comparable(
        {"conv": np.ones((4, 2, 2, 3)) * np.arange(4)[:, None, None, None]}
    ) is (None)
    broken = np.arange(12.0).reshape(4, 3)
    broken[2, 1] = np.nan
    reason = "dense is not finite: NaN or infinity among its answers"
    assert why_not_comparable({"dense": broken}) == reason


def test_without_any_comparable_layer_there_is_no_run_of_layers(tmp_path, arguments):
    for layers in arguments["representations"].values():
        layers["dense"][:] = 3
    write_experiment(tmp_path / "logs", **arguments)
    assert "01_layers" not in runs_of(tmp_path / "logs")
    about = summaries_of(tmp_path / "logs" / "00_models")["about"][0][1].decode()
    assert "There is no run `01_layers`: fewer than two layers can be compared" in about
    assert "control/1: dense is constant over the probe set: it tells no samples apart" in about


def test_measurements_have_points_but_no_pictures(tmp_path, arguments, pages_of):
    arguments["probe"] = dataclasses.replace(
        arguments["probe"],
        inputs=np.zeros((SAMPLES, 30), np.float32),
        ids=np.array([str(index) for index in range(SAMPLES)]),
    )
    write_experiment(tmp_path / "logs", **arguments)
    pages = pages_of(tmp_path / "logs")
    embedding = pages.embeddings("members/control/m1")["dense"]
    assert "sprite" not in embedding
    # The page labels by the first column that is not all numbers.
    assert pages.metadata("members/control/m1", "dense")["name"][3] == "sample 3"


def test_curves_of_a_member_stand_in_one_run(written, make_member):
    member = make_member("memoriser", 2)
    found = summaries_of(written.logdir / "members" / "memoriser" / "m2")
    for tag, name in (
        ("loss/train", "loss"),
        ("loss/validation", "val_loss"),
        ("accuracy/train", "accuracy"),
        ("accuracy/validation", "val_accuracy"),
    ):
        steps, values = zip(*found[tag], strict=True)
        assert steps == tuple(range(EPOCHS))
        np.testing.assert_allclose(values, member.history[name], rtol=1e-6)
    assert found["final/test_accuracy"] == [(EPOCHS - 1, pytest.approx(0.84))]


def test_swaps_are_steps_and_a_table(written):
    found = summaries_of(written.logdir / "members" / "late_sigmoid" / "m0")
    assert found["swaps/so_far"] == [(0, 0), (1, 0), (2, 1), (3, 1), (4, 2)]
    # HotSwap's own column counts what was in force from the start too.
    assert "swaps/train" not in found
    table = found["swaps"][0][1].decode()
    assert "| 2 | 60 | activation | relu | sigmoid | block1, dense |" in table
    assert "| 4 | 125 | loss | binary_crossentropy | hinge |  |" in table
    control = summaries_of(written.logdir / "members" / "control" / "m0")
    assert "nothing was swapped" in control["swaps"][0][1].decode()
    assert all(count == 0 for _, count in control["swaps/so_far"])


def test_hyperparameters_name_family_seed_and_schedule(written):
    found = summaries_of(written.logdir / "members" / "memoriser" / "m3")
    ((_, content),) = found[hparams_metadata.SESSION_START_INFO_TAG]
    session = hparams_metadata.parse_session_start_info_plugin_data(content)
    values = {name: value.string_value for name, value in session.hparams.items()}
    assert values == {"family": "memoriser", "seed": "3", "schedule": "@0 activation=relu"}
    models = summaries_of(written.logdir / "00_models")
    ((_, content),) = models[hparams_metadata.EXPERIMENT_TAG]
    experiment = hparams_metadata.parse_experiment_plugin_data(content)
    tags = {info.name.tag for info in experiment.metric_infos}
    assert tags <= set(found)
    assert "final/test_accuracy" in tags


def test_dispersion_is_one_chart_a_layer_and_one_through_the_layers(written):
    for family in FAMILIES:
        found = summaries_of(written.logdir / "families" / family)
        expected = [written.arguments["dispersion"][layer][family] for layer in LAYERS]
        for layer, value in zip(LAYERS, expected, strict=True):
            assert found[f"dispersion/{layer}"] == [(EPOCHS - 1, pytest.approx(value))]
        assert found["dispersion_through_layers"] == [
            (depth, pytest.approx(value)) for depth, value in enumerate(expected)
        ]


def test_the_about_text_tells_how_exact_each_map_is(written):
    about = summaries_of(written.logdir / "00_models")["about"][0][1].decode()
    assert all(f"| {tensor} |" in about for _, _, tensor in MAPS)
    assert "no run of their own" not in about


def test_another_process_writes_the_same_bytes_and_imports_no_tensorflow(written, tmp_path):
    # Hash randomisation differs between processes, and with it the order of protobuf's maps.
    program = (
        "import sys, numpy; sys.path.insert(0, sys.argv[1])\n"
        "from conftest import some_arguments, write_experiment\n"
        "write_experiment(sys.argv[2], **some_arguments(numpy.random.default_rng(0)))\n"
        "print(sorted({'tensorflow', 'keras'} & set(sys.modules)))\n"
    )
    folder = str(Path(__file__).parent)
    answer = subprocess.run(
        [sys.executable, "-c", program, folder, str(tmp_path / "other")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "[]"
    assert contents_of(tmp_path / "other") == contents_of(written.logdir)


def test_a_second_write_replaces_the_first_whole(tmp_path, arguments, pages_of):
    logdir = tmp_path / "logs"
    write_experiment(logdir, **arguments)
    fewer = [member for member in arguments["members"] if member.family != "memoriser"]
    keep = [
        index for index, name in enumerate(arguments["matrices"][0].members) if "mem" not in name
    ]
    matrix = arguments["matrices"][0]
    smaller = dataclasses.replace(
        matrix,
        members=tuple(matrix.members[index] for index in keep),
        distances=matrix.distances[np.ix_(keep, keep)],
    )
    write_experiment(
        logdir, **(arguments | {"members": fewer, "matrices": [smaller], "representations": {}})
    )
    assert not any("memoriser" in run for run in runs_of(logdir))
    assert pages_of(logdir).runs() == ["00_models", "families/control", "families/late_sigmoid"]
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_does_not_replace_a_folder_of_somebody_else(tmp_path, arguments):
    logdir = tmp_path / "thesis"
    logdir.mkdir()
    (logdir / "chapter.txt").write_text("…")
    with pytest.raises(ValueError, match="did not write"):
        write_experiment(logdir, **arguments)
    assert [path.name for path in logdir.iterdir()] == ["chapter.txt"]
    with pytest.raises(ValueError, match="is a file"):
        write_experiment(logdir / "chapter.txt", **arguments)


def _with_matrix(arguments, **changes):
    first, *rest = arguments["matrices"]
    return {"matrices": [dataclasses.replace(first, **changes), *rest]}


def _with_nan(array):
    array = array.copy()
    array[0, 1] = array[1, 0] = np.nan
    return array


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: {"members": []}, "at least one member"),
        (lambda a: {"matrices": []}, "at least one member and one similarity matrix"),
        (lambda a: {"members": [*a["members"], a["members"][0]]}, "same family and seed"),
        (lambda a: {"members": a["members"][1:]}, "control/0.*not among the members"),
        (
            lambda a: {"members": [dataclasses.replace(a["members"][0], family="a b")]},
            "family 'a b'",
        ),
        (lambda a: _with_matrix(a, layer="a&b"), "layer 'a&b'"),
        (lambda a: _with_matrix(a, members=a["matrices"][0].members[1:]), "12 rows for 11"),
        (
            lambda a: _with_matrix(a, distances=_with_nan(a["matrices"][0].distances)),
            "NaN",
        ),
        (
            lambda a: _with_matrix(a, values=_with_nan(a["matrices"][0].values)),
            "cka.linear of layer block1 holds NaN",
        ),
        (lambda a: {"matrices": [a["matrices"][0]] * 2}, "given twice"),
        (lambda a: {"dispersion": {"dense": {"control": float("nan")}}}, "dispersion of control"),
        (lambda a: {"representations": {"nobody/1": {}}}, "'nobody/1'"),
        (
            lambda a: {"representations": {"control/1": {"dense": np.ones((SAMPLES + 1, 3))}}},
            "31 rows at dense for 30",
        ),
        (
            lambda a: {"representations": {"control/1": {"dense": np.full((SAMPLES, 3), np.nan)}}},
            "NaN",
        ),
        (
            lambda a: {"probe": dataclasses.replace(a["probe"], class_names=("benign",))},
            "1 class names",
        ),
        (
            lambda a: {"probe": dataclasses.replace(a["probe"], inputs=a["probe"].inputs - 300)},
            "between 0 and 255",
        ),
    ],
)
def test_refuses_what_does_not_fit_and_leaves_nothing_behind(tmp_path, arguments, change, message):
    with pytest.raises(ValueError, match=message):
        write_experiment(tmp_path / "logs", **(arguments | change(arguments)))
    assert list(tmp_path.iterdir()) == []


def test_a_refused_write_leaves_the_earlier_one(tmp_path, arguments):
    logdir = tmp_path / "logs"
    write_experiment(logdir, **arguments)
    before = runs_of(logdir)
    broken = {"representations": {"control/1": {"dense": np.full((SAMPLES, 3), np.inf)}}}
    with pytest.raises(ValueError, match="infinity"):
        write_experiment(logdir, **(arguments | broken))
    assert runs_of(logdir) == before
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_a_member_whose_training_diverged_is_shown_without_its_accuracy(
    tmp_path, arguments, make_member, pages_of
):
    nan = float("nan")
    diverged = make_member(
        "control", 0, metrics={"test_accuracy": nan, "gap": nan}, history={"loss": (0.7, nan, nan)}
    )
    arguments["members"][0] = diverged
    write_experiment(tmp_path / "logs", **arguments)
    metadata = pages_of(tmp_path / "logs").metadata("00_models", "dense/cka.linear")
    row = metadata["name"].index("control/0")
    assert [metadata[name][row] for name in ("accuracy_class", "test_accuracy", "gap")] == [""] * 3
    losses = summaries_of(tmp_path / "logs" / "members" / "control" / "m0")["loss/train"]
    np.testing.assert_allclose([value for _, value in losses], [0.7, nan, nan], rtol=1e-6)


def test_no_more_runs_than_tensorboard_ticks(tmp_path, make_arguments, pages_of):
    families = [f"family{index}" for index in range(7)]
    arguments = make_arguments(3, families=families, seeds=range(8), measures=["cka.linear"])
    write_experiment(tmp_path / "logs", **arguments)
    runs = runs_of(tmp_path / "logs")
    assert len(runs) == MOST_RUNS
    assert {f"members/family{index}/m1" for index in range(7)} <= set(runs)
    tensor = pages_of(tmp_path / "logs").tensor("00_models", "dense/cka.linear")
    assert len(tensor) == 56 + ANCHORS
    about = summaries_of(tmp_path / "logs" / "00_models")["about"][0][1].decode()
    assert f"{56 - (MOST_RUNS - 2 - 7)} members have no run of their own" in about
    assert "| `logs_2` | 25: " in about


def test_runs_go_to_the_named_members_and_then_in_turn_to_each_family(make_member):
    members = [make_member(family, seed) for family in ("a", "b") for seed in range(4)]
    names = [member.name for member in choose_members(members, ["b/3"], 4)]
    assert names == ["a/0", "a/1", "b/0", "b/3"]
    assert choose_members(members, [], 0) == []
    assert choose_members(members, [], 99) == members


@pytest.mark.parametrize(
    ("accuracy", "expected"),
    [
        (0.0, "0.00 to 0.05"),
        (0.15, "0.15 to 0.20"),
        (0.849, "0.80 to 0.85"),
        (0.85, "0.85 to 0.90"),
        (1.0, "0.95 to 1.00"),
        (float("nan"), ""),
    ],
)
def test_accuracies_fall_into_twenty_classes(accuracy, expected):
    assert accuracy_class(accuracy) == expected
