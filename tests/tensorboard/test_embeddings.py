import numpy as np
import pytest

from akp_keras.tensorboard.embeddings import Embedding, write_embeddings
from akp_keras.tensorboard.event_files import write_event_file
from akp_keras.tensorboard.names import check_name, measure_in_a_name
from akp_keras.tensorboard.sprites import draw_atlas

METADATA = {"name": ["a", "b", "c"], "family": ["x", "x", ""]}


def points(rows=3, columns=3):
    return np.random.default_rng(0).normal(size=(rows, columns))


def changed(**changes):
    return Embedding(**({"name": "dense", "points": points(), "metadata": METADATA} | changes))


def changed_metadata(**columns):
    return changed(metadata=METADATA | columns)


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [
        ([], "at least one"),
        ([changed(), changed()], "same name"),
        ([changed(name="a+b")], "tensor 'a\\+b'"),
        ([changed(points=points(columns=2))], "2 columns"),
        ([changed(points=points(columns=50))], "50 columns"),
        ([changed(points=points(rows=1))], "1 points"),
        ([changed(points=points(rows=50_001))], "50001 points"),
        ([changed(points=np.array([[1.0, 2, 3], [1, np.nan, 3], [1, 2, 3]]))], "NaN"),
        ([changed(points=np.full((3, 3), 1e39))], "infinity"),
        ([changed(points=[[1, 2, 3]] * 3)], "an n × k array"),
        ([changed(points=np.array([[1, 2], [1]], dtype=object))], "an n × k array"),
        ([changed(metadata={"name": ["a", "b", "c"]})], "two columns"),
        ([changed_metadata(name=["a", "", "c"])], "empty name"),
        ([changed_metadata(name=["a", " ", "c"])], "empty name"),
        ([changed_metadata(**{"": ["a", "b", "c"]})], "empty name"),
        ([changed_metadata(family=["x", "y"])], "2 cells for 3"),
        ([changed_metadata(family=["x", "y\tz", ""])], "tab"),
        ([changed_metadata(family=["x", "y\nz", ""])], "line break"),
        ([changed_metadata(family=["x", "y\r", ""])], "line break"),
        ([changed_metadata(family=["x", 3, ""])], "not text"),
    ],
)
def test_refuses_what_would_take_the_projector_from_every_run(tmp_path, embeddings, message):
    with pytest.raises(ValueError, match=message):
        write_embeddings(tmp_path, embeddings)
    assert list(tmp_path.iterdir()) == []


def test_refuses_fewer_thumbnails_than_points(tmp_path):
    atlas = draw_atlas(np.zeros((1, 4, 4)))
    with pytest.raises(ValueError, match="fewer thumbnails"):
        write_embeddings(tmp_path, [changed()], atlas)
    assert list(tmp_path.iterdir()) == []


def test_a_tensor_comes_back_to_the_last_bit_and_beside_it_its_metadata(tmp_path, pages_of):
    values = np.random.default_rng(1).normal(size=(3, 49)).astype(np.float32)
    values[0, :3] = [1e-30, -0.0, 3e38]
    write_event_file(tmp_path / "run", wall_time=1.0)
    write_embeddings(tmp_path / "run", [changed(name="a/b@c.d_e-f", points=values)])
    pages = pages_of(tmp_path)
    np.testing.assert_array_equal(pages.tensor("run", "a/b@c.d_e-f"), values)
    metadata = pages.metadata("run", "a/b@c.d_e-f")
    assert metadata == {column: tuple(cells) for column, cells in METADATA.items()}


def test_a_run_is_listed_only_with_an_event_file(tmp_path, pages_of):
    for run in ("with", "without"):
        (tmp_path / run).mkdir()
        write_embeddings(tmp_path / run, [changed()])
    write_event_file(tmp_path / "with", wall_time=1.0)
    assert pages_of(tmp_path).runs() == ["with"]


@pytest.mark.parametrize("name", ["control", "late_sigmoid", "a/b", "x@1.0-2", "7"])
def test_takes_names_that_the_pages_carry(name):
    assert check_name(name, "family") == name


@pytest.mark.parametrize(
    "name", ["", "a b", "a+b", "a&b", "a#b", "a%b", "a:0", "é", "a\n", "/a", "a//b", "..", "a/../b"]
)
def test_refuses_names_that_the_pages_lose(name):
    with pytest.raises(ValueError, match=r"family .* cannot be shown"):
        check_name(name, "family")


def test_ids_of_measures_become_names():
    assert measure_in_a_name("cka.linear.debiased") == "cka.linear.debiased"
    assert measure_in_a_name("knn.jaccard[k=10,cosine]") == "knn.jaccard_k_10_cosine"
