"""Which part of the way a node of the pipeline belongs to, and whom it concerns."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.lineage import Stage

SYNTHESIZER = "CorpusSynthesizer"
CORPUS = "AudioIngest"
TASKS = "NossIngest"
TEACHER = "TeacherTrainer"
WINDOWS = "TeacherEmbedder"
STUDENT = "StudentTrainer"
CONVERTER = "TfliteConverter"
NOSS = "NossEvaluator"
LATENCY = "LatencyBenchmark"
GATE = "FrontierGate"
PUSHER = "FrontierPusher"

# Types of artifacts.
VARIANTS = "schemas.TfliteVariants"
VERDICT = "schemas.FrontierVerdict"
PUSHED = "schemas.PushedFrontier"

_STAGES: dict[str, Stage] = {
    SYNTHESIZER: "sound",
    CORPUS: "sound",
    TASKS: "sound",
    TEACHER: "teaching",
    WINDOWS: "teaching",
    STUDENT: "student",
    CONVERTER: "file",
    NOSS: "measured",
    LATENCY: "measured",
    GATE: "verdict",
    PUSHER: "published",
}

TITLES: dict[Stage, str] = {
    "sound": "Sound",
    "teaching": "Teacher",
    "student": "Student",
    "file": "TFLite file",
    "measured": "Measured",
    "verdict": "Verdict",
    "published": "Published",
    "use": "In use",
    "checks": "Checks and comparisons",
}


@dataclass(frozen=True)
class Place:
    """Where a node of the pipeline stands.

    Attributes:
      stage: Part of the way; checks: beside it.
      candidate: Whom it concerns; empty: everybody.
      device: On which device; empty: on none, or all.
    """

    stage: Stage
    candidate: str = ""
    device: str = ""


def component_of(node_id: str) -> str:
    """The component a node is made of, as in StudentTrainer."""
    return node_id.partition(".")[0]


def place_of(node_id: str, evaluates: str = "") -> Place:
    """The place of a node by its id.

    Args:
      node_id: As in ``StudentTrainer.tiny-w0.5``.
      evaluates: Of a benchmark, what it evaluates.
    """
    component, _, name = node_id.partition(".")
    stage = _STAGES.get(component, "checks")
    if component == NOSS and evaluates != "student":
        return Place("checks")
    if component in (STUDENT, CONVERTER, NOSS):
        return Place(stage, candidate=name)
    if component == LATENCY:
        return Place(stage, device=name)
    return Place(stage)
