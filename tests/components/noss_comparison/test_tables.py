"""What the tables, the page and the picture say, and that names do no harm in them."""

from __future__ import annotations

import csv
import html.parser
import io
import re
from pathlib import Path
from typing import Any

import pytest

from components.noss_comparison import heat_map
from components.noss_comparison.compare import compare
from components.noss_comparison.csv_table import as_csv
from components.noss_comparison.markdown_table import as_markdown
from components.noss_comparison.rows import columns, published
from components.noss_comparison.write import write_comparison
from schemas.comparison_reports import LeftOut, ModelSlices, NossComparison
from schemas.noss_reports import SliceFigure, TfmaSummary
from schemas.plain_text import plain
from tests.components.noss_comparison.made_up import make_model, make_task_set, write_report

EVIL = '=cmd|<b onload="x">`*_[a](b)\x1b[31m'
PUBLISHED = {
    "published": (
        {"model": "TRILL", "value": 0.659, "source": "a paper, table 1", "note": "<i>on</i> another split"},
        {"model": "FRILL", "value": 0.7, "metric": "balanced_accuracy", "source": "a paper, table 2"},
    ),
    "licence": "ODbL <1.0>",
}
SPOOF = {"metric": "equal_error_rate", "labels": ("spoof", "real"), "positive_label": "spoof"}


@pytest.fixture
def comparison(tmp_path: Path) -> NossComparison:
    """A teacher, a baseline and two candidates: one of two variants, one with a hostile name."""
    task_set = make_task_set(("mood", "spoof"), synthetic=False, mood=PUBLISHED, spoof=SPOOF)
    groups: dict[str, list[Any]] = {
        "t": [make_model(task_set, "teacher", 0.8, kind="teacher")],
        "b": [make_model(task_set, "logmel", 0.4, kind="baseline")],
        "s": [
            make_model(task_set, "small", 0.7, "wave-float32", extras=True),
            make_model(task_set, "small", 0.6, "core-dynamic"),
        ],
        "e": [make_model(task_set, EVIL, 0.5, licence=EVIL)],
    }
    reports = []
    for name, models in groups.items():
        reports.append(write_report(tmp_path / name, models))
    figure = SliceFigure(
        task="mood", feature="speaker", value=EVIL, n=20, accuracy=0.4, low=0.2, high=0.6,
        interval="wilson", gap=-0.123, teacher=0.75,
    )  # fmt: skip
    summary = TfmaSummary(
        min_slice=10, slices=[figure], thresholds=["a floor"], validated=False, reasons=["mood: too low"]
    )
    return compare(reports, task_set).model_copy(
        update={
            "slices": [ModelSlices(model="small/wave-float32", tfma=summary)],
            "not_comparable": [LeftOut(model="=odd", reason=f"has {EVIL}")],
        }
    )


def test_csv_holds_every_figure_and_no_formula(comparison: NossComparison) -> None:
    lines = list(csv.DictReader(io.StringIO(as_csv(comparison))))
    for line in lines:
        for key, cell in line.items():
            assert cell is not None and not re.match(r"[=+@\t\r]", cell)
            assert not cell.startswith("-") or float(cell) < 0, key
    by_model = {plain(model.name): model for model in comparison.models}
    tasks = [line for line in lines if line["row"] == "task"]
    assert len(tasks) == 5 * 2
    for line in tasks:
        model = line["model"].removeprefix("'") + (f"/{line['variant']}" if line["variant"] else "")
        (task,) = [task for task in by_model[model].tasks if task.task == line["task"]]
        assert float(line["value"]) == pytest.approx(task.value, rel=1e-5)
        assert float(line["high"]) == pytest.approx(task.high, rel=1e-5)
        assert line["better"] == ("lower" if task.task == "spoof" else "higher")
        assert (line["n_test"], line["task_digest"]) == (str(task.n_test), task.task_digest)
    assert {line["model"] for line in tasks if "cmd" in line["model"]} == {f"'{plain(EVIL)}"}
    assert "\x1b" in EVIL and "\x1b" not in as_csv(comparison)
    against = {difference.model: difference for difference in comparison.against_teacher}
    for line in lines:
        if line["row"] == "mean" and line["model"] == "logmel":
            assert float(line["difference_high"]) == pytest.approx(against["logmel"].high, rel=1e-4)
        if line["row"] == "mean" and line["model"] == "teacher":
            assert line["difference_high"] == ""
    kinds = [line["row"] for line in lines]
    assert {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)} == {
        "task": 10, "mean": 5, "fidelity": 3, "robustness": 1, "paper": 4, "published": 2,
    }  # fmt: skip


def test_markdown_tables_keep_their_shape(comparison: NossComparison) -> None:
    text = as_markdown(comparison)
    assert "<" not in text and "`" not in text and "\x1b" not in text
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        assert len({line.count("|") for line in block.splitlines()}) == 1
    assert "=cmd&#124;&#60;b" in text
    assert "spoof, equal error rate ↓" in text and "mood, accuracy ↑" in text
    assert "Best on test, as the papers did: for comparison with published figures only" in text
    assert "TRILL (a paper, table 1) | published | 0.659" in text
    assert "tfds build &#60;x&#62;" in text and "ODbL" in text
    # The baseline is surely below the teacher.
    assert re.search(r"\| logmel \| baseline .*\*\*-0\.\d{3} \[-0\.", text)
    assert "Synthetic" not in text


class Outline(html.parser.HTMLParser):
    """Whether tags close, where addresses point, and the text."""

    VOID = frozenset({"meta", "link", "img", "input", "br"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert "onload" not in dict(attrs)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.text += data


def test_page(comparison: NossComparison, tmp_path: Path) -> None:
    write_comparison(comparison, tmp_path)
    page = (tmp_path / "table.html").read_text(encoding="utf-8")
    outline = Outline(page)
    assert outline.open == [] and "i" not in outline.tags
    # The only address that leaves the page is the one a task is to be had from.
    assert [a for a in outline.addresses if not a.startswith("data:")] == ["https://example.org/voxforge"]
    assert not re.search(r"@import|url\(", page)
    for wanted in (
        plain(EVIL),
        "equal error rate",
        "lower is better ↓",
        "Best on test, as the papers did: for comparison with published figures only",
        "published: a paper, table 1",
        "<i>on</i> another split",
        "ODbL <1.0>",
        "tfds build <x>",
        "noise 10 dB",
        "thresholds NOT met",
        "mood: too low",
        f"speaker: {plain(EVIL)}",
        "-0.123",
        f"has {plain(EVIL)}",
        "1 of 1 pairs can be told apart",
        "strict: chosen on validation",
        "Apache-2.0",
    ):
        assert wanted in outline.text, wanted
    assert "synthetic sound" not in outline.text
    assert NossComparison.load(tmp_path) == comparison


def test_a_page_to_get_a_task_from_is_no_link_unless_it_is_on_the_web(
    comparison: NossComparison, tmp_path: Path
) -> None:
    (absent,) = comparison.unavailable
    obtain = absent.obtain.model_copy(update={"page": "javascript:alert(1)"})
    changed = comparison.model_copy(update={"unavailable": [absent.model_copy(update={"obtain": obtain})]})
    write_comparison(changed, tmp_path)
    outline = Outline((tmp_path / "table.html").read_text(encoding="utf-8"))
    assert all(address.startswith("data:") for address in outline.addresses)
    assert "javascript:alert(1)" in outline.text


def test_published_figures_are_of_recorded_sound_and_of_the_task_itself(comparison: NossComparison) -> None:
    assert [(row.model, list(row.figures)) for row in published(comparison)] == [
        ("TRILL", ["mood"]),
        ("FRILL", ["mood"]),
    ]
    # 99 + 50 + 60 clips of 100 + 50 + 60.
    notes = [row.figures["mood"].note for row in published(comparison)]
    some = "here 209 of 210 clips were used"
    assert notes == [f"<i>on</i> another split; {some}", some]
    full = [task.model_copy(update={"n_used": task.n_original}) for task in comparison.tasks]
    (trill, frill) = published(comparison.model_copy(update={"tasks": full}))
    assert (trill.figures["mood"].note, frill.figures["mood"].note) == ("<i>on</i> another split", "")
    tasks = [task.model_copy(update={"synthetic": True}) for task in comparison.tasks]
    assert published(comparison.model_copy(update={"tasks": tasks})) == []


def test_synthetic_sound_is_marked_everywhere(comparison: NossComparison, tmp_path: Path) -> None:
    tasks = [task.model_copy(update={"synthetic": True}) for task in comparison.tasks]
    changed = comparison.model_copy(update={"tasks": tasks})
    assert all(column.synthetic for column in columns(changed))
    assert "Synthetic sound" in as_markdown(changed)
    write_comparison(changed, tmp_path)
    assert "synthetic sound: figures say nothing" in Outline((tmp_path / "table.html").read_text()).text
    assert "SYNTHETIC SOUND *" in words(changed) and "SYNTHETIC SOUND *" not in words(comparison)
    assert "mood *" in words(changed) and "mood" in words(comparison)


def words(comparison: NossComparison) -> list[str]:
    """All that is written in the picture."""
    figure = heat_map.draw(comparison)
    labels = [*figure.axes[0].get_xticklabels(), *figure.axes[0].get_yticklabels()]
    return [text.get_text() for text in (*figure.texts, *figure.axes[0].texts, *labels)]


def test_picture_shows_each_candidate_once_and_every_figure(comparison: NossComparison) -> None:
    written = words(comparison)
    assert [word for word in written if word.startswith("small")] == ["small/wave-float32"]
    shown = [model for model in comparison.models if model.variant != "core-dynamic"]
    figures = [f"{value:.3f}" for model in shown for value in (*(t.value for t in model.tasks), model.mean)]
    assert [word for word in written if re.fullmatch(r"0\.\d{3}", word)] == figures
    assert "lower values are better on spoof" in " ".join(written)


@pytest.mark.parametrize("students", [1, 40])
def test_picture_of_few_and_many(tmp_path: Path, students: int) -> None:
    task_set = make_task_set([f"task{i}" for i in range(3 if students == 1 else 17)])
    models = [make_model(task_set, f"{i}$\\frac{{$" * (1 + i % 5), 0.5 + i / 100) for i in range(students)]
    teacher = [make_model(task_set, "teacher", 0.8, kind="teacher")] if students > 1 else []
    reports = [write_report(tmp_path / f"{i}", [model]) for i, model in enumerate([*models, *teacher])]
    picture = heat_map.render(compare(reports, task_set))
    assert picture.startswith(b"\x89PNG")
    width, height = (int.from_bytes(picture[at : at + 4], "big") for at in (16, 20))
    assert (900 < width < 2600) and (height > 1500) == (students > 1)
