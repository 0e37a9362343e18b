"""The benchmark's tasks in the terminal: which there are, what one is, whether its sound is here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from components.noss_ingest.choice import folder_records
from components.noss_ingest.places import (
    Places,
    check_place,
    describe,
    how_to_obtain,
    locate,
    place_of,
    read_rows,
)
from components.noss_ingest.rows import SPLITS, SourceError, SourceMissing, TaskRow
from components.noss_ingest.settings import NossIngestSettings
from components.noss_ingest.splits import with_splits
from components.noss_ingest.tfds_prepare import prepare
from pipeline.configuration.config_file import ConfigError
from pipeline.configuration.sources import DATA_ROOT, refusing_sources, root_of
from pipeline.terminal.rich_text import cell_lines, tell
from pipeline.terminal.words import counted, print_table
from schemas.noss_tasks import TaskRecord, TfdsSource, catalogue
from schemas.plain_text import plain

_MEASURED_FILES = 2000
_SHOWN_LABELS = 50
# Columns of a terminal from which on there is room to say what a task asks.
_WIDE = 100


@dataclass(frozen=True)
class TaskLine:
    """A line of the list of tasks.

    Attributes:
      name: Of the task.
      title: What is asked.
      classes: How many; 0: as many as are found.
      metric: What counts.
      split: Rule of the splits.
      source: Where its sound is; empty: not here.
      obtain: How to get it, or what was looked for.
    """

    name: str
    title: str
    classes: int
    metric: str
    split: str
    source: str
    obtain: str


@dataclass
class TaskCounts:
    """What a task's rows add up to.

    Attributes:
      clips: By split.
      labels: Clips by label.
      speakers: Names by split; empty where they are unknown.
      hours: Of all clips; None if no file says its length.
    """

    clips: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    speakers: dict[str, set[str]] = field(default_factory=lambda: {split: set() for split in SPLITS})
    hours: float | None = None


def places(root: str, tfds_dir: str) -> Places:
    """Where tasks are looked for: as given, else as a run does."""
    chosen = Path(root or root_of("", DATA_ROOT) / "noss").expanduser().resolve()
    if root and not chosen.is_dir():
        raise ConfigError(f"--root: there is no folder {str(chosen)!r}; accepted: a folder of tasks")
    return Places.of(NossIngestSettings(tfds_dir=tfds_dir), chosen)


def known_tasks(where: Places) -> dict[str, TaskRecord]:
    """The catalogue's tasks and those of the root's folders, by name.

    Raises:
      ConfigError: If a folder's record cannot be read.
    """
    with refusing_sources():
        own = folder_records(where.root) if where.root.is_dir() else {}
    return dict(sorted({**catalogue(), **own}.items()))


def list_tasks(where: Places) -> list[TaskLine]:
    """All tasks, by name."""
    lines = []
    for record in known_tasks(where).values():
        try:
            source, obtain = describe(locate(record, where)), ""
        except SourceMissing as error:
            source, obtain = "", how_to_obtain(record.obtain.model_copy(update={"note": ""}))
            found = [place_of(one, where) for one in record.sources]
            if any(place is not None and place.exists() for place in found):
                obtain = f"something is here, but {error}; {obtain}"
        except SourceError as error:
            source, obtain = "", f"cannot be read: {error}"
        lines.append(
            TaskLine(
                name=record.name,
                title=record.title,
                classes=len(record.labels),
                metric=record.metric,
                split=record.split.rule,
                source=source,
                obtain=obtain,
            )
        )
    return lines


def as_json(lines: Sequence[TaskLine]) -> str:
    """The list for programs."""
    import json

    return json.dumps([asdict(line) for line in lines], indent=1)


def print_list(console: Console, lines: Sequence[TaskLine]) -> None:
    """Prints the list for people: a table, and how to get what is not here."""
    rows = [("task", "classes", "metric", "split", "here", "asks")]
    for line in lines:
        classes = str(line.classes) if line.classes else "as found"
        here = line.source.partition(" ")[0] or "no"
        rows.append((line.name, classes, line.metric, line.split, here, line.title))
    shown = 6 if console.width >= _WIDE or not console.is_terminal else 5
    headings, *told = (row[:shown] for row in rows)
    print_table(console, headings, told, words=range(shown))
    absent = [line for line in lines if not line.source]
    if absent:
        _print_text(console, "To get what is not here (more by: noss show TASK):")
    for line in absent:
        _print_text(console, f"  {line.name}: {line.obtain}")


def show_task(console: Console, name: str, where: Places) -> None:
    """Prints a task's record and, if its sound is here, what is in it.

    Raises:
      ConfigError: If there is no such task, or its source is malformed.
    """
    record = _task(name, where)
    console.print(_record_table(record, where))
    if record.published:
        _print_published(console, record)
    with refusing_sources():
        try:
            rows, _ = read_rows(record, where)
        except SourceMissing as error:
            _print_text(console, f"Its sound is not here: {error}")
            return
        counts = count(with_splits(rows, record.split))
    print_counts(console, counts)


def get_task(console: Console, name: str, where: Places, manual_dir: Path | None) -> None:
    """Prepares a task's sound by TensorFlow Datasets, unless it is here.

    Args:
      console: Where to say what was done.
      name: The task.
      where: Where sound is looked for, and put.
      manual_dir: Folder of the files that are to be had by hand only.

    Raises:
      ConfigError: If there is no such task, it can be had by hand only, or fetching fails.
    """
    record = _task(name, where)
    with refusing_sources():
        try:
            _print_text(console, f"{name} is here: {describe(locate(record, where))}")
            return
        except SourceMissing:
            sources = [source for source in record.sources if isinstance(source, TfdsSource)]
        if not sources:
            raise ConfigError(f"{name} cannot be fetched by itself: {how_to_obtain(record.obtain)}")
        try:
            prepare(sources[0], where.tfds_dir, manual_dir)
        except SourceMissing as error:
            raise ConfigError(str(error)) from error
        _print_text(console, f"{name} is here now: {describe(locate(record, where))}")


def count(rows: Sequence[TaskRow]) -> TaskCounts:
    """Adds up the rows of a task, which have splits.

    The hours are those of at most 2,000 files, spread over the task, and scaled to all.
    """
    counts = TaskCounts()
    for row in rows:
        counts.clips[row.split] += 1
        counts.labels[row.label] += 1
        if row.speaker_id:
            counts.speakers[row.split].add(row.speaker_id)
    measured = [row for row in rows if row.path][:: len(rows) // _MEASURED_FILES + 1]
    lengths = [seconds for row in measured if (seconds := _seconds(row)) is not None]
    if lengths:
        counts.hours = sum(lengths) / len(lengths) * len(rows) / 3600
    return counts


def print_counts(console: Console, counts: TaskCounts) -> None:
    """Prints clips and speakers by split, hours, and clips by label."""
    everyone = set().union(*counts.speakers.values())
    lines = [(split, counts.clips[split], counts.speakers[split]) for split in SPLITS]
    rows = [
        (split, f"{clips:,}", f"{len(speakers):,}" if speakers else "unknown")
        for split, clips, speakers in [*lines, ("all", counts.clips.total(), everyone)]
    ]
    print_table(console, ("split", "clips", "speakers"), rows)
    hours = "unknown" if counts.hours is None else f"{counts.hours:.2f}"
    labels = sorted(counts.labels.items())
    shown = ", ".join(f"{label} {clips:,}" for label, clips in labels[:_SHOWN_LABELS])
    more = f" and {len(labels) - _SHOWN_LABELS:,} more" if len(labels) > _SHOWN_LABELS else ""
    _print_text(console, plain(f"{hours} hours; {counted(len(labels), 'label')}: {shown}{more}"))


def _task(name: str, where: Places) -> TaskRecord:
    known = known_tasks(where)
    if name not in known:
        raise ConfigError(f"there is no task {name!r}; known are {', '.join(known)}")
    return known[name]


def _record_table(record: TaskRecord, where: Places) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    split = record.split
    shares = (
        f", in shares of {split.shares}, seed {split.seed}" if split.rule in ("speakers", "clips") else ""
    )
    here = []
    for source in record.sources:
        try:
            check_place(source, where)
            here.append(f"{describe(source)} (here)")
        except SourceMissing:
            here.append(describe(source))
    rows = {
        "task": f"{record.name}, version {record.version}, digest {record.digest}",
        "asks": record.title,
        "labels": ", ".join(record.labels) or "those that are found",
        "metric": record.metric + (f" of {record.positive_label!r}" if record.positive_label else ""),
        "split": split.rule + shares,
        "speakers": f"{record.speaker}; in one split only: {str(record.speaker_disjoint).lower()}",
        "sources": "\n".join(here),
        "licence": record.licence,
        "cite": record.citation,
        "to get it": how_to_obtain(record.obtain),
        "sound": "synthesised" if record.synthetic else "",
    }
    for name, text in rows.items():
        if text:
            table.add_row(name, cell_lines(text))
    return table


def _print_published(console: Console, record: TaskRecord) -> None:
    headings = ("published", "figure", "metric", "source", "note")
    rows = [
        (figure.model, f"{figure.value:.1%}", figure.metric, figure.source, figure.note)
        for figure in record.published
    ]
    print_table(console, headings, rows, words=range(len(headings)))


def _print_text(console: Console, text: str) -> None:
    tell(console, text)


def _seconds(row: TaskRow) -> float | None:
    import soundfile

    if row.seconds is not None:
        return row.seconds
    try:
        info = soundfile.info(row.path)
    except (soundfile.SoundFileError, TypeError):
        return None
    return max(0.0, float(info.duration) - row.start_s)
