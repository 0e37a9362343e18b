"""The page in a browser: what a reader sees and can do, at a desk and on a phone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.common.frontier.settings import GateDemands, Goal
from components.frontier_gate import page as page_of
from schemas.devices import Budget
from schemas.verdicts import Verdict
from tests.browser import Browser, Page
from tests.components.frontier_gate.made_up import frill_run, material_of, registered, verdict_on
from tests.made_up_runs import demo_run

DESK, PHONE = (1280, 800), (390, 844)
SETTINGS = GateDemands(
    goals=(Goal(metric="latency", limit=2.0, devices=("host",)),),
    budgets={"pixel": (Budget(percentile="p90", milliseconds=3.0),)},
)


@pytest.fixture(scope="module")
def verdict() -> Verdict:
    """An open gate on a phone, where a registered champion is beaten, and a closed one on the host."""
    verdict = verdict_on(demo_run(devices={"pixel": 1.0, "host": 0.5}), SETTINGS)
    pixel, host = verdict.devices
    champion = registered(next(point for point in pixel.points if point.on_frontier))
    pixel = pixel.model_copy(update={"registered": [champion]})
    return verdict.model_copy(update={"devices": [pixel, host]})


@pytest.fixture(scope="module")
def folder(verdict: Verdict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page with links, and alone."""
    root = tmp_path_factory.mktemp("page")
    run = demo_run(devices={"pixel": 1.0, "host": 0.5})
    html = page_of.render(material_of(run, verdict, SETTINGS), b"", b"")
    point = next(point for point in verdict.devices[0].points if point.blessed)
    run_page = "http://localhost:5000/#/experiments/1/runs/0123456789abcdef"
    links = {
        "store": "sqlite:///store.db",
        "runs": {point.candidate_id: {"id": "0123456789abcdef", "page": run_page}},
        "points": {
            point.point_id: {
                "versions": [
                    {"name": "tinytrill-pixel v3", "page": "http://localhost:5000/#/models/pixel/versions/3"},
                    {"name": "tinytrill-host v2", "page": ""},
                ],
                "folder": "../pushed/one",
            }
        },
    }
    for name in ("linked", "alone"):
        (root / name).mkdir()
        (root / name / Verdict.PAGE).write_text(html, encoding="utf-8")
    (root / "linked" / Verdict.LINKS).write_text(f"window.tinytrillLinks = {json.dumps(links)};")
    return root


@pytest.fixture
def page(browser: Browser, folder: Path) -> Iterator[Page]:
    with browser.open(folder / "linked" / Verdict.PAGE) as page:
        yield page
        assert page.errors() == []


def tip(page: Page) -> str:
    return str(page.wait_until("!tip.hidden && tip.innerText"))


def test_hovering_tells_a_points_figures(page: Page, verdict: Verdict) -> None:
    point = next(point for point in verdict.devices[0].points if point.blessed and point.input == "wave")
    page.hover(f'#chart-pixel-wave [data-point="{point.point_id}"] circle')
    words = tip(page)
    assert point.candidate_id in words
    assert f"{point.quality:.3f}" in words and f"{point.latency_ms:.3g} ms" in words
    page.hover("#chart-pixel-wave figcaption")
    page.wait_until("tip.hidden")


def test_a_tip_stays_inside_the_window(page: Page) -> None:
    page.resize(*PHONE)
    ids = page.evaluate(
        "[...document.querySelectorAll('#chart-pixel-core .mark[data-point]')].map(m => m.dataset.point)"
    )
    for point in ids:
        page.hover(f'#chart-pixel-core [data-point="{point}"] circle')
        tip(page)
        left, right, top, bottom = page.evaluate(
            "(({left, right, top, bottom}) => [left, right, top, bottom])(tip.getBoundingClientRect())"
        )
        assert left >= 0 and right <= PHONE[0] and top >= 0 and bottom <= PHONE[1], point


def test_a_tap_tells_too_and_a_registered_version_is_a_mark(page: Page) -> None:
    """A finger need not hit the mark itself."""
    page.resize(*PHONE)
    page.tap("#chart-pixel-wave .mark.registered .diamond", beside=14)
    assert "tinytrill-host v3 (champion)" in tip(page)


def test_the_keyboard_walks_over_the_points(page: Page) -> None:
    page.evaluate("document.getElementById('colour-pixel').focus()")
    for _ in range(12):
        page.press("Tab")
        if page.evaluate("document.activeElement.matches('.mark')"):
            break
    page.settle()
    first = page.evaluate("document.activeElement.dataset.point")
    assert first and first.split("/")[0] in tip(page)
    page.press("ArrowRight")
    second = page.evaluate("document.activeElement.dataset.point")
    assert second != first
    assert second.split("/")[1] in tip(page)
    page.press("Escape")
    page.wait_until("tip.hidden")


def column(page: Page, table: str, number: int) -> list[float]:
    rows = f"[...document.querySelector('{table}').tBodies[0].rows]"
    values = page.evaluate(f"{rows}.map(row => row.cells[{number}].textContent)")
    return [float(value) for value in values]


def test_a_table_is_sorted_by_its_heads(page: Page) -> None:
    heads = page.evaluate("[...document.querySelectorAll('#points-pixel th')].map(head => head.textContent)")
    number = next(i for i, head in enumerate(heads) if "quality" in head.lower())
    head = f"#points-pixel thead th:nth-child({number + 1})"
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")
    page.click(f"{head} button")
    values = column(page, "#points-pixel", number)
    assert len(values) == 32 and values == sorted(values, reverse=True)
    assert page.evaluate(f"document.querySelector('{head}').ariaSort") == "descending"
    page.click(f"{head} button")
    assert column(page, "#points-pixel", number) == sorted(values)


def place(page: Page, chart: str) -> list[Any]:
    marks = f"[...document.querySelectorAll('{chart} .mark')]"
    return list(page.evaluate(f"{marks}.map(mark => mark.style.transform)"))


def test_other_axes_move_the_points(page: Page) -> None:
    before, other = place(page, "#chart-pixel-wave"), place(page, "#chart-host-wave")
    page.choose("#x-pixel", "mib")
    assert place(page, "#chart-pixel-wave") != before and place(page, "#chart-host-wave") == other
    assert "MiB" in page.evaluate("document.querySelector('#chart-pixel-wave .title').textContent")
    page.choose("#y-pixel", "task:keyword")
    page.choose("#x-pixel", "latency")
    page.choose("#y-pixel", "quality")
    assert place(page, "#chart-pixel-wave") == before


def test_other_axes_show_their_own_ticks_and_stairs(page: Page) -> None:
    chart = "document.getElementById('chart-pixel-wave')"
    shown = f"[...{chart}.querySelectorAll('.back [data-axis]')].filter(g => g.getClientRects().length)"
    keys = f"[...new Set({shown}.map(g => g.dataset.axis))].sort()"
    assert page.evaluate(keys) == ["latency", "quality"]
    page.choose("#x-pixel", "mib")
    page.choose("#y-pixel", "task:speaker")
    assert page.evaluate(keys) == ["mib", "task:speaker"]
    told = page.evaluate(
        "JSON.parse(document.getElementById('data').textContent).devices.pixel.charts.wave.stairs.mib['task:speaker']"
    )
    drawn = f"[...{chart}.querySelectorAll('.curve')].map(curve => curve.getAttribute('d'))"
    assert page.evaluate(drawn) == told and told[0].startswith("M")


def test_points_are_coloured_by_a_parameter_and_greyed_by_the_legend(page: Page) -> None:
    names = page.evaluate("[...document.getElementById('colour-pixel').options].map(o => o.text)")
    size = next(i for i, name in enumerate(names) if "size" in name)
    page.choose("#colour-pixel", str(size - 1))
    levels = page.evaluate("[...document.querySelectorAll('#legend-pixel button')].map(b => b.innerText)")
    assert sorted(level.strip() for level in levels) == ["large", "small", "tiny"]
    colours = page.evaluate(
        "[...document.querySelectorAll('#chart-pixel-wave .mark.beaten circle')]"
        ".map(circle => getComputedStyle(circle).fill)"
    )
    assert len(set(colours)) >= 2
    page.click("#legend-pixel button")
    dim = page.evaluate("document.querySelectorAll('#device-pixel .mark.dim').length")
    assert 0 < dim < 32
    assert page.evaluate("document.querySelectorAll('#device-host .mark.dim').length") == 0


def test_a_filter_leaves_what_it_names(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")
    page.click("#filter-pixel")
    page.write("large core")
    shown = page.evaluate(
        "[...document.querySelectorAll('#points-pixel tbody tr')].filter(row => !row.hidden)"
        ".map(row => row.dataset.point)"
    )
    assert sorted(shown) == ["large-w0.5-gap-e256/core-dynamic", "large-w0.5-gap-e256/core-float32"]
    assert "2 of 32" in page.evaluate("document.getElementById('count-pixel').innerText")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_nothing_leaves_its_box(page: Page, size: tuple[int, int]) -> None:
    page.resize(*size)
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")
    assert page.misplaced() == []


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_closed_gate_is_seen_first(page: Page, size: tuple[int, int], verdict: Verdict) -> None:
    page.resize(*size)
    words, bottom, scrolled = page.evaluate(
        "(closed => [closed.innerText, closed.getBoundingClientRect().bottom, scrollY])"
        "(document.querySelector('header .closed'))"
    )
    assert "host" in words and verdict.devices[1].closed[0] in " ".join(words.split())
    assert 0 < bottom <= size[1] and scrolled == 0


def test_links_appear_where_the_pusher_left_them(page: Page, verdict: Verdict) -> None:
    point = next(point for point in verdict.devices[0].points if point.blessed)
    anchors = f"""[...document.querySelectorAll('[data-links="{point.point_id}"] a')]"""
    links = page.evaluate(f"{anchors}.map(anchor => [anchor.textContent, anchor.href])")
    assert ["run 01234567", "http://localhost:5000/#/experiments/1/runs/0123456789abcdef"] in links
    assert ["tinytrill-pixel v3", "http://localhost:5000/#/models/pixel/versions/3"] in links
    words = page.evaluate(f"""document.querySelector('[data-links="{point.point_id}"]').innerText""")
    assert "tinytrill-host v2" in words  # without a page it is not a link
    other = next(
        p for p in verdict.devices[0].points if p.candidate_id == point.candidate_id and not p.blessed
    )
    beaten = f"""document.querySelector('[data-links="{other.point_id}"]')"""
    assert page.evaluate(f"{beaten}?.innerText ?? 'run 01234567'") == "run 01234567"
    assert any(text == "files" and address.endswith("/pushed/one") for text, address in links)
    assert "sqlite:///store.db" in page.evaluate("document.getElementById('store').innerText")


def test_without_links_the_page_is_whole(browser: Browser, folder: Path) -> None:
    with browser.open(folder / "alone" / Verdict.PAGE) as page:
        assert page.evaluate("document.querySelectorAll('[data-links] a').length") == 0
        assert page.evaluate("document.getElementById('store').hidden")
        page.hover("#chart-host-core .mark circle")
        tip(page)
        # The browser itself says that there is no such file; nothing else is wrong.
        (absent,) = page.errors()
        assert "ERR_FILE_NOT_FOUND" in absent and absent.endswith(f"/{Verdict.LINKS}")


def test_a_thousand_points_can_be_used(browser: Browser, tmp_path: Path) -> None:
    run = frill_run(devices={"pixel": 1.0})
    verdict = verdict_on(run)
    file = tmp_path / Verdict.PAGE
    file.write_text(page_of.render(material_of(run, verdict), b"", b""), encoding="utf-8")
    (tmp_path / Verdict.LINKS).write_text("")
    with browser.open(file) as page:
        assert page.evaluate("document.querySelectorAll('#device-pixel .mark').length") == 1152
        page.hover("#chart-pixel-wave .mark.blessed circle")
        assert "wave-" in tip(page)
        page.screenshot(screenshots(tmp_path) / "frontier-1152-points.png")
        assert page.errors() == []


def test_screenshots_to_look_at(page: Page, tmp_path: Path) -> None:
    """The first screens; where someone asked for pictures, the whole page too, which takes its time."""
    folder = screenshots(tmp_path)
    for name, size, dark in (("desk", DESK, False), ("phone", PHONE, False), ("dark", DESK, True)):
        page.resize(*size)
        page.darken(dark=dark)
        files = [page.screenshot(folder / f"frontier-{name}.png")]
        if folder != tmp_path:
            files.append(page.screenshot(folder / f"frontier-{name}-whole.png", whole=True))
        for file in files:
            print(f"screenshot: {file}")
            assert int.from_bytes(file.read_bytes()[16:20]) == size[0]


def screenshots(tmp_path: Path) -> Path:
    return Path(os.environ.get("TINYTRILL_SCREENSHOTS") or tmp_path)


@pytest.mark.parametrize("table", ["#frontier-pixel", "#points-pixel", "#registered-pixel", "#figures-pixel"])
def test_a_narrow_screen_shows_figures_and_not_only_names(page: Page, table: str) -> None:
    page.resize(400, 800)
    assert page.seen_cells(table) >= 3


def test_a_narrow_screen_shows_quality_latency_and_size_of_what_to_ship(page: Page) -> None:
    page.resize(400, 800)
    cells = page.evaluate(
        "[...document.querySelectorAll('#choices-pixel tr.ship td')]"
        ".map(cell => [cell.innerText, cell.getBoundingClientRect().right <= innerWidth])"
    )
    assert len(cells) >= 3 and all(words and seen for words, seen in cells)
    assert page.seen_cells("#tasks table") >= 2
