"""The gate's decision, device by device, and what of it is kept with a registered model."""

from __future__ import annotations

import hashlib
import math
from typing import ClassVar, Literal

from pydantic import Field

from schemas.footprints import KIB
from schemas.latency_reports import Machine, Statistic
from schemas.search_reports import SearchReport
from schemas.settings import Report, ReportFile
from schemas.tensors import VariantInput

AxisMetric = Literal[
    "quality", "latency", "bytes", "peak_mib", "init_ms", "arena_kib", "flash_kib", "mega_macs"
]
EffectMetric = Literal["quality", "latency", "bytes", "mega_macs"]
Outcome = Literal["met", "undecided", "missed"]


class GoalResult(Report):
    """Whether one point meets one goal."""

    goal: str = Field(description="The goal in words, with its limit and unit.")
    value: float | None = Field(description="The point's figure; none: it was not measured.")
    limit: float | None = Field(description="What it is held against; none: nothing to compare with.")
    met: bool
    undecided: bool = Field(
        False,
        description="Not met, since the figure keeps to the limit but the end of its interval does not: more "
        "test clips, or longer timing, would tell.",
    )
    note: str = Field("", description="Why, where the figures do not say it.")

    @property
    def outcome(self) -> Outcome:
        """The one word for it, wherever it is shown."""
        return "met" if self.met else "undecided" if self.undecided else "missed"


class FrontierPoint(Report):
    """One TFLite variant on one device, and what the gate says of it."""

    point_id: str = Field(description="<candidate id>/<variant>.")
    candidate_id: str
    variant: str
    input: VariantInput = Field(description="Points compete only with points of the same input.")
    sha256: str
    quality: float = Field(description="Mean NOSS score: accuracy, or what a task's record asks for.")
    quality_low: float
    quality_high: float
    quality_draws: str = Field(
        "",
        description="Of a blessed point: bootstrap draws of its quality, so that later runs can be paired "
        "with it; int16 in ten thousandths, little endian, base64. Draw i of all models of one benchmark "
        "digest is of the same clips.",
    )
    quality_of_teacher: float = Field(description="Quality as a share of the teacher's.")
    teacher_difference: float = Field(0.0, description="Quality minus the teacher's, on the same clips.")
    teacher_difference_low: float = Field(0.0, description="Lower end of its paired 95 % interval.")
    teacher_difference_high: float = Field(0.0, description="Upper end of its paired 95 % interval.")
    tasks: dict[str, float] = Field(default_factory=dict, description="Score by task.")
    statistic: Statistic = Field("median", description="What latency_ms is.")
    latency_ms: float | None = Field(
        description="Typical latency of a window; none, as all of these: the device measures no time."
    )
    latency_low_ms: float | None
    latency_high_ms: float | None
    latency_n: int = Field(0, description="Timed invocations behind the latency; 0: not reported.")
    latency_sessions: int = Field(0, description="Sessions they come from.")
    p50_ms: float | None = None
    p90_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    mean_ms: float | None = None
    latency_intervals_ms: dict[str, tuple[float, float]] = Field(
        default_factory=dict, description="Their 95 % intervals over the sessions, by name."
    )
    latency_ratio: float | None = Field(description="Latency over the reference model's.")
    latency_ratio_low: float = Field(0.0, description="Lower end of the ratio's interval.")
    latency_ratio_high: float = Field(0.0, description="Upper end of the ratio's interval.")
    real_time_factor: float | None = Field(None, description="Seconds of computing for a second of sound.")
    init_ms: float | None = Field(0.0, description="Load, allocate and prepare.")
    peak_mib: float | None = Field(description="None: the device does not report.")
    init_low_ms: float | None = Field(None, description="Lower end of its 95 % interval over the sessions.")
    init_high_ms: float | None = Field(None, description="Upper end.")
    peak_low_mib: float | None = Field(None, description="Lower end of its 95 % interval over the sessions.")
    peak_high_mib: float | None = Field(None, description="Upper end.")
    arena_kib: float | None = Field(
        None, description="Tensor arena on a board, KiB; none, as the next: the device does not tell."
    )
    mega_macs: float | None = Field(
        None, description="Multiply-accumulates of an invocation on a board, in millions."
    )
    bytes: int
    parameters: int
    total_steps: int = Field(
        0,
        description="Optimiser steps behind the weights, those of the candidates it started from included; "
        "0: not reported.",
    )
    goals: list[GoalResult]
    goals_met: bool
    on_frontier: bool = Field(description="Nothing of this run, and nothing registered, beats it.")
    dominated_by: list[str] = Field(description="Points of the frontier that beat it, best first.")
    blessed: bool = Field(description="Meets all goals, and nothing that meets them beats it: it is pushed.")
    reasons: list[str] = Field(description="Why it is not blessed; empty if it is.")

    @property
    def flash_kib(self) -> float:
        """Size of the file, which lies in a board's flash as it is."""
        return self.bytes / KIB

    @property
    def cost(self) -> float:
        """What running it costs, to put points of one device in order.

        A ratio to the reference model, or millions of multiply-accumulates where no time is measured.
        """
        cost = self.mega_macs if self.latency_ratio is None else self.latency_ratio
        return math.inf if cost is None else cost

    @property
    def typical(self) -> str:
        """What its typical latency is: p50 or mean."""
        return "p50" if self.statistic == "median" else "mean"

    @property
    def cost_words(self) -> str:
        """What running it costs, as in '8.12 ms p50', or '99.2 KiB arena, 3.1 M multiply-accumulates'."""
        if self.latency_ms is not None:
            return f"{self.latency_ms:.3g} ms {self.typical}"
        if self.arena_kib is None or self.mega_macs is None:
            return "no time, no arena"
        return f"{self.arena_kib:.4g} KiB arena, {self.mega_macs:.3g} M multiply-accumulates"


class ReferenceQuality(Report):
    """A model beside the frontier: the teacher, a baseline or another model."""

    model: str
    kind: Literal["teacher", "baseline", "reference"]
    quality: float
    low: float
    high: float


class RefusedVariant(Report):
    """A variant that never became a point."""

    point_id: str
    reason: str


class AxisInfo(Report):
    """An axis of the comparison, as it was applied."""

    metric: AxisMetric
    task: str = Field("", description="Of quality: one task alone; empty: the mean.")
    larger_is_better: bool
    margin: float = Field(description="Difference that did not count, in the unit, or a share if relative.")
    relative: bool
    unit: str
    source: str = Field(description="Where the margin comes from, in words.")
    critical: float = Field(
        1.96,
        description="Standard deviations of the paired difference that a lead has to exceed: more than 1.96 "
        "where many pairs are compared at once.",
    )


class RegisteredPoint(Report):
    """A model of the registry, judged again together with this run's."""

    registered_model: str
    version: str
    aliases: list[str]
    point_id: str
    run_name: str
    input: VariantInput
    sha256: str
    quality: float
    quality_low: float
    quality_high: float
    latency_ms: float | None
    latency_ratio: float | None
    latency_ratio_low: float
    latency_ratio_high: float
    bytes: int
    peak_mib: float | None
    arena_kib: float | None = None
    mega_macs: float | None = None
    competes: bool = Field(description="Whether its figures compare with this run's.")
    reason: str = Field("", description="Why they do not.")
    beaten_by: list[str] = Field(default_factory=list, description="Points that now beat it, best first.")

    @property
    def name(self) -> str:
        """As in 'tinytrill-host v3 (champion)'."""
        aliases = f" ({', '.join(self.aliases)})" if self.aliases else ""
        return f"{self.registered_model} v{self.version}{aliases}"


class Effect(Report):
    """What one hyper-parameter does, others held fixed: an additive model over all points."""

    metric: EffectMetric
    input: VariantInput
    factor: str = Field(description="Name of the hyper-parameter.")
    level: str = Field(description="Its value.")
    against: str = Field(description="The value it is compared with.")
    effect: float = Field(description="Difference in score; of all others the ratio, 2 is twice.")
    low: float = Field(description="Lower end of the 95 % interval, students and test clips resampled.")
    high: float = Field(description="Upper end of the 95 % interval.")
    students: int = Field(description="Distinct students that have the value.")
    points: int = Field(description="Points that have the value.")
    confounded: list[str] = Field(
        default_factory=list, description="Hyper-parameters that change along with it: cannot be told apart."
    )


class SeparatedPair(Report):
    """Two blessed points of which one is of clearly better quality, however many pairs are compared."""

    better: str
    worse: str
    difference: float = Field(description="Of their qualities.")


class Alternative(Report):
    """Another blessed point beside the recommended one, which buys size or speed."""

    point_id: str
    quality_difference: float = Field(description="Its quality minus the recommended point's.")
    separated: bool = Field(description="Whether its quality is clearly below the recommended point's.")
    bytes_share: float = Field(description="Its size as a share of the recommended point's.")
    latency_share: float | None = Field(
        description="Its latency as a share of the recommended point's; none: the device measures no time."
    )
    mega_macs_share: float | None = Field(
        None, description="Its multiply-accumulates likewise; none, as the next: the device is no board."
    )
    arena_share: float | None = Field(None, description="Its tensor arena likewise.")


class Recommendation(Report):
    """Of the blessed points of one input the one to take if nothing else decides."""

    input: VariantInput
    task: str = Field("", description="The task whose score is its quality; empty: the mean of all.")
    point_id: str = Field(
        description="Of the blessed points that the best is not clearly better than, the cheapest to "
        "run; where that cannot be told either, the smallest."
    )
    not_separable: list[str] = Field(description="Blessed points whose quality cannot be told from its own.")
    separated: list[SeparatedPair] = Field(description="Largest differences first, fifty at most.")
    separated_pairs: int = Field(description="How many pairs of blessed points are separated in quality.")
    best: str = Field(description="The blessed point of the best quality.")
    best_quality: float = Field(description="As measured on the clips that it was picked by.")
    best_corrected: float | None = Field(
        description="Less the optimism of having picked the best of all points; none: there are no draws."
    )
    tied: list[str] = Field(
        default_factory=list,
        description="Blessed points that the best is not clearly better than, itself included, best first.",
    )
    within: list[str] = Field(
        default_factory=list, description="Budgets that it keeps to, as in '8 ms (p95)'; empty: none was set."
    )
    alternatives: list[Alternative] = Field(
        default_factory=list,
        description="The blessed points that cost least of one thing, where it is not one of them: time (on "
        "a board arithmetic or arena) or size.",
    )


class DeviceVerdict(Report):
    """The decision on every variant on one device."""

    device: str = Field(description="Name of the device in the configuration.")
    machine: Machine
    reference_ms: float | None = Field(
        None, description="Typical latency of the reference model; none: it was not measured."
    )
    closed: list[str] = Field(description="Why nothing may be pushed for it; empty: the gate is open.")
    points: list[FrontierPoint]
    refused: list[RefusedVariant]
    registered: list[RegisteredPoint] = Field(default_factory=list)
    axes: list[AxisInfo]
    recommendations: list[Recommendation] = Field(
        default_factory=list, description="One an input that has a blessed point."
    )
    effects: list[Effect] = Field(default_factory=list)
    effects_note: str = Field("", description="Why no hyper-parameter of students has an effect in it.")
    summary: str = Field(description="The outcome in a sentence.")

    @property
    def blessed(self) -> list[FrontierPoint]:
        """The points to push; none while the gate is closed."""
        return [] if self.closed else [point for point in self.points if point.blessed]

    def window_ms(self, kind: VariantInput) -> float | None:
        """Milliseconds of sound that an invocation of a file of this input stands for.

        None if files differ in that, or none tells.
        """
        told = {
            round(p.latency_ms / p.real_time_factor, 6)
            for p in self.points
            if p.input == kind and p.latency_ms is not None and p.real_time_factor
        }
        return told.pop() if len(told) == 1 else None


class Verdict(ReportFile):
    """The gate's decision on a run."""

    FILE: ClassVar[str] = "verdict.json"
    PICTURE: ClassVar[str] = "frontier.png"
    PAGE: ClassVar[str] = "index.html"
    BENCHMARK: ClassVar[str] = "noss"
    LINKS: ClassVar[str] = "links.js"

    run_name: str
    synthetic: bool = Field(description="Whether the figures come from synthesised sound.")
    benchmark_digest: str = Field(description="Of the tasks, clips and protocol behind the quality.")
    reference_sha256: str = Field(description="Of the reference model behind the latency ratios.")
    teacher: ReferenceQuality
    baselines: list[ReferenceQuality]
    devices: list[DeviceVerdict] = Field(description="At least one.")
    notices: list[str] = Field(
        default_factory=list, description="What a reader must know, as that the registry was not asked."
    )
    search: SearchReport | None = Field(
        None, description="Which candidates were trained, if not all of them; none: an exhaustive run."
    )
    summary: str = Field(description="The outcome in a sentence.")

    @property
    def closed(self) -> list[str]:
        """Why nothing may be pushed for some device, each with the device's name."""
        return [f"{device.device}: {reason}" for device in self.devices for reason in device.closed]

    @property
    def blessed(self) -> list[tuple[DeviceVerdict, FrontierPoint]]:
        """What is to be pushed: each point with the device it is blessed for."""
        return [(device, point) for device in self.devices for point in device.blessed]

    def reference_on(self, machine: Machine) -> str:
        """sha256 of the reference model behind a machine's figures; empty where nothing is timed."""
        return self.reference_sha256 if machine.measures_time else ""

    def baselines_above(self, point: FrontierPoint) -> list[ReferenceQuality]:
        """Baselines whose mean score is above a point's, best first."""
        above = [each for each in self.baselines if each.kind == "baseline" and point.quality < each.quality]
        return sorted(above, key=lambda each: -each.quality)

    @property
    def below_baseline(self) -> str:
        """That blessed files lie below a baseline, in words; empty: none does."""
        files = {point.point_id: point for _, point in self.blessed}
        below = {name: above for name, point in files.items() if (above := self.baselines_above(point))}
        if not below:
            return ""
        names = {each.model: each for above in below.values() for each in above}
        words = (
            f"{len(below)} of {len(files)} blessed files {'lies' if len(below) == 1 else 'lie'} below a "
            f"baseline: simple statistics of the sound score "
            f"{', '.join(f'{each.quality:.3f} ({name})' for name, each in names.items())}, these files "
            f"{_range([files[name].quality for name in below])}."
        )
        if self.teacher.quality < max(each.quality for each in names.values()):
            words += (
                f" Their teacher lies below it too ({self.teacher.quality:.3f}): look at the teacher first."
            )
        return words

    @property
    def digest(self) -> str:
        """Of what was decided. What the registry holds beside the run is left out: the push adds to it."""
        decided = self.model_dump_json(exclude={"devices": {"__all__": {"registered"}}})
        return hashlib.sha256(decided.encode()).hexdigest()[:32]


def _range(values: list[float]) -> str:
    low, high = f"{min(values):.3f}", f"{max(values):.3f}"
    return low if low == high else f"{low} to {high}"


class Blessing(Report):
    """A point with the device it is blessed for."""

    machine: Machine
    point: FrontierPoint


class Standing(Report):
    """What is kept with a registered version: enough to let it compete again."""

    TAG: ClassVar[str] = "tinytrill.standing"

    machine: Machine
    point: FrontierPoint = Field(description="Without its goals.")
    run_name: str
    reference_sha256: str
    benchmark_digest: str
    synthetic: bool

    @classmethod
    def of(cls, verdict: Verdict, machine: Machine, point: FrontierPoint) -> Standing:
        """The standing of a verdict's point on a device."""
        return cls(
            machine=machine,
            point=point.model_copy(update={"goals": []}),
            run_name=verdict.run_name,
            reference_sha256=verdict.reference_on(machine),
            benchmark_digest=verdict.benchmark_digest,
            synthetic=verdict.synthetic,
        )
