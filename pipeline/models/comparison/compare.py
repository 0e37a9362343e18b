"""What two runs have in common and what differs: answers, figures and settings.

Figures are put beside each other always, and differences are told only where they mean something: of quality
where the same clips were judged by the same rules, of latency where the same machine timed the files. Where
both verdicts keep the draws of a file's quality, draw i of either is of the same clips, so the interval of
the difference is a paired one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from components.common.frontier.answer import Answer, answers
from components.common.frontier.draws import MEAN, unpack
from components.common.statistics.bootstrap import paired_interval
from pipeline.configuration.config_file import ConfigError
from pipeline.local.relocation import open_folder
from schemas.settings import UnreadableReport
from schemas.verdicts import DeviceVerdict, FrontierPoint, ReferenceQuality, Verdict

_Told = FrontierPoint | ReferenceQuality
_OWN = "<the run's folder>"
_COSTS = ("ms", "M MACs", "arena KiB", "MiB")


@dataclass(frozen=True)
class Side:
    """One of the runs.

    Attributes:
      letter: A or B.
      folder: The run's.
      verdict: Its verdict.
      settings: Its configuration, flat: 'training.epochs' and the like.
    """

    letter: str
    folder: Path
    verdict: Verdict
    settings: Mapping[str, str]

    @cached_property
    def answers(self) -> list[Answer]:
        """What it says to ship."""
        return answers(self.verdict)

    def device(self, name: str) -> DeviceVerdict | None:
        """The decision on a device; None: the run did not time it."""
        return next((one for one in self.verdict.devices if one.device == name), None)


@dataclass(frozen=True)
class Difference:
    """B's quality minus A's.

    Attributes:
      value: The difference.
      low: Lower end of its paired 95 % interval; None: the draws of one are not kept.
      high: Upper end.
    """

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def told_apart(self) -> bool | None:
        """Whether the interval leaves out 0; None: there is no interval."""
        return None if self.low is None or self.high is None else self.low > 0 or self.high < 0

    @property
    def in_words(self) -> str:
        """As in '+0.012 (+0.004 to +0.020)'."""
        if self.low is None or self.high is None:
            return f"{self.value:+.3f}"
        return f"{self.value:+.3f} ({self.low:+.3f} to {self.high:+.3f})"


@dataclass(frozen=True)
class Row:
    """A file, or what files are held against, in both runs; None: one of them has none of that name."""

    name: str
    left: _Told | None
    right: _Told | None
    difference: Difference | None

    @property
    def same_file(self) -> bool:
        """Whether both runs judged the very same file."""
        return (
            isinstance(self.left, FrontierPoint)
            and isinstance(self.right, FrontierPoint)
            and self.left.sha256 == self.right.sha256
        )


@dataclass(frozen=True)
class DeviceComparison:
    """Both runs on a device.

    Attributes:
      device: Its name in the configurations.
      latency: Why latencies, or what a board needs, do not compare; empty: they do.
      rows: Files of either frontier, teachers and baselines, best first.
      shipped: What comes of taking B's answer instead of A's, a sentence an input.
    """

    device: str
    latency: str
    rows: list[Row]
    shipped: list[str]

    @property
    def costs(self) -> list[str]:
        """What its files are known to cost: of a board that is not timed no milliseconds."""
        told = {label for row in self.rows for one in (row.left, row.right) if one for label in costs_of(one)}
        return [label for label in _COSTS if label in told]


@dataclass(frozen=True)
class RunComparison:
    """Two runs side by side.

    Attributes:
      quality: Why qualities do not compare; empty: they do.
      settings: What differs in the configurations: key, A's value, B's value; empty: not set.
    """

    left: Side
    right: Side
    quality: str
    devices: list[DeviceComparison]
    settings: list[tuple[str, str, str]]


def costs_of(one: _Told) -> dict[str, float]:
    """What a file costs on its device, by unit; nothing of what files are held against."""
    if isinstance(one, ReferenceQuality):
        return {}
    figures = (one.latency_ms, one.mega_macs, one.arena_kib, one.bytes / 2**20)
    return {label: figure for label, figure in zip(_COSTS, figures, strict=True) if figure is not None}


def read_side(letter: str, folder: Path) -> Side:
    """Reads a finished run.

    Raises:
      ConfigError: If the folder holds no verdict that can be read.
    """
    layout = open_folder(folder)
    try:
        verdict = Verdict.load(layout.report)
    except UnreadableReport as error:
        raise ConfigError(f"--compare {folder}: {error}; accepted: the folder of a finished run") from None
    settings: Any = yaml.safe_load(layout.config.read_text("utf-8")) if layout.config.is_file() else {}
    flat = {key: text.replace(str(layout.root), _OWN) for key, text in _flat(settings)}
    return Side(letter, layout.root, verdict, flat)


def compare(left: Side, right: Side) -> RunComparison:
    """Puts two runs side by side."""
    quality = _why_no_quality(left.verdict, right.verdict)
    names = dict.fromkeys(one.device for side in (left, right) for one in side.verdict.devices)
    keys = dict.fromkeys([*left.settings, *right.settings])
    return RunComparison(
        left,
        right,
        quality,
        [_on_device(name, left, right, quality) for name in names],
        [
            (key, left.settings.get(key, ""), right.settings.get(key, ""))
            for key in keys
            if left.settings.get(key) != right.settings.get(key)
        ],
    )


def _why_no_quality(left: Verdict, right: Verdict) -> str:
    if left.benchmark_digest != right.benchmark_digest:
        return "qualities do not compare: they come from other tasks, clips or rules"
    if left.synthetic != right.synthetic:
        return "qualities do not compare: one run was judged by synthetic sound, the other by recordings"
    return ""


def _on_device(name: str, left: Side, right: Side, quality: str) -> DeviceComparison:
    one, other = left.device(name), right.device(name)
    latency = ""
    if one is None or other is None:
        (there,) = (device for device in (one, other) if device is not None)
        how = "timed" if there.machine.measures_time else "judged"
        latency = f"only {'A' if other is None else 'B'} was {how} on {name}"
    elif one.machine.identity != other.machine.identity:
        figures = "latencies" if one.machine.measures_time and other.machine.measures_time else "costs"
        latency = f"{figures} do not compare: {name} is another machine, runtime or number of threads in B"
    mine, theirs = (_named(side, device) for side, device in ((left, one), (right, other)))
    rows = [
        Row(key, mine.get(key), theirs.get(key), _difference(mine.get(key), theirs.get(key), quality))
        for key in dict.fromkeys([*mine, *theirs])
    ]
    rows.sort(key=lambda row: -max(each.quality for each in (row.left, row.right) if each))
    return DeviceComparison(name, latency, rows, list(_shipped(name, left, right, quality, latency)))


def _named(side: Side, device: DeviceVerdict | None) -> dict[str, _Told]:
    """What a table shows of one run on a device: the frontier, and what it is held against."""
    found: dict[str, _Told] = {
        "teacher": side.verdict.teacher,
        **{f"{one.model} ({one.kind})": one for one in side.verdict.baselines},
    }
    if device is not None:
        found |= {one.point_id: one for one in device.points if one.on_frontier or one.blessed}
    return found


def _difference(left: _Told | None, right: _Told | None, why_not: str) -> Difference | None:
    if left is None or right is None or why_not:
        return None
    value = right.quality - left.quality
    if isinstance(left, FrontierPoint) and isinstance(right, FrontierPoint):
        mine, theirs = (unpack(point.quality_draws).get(MEAN) for point in (left, right))
        if mine is not None and theirs is not None and len(mine) == len(theirs):
            return Difference(value, *paired_interval(theirs, mine))
    return Difference(value)


def _shipped(name: str, left: Side, right: Side, quality: str, latency: str) -> Iterator[str]:
    mine, theirs = (
        {one.input: one.point for one in side.answers if one.device == name and one.point}
        for side in (left, right)
    )
    for kind in dict.fromkeys([*mine, *theirs]):
        one, other = mine.get(kind), theirs.get(kind)
        if one is None or other is None:
            which, point = ("A", one) if other is None else ("B", other)
            assert point is not None
            yield f"{name}, {kind}: only {which} has a file to ship, {point.point_id}."
            continue
        if one.sha256 == other.sha256:
            yield f"{name}, {kind}: both ship the very same file, {one.point_id}."
            continue
        told = [f"A ships {one.point_id}, B {other.point_id}", _quality_words(one, other, quality)]
        if not latency:
            told += _times(one, other, left.verdict.reference_sha256 == right.verdict.reference_sha256)
        told.append(f"{other.bytes / one.bytes:.2g} times the size")
        yield f"{name}, {kind}: {told[0]}: B's has {', '.join(filter(None, told[1:]))}."


def _times(one: FrontierPoint, other: FrontierPoint, same_network: bool) -> Iterator[str]:
    """How much the second costs of the first's latency, or on a board of its arithmetic and arena."""
    # The ratio to the reference network, where it is the same one: machines drift between runs.
    latency = "latency_ratio" if same_network else "latency_ms"
    for figure, cost in ((latency, "latency"), ("mega_macs", "multiply-accumulates"), ("arena_kib", "arena")):
        mine, theirs = getattr(one, figure), getattr(other, figure)
        if mine and theirs is not None:
            yield f"{theirs / mine:.2g} times the {cost}"


def _quality_words(one: FrontierPoint, other: FrontierPoint, why_not: str) -> str:
    difference = _difference(one, other, why_not)
    if difference is None:
        return ""
    apart = {True: "", False: ", which cannot be told from none", None: ", without a paired interval"}
    return f"{difference.in_words} of quality{apart[difference.told_apart]}"


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Settings by their dotted keys; a list is one value."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}" if key else str(name))
    elif key:
        text = yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("...\n").strip()
        yield key, text
