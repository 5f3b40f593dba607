"""The table of measures in the documentation is the one that the declarations make."""

import re
from pathlib import Path

import pytest

from akp_keras import similarity
from akp_keras.similarity import table

PAGE = Path(__file__).parents[2] / "docs" / "similarity.md"


def test_the_page_is_not_stale():
    text = PAGE.read_text(encoding="utf-8")
    assert table.insert(text) == text, (
        "run: python -m akp_keras.similarity.table docs/similarity.md"
    )


def test_every_measure_has_a_row_of_equal_width():
    rows = table.render().splitlines()
    assert len(rows) == 2 + len(similarity.list_measures())
    widths = {row.replace("\\|", "").count("|") for row in rows}
    assert widths == {11}


def test_a_page_without_marks_is_left_alone(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("nothing here")
    assert table.main([str(page)]) == 2
    assert page.read_text() == "nothing here"
    assert "has no line" in capsys.readouterr().err
    with pytest.raises(ValueError, match="has no line"):
        table.insert("nothing")


def test_every_id_on_the_page_is_there_and_every_measure_has_a_row_of_the_survey():
    text = PAGE.read_text(encoding="utf-8")
    survey = text.partition("## What is here of what toolkits have")[2].partition("## Model")[0]
    cells = [line.rsplit("|", 2)[1] for line in survey.splitlines() if line.startswith("|")]
    ids = [id for cell in cells[2:] for id in re.findall(r"`([a-z0-9_.]+)`", cell)]
    names = {id.partition("[")[0] for id in similarity.list_measures()}
    assert set(ids) - {"akp_keras.comparison.stitching"} == names
