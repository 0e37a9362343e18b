"""A headless Chromium for tests of pages, driven by the DevTools protocol.

https://chromedevtools.github.io/devtools-protocol/ describes the methods and events.
"""

from __future__ import annotations

import base64
import json
import os
import re
import select
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Self

import pytest

EXECUTABLE = "TINYTRILL_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_S = 60.0
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowRight": 39}

# Elements that reach out of the window, though nothing around them scrolls or hides it.
OUTSIDE = """[...document.body.querySelectorAll("*")].filter(element => {
  const box = element.getBoundingClientRect();
  if (!box.width || !box.height || (box.left >= -1 && box.right <= innerWidth + 1)) return false;
  for (let around = element.parentElement; around !== document.body; around = around.parentElement)
    if (getComputedStyle(around).overflowX !== "visible") return false;
  return true;
}).map(element => element.outerHTML.slice(0, 120))"""

# Words that are wider or higher than the box they stand in, though it does not scroll.
SPILLED = """[...document.body.querySelectorAll(
    "h1, h2, h3, p, li, dd, dt, td, th, label, button, article, figure"
  )].filter(element => element.clientWidth && getComputedStyle(element).overflowX === "visible"
    && element.scrollWidth > element.clientWidth + 1)
  .map(element => element.outerHTML.slice(0, 120))"""


class PageError(AssertionError):
    """The page threw, or a condition never came true."""


class Browser:
    """A running browser; pages are opened in tabs of it."""

    def __init__(self, address: str) -> None:
        import websocket

        # Without an origin: pages of others are refused, and this is none.
        self._socket = websocket.create_connection(address, timeout=PATIENCE_S, suppress_origin=True)
        self._calls = 0
        self._tabs: dict[str, Page] = {}

    def open(self, file: Path, *, width: int = 1280, height: int = 800) -> Page:
        """Opens a file in a new tab and waits until it is loaded."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self._tabs[session] = Page(self, target, session)
        for domain in ("Page", "Runtime", "Log"):
            page.call(f"{domain}.enable")
        page.resize(width, height)
        page.call("Page.navigate", {"url": file.resolve().as_uri()})
        while not page.loaded:
            self._receive()
        page.settle()
        return page

    def call(self, method: str, parameters: dict[str, Any] | None = None, session: str = "") -> Any:
        """Calls a method and returns its result; events that come first go to their pages."""
        self._calls += 1
        number = self._calls
        message = {"id": number, "method": method, "params": parameters or {}}
        self._socket.send(json.dumps(message | ({"sessionId": session} if session else {})))
        while (answer := self._receive()).get("id") != number:
            pass
        if "error" in answer:
            raise PageError(f"{method} {parameters}: {answer['error']['message']}")
        return answer["result"]

    def _receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv())
        page = self._tabs.get(message.get("sessionId", ""))
        if page and "method" in message:
            page.notice(message["method"], message["params"])
        return message

    def close(self) -> None:
        """Ends the browser."""
        self.call("Browser.close")
        self._socket.close()


class Page:
    """A tab.

    Attributes:
      loaded: Whether the page and all it loads are there.
    """

    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self._browser, self._target, self._session = browser, target, session
        self.loaded = False
        self._errors: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._browser.call("Target.closeTarget", {"targetId": self._target})

    def call(self, method: str, parameters: dict[str, Any] | None = None) -> Any:
        """Calls a method of the protocol on this tab."""
        return self._browser.call(method, parameters, self._session)

    def notice(self, event: str, what: dict[str, Any]) -> None:
        """Takes an event of this tab."""
        if event == "Page.loadEventFired":
            self.loaded = True
        elif event == "Runtime.exceptionThrown":
            self._errors.append(_thrown(what["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled" and what["type"] in ("error", "assert"):
            words = (str(one.get("value", one.get("description"))) for one in what["args"])
            self._errors.append(" ".join(words))
        elif event == "Log.entryAdded" and what["entry"]["level"] == "error":
            entry = what["entry"]
            self._errors.append(f"{entry['text']} {entry.get('url', '')}")

    def errors(self) -> list[str]:
        """What the page wrote to the console as an error, failed to load, or threw and did not catch."""
        self.settle()
        return list(self._errors)

    def settle(self) -> None:
        """Waits until the page is painted; what has happened so far has been told by then."""
        # A tab behind another is never painted.
        self.call("Page.bringToFront")
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; of a promise what it comes to."""
        answer = self.call(
            "Runtime.evaluate", {"expression": expression, "returnByValue": True, "awaitPromise": True}
        )
        if "exceptionDetails" in answer:
            raise PageError(f"{expression}: {_thrown(answer['exceptionDetails'])}")
        return answer["result"].get("value")

    def wait_until(self, condition: str, seconds: float = 10.0) -> Any:
        """Looks, frame by frame, until a JavaScript expression is true; returns its value."""
        return self.evaluate(f"""new Promise((found, failed) => {{
            const end = performance.now() + {1e3 * seconds};
            const look = () => {{
                const value = {condition};
                if (value) found(value);
                else if (performance.now() > end) failed(new Error("not within {seconds} s"));
                else requestAnimationFrame(look);
            }};
            look();
        }})""")

    def misplaced(self) -> list[str]:
        """Elements that leave the window or spill out of their box, and a page wider than its window."""
        self.settle()
        if self.evaluate("document.documentElement.scrollWidth > innerWidth"):
            return ["the page is wider than the window", *self.evaluate(OUTSIDE), *self.evaluate(SPILLED)]
        return [*self.evaluate(OUTSIDE), *self.evaluate(SPILLED)]

    def seen_cells(self, table: str) -> int:
        """Cells with words in a table's first row that are to be seen as a whole without scrolling it."""
        # What is far from the window may not be laid out yet.
        self.evaluate(f"{_find(table)}.scrollIntoView({{behavior: 'instant'}})")
        self.settle()
        cells = f"[...{_find(table)}.tBodies[0].rows[0].querySelectorAll('td')]"
        shown = "cell.innerText.trim() && cell.getBoundingClientRect().right <= innerWidth"
        return int(self.evaluate(f"{cells}.filter(cell => {shown}).length"))

    def resize(self, width: int, height: int) -> None:
        """Sets the viewport, in CSS pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", size)

    def darken(self, *, dark: bool = True) -> None:
        """Says whether the reader prefers dark colours."""
        feature = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", {"features": [feature]})

    def hover(self, selector: str) -> None:
        """Scrolls to the first element of a selector and moves the mouse onto its middle."""
        self._mouse("mouseMoved", *self._middle(selector))

    def click(self, selector: str) -> None:
        """Moves the mouse onto an element's middle and clicks."""
        x, y = self._middle(selector)
        self._mouse("mouseMoved", x, y)
        for event in ("mousePressed", "mouseReleased"):
            self._mouse(event, x, y, button="left", clickCount=1)

    def tap(self, selector: str, *, beside: float = 0.0) -> None:
        """Taps an element with a finger, which hovers over nothing before.

        Args:
          selector: The first element of it is meant.
          beside: Pixels to the right of its middle.
        """
        x, y = self._middle(selector)
        self.call("Emulation.setTouchEmulationEnabled", {"enabled": True})
        self.call(
            "Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x + beside, "y": y}]}
        )
        self.call("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        self.call("Emulation.setTouchEmulationEnabled", {"enabled": False})

    def press(self, key: str) -> None:
        """Presses and releases a key: see ``KEYS``."""
        for event in ("keyDown", "keyUp"):
            key_event = {"type": event, "key": key, "code": key, "windowsVirtualKeyCode": KEYS[key]}
            self.call("Input.dispatchKeyEvent", key_event)

    def write(self, text: str) -> None:
        """Types into what has the focus."""
        self.call("Input.insertText", {"text": text})

    def choose(self, selector: str, value: str) -> None:
        """Takes an option of a select element, as a reader would."""
        known = self.evaluate(f"[...{_find(selector)}.options].map(option => option.value)")
        if value not in known:
            raise PageError(f"{selector} has no option {value!r}: it has {known}")
        self.evaluate(
            f"(select => {{ select.value = {json.dumps(value)};"
            f"select.dispatchEvent(new Event('input', {{bubbles: true}}));"
            f"select.dispatchEvent(new Event('change', {{bubbles: true}})); }})({_find(selector)})"
        )

    def screenshot(self, file: Path, *, whole: bool = False) -> Path:
        """Writes what is to be seen as PNG; ``whole``: in a window that is as high as the page."""
        file.parent.mkdir(parents=True, exist_ok=True)
        width, height, full = self.evaluate(
            "[innerWidth, innerHeight, document.documentElement.scrollHeight]"
        )
        if whole:
            self.resize(width, full)
        self.settle()
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
        self.resize(width, height)
        return file

    def _middle(self, selector: str) -> tuple[float, float]:
        x, y = self.evaluate(
            f"(element => {{ element.scrollIntoView({{block: 'center', behavior: 'instant'}});"
            "const box = element.getBoundingClientRect();"
            f"return [box.x + box.width / 2, box.y + box.height / 2]; }})({_find(selector)})"
        )
        return x, y

    def _mouse(self, event: str, x: float, y: float, **more: Any) -> None:
        self.call("Input.dispatchMouseEvent", {"type": event, "x": x, "y": y, **more})


def find_executable() -> str:
    """The browser, by the environment or on PATH; skips the test that asks where there is none."""
    given = os.environ.get(EXECUTABLE)
    found = shutil.which(given) if given else next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        tried = given or ", ".join(NAMES)
        pytest.skip(f"no headless browser: {tried} not found (install Chromium or set {EXECUTABLE})")
    return found


@contextmanager
def launch() -> Iterator[Browser]:
    """Runs a browser of its own profile, to be closed at the end."""
    executable = find_executable()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [
                executable,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-extensions",
                "--hide-scrollbars",
                "--no-first-run",
                "--remote-debugging-port=0",
                f"--user-data-dir={profile}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        try:
            browser = Browser(_address(process.stderr))
            yield browser
            browser.close()
            process.wait(PATIENCE_S)
        finally:
            process.kill()
            process.wait()


def _address(stream: IO[bytes]) -> str:
    """Where the browser listens, which it says when it is ready; the rest of what it says is dropped."""
    said, end = b"", time.monotonic() + PATIENCE_S
    while not (found := re.search(rb"DevTools listening on (ws://\S+)\s", said)):
        ready, _, _ = select.select([stream], [], [], max(end - time.monotonic(), 0.0))
        more = os.read(stream.fileno(), 65536) if ready else b""
        if not more:
            raise RuntimeError(f"the browser did not start: {said.decode(errors='replace')[-2000:]}")
        said += more
    threading.Thread(target=stream.read, daemon=True).start()
    return found[1].decode()


def _find(selector: str) -> str:
    """JavaScript for the element, which throws where there is none."""
    quoted = json.dumps(selector)
    missing = json.dumps(f"no element {selector}")
    return f"(document.querySelector({quoted}) ?? (() => {{ throw new Error({missing}); }})())"


def _thrown(details: dict[str, Any]) -> str:
    return str(details.get("exception", {}).get("description") or details["text"])
