"""The driver of the browser sees what goes wrong on a page; otherwise tests of pages could not fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import EXECUTABLE, Browser, PageError, find_executable

PAGE = """<!doctype html><title>t</title><style>
body { margin: 0; background: white } @media (prefers-color-scheme: dark) { body { background: black } }
</style>
<button onclick="console.error('said', 1)">one</button><button id="b" onclick="missing()">two</button>
<input onkeydown="this.title = event.key">
<select onchange="this.title = this.value"><option>x<option>y</select>
<div id="d" style="height: 3000px" onmousemove="this.title = 'moved'"
  onclick="this.title = event.pointerType"></div>"""


def write(folder: Path, more: str = "") -> Path:
    file = folder / "page.html"
    file.write_text(PAGE + more)
    return file


def test_errors_are_seen(browser: Browser, tmp_path: Path) -> None:
    with browser.open(write(tmp_path, "<script src=absent.js></script>")) as page:
        (absent,) = page.errors()
        assert "ERR_FILE_NOT_FOUND" in absent and absent.endswith("absent.js")
        page.click("button")
        page.click("#b")
        said, thrown = page.errors()[1:]
        assert said == "said 1" and thrown.startswith("ReferenceError: missing is not defined")


def test_what_a_reader_does(browser: Browser, tmp_path: Path) -> None:
    with browser.open(write(tmp_path), width=700, height=500) as page:
        assert page.evaluate("[innerWidth, innerHeight]") == [700, 500]
        page.hover("#d")
        assert page.evaluate("d.title") == "moved" and page.evaluate("scrollY") > 1000
        page.tap("#d")
        assert page.wait_until("d.title === 'touch'")
        page.click("input")
        page.write("words")
        page.press("Escape")
        assert page.evaluate("(({value, title}) => [value, title])(document.querySelector('input'))") == [
            "words",
            "Escape",
        ]
        page.choose("select", "y")
        assert page.wait_until("document.querySelector('select').title") == "y"
        page.darken()
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(0, 0, 0)"
        picture = page.screenshot(tmp_path / "new" / "shot.png").read_bytes()
        whole = page.screenshot(tmp_path / "whole.png", whole=True).read_bytes()
        assert int.from_bytes(picture[20:24]) == 500 and int.from_bytes(whole[20:24]) > 3000


def test_what_leaves_its_box_is_found(browser: Browser, tmp_path: Path) -> None:
    scrolls = '<div style="overflow-x: auto"><p style="width: 2000px">may scroll</p></div>'
    with browser.open(write(tmp_path, scrolls), width=400) as page:
        assert page.misplaced() == []
    wide = '<div id="wide" style="width: 900px">x</div><p style="width: 20px">unbreakable</p>'
    with browser.open(write(tmp_path, wide), width=400) as page:
        assert [found[:20] for found in page.misplaced()] == [
            "the page is wider th",
            '<div id="wide" style',
            '<p style="width: 20p',
        ]


def test_what_is_not_there_or_never_comes_is_an_error(browser: Browser, tmp_path: Path) -> None:
    with browser.open(write(tmp_path)) as page:
        with pytest.raises(PageError, match="no element #nowhere"):
            page.hover("#nowhere")
        with pytest.raises(PageError, match="has no option 'z': it has"):
            page.choose("select", "z")
        with pytest.raises(PageError, match=r"not within 0\.1 s"):
            page.wait_until("false", 0.1)
        with pytest.raises(PageError, match="missing is not defined"):
            page.evaluate("missing()")


def test_without_a_browser_tests_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EXECUTABLE, "/nowhere/chromium")
    with pytest.raises(pytest.skip.Exception, match=r"/nowhere/chromium not found .*TINYTRILL_CHROMIUM"):
        find_executable()
