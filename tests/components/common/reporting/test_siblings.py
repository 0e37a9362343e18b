"""Pages of a report lead to each other where they lie side by side."""

from __future__ import annotations

import re
from pathlib import Path

from components.common.reporting.siblings import link_pages

PAGES = {"index.html": "Frontier", "noss/table.html": "Tasks & more", "gone.html": "Nowhere"}


def made(folder: Path) -> Path:
    (folder / "noss").mkdir()
    for name in ("index.html", "noss/table.html"):
        (folder / name).write_text(f"<html>\n<body class='x'>\n<main>{name}</main></body>", encoding="utf-8")
    return folder


def links(page: Path) -> dict[str, str]:
    return {
        words: href for href, words in re.findall(r'<a href="([^"]*)"[^>]*>([^<]*)</a>', page.read_text())
    }


def test_each_page_leads_to_the_others_that_are_there(tmp_path: Path) -> None:
    folder = made(tmp_path)
    assert link_pages(folder, PAGES) == [folder / "index.html", folder / "noss/table.html"]
    assert links(folder / "index.html") == {"Tasks &amp; more": "noss/table.html"}
    assert links(folder / "noss/table.html") == {"Frontier": "../index.html"}
    for page in (folder / "index.html", folder / "noss/table.html"):
        for address in links(page).values():
            assert (page.parent / address).is_file()
    assert "<b>Frontier</b>" in (folder / "index.html").read_text()


def test_the_line_is_replaced_and_goes_where_a_page_is_alone(tmp_path: Path) -> None:
    folder = made(tmp_path)
    page = folder / "index.html"
    before = page.read_text()
    link_pages(folder, PAGES)
    once = page.read_text()
    link_pages(folder, PAGES)
    assert page.read_text() == once != before
    (folder / "noss/table.html").unlink()
    link_pages(folder, PAGES)
    assert page.read_text() == before


def test_what_has_no_body_is_left_as_it_is(tmp_path: Path) -> None:
    folder = made(tmp_path)
    (folder / "index.html").write_text("made up", encoding="utf-8")
    link_pages(folder, PAGES)
    assert (folder / "index.html").read_text() == "made up"
