"""The code of the pages on hot-swap runs and prints what they say."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(("page", "fewest"), [("hotswap.md", 4), ("annealing-an-activation.md", 3)])
def test_a_page_prints_what_it_says(page, fewest, capsys):
    if page != "hotswap.md":
        pytest.importorskip("sklearn")
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```(python|text)\n(.*?)```", text, re.DOTALL)
    kinds = [kind for kind, _ in blocks]
    assert kinds.count("python") >= fewest and "text" in kinds
    names = {}
    printed = ""
    for kind, block in blocks:
        if kind == "python":
            exec(compile(block, page, "exec"), names)
            printed = capsys.readouterr().out
        else:
            assert printed == block
