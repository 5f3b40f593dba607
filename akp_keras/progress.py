"""Progress bars: what is being done, how far it is, and how long it will take."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from tqdm import tqdm


@contextlib.contextmanager
def progress(what: str, total: int, *, finished: int = 0) -> Iterator[Callable[[str], None]]:
    """Show a progress bar on standard error.

    Args:
        what: the stage, in one or two words.
        total: number of items of the stage.
        finished: number of items that an earlier run has finished.

    Yields:
        A function to call with the name of each finished item.
    """
    terminal = sys.stderr.isatty()
    with tqdm(
        desc=f"{what:<26}",
        total=total,
        initial=finished,
        file=sys.stderr if terminal else _Lines(),
        # A log file gets a line now and then and one at the end; a terminal gets a moving bar.
        mininterval=0.2 if terminal else 15,
        delay=0 if terminal else 1e-9,
        ascii=None if terminal else " #",
        bar_format="{desc} {n_fmt}/{total_fmt} |{bar:20}| {elapsed}, still {remaining}{postfix}",
    ) as bar:

        def done(name: str) -> None:
            bar.set_postfix_str(name, refresh=False)
            bar.update()

        try:
            yield done
        except BaseException:
            # The bar must not stand before the error message.
            bar.leave = False
            raise
        if not terminal:
            bar.refresh()


class _Lines:
    """Standard error for readers that keep every line: nothing is overwritten or repeated."""

    def __init__(self) -> None:
        self._last = ""

    def write(self, text: str) -> int:
        line = text.strip()
        if not line or line == self._last:
            return 0
        self._last = line
        return sys.stderr.write(f"{line}\n")

    def flush(self) -> None:
        sys.stderr.flush()
