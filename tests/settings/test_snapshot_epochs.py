import pytest

from akp_keras.settings.snapshot_epochs import parse_snapshots


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("  ", ()),
        ("0,2,5", (0, 2, 5, 7)),
        ("5, 0,5", (0, 5, 7)),
        ("7", (7,)),
        ("every:1", (0, 1, 2, 3, 4, 5, 6, 7)),
        ("every:3", (0, 3, 6, 7)),
        ("every:100", (0, 7)),
    ],
)
def test_lists_and_every_kth(text, expected):
    assert parse_snapshots(text, 8) == expected
    assert parse_snapshots(",".join(map(str, expected)), 8) == expected


@pytest.mark.parametrize(
    "text", ["every:0", "every:-1", "every", "a,b", "1;2", "-1", "1,,2", "1.5"]
)
def test_anything_else_is_refused_with_both_ways_to_say_it(text):
    with pytest.raises(ValueError, match=r"0,2,5, nor every:k"):
        parse_snapshots(text, 8)


def test_an_epoch_after_the_end_is_refused():
    with pytest.raises(ValueError, match="epoch 8 is never reached: training ends with epoch 7"):
        parse_snapshots("0,8", 8)
