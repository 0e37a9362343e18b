"""The page and the picture: everything is said, nothing breaks out, many candidates stay readable."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.models.lineage import drawing
from pipeline.models.lineage.cards import way_of
from pipeline.models.lineage.page import focuses_of, render_page, render_picture
from schemas.lineage import LineageGraph
from tests.browser import Browser
from tests.pipeline.models.lineage.made_up_graph import made_up_graph

HOSTILE = ("<script>alert(1)</script>", '"onload="alert(1)', "a'b", "]]></style>", "{{ 7*7 }}")
MANY = tuple(f"small-w{number / 10}-gap-e512-svd64-qat" for number in range(144))
SVG = "{http://www.w3.org/2000/svg}"


def test_a_picture_shows_each_card_in_its_column() -> None:
    root = ET.fromstring(render_picture(made_up_graph(), "version:m-phone/1"))
    cards = [group for group in root.iter(f"{SVG}g") if "card" in group.get("class", "").split()]
    assert len(cards) == len(way_of(made_up_graph(), "version:m-phone/1").cards) == 9
    words = " ".join(root.itertext())
    for word in ("Sound", "In use", "corpus", "10 clips", "+ 2 other students", "served"):
        assert word in words
    assert not list(root.iter(f"{SVG}script"))


def test_cards_lie_inside_the_picture_and_not_on_each_other() -> None:
    for focus in ("file:b/core", "version:m-phone/1", "file:c/wave"):
        drawn = drawing.draw(way_of(made_up_graph(), focus))
        boxes = [(place.x, place.y) for place in drawn.places]
        for x, y in boxes:
            assert (
                0 <= x <= drawn.width - drawing.WIDTH and drawing.HEAD <= y <= drawn.height - drawing.HEIGHT
            )
        for index, (x, y) in enumerate(boxes):
            for other_x, other_y in boxes[:index]:
                assert abs(x - other_x) >= drawing.WIDTH or abs(y - other_y) >= drawing.HEIGHT


@given(st.text(max_size=120), st.integers(1, 4))
def test_words_are_broken_where_they_fit(text: str, most: int) -> None:
    lines = drawing.broken(text, 150, 15, most)
    assert 1 <= len(lines) <= most
    assert all(drawing.length(line, 15) <= 150 for line in lines)
    squeezed = re.sub(r"\s", "", text)
    kept = re.sub(r"\s", "", "".join(lines))
    assert kept == squeezed or (kept.endswith("…") and squeezed.startswith(kept[:-1]))


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_words_and_nothing_else(name: str) -> None:
    hostile = _named(name)
    page = render_page(hostile, focuses_of(hostile))
    assert _tags(page) == _tags(render_page(_named("b"), focuses_of(_named("b"))))
    assert "<title>Lineage of 49" not in page
    ET.fromstring(render_picture(hostile, "version:m-phone/1"))


def test_many_candidates_stay_readable() -> None:
    graph = made_up_graph(MANY)
    focuses = focuses_of(graph)
    page = render_page(graph, focuses)
    views = page.count('<section class="view">')
    assert views == len(focuses) == 2
    assert page.count('<g class="card') <= 2 * 10, "the other candidates are a number"
    assert "+ 143 other students" in page and "1 of 288 judged files" in page
    assert "Student: 144 steps" in page, "and a list for those who look for one"
    assert len(page) < 400_000


def test_a_page_asks_nobody_for_anything() -> None:
    page = render_page(made_up_graph(), focuses_of(made_up_graph()))
    assert not re.search(r'(src|href)="|@import|url\((?!#)', page)


def test_what_is_missing_is_said_on_the_page() -> None:
    graph = made_up_graph().model_copy(update={"missing": ["MLflow is down"]})
    assert "MLflow is down" in render_page(graph, [])
    assert "What could not be found out" not in render_page(made_up_graph(), [])


def test_what_is_shown_unasked_are_versions_then_blessed_files() -> None:
    graph = made_up_graph()
    candidate = graph.node("version:m-host/1").model_copy(update={"facts": {"aliases": "candidate"}})
    champion = graph.node("version:m-phone/1").model_copy(update={"facts": {"aliases": "champion"}})
    assert focuses_of(_with(graph, candidate))[0] == candidate.id
    # What the run says to ship comes before an older choice.
    assert focuses_of(_with(_with(graph, candidate), champion))[0] == candidate.id
    numbered = candidate.model_copy(update={"facts": {"aliases": "candidate-1"}})
    assert focuses_of(_with(_with(graph, numbered), champion))[0] == champion.id
    # Another name of the alias is known by the numbered ones beside it.
    renamed = candidate.model_copy(update={"facts": {"aliases": "mine, mine-1"}})
    assert focuses_of(_with(_with(graph, renamed), champion))[0] == candidate.id
    without = graph.model_copy(update={"nodes": [n for n in graph.nodes if n.kind not in ("version", "use")]})
    assert focuses_of(without) == ["file:b/core"]
    nothing = graph.model_copy(update={"nodes": [], "edges": []})
    assert focuses_of(nothing) == [] and "no file was judged" in render_page(nothing, [])


@pytest.mark.slow
def test_a_click_shows_what_is_known_of_a_card(browser: Browser, tmp_path: Path) -> None:
    graph = made_up_graph(MANY)
    file = tmp_path / "lineage.html"
    file.write_text(render_page(graph, focuses_of(graph)), encoding="utf-8")
    shown = """[...document.querySelectorAll(".detail")].filter(detail => !detail.hidden)
        .map(detail => detail.querySelector("h3").firstChild.textContent.trim())"""
    with browser.open(file) as page:
        assert page.evaluate(shown) == []
        page.click(".view:not([hidden]) .card")
        assert page.evaluate(shown) == ["corpus"]
        page.press("Enter")
        page.click("nav button:nth-child(2)")
        assert page.evaluate("document.querySelectorAll('.view:not([hidden])').length") == 1
        assert page.evaluate("document.querySelector('.view:not([hidden]) h1').firstChild.textContent") != ""
        assert page.evaluate(shown) == [], "another version, nothing of it was clicked"
        for width in (1440, 800, 390):
            page.resize(width, 800)
            assert page.misplaced() == []
        assert page.errors() == []


def _named(name: str) -> LineageGraph:
    """A graph in which everything that a person may name has a name."""
    graph = made_up_graph(("a", name, "c"))
    nodes = [
        node.model_copy(update={"facts": {**node.facts, name: name}, "parameters": {name: name}})
        for node in graph.nodes
    ]
    return graph.model_copy(update={"run_name": name, "missing": [name], "nodes": nodes})


def _tags(page: str) -> list[str]:
    """Names of elements and attributes, in order; those of a card's broken title are left out."""
    body = page[page.index("<body>") : page.index("<script>const ")]
    found: list[str] = re.findall(r"<[a-zA-Z/!][^<>]*", body)
    return [re.sub(r'"[^"]*"', "", tag) for tag in found if "text" not in tag]


def _with(graph: LineageGraph, node: object) -> LineageGraph:
    return graph.model_copy(
        update={"nodes": [node if one.id == getattr(node, "id", "") else one for one in graph.nodes]}
    )
