import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akp_keras.data.samples import Samples
from akp_keras.data.splitting import make_dataset


def samples(counts, *, per_group=None, seed=0):
    """Samples whose first feature is their number, with `counts` of each class."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    rows = np.arange(len(labels))
    groups = None if per_group is None else rows // per_group
    return Samples(np.stack([rows, labels], axis=1), labels, [f"s{row}" for row in rows], groups)


def make(parts, *, seed=0, max_samples=None, class_names=None):
    if isinstance(parts, Samples):
        parts = {"train": parts}
    return make_dataset(
        "made", "Made.", parts, class_names=class_names, seed=seed, max_samples=max_samples
    )


def splits_of(dataset):
    return {name: getattr(dataset, name) for name in ("train", "validation", "test")}


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(40, 90), min_size=2, max_size=4), st.integers(0, 5))
def test_every_sample_is_in_one_split_in_the_shares_of_the_whole(counts, seed):
    dataset = make(samples(counts), seed=seed)
    sizes = {name: len(split.ids) for name, split in splits_of(dataset).items()}
    total = sum(counts)
    assert sizes["test"] == -(-total // 5)
    assert sizes["validation"] == -(-(total - sizes["test"]) // 10)
    ids = np.concatenate([split.ids for split in splits_of(dataset).values()])
    assert sorted(ids) == sorted(f"s{row}" for row in range(total))
    for split in splits_of(dataset).values():
        rows = [int(identity[1:]) for identity in split.ids]
        np.testing.assert_array_equal(split.inputs[:, 0], rows)
        np.testing.assert_array_equal(split.inputs[:, 1], split.labels)
        # Two stratified divisions, each within one sample of its share.
        share = np.array(counts) * len(rows) / total
        assert np.abs(np.bincount(split.labels, minlength=len(counts)) - share).max() < 2
        assert (split.inputs.dtype, split.labels.dtype) == (np.float32, np.int64)


def test_the_seed_sets_splits_and_order():
    first, again, other = (make(samples([50, 50]), seed=seed) for seed in (0, 0, 1))
    assert first.train.ids.tolist() == again.train.ids.tolist()
    assert set(first.test.ids) != set(other.test.ids)


def test_max_samples_takes_the_first_of_the_same_order():
    parts = {"train": samples([50, 50]), "test": Samples(np.ones((40, 2)), [0] * 20 + [1] * 20)}
    whole, few = make(parts), make(parts, max_samples=12)
    for name, split in splits_of(few).items():
        assert split.ids.tolist() == getattr(whole, name).ids[:12].tolist()
    assert 0 < few.test.labels.sum() < 12, "of both classes, though the source is sorted by class"


@settings(deadline=None, max_examples=20)
@given(st.integers(8, 30), st.integers(3, 9), st.integers(0, 3))
def test_a_group_is_in_one_split(groups, per_group, seed):
    half = groups * per_group // 2
    made = samples([half, groups * per_group - half], per_group=per_group, seed=seed)
    dataset = make(made, seed=seed)
    owners = [
        {int(identity[1:]) // per_group for identity in split.ids}
        for split in splits_of(dataset).values()
    ]
    assert sum(map(len, owners)) == groups == len(set.union(*owners))
    assert len(dataset.test.ids) == pytest.approx(groups * per_group / 5, abs=2 * per_group)


def test_published_splits_are_kept():
    parts = {"train": samples([30, 30]), "test": Samples(np.ones((8, 2)), [0, 1] * 4)}
    dataset = make(parts)
    assert sorted(dataset.test.ids) == [f"test-{number}" for number in range(1, 9)]
    assert len(dataset.train.ids) + len(dataset.validation.ids) == 60
    with_validation = make(parts | {"validation": Samples(np.ones((4, 2)), [0, 1, 0, 1])})
    assert sorted(with_validation.validation.ids) == [f"validation-{n}" for n in range(1, 5)]
    assert len(with_validation.train.ids) == 60


@pytest.mark.parametrize(
    ("labels", "class_names", "expected"),
    [
        (["b", "a"], None, ("a", "b")),
        ([7, -1], None, ("-1", "7")),
        ([10, 9], None, ("9", "10")),
        (["grade 10", "grade 9"], None, ("grade 9", "grade 10")),
        ([1.0, 0.0], None, ("0", "1")),
        ([1, 0], ("benign", "malignant"), ("benign", "malignant")),
        (["b", "a"], ("b", "a"), ("b", "a")),
    ],
)
def test_labels_are_numbers_of_class_names(labels, class_names, expected):
    dataset = make(Samples(np.arange(80.0).reshape(40, 2), labels * 20), class_names=class_names)
    assert dataset.class_names == expected
    for split in splits_of(dataset).values():
        rows = (split.inputs[:, 0] / 2).astype(int)
        original = [labels[row % 2] for row in rows]
        names = [expected[label] for label in split.labels]
        if class_names is not None and isinstance(labels[0], int):
            assert names == [class_names[label] for label in original]
        else:
            assert names == [f"{label:g}" if label != str(label) else label for label in original]


def test_grey_images_and_columns_of_labels_are_taken_as_keras_has_them():
    dataset = make(Samples(np.ones((40, 6, 5), np.uint8), np.arange(40)[:, np.newaxis] % 2))
    assert dataset.train.inputs.shape[1:] == (6, 5, 1)


INPUTS = np.arange(80.0).reshape(40, 2)
LABELS = np.arange(40) % 2


@pytest.mark.parametrize(
    ("made", "class_names", "message"),
    [
        (Samples(INPUTS, LABELS[:39]), None, "40 inputs and 39 labels"),
        (Samples(INPUTS, LABELS, ids=range(3)), None, "40 inputs and 3 ids"),
        (Samples(INPUTS, LABELS, groups=["a"]), None, "40 inputs and 1 groups"),
        (Samples(INPUTS, LABELS, ids=["a"] * 40), None, "id 'a' occurs more than once"),
        (Samples(INPUTS, np.zeros(40)), None, "all samples are of one class, '0'"),
        (Samples(INPUTS, LABELS), ("a", "b", "c"), "class 'c' has no samples"),
        (Samples(INPUTS, LABELS + 1), ("a", "b"), "range from 1 to 2; 2 class names"),
        (Samples(INPUTS, LABELS), ("a", "a"), "two classes have the same name"),
        (Samples(INPUTS, ["a", "c"] * 20), ("a", "b"), "label 'c' is not a class; known are a, b"),
        (Samples(INPUTS, np.eye(2)[LABELS]), None, r"shape \(40, 2\).*labels.argmax\(axis=1\)"),
        (Samples(INPUTS, LABELS * 0.5), None, "the label of sample 'train-02' is 0.5"),
        (Samples(INPUTS, np.where(LABELS, 1, np.nan)), None, "sample 'train-01' is nan"),
        (Samples(INPUTS, ["a", " "] * 20), None, "sample 'train-02' is ' '"),
        (Samples(INPUTS, LABELS * 1j), None, "labels have type complex128"),
        (Samples(INPUTS.astype(str), LABELS), None, "inputs have type <U32; they must be numbers"),
        (Samples(INPUTS[:, 0], LABELS), None, r"inputs have shape \(40,\)"),
        (Samples(INPUTS[:, :0], LABELS), None, r"inputs have shape \(40, 0\)"),
        (Samples(INPUTS.reshape(40, 1, 1, 1, 2), LABELS), None, "they must be measurements"),
        (Samples(INPUTS[:0], LABELS[:0]), None, "the train split has no samples"),
        (Samples(np.where(INPUTS == 4, np.nan, INPUTS), LABELS), None, "sample 'train-03' hold"),
        (Samples(INPUTS * 1e300, LABELS), None, "not finite"),
        (Samples(INPUTS, [0] * 39 + [1]), None, "class '1' has 1 of 40 samples"),
        (Samples(INPUTS, [0] * 38 + [1] * 2), None, "split has no samples of class '1'"),
        (Samples(INPUTS, np.arange(40)), None, "has 1 of 40 samples"),
        (Samples(INPUTS, LABELS, groups=[0] * 40), None, "at least 3 groups are needed"),
        (Samples(INPUTS, LABELS, groups=[0, 1] * 20), None, "too few groups"),
        ({"train": Samples(INPUTS, LABELS), "test": Samples(INPUTS, LABELS * 0)}, None, "the test"),
        (
            {"train": Samples(INPUTS, LABELS), "test": Samples(INPUTS[:, :1], LABELS)},
            None,
            r"the test split have shape \(1,\), and those of the train split \(2,\)",
        ),
    ],
)
def test_samples_that_cannot_be_used_are_refused_in_one_line(made, class_names, message):
    with pytest.raises(ValueError, match=message) as refusal:
        make(made, class_names=class_names)
    assert "\n" not in str(refusal.value)
