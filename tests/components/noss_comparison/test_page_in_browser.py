"""The comparison's page in a browser: tables sort, best variants are shown, nothing leaves its box."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from components.noss_comparison.compare import compare
from components.noss_comparison.write import write_comparison
from schemas.comparison_reports import NossComparison
from tests.browser import Browser, Page
from tests.components.noss_comparison.made_up import make_model, make_task_set, write_report


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("comparison")
    task_set = make_task_set(("mood", "speaker", "keyword"))
    models = {
        "t": [make_model(task_set, "teacher", 0.8, kind="teacher")],
        "b": [make_model(task_set, "logmel", 0.4, kind="baseline")],
        "s": [
            make_model(task_set, "mobilenet-small-with-a-long-name", 0.7, "wave-float32", extras=True),
            make_model(task_set, "mobilenet-small-with-a-long-name", 0.6, "core-dynamic"),
        ],
        "e": [make_model(task_set, "other", 0.5, "core-dynamic")],
    }
    write_comparison(
        compare([write_report(folder / n, found) for n, found in models.items()], task_set), folder
    )
    return (folder / NossComparison.TABLE).with_suffix(".html")


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    with browser.open(file) as page:
        yield page
        assert page.errors() == []


def means(page: Page) -> list[float]:
    rows = "[...document.querySelector('table.sortable').tBodies[0].rows].filter(row => row.offsetHeight)"
    column = "[...document.querySelectorAll('table.sortable')[0].tHead.rows[0].cells]"
    number = page.evaluate(f"{column}.findIndex(cell => cell.textContent.trim().startsWith('Mean'))")
    return [float(value) for value in page.evaluate(f"{rows}.map(row => row.cells[{number}].dataset.value)")]


def test_the_table_sorts_and_shows_every_variant_on_demand(page: Page) -> None:
    best = means(page)
    page.click("#best")
    every = means(page)
    assert len(every) == len(best) + 1
    mean = "[...document.querySelectorAll('th')].find(head => head.textContent.trim().startsWith('Mean'))"
    page.evaluate(f"{mean}.querySelector('button').id = 'mean'")
    page.click("#mean")
    assert means(page) == sorted(every, reverse=True)
    page.click("#mean")
    assert means(page) == sorted(every)


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_leaves_its_box(page: Page, width: int) -> None:
    page.resize(width, 800)
    assert page.misplaced() == []


def test_a_narrow_screen_shows_figures_and_not_only_names(page: Page) -> None:
    page.resize(400, 800)
    assert page.seen_cells("table.sortable") >= 2
