import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from akp_keras.data import load_dataset, take_probe_set
from akp_keras.data.cell_patches import draw_cell_patches

tfds = pytest.importorskip("tensorflow_datasets")

from akp_keras.data.prepared_dataset import prepare, read_split  # noqa: E402
from akp_keras.data.synthetic_cells_builder import (  # noqa: E402
    DESCRIPTION,
    SyntheticCells,
    SyntheticCellsConfig,
    config_of_seed,
)

SMALL = {"train": 256, "validation": 64, "test": 128}
TINY = SyntheticCellsConfig(name="tiny", seed=0, train=12, validation=6, test=8)


def tiny_builder(folder):
    return SyntheticCells(config=TINY, data_dir=folder)


def prepared_tiny(folder):
    return prepare(tiny_builder, folder, downloads=False)


@pytest.fixture(scope="module")
def dataset(data_dir):
    """The data set with an eighth of its samples, which takes an eighth of the time to draw."""
    (config,) = SyntheticCells.BUILDER_CONFIGS
    with pytest.MonkeyPatch.context() as patch:
        for split, count in SMALL.items():
            patch.setattr(config, split, count)
        return load_dataset("synthetic_cells", data_dir=data_dir)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder of data prepared by `prepared_tiny`, not to be changed."""
    folder = tmp_path_factory.mktemp("tiny")
    prepared_tiny(folder)
    return folder


def splits_of(dataset):
    return {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}


@pytest.mark.parametrize("seed", [0, 3])
def test_every_seed_has_splits_of_the_usual_sizes(seed):
    config = config_of_seed(seed)
    assert (config.seed, config.train, config.validation, config.test) == (seed, 2048, 512, 1024)


def test_sizes_types_and_ranges(dataset):
    counts = {name: len(split.ids) for name, split in splits_of(dataset).items()}
    assert counts == SMALL
    for split in splits_of(dataset).values():
        assert split.inputs.shape[1:] == (32, 32, 3)
        assert split.inputs.dtype == np.float32
        assert split.labels.dtype == np.int64
        assert split.inputs.min() >= 0
        assert 200 < split.inputs.max() <= 255


def test_each_class_is_half_of_each_split(dataset):
    for split in splits_of(dataset).values():
        assert np.bincount(split.labels).tolist() == [len(split.ids) / 2] * 2
    assert dataset.class_names == ("non_cancer", "cancer")


def test_stored_order_does_not_follow_the_classes(dataset):
    changes = np.count_nonzero(np.diff(dataset.train.labels))
    assert 100 < changes < 156


def test_ids_and_images_of_the_splits_are_disjoint(dataset):
    ids = np.concatenate([split.ids for split in splits_of(dataset).values()])
    images = {i.tobytes() for split in splits_of(dataset).values() for i in split.inputs}
    assert len(set(ids)) == len(images) == 448


def test_samples_are_the_patches_that_were_drawn(dataset):
    drawn = draw_cell_patches(128, seed=0, stream=2)
    numbers = [int(identity.removeprefix("test-")) for identity in dataset.test.ids]
    np.testing.assert_array_equal(dataset.test.inputs, drawn.images[numbers])
    np.testing.assert_array_equal(dataset.test.labels, drawn.labels[numbers])


def test_says_that_it_is_synthetic(dataset, data_dir):
    assert dataset.description.startswith("Synthetic")
    assert "ynthetic" in SyntheticCells(data_dir=data_dir).info.description


def test_a_second_load_reads_what_is_prepared(dataset, data_dir, monkeypatch):
    def draw_again(*_, **__):
        raise AssertionError("drawn again")

    monkeypatch.setattr("akp_keras.data.synthetic_cells_builder.draw_cell_patches", draw_again)
    again = load_dataset("synthetic_cells", data_dir=data_dir)
    assert again.train.inputs.tobytes() == dataset.train.inputs.tobytes()
    assert again.train.ids.tolist() == dataset.train.ids.tolist()


def test_max_samples_keeps_the_first(dataset, data_dir):
    few = load_dataset("synthetic_cells", data_dir=data_dir, max_samples=100)
    assert few.train.ids.tolist() == dataset.train.ids[:100].tolist()
    assert len(few.validation.ids) == 64


def test_a_probe_set_can_be_taken(dataset):
    probe = take_probe_set(dataset, 64, seed=0)
    assert np.bincount(probe.labels).tolist() == [32, 32]


def test_works_as_a_builder_of_tensorflow_datasets(data_dir, dataset):
    loaded, info = tfds.load(
        "synthetic_cells", split="test", data_dir=data_dir, download=False, with_info=True
    )
    example = next(iter(tfds.as_numpy(loaded.take(1))))
    assert sorted(example) == ["id", "image", "label", "severity"]
    assert example["image"].dtype == np.uint8
    assert 0 <= example["severity"] <= 1
    assert info.features["label"].names == ["non_cancer", "cancer"]
    assert info.supervised_keys == ("image", "label")
    assert info.splits["train"].num_examples == 256
    assert str(info.version) == str(SyntheticCells.VERSION)
    assert str(SyntheticCells.VERSION) in SyntheticCells.RELEASE_NOTES


def test_a_changed_drawing_needs_a_new_version():
    # Prepared data is found by its version: the same version must mean the same patches.
    drawn = draw_cell_patches(128, seed=0)
    fingerprint = [round(float(channel), 1) for channel in drawn.images.mean(axis=(0, 1, 2))]
    assert (str(SyntheticCells.VERSION), fingerprint) == ("1.0.0", [171.9, 102.3, 165.6])


def test_prepared_files_have_the_same_bytes_everywhere(tiny, tmp_path):
    first, second = (
        {file.name: file.read_bytes() for file in Path(prepared_tiny(folder).data_dir).iterdir()}
        for folder in (tiny, tmp_path)
    )
    assert first == second
    assert len(first) == 6


def test_nothing_else_is_left_in_the_folder(tiny):
    assert [entry.name for entry in tiny.iterdir()] == ["synthetic_cells"]


def test_only_downloads_report_progress_and_never_on_standard_output(tmp_path, capfd):
    prepared_tiny(tmp_path / "quiet")
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "Generating" not in printed.err

    prepare(tiny_builder, tmp_path / "told", downloads=True)
    printed = capfd.readouterr()
    assert printed.out == ""
    assert "Generating" in printed.err


def test_a_process_that_comes_second_keeps_what_the_first_prepared(tmp_path):
    marker = []

    def builder_of_the_slower(folder):
        if Path(folder) != tmp_path and not marker:
            place = Path(prepared_tiny(tmp_path).data_dir)  # the faster process ends here
            marker.append(place / "marker")
            marker[0].touch()
        return tiny_builder(folder)

    builder = prepare(builder_of_the_slower, tmp_path, downloads=False)
    assert marker[0].exists()
    assert Path(builder.data_dir) == marker[0].parent
    assert builder.info.splits["train"].num_examples == 12
    assert [entry.name for entry in tmp_path.iterdir()] == ["synthetic_cells"]


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def full_disk(*_, **__):
        raise OSError("no space left on device")

    monkeypatch.setattr("akp_keras.data.synthetic_cells_builder.draw_cell_patches", full_disk)
    with pytest.raises(OSError, match="no space"):
        prepared_tiny(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"data folder .*file cannot be written"):
        load_dataset("synthetic_cells", data_dir=tmp_path / "file")


def lose_a_split(place):
    next(place.glob("*train.tfrecord*")).unlink()


def cut_a_split(place):
    os.truncate(next(place.glob("*train.tfrecord*")), 1000)


def lose_the_description(place):
    (place / "dataset_info.json").unlink()


def garble_the_description(place):
    (place / "dataset_info.json").write_text("{")


@pytest.mark.parametrize(
    "damage", [lose_a_split, cut_a_split, lose_the_description, garble_the_description]
)
def test_damaged_preparations_are_named_in_one_line(tiny, tmp_path, damage):
    shutil.copytree(tiny, tmp_path, dirs_exist_ok=True)
    damage(Path(prepared_tiny(tmp_path).data_dir))
    with pytest.raises(ValueError, match=r"is damaged .*; remove the folder") as caught:
        read_split(prepared_tiny(tmp_path), "train", input_key="image", label_key="label")
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_seeds_are_kept_apart(tmp_path, monkeypatch):
    drawn = []

    def noted_patches(count, *, seed, stream):
        drawn.append(seed)
        return draw_cell_patches(count, seed=seed, stream=stream)

    small = SyntheticCellsConfig(name="seed_3", seed=3, train=4, validation=4, test=4)
    monkeypatch.setattr(
        "akp_keras.data.synthetic_cells_builder.config_of_seed", lambda seed: {3: small}[seed]
    )
    monkeypatch.setattr("akp_keras.data.synthetic_cells_builder.draw_cell_patches", noted_patches)
    loaded = load_dataset("synthetic_cells", data_dir=tmp_path, seed=3)
    assert drawn == [3, 3, 3]
    assert sorted(loaded.train.ids) == [f"train-{n:04d}" for n in range(4)]
    assert loaded.description == DESCRIPTION
