"""Take the pictures of the README from the run directory of an experiment.

    python docs/screenshots.py RUN

writes `docs/images/projector.png`, the models' map of the deepest layer in TensorBoard's
projector, coloured by one click on its bookmark, `docs/images/families.png`, TensorBoard's page
Families at the same layer, with snapshots at their last epoch, and `docs/images/report.png`, the
report's figures of the deepest layer. Needs Chromium and its driver (Debian: chromium,
chromium-driver).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from browser import (
    FIND,
    ask,
    click_bookmark,
    missing_programs,
    open_browser,
    open_page,
    open_projector,
    outside_requests,
    serve_tensorboard,
    wait_until,
)

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

_IMAGES = Path(__file__).parent / "images"
_BOOKMARK = "Colour by family, in space"
# TensorBoard answers before it has read the runs: then the page is asked to read again.
_READY = """(status => {
  if (status?.dataset.ready === 'failed') document.querySelector('#reload').click();
  return status?.dataset.ready === '1';
})(document.querySelector('#status'))
"""
_PANEL = "find(document, 'vz-projector-data-panel')"
_PROJECTOR = "find(document, 'vz-projector')"


def take_projector(logdir: Path, picture: Path) -> None:
    """Draws the models' map at the deepest layer, coloured by family.

    Args:
      logdir: TensorBoard's log directory.
      picture: the PNG file to write.
    """
    with serve_tensorboard(logdir) as address, open_browser(1400, 960) as browser:
        open_projector(browser, address)
        _choose_deepest_layer(browser)
        click_bookmark(browser, _BOOKMARK)
        browser.switch_to.default_content()
        _save(browser, picture)


def take_families(logdir: Path, picture: Path) -> None:
    """Draws the page Families at the deepest layer, two members of different families chosen.

    Args:
      logdir: TensorBoard's log directory.
      picture: the PNG file to write.
    """
    with serve_tensorboard(logdir) as address, open_browser(1400, 1180) as browser:
        open_page(browser, address, "akp")
        wait_until(browser, _READY, seconds=60)
        browser.execute_script(
            "const layer = document.getElementById('layer');"
            "layer.value = [...layer.options].at(-1).value;"
            "layer.dispatchEvent(new Event('change'))"
        )
        wait_until(browser, _READY, seconds=60)
        # The first member, and the one that is least alike.
        browser.execute_script(
            "document.querySelector('.dots .point').dispatchEvent(new MouseEvent('click'))"
        )
        wait_until(browser, "document.querySelector('#farthest button') !== null")
        browser.execute_script("document.querySelector('#farthest button').click()")
        wait_until(browser, "document.querySelector('#details').dataset.ready === '1'")
        browser.switch_to.default_content()
        _save(browser, picture)


def take_report(page: Path, picture: Path) -> None:
    """Draws the report's figures of the deepest layer under the measure that it opens with.

    Args:
      page: the report, an HTML file.
      picture: the PNG file to write.
    """
    with open_browser(1360, 1300) as browser:
        browser.get(page.resolve().as_uri())
        headings = "[...document.querySelectorAll('h3')].filter(h => h.id && h.clientHeight)"
        if not ask(browser, f"{headings}.length"):
            raise RuntimeError(f"{page} has no figures of a layer")
        # The page's own bar stays at the top, over what is scrolled there.
        browser.execute_script(
            f"const heading = {headings}.at(-1);"
            "heading.style.scrollMarginTop = '56px'; heading.scrollIntoView()"
        )
        _save(browser, picture)


def _choose_deepest_layer(browser: Chrome) -> None:
    names = ask(browser, f"{_PANEL}.projectorConfig.embeddings.map(info => info.tensorName)")
    deepest = names[-1].rpartition("/")[0]
    chosen = next(name for name in names if name.startswith(f"{deepest}/"))
    if ask(browser, f"{_PANEL}.selectedTensor") == chosen:
        return
    browser.execute_script(
        f"{FIND} window.before = {_PROJECTOR}.originalDataSet;"
        f"{_PANEL}.selectedTensor = arguments[0]",
        chosen,
    )
    wait_until(browser, f"![null, window.before].includes({_PROJECTOR}.originalDataSet)")


def _save(browser: Chrome, picture: Path) -> None:
    # Two drawn frames later everything that was asked for is on the screen.
    browser.execute_async_script(
        "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done))"
    )
    if outside := outside_requests(browser):
        raise RuntimeError(f"the page asked outside this machine for {outside[0]}")
    picture.parent.mkdir(parents=True, exist_ok=True)
    if not browser.save_screenshot(str(picture)):
        raise RuntimeError(f"{picture} could not be written")


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run_directory", type=Path, help="of an experiment that has ended")
    run = parser.parse_args().run_directory
    if missing := missing_programs():
        sys.exit(f"screenshots need {' and '.join(missing)} (Debian: chromium, chromium-driver)")
    logdir, report = run / "tensorboard", run / "report" / "index.html"
    for path in (logdir, report):
        if not path.exists():
            sys.exit(f"{path} is not there; run the experiment first")
    take_projector(logdir, _IMAGES / "projector.png")
    take_families(logdir, _IMAGES / "families.png")
    take_report(report, _IMAGES / "report.png")
    print(*(_IMAGES / f"{name}.png" for name in ("projector", "families", "report")), sep="\n")


if __name__ == "__main__":
    main()
