"""Headless Chromium on TensorBoard: what the screenshots and the browser tests share."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

# The projector draws with WebGL, here without a graphics card. The background services of the
# browser would ask for hosts of its maker.
_FLAGS = (
    "--headless=new",
    "--hide-scrollbars",
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
_LOCAL_SCHEMES = ("about", "blob", "chrome", "data", "devtools", "file")

# JavaScript: the projector is built of elements inside elements' shadow trees.
FIND = """
function find(root, selector) {
  const found = root.querySelector(selector);
  if (found) return found;
  for (const element of root.querySelectorAll('*')) {
    const inside = element.shadowRoot && find(element.shadowRoot, selector);
    if (inside) return inside;
  }
  return null;
}
"""

# Bookmarks arrive after the points, and until then those of the tensor before are there.
_OF_THESE_POINTS = """
(state => {
  const point = find(document, 'vz-projector').originalDataSet?.points[0];
  return point && state.label === arguments[0]
    && Math.abs(state.projections[0]['pca-0'] - point.vector[0]) < 1e-6;
})
"""


def missing_programs() -> list[str]:
    """Return the programs that a browser test needs and this machine lacks."""
    return [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]


@contextmanager
def open_browser(width: int, height: int) -> Iterator[Chrome]:
    """Open a headless browser that keeps a log of its requests.

    Args:
      width: of the window in pixels.
      height: of the window in pixels.

    Yields:
      The browser, which is closed at the end.
    """
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in (*_FLAGS, f"--window-size={width},{height}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    # The browser and its driver leave files of their own behind.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        service = webdriver.ChromeService(
            shutil.which("chromedriver"), env={**os.environ, "TMPDIR": scratch}
        )
        browser = webdriver.Chrome(options=options, service=service)
        try:
            # The window is larger than the page that it shows; the picture is of the page.
            inner = browser.execute_script("return [window.innerWidth, window.innerHeight]")
            browser.set_window_size(2 * width - inner[0], 2 * height - inner[1])
            yield browser
        finally:
            browser.quit()


@contextmanager
def serve_tensorboard(
    logdir: Path, seconds: float = 150, program: Sequence[str] = ("-m", "tensorboard.main")
) -> Iterator[str]:
    """Run TensorBoard on a free port of this machine.

    Args:
      logdir: the log directory.
      program: arguments of the Python interpreter that start TensorBoard.
      seconds: how long to wait for it at most.

    Yields:
      Its address, as soon as it answers.

    Raises:
      RuntimeError: if it ends or does not answer in time, with what it printed.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}/"
    place = ["--logdir", str(logdir), "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(
        [sys.executable, *program, *place],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        _wait_for(address + "data/environment", server, time.monotonic() + seconds)
        yield address
    finally:
        server.terminate()
        server.communicate(timeout=30)


def open_page(browser: Chrome, address: str, page: str, seconds: float = 60) -> None:
    """Open a page that TensorBoard shows in a frame, and go into the frame.

    Args:
      browser: the browser.
      address: TensorBoard's.
      page: id of the plugin, for example `akp`.
      seconds: how long to wait for it at most.
    """
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support import expected_conditions
    from selenium.webdriver.support.wait import WebDriverWait

    browser.get(f"{address}#{page}")
    WebDriverWait(browser, seconds).until(
        expected_conditions.frame_to_be_available_and_switch_to_it((By.TAG_NAME, "iframe"))
    )


def open_projector(browser: Chrome, address: str, seconds: float = 40) -> None:
    """Open the projector and go into its frame, when its first tensor is drawn.

    Args:
      browser: the browser.
      address: TensorBoard's.
      seconds: how long to wait for it at most.
    """
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support import expected_conditions
    from selenium.webdriver.support.wait import WebDriverWait

    browser.get(address + "#projector")
    frame = expected_conditions.frame_to_be_available_and_switch_to_it((By.TAG_NAME, "iframe"))
    for _ in range(2):
        WebDriverWait(browser, seconds).until(frame)
    wait_until(
        browser,
        "find(document, 'vz-projector')?.projectorScatterPlotAdapter?.scatterPlot"
        ".worldSpacePointPositions?.length > 0",
        seconds=seconds,
    )


def ask(browser: Chrome, expression: str, *arguments: object) -> Any:
    """Evaluate a JavaScript expression in the page.

    Args:
      browser: the browser.
      expression: may use `find(root, selector)`, which looks into shadow trees, and
        `arguments`.
      arguments: values for it.

    Returns:
      Its value.
    """
    return browser.execute_script(f"{FIND} return {expression}", *arguments)


def wait_until(browser: Chrome, expression: str, *arguments: object, seconds: float = 20) -> None:
    """Wait until a JavaScript expression is true.

    Args:
      browser: the browser.
      expression: as in `ask`.
      arguments: as in `ask`.
      seconds: how long to wait at most.
    """
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(browser, seconds, poll_frequency=0.1).until(
        lambda _: ask(browser, expression, *arguments)
    )


def click_bookmark(browser: Chrome, title: str) -> None:
    """Clicks a bookmark of the projector, and waits until its colours are there.

    Args:
      browser: inside the projector's frame.
      title: what the list of bookmarks shows.
    """
    states = "find(document, 'vz-projector-bookmark-panel').savedStates"
    wait_until(browser, f"{states}.some({_OF_THESE_POINTS})", title)
    position = ask(browser, f"{states}.findIndex({_OF_THESE_POINTS})", title)
    # Each bookmark has two round buttons, of which one is shown.
    button = ask(
        browser,
        "[...find(document, 'vz-projector-bookmark-panel').shadowRoot"
        ".querySelectorAll('.state-radio paper-icon-button')]"
        ".find(button => button.dataset.index == arguments[0] && button.clientWidth > 0)",
        position,
    )
    browser.execute_script("arguments[0].scrollIntoView()", button)
    # The projector's message that it is loading lies over the page for a while.
    wait_until(browser, "!find(document, 'iron-overlay-backdrop.opened')")
    button.click()
    wait_until(
        browser,
        f"find(document, 'vz-projector').selectedColorOption?.name === "
        f"{states}[{position}].selectedColorOptionName",
    )


def outside_requests(browser: Chrome) -> list[str]:
    """Addresses that the pages asked for and that are not on this machine.

    Args:
      browser: the browser; its log is emptied by reading.

    Returns:
      The addresses.

    Raises:
      RuntimeError: if the log holds no request at all, and so proves nothing.
    """
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    if not asked:
        raise RuntimeError("the browser's log holds no request")
    return [
        url
        for url in asked
        if urlsplit(url).scheme not in _LOCAL_SCHEMES and urlsplit(url).hostname != "127.0.0.1"
    ]


def _wait_for(url: str, server: subprocess.Popen[str], deadline: float) -> None:
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"TensorBoard ended: {server.communicate()[0]}")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
    raise RuntimeError(f"TensorBoard did not answer {url} in time")
