import pytest
from hypothesis import given
from hypothesis import strategies as st

from akp_keras.files.names import file_name

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize("name", ["block1", "dense_2", "conv-1.out", "Block~1", "output_0"])
def test_ordinary_names_are_themselves(name):
    assert file_name(name) == name


@given(NAMES, NAMES)
def test_two_names_have_two_files(first, second):
    assert (file_name(first) == file_name(second)) == (first == second)


@given(NAMES | st.text("a/.%\\\0 ", min_size=1) | NAMES.map(lambda name: name * 300))
def test_every_name_is_one_visible_file(name):
    file = file_name(name)
    assert "/" not in file and "\0" not in file and not file.startswith(".")
    assert 0 < len(file.encode()) <= 200


def test_names_that_are_too_long_stay_distinct():
    long = "layer/" * 100
    assert file_name(long + "a") != file_name(long + "b")


def test_an_empty_name_is_refused():
    with pytest.raises(ValueError, match="name of a layer or member is empty"):
        file_name("")
