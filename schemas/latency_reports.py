"""What the latency benchmark reports of one device.

Every figure names what it was taken on, how often, in how many sessions and with which interval; raw
samples lie beside the report.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from schemas.footprints import Footprint
from schemas.settings import Report, ReportFile
from schemas.tensors import VariantInput

Statistic = Literal["median", "mean"]

# An idle machine takes about 5 % of the reference's time (mean over median 1.05), a process that shares its
# core half of it or more. A 95th percentile of ten medians is 0.3 as well.
MAX_INTERRUPTION = 0.3


class Machine(Report):
    """What the latency was measured on."""

    profile: str = Field(description="Name of the device in the configuration.")
    backend: Literal["host", "adb", "micro"] = Field(
        description="What ran the models; of a replay the recorded one."
    )
    name: str = Field(description="Processor or device.")
    soc: str = Field("", description="System on chip; empty if not reported.")
    os: str = Field(description="Operating system and build.")
    runtime: str = Field(description="As in 'LiteRT 2.3.0'.")
    delegate: str = Field("", description="Who computes: XNNPACK, GPU, NNAPI, none.")
    threads: int
    cores: str = Field("", description="Cores or mask that the runtime was kept to; empty: any.")
    is_device: bool = Field(description="False: a host figure, never to be called device latency.")
    ambient: str = Field("", description="What the configuration says of the surroundings.")
    replayed_from: str = Field("", description="Folder of the record; empty: measured in this run.")

    @property
    def measures_time(self) -> bool:
        """Whether its figures are times; a microcontroller's interpreter on this machine has none to tell."""
        return self.backend != "micro"

    @property
    def kind(self) -> str:
        """What its figures may be called."""
        if not self.measures_time:
            return "board, not timed"
        return "device" if self.is_device else "host, not a device"

    @property
    def identity(self) -> tuple[str, ...]:
        """What must be equal for two latencies to be comparable; the profile's name is only a name."""
        return (self.backend, self.name, self.soc, self.runtime, self.delegate, str(self.threads), self.cores)


class OperatorTime(Report):
    """Where the time goes: one operator of the file, or one kind of operator inside a delegate."""

    name: str = Field(description="Tensor or node, as the runtime names it.")
    operator: str = Field(description="Kind of operator, as in CONV_2D.")
    count: int = Field(1, description="Times it ran in one invocation.")
    mean_us: float = Field(description="Microseconds of one invocation, all its runs together.")
    share: float = Field(description="Of the sum over all operators, 0 to 1.")


class SessionConditions(Report):
    """What one session was like."""

    attempt: int = Field(description="From 1; later ones measure again what was invalid.")
    session: int = Field(description="From 1, over all attempts.")
    started: str = Field(description="UTC, ISO 8601.")
    seconds: float = Field(description="Wall time of the session.")
    models: int = Field(description="Models timed, the reference among them.")
    temperatures_c: dict[str, tuple[float, float]] = Field(
        default_factory=dict, description="Before and after, by sensor; empty: not readable."
    )
    throttled: bool | None = Field(None, description="Whether the device throttled; none: not readable.")
    load: tuple[float, float] | None = Field(
        None, description="Load average of a minute, before and after; none: not readable."
    )
    preemptions: int | None = Field(
        None,
        description="Times that the processor was taken from a model while it was timed; none: not reported.",
    )
    reference_ms: float | None = Field(None, description="The reference model's typical latency.")
    reference_mean_ms: float | None = Field(None, description="Its mean over all invocations.")
    reference_p95_ms: float | None = Field(None, description="Its 95th percentile; none: not reported.")
    drift: float | None = Field(
        None,
        description="Common to all models, against the attempt's middle session: 1.1 is 10 % slower.",
    )
    reasons: list[str] = Field(default_factory=list, description="Why nothing measured in it is valid.")


class ColdStart(Report):
    """What a model cost in a process of its own before it ran warm."""

    init_ms: float = Field(description="Load, allocate and prepare.")
    first_ms: float = Field(description="First invocation.")
    peak_mib: float | None = Field(description="Peak memory above an idle runtime's; none: not reported.")


class LatencyMeasurement(Report):
    """One TFLite file, timed on one device."""

    candidate_id: str
    variant: str
    input: VariantInput | None = Field(None, description="None for the reference model.")
    sha256: str
    bytes: int
    valid: bool = Field(True, description="Whether the figures may decide anything.")
    reasons: list[str] = Field(default_factory=list, description="Why they may not.")
    attempts: int = Field(1, description="Times it was measured; sessions of all add up.")
    sessions: int = Field(description="Valid sessions of all attempts, or all there are if they are too few.")
    session_numbers: list[int] = Field(default_factory=list, description="Which ones the figures are of.")
    n: int = Field(description="Timed invocations over all sessions.")
    seconds: float = Field(0.0, description="Timed seconds over all sessions.")
    statistic: Statistic = Field(
        "median", description="Typical latency: of a tool that reports no median it is the mean."
    )
    p50_ms: float | None = Field(description="None where the tool reports means only.")
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    mean_ms: float
    intervals_ms: dict[str, tuple[float, float]] = Field(
        default_factory=dict,
        description="95 % intervals over the sessions, of p50, p90, p95, p99 and mean where they are "
        "reported.",
    )
    spread_low_ms: float = Field(description="Lower end of the typical latency's 95 % interval.")
    spread_high_ms: float = Field(description="Upper end of the typical latency's 95 % interval.")
    session_ms: list[float] = Field(default_factory=list, description="Typical latency, session by session.")
    round_ms: list[list[float]] = Field(
        default_factory=list,
        description="Typical latency of each round, a list a session of session_numbers, in their order: two "
        "models of a report are compared round by round.",
    )
    disagreement: float = Field(
        0.0,
        description="Largest over least session of the ratio to the reference model, minus 1.",
    )
    ratio: float = Field(description="Typical latency over the reference model's, in the same rounds.")
    ratio_low: float = Field(description="Lower end of its 95 % interval.")
    ratio_high: float = Field(description="Upper end of its 95 % interval.")
    sound_seconds: float = Field(0.0, description="Sound that one invocation covers.")
    init_ms: float = Field(description="Load, allocate and prepare: middle of the sessions' cold starts.")
    first_ms: float = Field(description="First invocation: middle of the sessions' cold starts.")
    peak_mib: float | None = Field(
        description="Peak memory of the process above an idle runtime's: middle of the sessions' cold "
        "starts; none: not reported."
    )
    init_low_ms: float | None = Field(None, description="Lower end of init_ms' 95 % interval.")
    init_high_ms: float | None = Field(None, description="Upper end of init_ms' 95 % interval.")
    peak_low_mib: float | None = Field(None, description="Lower end of peak_mib's 95 % interval.")
    peak_high_mib: float | None = Field(None, description="Upper end of peak_mib's 95 % interval.")
    cold_starts: dict[int, ColdStart] = Field(
        default_factory=dict, description="Of every session that it started in, by its number."
    )
    front_end_ms: float | None = Field(
        None, description="Of a wave file: typical latency minus that of its core file, round by round."
    )
    front_end_low_ms: float | None = None
    front_end_high_ms: float | None = None
    operators: list[OperatorTime] = Field(
        default_factory=list, description="Dearest first; profiled apart from the timing."
    )

    @property
    def key(self) -> str:
        """``<candidate id>/<variant>``."""
        return f"{self.candidate_id}/{self.variant}"

    @property
    def typical_ms(self) -> float:
        """The median, or the mean where no median is told: see ``statistic``."""
        return self.mean_ms if self.p50_ms is None else self.p50_ms

    @property
    def real_time_factor(self) -> float | None:
        """Seconds of computing for a second of sound (typical), windows side by side; None without sound."""
        return self.typical_ms / 1e3 / self.sound_seconds if self.sound_seconds else None


class LatencyReport(ReportFile):
    """All variants of a run on one device, measured together, interleaved with a reference model.

    A device that measures no time has footprints, and neither sessions nor a reference model.
    """

    FILE: ClassVar[str] = "latency_report.json"
    SAMPLES: ClassVar[str] = "samples.npz"

    machine: Machine
    started: str = Field("", description="UTC, ISO 8601.")
    sessions: int = Field(description="Sessions of an attempt.")
    rounds: int = Field(description="Rounds of a session; each runs every model once, in random order.")
    min_runs: int = Field(0, description="Fewer timed invocations of a model in a session are invalid.")
    min_seconds: float = Field(0.0, description="Fewer timed seconds of a model in a session are invalid.")
    max_interruption: float = Field(
        MAX_INTERRUPTION,
        description="Larger shares of its time that the reference model lost to interruptions are invalid.",
    )
    max_disagreement: float = Field(
        0.1, description="Ratios that are more uncertain either way, as a share, are invalid."
    )
    max_reference_drift: float = Field(
        0.25, description="Sessions between which the reference model differs by more are invalid."
    )
    reference: LatencyMeasurement | None = Field(description="None: the device was not timed at all.")
    measurements: list[LatencyMeasurement]
    footprints: list[Footprint] = Field(
        default_factory=list, description="On a device that measures no time: what each file needs of it."
    )
    failures: dict[str, str] = Field(
        default_factory=dict, description="Why a variant has no measurement, by <candidate id>/<variant>."
    )
    failure: str = Field("", description="Why nothing could be measured; empty if something was.")
    lost: str = Field("", description="Why the device was gone before the end; empty if it was not.")
    conditions: list[SessionConditions] = Field(default_factory=list, description="Session by session.")

    def measurement(self, candidate_id: str, variant: str) -> LatencyMeasurement | None:
        """The measurement of one variant, or None if it has none."""
        for measured in self.measurements:
            if (measured.candidate_id, measured.variant) == (candidate_id, variant):
                return measured
        return None

    def footprint(self, candidate_id: str, variant: str) -> Footprint | None:
        """What one variant needs of a board, or None if that was not counted."""
        for found in self.footprints:
            if (found.candidate_id, found.variant) == (candidate_id, variant):
                return found
        return None
