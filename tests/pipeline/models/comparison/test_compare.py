"""Two runs side by side: what differs, what may be compared, and the page that shows it."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.configuration.config_file import ConfigError
from pipeline.models.comparison.compare import RunComparison, compare, read_side
from pipeline.models.comparison.page import render
from pipeline.terminal.comparison import print_comparison
from pipeline_runner import main
from schemas.verdicts import Verdict
from tests.browser import Browser
from tests.components.frontier_gate.judging import SMALL, TINY, verdict_of
from tests.made_up_runs import Made, make_run

S, T = (f"{spec.candidate_id}/wave-float32" for spec in (SMALL, TINY))


def write_run(folder: Path, qualities: dict[Any, Made], epochs: int = 10, **changes: Any) -> Path:
    """A finished run's folder, as far as a comparison reads it."""
    samples = folder / "samples"
    files = {
        spec: [replace(made, content=f"{folder} {spec.candidate_id}".encode().ljust(made.size))]
        for spec, made in qualities.items()
    }
    run = make_run(files, doubt=0.2)
    verdict = verdict_of(run, samples=samples).model_copy(update=changes)
    verdict.save(folder / "report")
    (folder / "config.yaml").write_text(
        f"name: mine\ntraining: {{epochs: {epochs}}}\npush: {{destination: {folder}/pushed}}\nlist: [1, 2]\n"
    )
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    first = write_run(tmp_path / "first", {SMALL: Made(0.70, 5.0, size=2000), TINY: Made(0.60, 2.0)})
    second = write_run(tmp_path / "second", {SMALL: Made(0.75, 5.0, size=1000)}, epochs=20)
    return first, second


def compared(*folders: Path) -> RunComparison:
    return compare(*(read_side(letter, folder) for letter, folder in zip("AB", folders, strict=True)))


def test_files_stand_beside_each_other_with_paired_differences(runs: tuple[Path, Path]) -> None:
    found = compared(*runs)
    assert found.quality == ""
    (device,) = found.devices
    assert device.latency == ""
    assert [row.name for row in device.rows] == ["teacher", S, "logmel (baseline)", T]
    row = device.rows[1]
    assert row.difference is not None and row.difference.value == pytest.approx(0.05)
    # The made-up draws are the same noise for all files: what is left is the difference.
    assert (row.difference.low, row.difference.high) == pytest.approx((0.05, 0.05), abs=1e-4)
    assert row.difference.told_apart is True and not row.same_file
    gone = device.rows[3]
    assert gone.right is None and gone.difference is None
    (line,) = device.shipped
    assert line.startswith(f"host, wave: A ships {S}, B {S}: B's has +0.050 (")
    assert line.endswith(" of quality, 1 times the latency, 0.5 times the size.")


def test_only_settings_that_differ_are_told_and_the_folder_is_none(runs: tuple[Path, Path]) -> None:
    assert compared(*runs).settings == [("training.epochs", "10", "20")]


def test_a_run_beside_itself_differs_in_nothing(runs: tuple[Path, Path]) -> None:
    found = compared(runs[0], runs[0])
    assert found.settings == []
    (device,) = found.devices
    assert device.shipped == [f"host, wave: both ship the very same file, {S}."]
    assert all(row.difference and row.difference.value == 0 for row in device.rows)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"benchmark_digest": "other"}, "they come from other tasks, clips or rules"),
        ({"synthetic": False}, "one run was judged by synthetic sound"),
    ],
)
def test_qualities_of_another_benchmark_are_not_subtracted(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    first = write_run(tmp_path / "a", {SMALL: Made(0.70, 5.0)})
    second = write_run(tmp_path / "b", {SMALL: Made(0.75, 5.0)}, **changes)
    found = compared(first, second)
    assert reason in found.quality
    assert not any(row.difference for row in found.devices[0].rows)
    assert "of quality" not in found.devices[0].shipped[0]


def test_latencies_of_another_machine_are_not_divided(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", {SMALL: Made(0.70, 5.0)})
    second = write_run(tmp_path / "b", {SMALL: Made(0.75, 5.0)})
    verdict = Verdict.load(second / "report")
    (device,) = verdict.devices
    machine = device.machine.model_copy(update={"threads": 4})
    verdict.model_copy(update={"devices": [device.model_copy(update={"machine": machine})]}).save(
        second / "report"
    )
    (device_compared,) = compared(first, second).devices
    assert "another machine" in device_compared.latency
    assert "latency" not in device_compared.shipped[0]


def test_a_device_of_one_run_only(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", {SMALL: Made(0.70, 5.0)})
    second = write_run(tmp_path / "b", {SMALL: Made(0.75, 5.0)})
    verdict = Verdict.load(second / "report")
    other = verdict.devices[0].model_copy(update={"device": "pixel"})
    verdict.model_copy(update={"devices": [other]}).save(second / "report")
    host, pixel = compared(first, second).devices
    assert (host.latency, pixel.latency) == ("only A was timed on host", "only B was timed on pixel")
    assert host.shipped == [f"host, wave: only A has a file to ship, {S}."]


def test_the_command_prints_both_answers_and_writes_the_page(
    runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["report", "--compare", *map(str, runs)]) == 0
    out = capsys.readouterr().out
    assert out.index("A: ") < out.index("B: ") < out.index("training.epochs")
    assert f"Ship {S} on host: the best quality; score 0.700" in out
    assert f"page: {runs[1]}/report/comparison.html" in out
    assert (runs[1] / "report" / "comparison.html").is_file()
    elsewhere = tmp_path / "new" / "page.html"
    assert main(["report", "--compare", *map(str, runs), "--page", str(elsewhere)]) == 0
    assert elsewhere.is_file()


def test_what_is_no_run_is_refused_with_its_name(
    tmp_path: Path, runs: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"--compare .*empty.*accepted: the folder of a finished run"):
        read_side("A", tmp_path / "empty")
    assert main(["report", "--output", str(runs[0]), "--page", "x.html"]) == 2
    assert "--page x.html belongs to --compare" in capsys.readouterr().err


def test_names_are_words_on_the_page_and_in_the_terminal(runs: tuple[Path, Path]) -> None:
    found = compared(*runs)
    evil = "<script>alert(1)</script>[red]\x1b[31m"
    verdict = found.left.verdict.model_copy(update={"run_name": evil})
    found = compare(type(found.left)("A", found.left.folder, verdict, {}), found.right)
    page = render(found, runs[0] / "page.html")
    assert "<script>" not in page and "&lt;script&gt;" in page and "\x1b" not in page
    out = io.StringIO()
    print_comparison(Console(file=out, width=200), found)
    assert "\x1b" not in out.getvalue() and "[red]" in out.getvalue()


@pytest.mark.parametrize("width", [400, 1200])
def test_the_page_shows_figures_at_any_width(runs: tuple[Path, Path], browser: Browser, width: int) -> None:
    for run in runs:
        (run / "report" / Verdict.PAGE).write_text("<title>a page</title>")
    place = runs[1] / "report" / "comparison.html"
    place.write_text(render(compared(*runs), place), encoding="utf-8")
    with browser.open(place, width=width) as page:
        assert page.misplaced() == [] and page.errors() == []
        seen = page.evaluate(
            "[...document.querySelectorAll('#files-host tbody tr:nth-child(2) td')]"
            ".filter(cell => cell.getBoundingClientRect().right <= innerWidth).map(cell => cell.innerText)"
        )
        # Both qualities and their difference, not only names.
        assert [words.split()[0] for words in seen[:3]] == ["0.700", "0.750", "+0.050"]
        links = page.evaluate("[...document.querySelectorAll('.card a')].map(link => link.href)")
    assert links == [(run / "report" / Verdict.PAGE).as_uri() for run in runs]


def test_boards_are_compared_by_what_was_counted(tmp_path: Path) -> None:
    folders = []
    for name, macs, size in (("a", 5.0, 2000), ("b", 2.0, 1000)):
        made = Made(0.75, macs, "core-int8", content=name.encode().ljust(size))
        run = make_run({SMALL: [made]}, devices={"board": 1.0, "pixel": 1.0})
        verdict_of(run, samples=tmp_path / name / "samples").save(tmp_path / name / "report")
        (tmp_path / name / "config.yaml").write_text("name: mine\n")
        folders.append(tmp_path / name)
    found = compared(*folders)
    board, pixel = found.devices
    assert (board.costs, pixel.costs) == (["M MACs", "arena KiB", "MiB"], ["ms", "MiB"])
    assert board.shipped[0].endswith(
        " of quality, which cannot be told from none, 0.4 times the multiply-accumulates, 0.4 times the "
        "arena, 0.5 times the size."
    )
    assert "0.4 times the latency, 0.5 times the size." in pixel.shipped[0]
    out = io.StringIO()
    print_comparison(Console(file=out, width=240), found)
    of_board = out.getvalue().split("on board")[-1].split("on pixel")[0]
    assert "arena KiB B" in of_board and "ms A" not in of_board
    (row,) = [
        line.split()
        for line in of_board.splitlines()
        if line.split()[:1] == [f"{SMALL.candidate_id}/core-int8"]
    ]
    assert row[-6:] == ["5.000", "2.000", "200.000", "80.000", "0.00", "0.00"]
    page = render(found, tmp_path / "page.html")
    table = page.split('id="files-board"')[1].split("</table>")[0]
    assert "<th>M MACs A</th><th>B</th>" in table and "ms A" not in table
    assert "<td>5.00</td>" in "".join(table.split("\n")) and "<td>80.0</td>" in "".join(table.split("\n"))


def test_a_board_and_a_phone_of_one_name_are_shown_and_not_divided(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", {SMALL: Made(0.70, 5.0)})
    verdict = verdict_of(make_run({SMALL: [Made(0.75, 5.0)]}, devices={"board": 1.0}))
    renamed = verdict.devices[0].model_copy(update={"device": "host"})
    second = tmp_path / "b"
    verdict.model_copy(update={"devices": [renamed]}).save(second / "report")
    (host,) = compared(first, second).devices
    assert host.latency.startswith("costs do not compare: host is another machine")
    assert host.costs == ["ms", "M MACs", "arena KiB", "MiB"]
    assert "multiply-accumulates" not in host.shipped[0] and "latency" not in host.shipped[0]
