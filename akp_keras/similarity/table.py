"""The table of measures in `docs/similarity.md`, made from the declarations.

python -m akp_keras.similarity.table                      prints it
python -m akp_keras.similarity.table docs/similarity.md   puts it into the page
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from akp_keras.similarity.declaration import INVARIANCES, Declaration
from akp_keras.similarity.distance import FORMS
from akp_keras.similarity.registry import declaration, list_measures

_BEGIN = "<!-- made by: python -m akp_keras.similarity.table docs/similarity.md -->"
_END = "<!-- end of the table -->"


def render() -> str:
    """Return the table in Markdown, one row per measure, with default parameters."""
    header = [
        "id", "measure", "value", "more alike", "invariant to", "distance", "cost/representation",
        "cost/pair", "digits", "least n",
    ]  # fmt: skip
    rows = [_row(declaration(identifier)) for identifier in list_measures()]
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(measure: Declaration) -> list[str]:
    low, high = (_number(end) for end in measure.range)
    return [
        f"`{measure.id}`",
        f"{measure.title}: {_literal(measure.formula)} ({measure.reference})",
        f"{low} … {high}"
        + ("" if measure.symmetric else ", asymmetric")
        + (", depends on the samples' order" if measure.sequential else ""),
        "larger" if measure.larger_is_more_similar else "smaller",
        _invariances(measure),
        _distance(measure),
        _literal(measure.preparation),
        _literal(measure.cost),
        _literal(measure.accuracy),
        str(measure.min_samples),
    ]


def _literal(text: str) -> str:
    return text.replace("|", "\\|").replace("_", "\\_").replace("*", "\\*")


def _number(end: float) -> str:
    if math.isinf(end):
        return "∞" if end > 0 else "−∞"
    names = {math.pi: "π", math.pi / 2: "π/2", math.sqrt(2.0): "√2"}
    return names.get(end, f"{end:g}".replace("-", "−"))


def _letters(invariances: frozenset[str]) -> str:
    return " ".join(n[0].upper() if n in invariances else "·" for n in INVARIANCES)


def _invariances(measure: Declaration) -> str:
    left = _letters(measure.invariances)
    if measure.right_invariances is None:
        return left
    return f"X: {left}; Y: {_letters(measure.right_invariances)}"


def _distance(measure: Declaration) -> str:
    if not measure.distances:
        return "none"
    forms = "; ".join(FORMS[form][1] for form in measure.distances)
    return forms + (" (Hilbertian)" if measure.hilbertian else "")


def insert(page: str) -> str:
    """Put the table between its marks in a page.

    Raises:
        ValueError: if the page lacks the marks.
    """
    if _BEGIN not in page or _END not in page:
        raise ValueError(f"the page has no line {_BEGIN!r} followed by {_END!r}")
    before, _, rest = page.partition(_BEGIN)
    after = rest.partition(_END)[2]
    return f"{before}{_BEGIN}\n\n{render()}\n\n{_END}{after}"


def main(arguments: list[str]) -> int:
    """Print the table, or put it into the page that is named."""
    parser = argparse.ArgumentParser(
        prog="python -m akp_keras.similarity.table",
        description="Prints the table of measures, or puts it into a page.",
    )
    parser.add_argument("page", nargs="?", type=Path, help="such as docs/similarity.md")
    page = parser.parse_args(arguments).page
    if page is None:
        print(render())
        return 0
    try:
        text = insert(page.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        print(f"{page}: {error}", file=sys.stderr)
        return 2
    unfinished = page.with_name(page.name + ".unfinished")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(page)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
