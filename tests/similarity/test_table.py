"""The table of measures in the documentation is the one that the declarations make."""

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
    assert widths == {9}


def test_a_page_without_marks_is_left_alone(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("nothing here")
    assert table.main([str(page)]) == 2
    assert page.read_text() == "nothing here"
    assert "has no line" in capsys.readouterr().err
    with pytest.raises(ValueError, match="has no line"):
        table.insert("nothing")
