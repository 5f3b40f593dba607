import subprocess
import sys

import pytest

from akp_keras.data import check_dataset_name, fingerprint, list_datasets, load_dataset


def test_lists_every_source():
    assert list_datasets() == [
        "csv:<file>",
        "digits",
        "folder:<path>",
        "npz:<file>",
        "synthetic_cells",
        "tfds:<name>",
        "wisconsin_breast_cancer",
        "<module>:<function>",
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("synthetic_cels", "did you mean 'synthetic_cells'?"),
        ("wisconsin_breast", "did you mean 'wisconsin_breast_cancer'?"),
        ("synthetic_cells:mnist", "did you mean 'synthetic_cells'?"),
        ("imagenet", "known are csv:<file>, digits, folder:<path>"),
        ("", "known are "),
    ],
)
def test_an_unknown_name_is_answered_with_a_suggestion(name, message):
    with pytest.raises(ValueError, match="unknown data set") as caught:
        load_dataset(name)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_are_checked_without_reading_anything():
    for name in ("npz:nowhere.npz", "folder:nowhere[size=9]", "no_package.no_module:load"):
        check_dataset_name(name)
    for name in ("digits:x", "no_package", "no package:load", "no.package:", ":load"):
        with pytest.raises(ValueError, match="unknown data set"):
            check_dataset_name(name)


def test_data_sets_that_do_not_change_have_no_fingerprint():
    for name in ("digits", "synthetic_cells", "tfds:mnist", "wisconsin_breast_cancer"):
        assert fingerprint(name) is None


@pytest.mark.parametrize(
    ("flags", "message"),
    [({"seed": -1}, "seed=-1 must be at least 0"), ({"max_samples": 0}, "must be at least 1")],
)
def test_refuses_numbers_out_of_range(flags, message):
    with pytest.raises(ValueError, match=message):
        load_dataset("wisconsin_breast_cancer", **flags)


def test_importing_the_data_room_does_not_import_tensorflow():
    program = (
        "import sys, akp_keras.data; "
        "akp_keras.data.load_dataset('wisconsin_breast_cancer'); "
        "print(sorted({'tensorflow', 'keras', 'tensorflow_datasets'} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
