"""What steps read from each other, where folders are links."""

import pytest

from akp_keras.comparison.matrix import read_matrices
from akp_keras.export.members import read_members


@pytest.mark.parametrize(
    "linked", ["members", "members/a", "members/a/0", "members/a/0/saved_model"]
)
def test_links_are_followed(experiment, tmp_path, linked):
    run = tmp_path / "run"
    place = run / linked
    place.parent.mkdir(parents=True)
    for folder in (place, *place.parents):
        if folder == run:
            break
        for other in (experiment / folder.relative_to(run)).parent.iterdir():
            link = folder.parent / other.name
            if not link.exists():
                link.symlink_to(other)
    records = read_members([run / "members"])
    assert [record.name for record in records.values()] == [
        record.name for record in read_members([experiment / "members"]).values()
    ]
    (tmp_path / "matrices").mkdir()
    for layer in (experiment / "similarity").iterdir():
        (tmp_path / "matrices" / layer.name).symlink_to(layer)
    assert len(read_matrices(tmp_path / "matrices", list(records.values()))) == 4
