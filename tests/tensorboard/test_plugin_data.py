import base64
import dataclasses
import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from akp_keras.tensorboard.page_contents import (
    Dispersions,
    FamilyDispersion,
    Pictures,
    SampleFactor,
    SwapMark,
    Trajectory,
)
from akp_keras.tensorboard.plugin_data import page_summaries


def contents(*arguments, **more):
    summaries = page_summaries(*(arguments or ([], [], [], {})), **more)
    found = {}
    for summary in summaries:
        (value,) = summary.value
        assert value.metadata.plugin_data.plugin_name == "akp"
        text = value.tensor.string_val[0].decode("utf-8")
        found[value.tag] = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    return found


def a_trajectory(**changes):
    values = {
        "layer": "dense",
        "measure": "knn.jaccard[k=10,cosine]",
        "epochs": (0, 1.5, 4),
        "members": ("control/0", "shock/0"),
        "coordinates": np.arange(12.0).reshape(2, 3, 2) / 3,
        "dispersion": {"control": (0.5, None, float("nan")), "shock": (1.0, 2.0, 3.0)},
        "swaps": {
            "control/0": (),
            "shock/0": (SwapMark(1.25, "loss a → b", "epoch 2, step 25"),),
        },
        "excluded": {"shock/1": "the layer is dead"},
        "averaged": True,
    }
    return Trajectory(**(values | changes))


def test_a_trajectory_comes_with_its_swaps_and_gaps():
    coordinates = np.arange(12.0).reshape(2, 3, 2) / 3
    coordinates[1, 0] = np.nan
    found = contents(trajectories=[a_trajectory(coordinates=coordinates)])
    found = found["trajectory/dense/knn.jaccard_k_10_cosine"]
    assert found["measure"] == "knn.jaccard[k=10,cosine]"
    assert found["epochs"] == [0, 1.5, 4]
    assert found["coordinates"][1][0] == [None, None]
    np.testing.assert_allclose(found["coordinates"][0], coordinates[0], rtol=1e-6)
    assert found["dispersion"] == {"control": [0.5, None, None], "shock": [1, 2, 3]}
    mark = {"epoch": 1.25, "label": "loss a → b", "when": "epoch 2, step 25"}
    assert found["swaps"] == {"control/0": [], "shock/0": [mark]}
    assert found["excluded"] == {"shock/1": "the layer is dead"}
    assert found["averaged"] is True


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": (0, 1)}, r"shape \(2, 2, 2\), not \(2, 3, 2\)"),
        ({"members": ("control/0",)}, r"shape \(1, 3, 2\)"),
        ({"epochs": (0, 4, 4)}, "must ascend"),
        ({"dispersion": {"shock": (1.0,)}}, "shock has 1 dispersions at 3 epochs"),
    ],
)
def test_a_trajectory_that_does_not_fit_together_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        contents(trajectories=[a_trajectory(**changes)])


def test_dispersions_are_complete_and_means_alone_stand_in_where_they_are_missing():
    family = FamilyDispersion(
        "control", 0.25, (0.125, 0.375), {"control/0": 0.25, "control/1": None}
    )
    known = Dispersions(
        "dense", "cka.linear", (family,), "control", 0.9, "neither", "Why.", "How far.", ("!",), 0.5
    )
    means = {"dense": {"control": 1.0}, "block": {"control": 2.0}}
    first, second = contents([], [], [], means, dispersions=[known])["dispersion"]
    assert first == {
        "layer": "dense",
        "measure": "cka.linear",
        "control": "control",
        "level": 0.9,
        "verdict": "neither",
        "reason": "Why.",
        "effect": "How far.",
        "cautions": ["!"],
        "pvalue": 0.5,
        "families": [
            {
                "family": "control",
                "mean": 0.25,
                "interval": [0.125, 0.375],
                "ratio": None,
                "ratio_interval": None,
                "distances": {"control/0": 0.25, "control/1": None},
            }
        ],
    }
    assert (second["layer"], second["measure"], second["verdict"]) == ("block", None, None)
    assert [(f["family"], f["mean"]) for f in second["families"]] == [("control", 2.0)]


def test_a_member_has_its_accuracies_where_they_are_known(make_member):
    known = make_member("control", 0)
    unknown = make_member("control", 1, metrics={"test_accuracy": float("nan")})
    first, second = contents([known, unknown], [], [], {})["members"]
    assert (first["accuracy"], first["train_accuracy"], first["gap"]) == (0.8, 0.99, 0.05)
    assert (second["accuracy"], second["train_accuracy"], second["gap"]) == (None, None, None)


def test_pictures_come_in_base64_or_as_names_alone():
    drawn = Pictures(("a", "b"), ("no", "yes"), b"\x89PNG", 32, 2, 2)
    found = contents(pictures=drawn)["pictures"]
    assert base64.b64decode(found.pop("png")) == b"\x89PNG"
    assert found == {
        "ids": ["a", "b"],
        "labels": ["no", "yes"],
        "side": 32,
        "columns": 2,
        "pictured": 2,
    }
    assert contents(pictures=Pictures(("a",), ("no",)))["pictures"]["png"] is None
    assert "pictures" not in contents()
    with pytest.raises(ValueError, match="2 ids for 1 labels"):
        contents(pictures=dataclasses.replace(drawn, labels=("no",)))


def test_a_sample_factor_comes_as_little_endian_halves():
    factor = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float16)
    found = contents(
        sample_factors=iter([SampleFactor("a/dense", "late/tanh/3", factor.astype(">f2"), 0.5)])
    )["sample_factors/a/dense/late/tanh/3"]
    assert (found["layer"], found["member"], found["kept"]) == ("a/dense", "late/tanh/3", 0.5)
    data = np.frombuffer(base64.b64decode(found["data"]), "<f2")
    np.testing.assert_array_equal(
        data.reshape(found["samples"], found["factors"]), factor.astype("<f2")
    )


@given(
    st.lists(
        st.floats(-1e15, 1e15).filter(lambda x: x == 0 or abs(x) > 1e-15), min_size=1, max_size=9
    )
)
@example([1e11])
def test_numbers_keep_seven_digits_and_take_no_more_room(values):
    coordinates = np.array(values)[:, None, None] * np.ones((1, 1, 2))
    names = tuple(f"control/{index}" for index in range(len(values)))
    trajectory = a_trajectory(
        epochs=(0,), members=names, coordinates=coordinates, dispersion={}, swaps={}
    )
    found = contents(trajectories=[trajectory])["trajectory/dense/knn.jaccard_k_10_cosine"]
    for ((seen, _),), value in zip(found["coordinates"], values, strict=True):
        assert seen == pytest.approx(value, rel=5.1e-7)
        digits = repr(seen).split("e")[0].replace(".", "").replace("-", "").strip("0")
        assert len(digits) <= 7
