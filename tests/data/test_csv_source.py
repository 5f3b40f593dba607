import numpy as np
import pandas as pd
import pytest

from akp_keras.data import fingerprint, load_dataset

ROWS = 60


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "patient": [f"p{row // 4}" for row in range(ROWS)],
            "area": rng.normal(size=ROWS),
            "grade": [10 if row % 2 else 9 for row in range(ROWS)],
            "roundness": rng.normal(size=ROWS),
            "name": [f"cell {row}" for row in range(ROWS)],
        }
    )


def test_columns_are_labels_groups_ids_and_features(table, tmp_path):
    path = tmp_path / "cells.csv"
    table.to_csv(path, index=False)
    dataset = load_dataset(f"csv:{path}[label=grade,group=patient,id=name]")
    assert dataset.class_names == ("9", "10"), "in the order of numbers"
    patients = []
    for split in (dataset.train, dataset.validation, dataset.test):
        rows = table.set_index("name").loc[split.ids]
        np.testing.assert_array_equal(
            split.inputs, rows[["area", "roundness"]].to_numpy(np.float32)
        )
        np.testing.assert_array_equal(split.labels, rows["grade"] == 10)
        patients.append(set(rows["patient"]))
    assert sum(map(len, patients)) == len(set.union(*patients)) == ROWS // 4


def test_the_fingerprint_is_of_the_content(table, tmp_path):
    path = tmp_path / "cells.csv"
    digests = set()
    for value in (1.0, 2.0):
        table.loc[3, "area"] = value
        table.to_csv(path, index=False)
        digests |= {fingerprint(f"csv:{path}"), fingerprint(f"csv:{path}[label=grade]")}
    assert len(digests) == 2


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a,label\n1,x\nnan,y\n", "", "row 2, column 'a' is 'nan'; it must be a finite number"),
        ("a,label\n1,x\n,y\n", "", "row 2, column 'a' is ''"),
        ("a,b,label\n1,2,x\n1,2,y\n1,inf,y\n", "", "row 3, column 'b' is 'inf'"),
        ("a,label\nred,x\n1,y\n", "", "row 1, column 'a' is 'red'"),
        ("a,label\n1,x\n1,\n", "", "row 2, column 'label' is ''; it must be a value"),
        ("label,a\nx,1\ny\n", "", "row 2, column 'a' is ''"),
        ("a,lable\n1,x\n1,y\n", "", r"no column 'label'; did you mean 'lable'.*\[label=lable\]"),
        ("a,label\n1,x\n1,y\n", "[group=patient]", "no column 'patient'"),
        ("a,label\n1,x\n1,y\n", "[id=label]", "names a column twice"),
        ("a,label\n1,x\n1,y\n", "[id=]", "must be given once, with a value"),
        ("label\nx\ny\n", "", "has no features beside label"),
        ("a,label\n", "", "or no rows"),
        ("", "", "is not a table"),
        ('a,label\n1,"x\n', "", "is not a table"),
        ("a,label\n1,x,2\n2,y,3\n", "", "rows have more cells than the header has columns"),
        ("a,label\n1,x\n1,y,3\n", "", "is not a table"),
        ("a,i,label\n1,k,x\n1,k,y\n", "[id=i]", "id 'k' occurs more than once"),
        ("a,label\n1,x\n1,y\n", "/nowhere", "there is no file"),
    ],
)
def test_tables_that_cannot_be_used_are_refused_in_one_line(tmp_path, text, options, message):
    path = tmp_path / "cells.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as refusal:
        load_dataset(f"csv:{path}{options}")
    assert "\n" not in str(refusal.value)
