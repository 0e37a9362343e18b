"""Words of others in every place where a terminal shows them: shown, not obeyed."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable

import pytest
from rich.console import Console

from components.common.reporting.markdown import plain as markdown
from components.common.tracking.ledger import Entry
from pipeline.commands.shared import say, say_json
from pipeline.doctor import Check, render
from pipeline.models.promotion.table import Row, draw
from pipeline.models.registry.listing import (
    ListedModel,
    ListedVersion,
    ShownModel,
    print_model,
    print_models,
    print_version,
)
from pipeline.noss.listing import TaskCounts, print_counts
from pipeline.terminal.log_text import PlainRecord, make_logs_plain
from pipeline.terminal.progress import ProgressHandler
from pipeline_runner import main
from tests.components.common.tracking.test_registered import make_standing

EVIL = "[red]x[/red]\x1b[31m\x9b2J\u202e\u2066\u2028\r\nFORGED\x07"
OBEYED = set("\x1b\x9b\u202e\u2066\u2028\r\x07")


def version() -> ListedVersion:
    standing = make_standing("host")
    point = standing.point.model_copy(update={"point_id": EVIL, "tasks": {EVIL: 0.5}})
    machine = standing.machine.model_copy(update={"name": EVIL})
    return ListedVersion(
        registered_model=EVIL,
        version="1",
        aliases=[EVIL],
        device=EVIL,
        created=0,
        sha256=EVIL,
        candidate_run_id=EVIL,
        pipeline_run_id=EVIL,
        standing=standing.model_copy(update={"point": point, "machine": machine, "run_name": EVIL}),
        served={EVIL: json.dumps({"what": EVIL, "by": EVIL, "at": EVIL})},
        promotions=[entry()],
    )


def entry() -> Entry:
    return Entry(
        n=1, action="promote", version="1", over="", previous="", by=EVIL, at=EVIL, why=EVIL, waived=[EVIL]
    )


def a_list(console: Console) -> None:
    aliases = {"champion": EVIL}
    model = ListedModel(
        name=EVIL, device=EVIL, versions=1, aliases=aliases, champion=version(), warnings=[EVIL]
    )
    print_models(console, [model])


def a_model(console: Console) -> None:
    shown = ShownModel(
        name=EVIL, description=EVIL, versions=[version()], ledger=[entry()], warnings=[entry().words]
    )
    print_model(console, shown)


def a_log(console: Console) -> None:
    progress = ProgressHandler(console, ["A"], [])
    progress.emit(logging.LogRecord("tinytrill.x", logging.INFO, "", 1, "clip %s", (EVIL,), None))


def counts(console: Console) -> None:
    found = TaskCounts()
    found.labels[EVIL] = 1
    print_counts(console, found)


@pytest.mark.parametrize(
    "show",
    [
        a_list,
        a_model,
        a_log,
        counts,
        lambda console: print_version(console, version()),
        lambda console: draw(console, EVIL, (EVIL, EVIL), [Row(EVIL, EVIL, EVIL, EVIL)]),
        lambda console: console.print(render([Check(EVIL, "ok", EVIL, EVIL)])),
    ],
)
def test_a_console_shows_them(show: Callable[[Console], None]) -> None:
    out = io.StringIO()
    show(Console(file=out, width=4000))
    text = out.getvalue()
    assert "[red]x[/red]" in text
    assert not OBEYED & set(text)
    # Nobody adds a line that begins like one of the program.
    assert not any(line.startswith("FORGED") for line in text.splitlines())


def test_lines_of_commands_and_errors(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"refused: {EVIL}")
    say_json({"why": EVIL})
    with pytest.raises(SystemExit):
        main(["promote", "a", "1", f"--{EVIL}"])
    told = capsys.readouterr()
    assert not OBEYED & set(told.out + told.err)
    assert json.loads(told.out.partition("FORGED\\x07\n")[2]) == {"why": EVIL}


def test_an_error_that_repeats_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["promote", EVIL, EVIL, "--tracking-uri", "sqlite:////nowhere/mlflow.db"]) in (1, 2)
    assert not OBEYED & set(capsys.readouterr().err)


def test_logs_of_every_library() -> None:
    before = logging.getLogRecordFactory()
    try:
        make_logs_plain()
        record = logging.getLogger("others").makeRecord("others", 20, "", 1, "got %s", (EVIL,), None)
    finally:
        logging.setLogRecordFactory(before)
    assert isinstance(record, PlainRecord)
    assert not OBEYED & set(logging.Formatter("%(message)s").format(record))


def test_tables_in_markdown() -> None:
    assert not OBEYED & set(markdown(EVIL))
