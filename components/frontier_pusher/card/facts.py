"""What a card says of a model, worked out from its description."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from components.common.reporting.markdown import plain
from schemas.latency_reports import Machine
from schemas.noss_tasks import SMALLER_IS_BETTER
from schemas.push_reports import Cost, ModelDescription
from schemas.student_reports import explains_nothing
from schemas.tensors import STATE, TensorInfo
from schemas.verdicts import FrontierPoint

EMBEDDING = "embedding"
FRAMES = "frames"
# Sound that the example feeds at once: what an audio driver hands over.
PORTION_MS = 20

_PRECISIONS = {
    "float32": "float32",
    "float16": "float16 weights",
    "dynamic": "int8 weights, float arithmetic where it must be (dynamic range)",
    "int8": "int8 weights and activations",
    "int8io": "int8 weights, activations, input and output",
}


@dataclass(frozen=True)
class LicenceRow:
    """One part of what a model is made from; an empty licence was not stated."""

    part: str
    name: str
    licence: str


def facts(description: ModelDescription) -> dict[str, Any]:
    """All that the templates name beside the description itself, which is ``d``.

    Raises:
      ValueError: If an input or output is neither float32 nor int8 with a scale, which the code on the card
        feeds and reads.
    """
    for tensor in (*description.inputs, *description.outputs):
        if tensor.dtype != "float32" and not (tensor.dtype == "int8" and tensor.scale is not None):
            raise ValueError(
                f"{description.point_id}: {tensor.name} is {tensor.dtype}; a card can be written for "
                "float32, and for int8 with a scale"
            )
    names = [output.name for output in description.outputs]
    target_index = names.index(EMBEDDING) if EMBEDDING in names else 0
    target = description.outputs[target_index]
    licences = list(licence_rows(description))
    missing = sum(not row.licence.strip() for row in licences)
    point = description.blessings[0].point
    rate = description.front_end.sample_rate
    return {
        "d": description,
        "point": point,
        "source": description.inputs[0],
        "source_size": prod(description.inputs[0].shape),
        "target": target,
        "target_index": target_index,
        "codes": description.inputs[0].dtype == "int8",
        "width": target.shape[-1],
        "frames": FRAMES in names,
        "bins": description.front_end.fft_size // 2 + 1,
        "window_s": f"{description.window_samples / rate:g}",
        "hop_s": f"{description.hop_samples / rate:g}",
        "precision": _PRECISIONS[description.precision],
        "difference": point.teacher_difference_low != point.teacher_difference_high,
        "licences": licences,
        "teacher_line": next((one for one in description.references if one.kind == "teacher"), None),
        "baselines": [one for one in description.references if one.kind == "baseline"],
        "others": [one for one in description.references if one.kind != "teacher"],
        "cost_words": cost_words(description.costs),
        "missing_words": f"**{missing} of {len(licences)} are not stated**"
        if missing
        else f"all {len(licences)} are stated",
        "inverted": any(task.metric in SMALLER_IS_BETTER for task in description.quality.tasks),
        "task_names": ", ".join(task.task for task in description.quality.tasks),
        "boards": [one for one in description.blessings if not one.machine.measures_time],
        "timed": [one for one in description.blessings if one.machine.measures_time],
        "host_only": not any(blessing.machine.is_device for blessing in description.blessings),
        "corpus_words": f"{description.clips:,} clips ({description.hours:.3g} hours)"
        if description.clips
        else "a corpus whose clips were not counted",
        "limits": list(limits(description)),
        "goals": [
            (blessing.machine.profile, goal)
            for blessing in description.blessings
            for goal in blessing.point.goals
        ],
        "kind": kind,
        "invocations": invocations,
        "unit": "a chunk" if description.input == "stream" else "a window",
        **stream_facts(description),
    }


def cost_words(costs: Sequence[Cost]) -> str:
    """What a model took to make, as far as it was measured, in a line."""
    if not costs:
        return "not known"
    told = [f"{cost.stage}: {hours(cost.hours)}{_processor(cost)}" for cost in costs]
    return f"{plain('; '.join(told))}; energy not measured"


def hours(value: float) -> str:
    """As in '3.2 h', or '4.1 min' of less than an hour."""
    return f"{value:.3g} h" if value >= 1 else f"{60 * value:.3g} min"


def _processor(cost: Cost) -> str:
    return "" if cost.cpu_hours is None else f" ({hours(cost.cpu_hours)} of processor time)"


def stream_facts(description: ModelDescription) -> dict[str, Any]:
    """What only the templates of stream files name; the states are none for other files."""
    chunk, rate = prod(description.inputs[0].shape), description.front_end.sample_rate
    states = [one for one in description.inputs if one.name.startswith(STATE)]
    return {
        "states": states,
        "state_sizes": [prod(state.shape) for state in states],
        "state_names": ", ".join(f"{state.name} {state.shape}" for state in states),
        "input_list": _listed(description.inputs),
        "output_list": _listed(description.outputs),
        "ahead": -description.window_samples % chunk,
        "first": -(-description.window_samples // chunk),
        "chunk_s": f"{chunk / rate:g}",
        "portion_ms": PORTION_MS,
    }


def _listed(tensors: Sequence[TensorInfo]) -> str:
    return ", ".join(f"[{place}]: {one.name} {one.shape}" for place, one in enumerate(tensors))


def licence_rows(description: ModelDescription) -> Iterator[LicenceRow]:
    """The teacher, each source of the corpus, each task that judged the model."""
    stated = description.licences
    yield LicenceRow("teacher: its outputs were the targets", description.teacher, stated.teacher)
    learnt = "corpus: sound it learnt from"
    for name, licence in sorted(stated.corpus.items()):
        yield LicenceRow(learnt, name, licence)
    if not stated.corpus:
        yield LicenceRow(learnt, "sources not named", "")
    for task in description.quality.tasks:
        yield LicenceRow(
            "task: sound that judged it, none of it in the weights",
            task.task,
            stated.tasks.get(task.task, ""),
        )


def limits(description: ModelDescription) -> Iterator[str]:
    """What the figures do not carry, in Markdown."""
    quality, rate = description.quality, description.front_end.sample_rate
    if description.synthetic:
        yield "**The sound that judged it was synthesised**: measure on real recordings before any use."
    explained = description.target_variance_explained
    if explained is not None and explains_nothing(explained):
        yield (
            f"**The student learnt next to nothing of its teacher**: it explains {explained:.1%} of the "
            "variance of its held-out targets, so that the figures above are those of an untrained network."
        )
    for task in quality.tasks:
        above, below = task.low > task.chance, task.high < task.chance
        if not (below if task.metric in SMALLER_IS_BETTER else above):
            yield (
                f"{plain(task.task)}: not shown to be better than guessing "
                f"({task.value:.3f} [{task.low:.3f}, {task.high:.3f}], guessing {task.chance:.3f})."
            )
    smallest = min(quality.tasks, key=lambda task: task.n_test, default=None)
    if smallest:
        yield (
            f"The smallest test set, {plain(smallest.task)}, has {smallest.n_test:,} clips. Differences "
            "smaller than the intervals above mean nothing."
        )
    yield (
        "Languages, accents, ages, microphones and rooms that the tasks do not have were not judged; nor was "
        "any group of speakers by itself."
    )
    if not quality.robustness:
        yield "Its robustness to noise, reverberation and codecs was not measured."
    yield (
        f"It uses {description.front_end.lower_hz:g} to {description.front_end.upper_hz:g} Hz of {rate} Hz "
        "sound, in windows of fixed length, one at a time."
    )
    timed = [blessing.machine for blessing in description.blessings if blessing.machine.measures_time]
    if not timed:
        yield "Its latency is unknown: memory and arithmetic were counted, and nothing was timed."
    elif not any(machine.is_device for machine in timed):
        yield "Its latency on a device is unknown: it was timed on a host computer only."
    else:
        yield "Latency holds for the devices, runtimes and threads named above, and for no other."


def kind(machine: Machine) -> str:
    """What a latency was measured on; a host is never called a device."""
    return "device" if machine.is_device else "**host computer, not a device**"


def invocations(point: FrontierPoint) -> str:
    """How many timed invocations are behind a latency."""
    return f"{point.latency_n:,} in {point.latency_sessions} sessions" if point.latency_n else "not told"
