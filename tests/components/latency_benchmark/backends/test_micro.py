from __future__ import annotations

import dataclasses
import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from components.common.modeling import flatbuffer
from components.common.modeling.file_arithmetic import multiply_accumulates
from components.latency_benchmark import models_under_test
from components.latency_benchmark.backends import micro, open_backend
from components.latency_benchmark.backends.base import DeviceLost, FootprintBackend, ModelUnderTest
from components.latency_benchmark.backends.base import MeasurementFailed as Failed
from components.latency_benchmark.backends.micro import embedding_step, refusal
from components.latency_benchmark.executor import benchmark
from components.latency_benchmark.reference import write_reference
from components.latency_benchmark.settings import MeasurementSettings
from schemas.devices import MicroDevice
from schemas.footprint_faults import footprint_faults
from schemas.latency_faults import report_faults
from tests.made_up_runs import make_footprint

if TYPE_CHECKING:
    from tests.components.tflite_converter.conftest import Converted

SETTINGS = MeasurementSettings(timeout_s=60)

runs_tflm = pytest.mark.skipif(find_spec("tflite_micro") is None, reason="tflite-micro is not installed")


def opened(**device: Any) -> FootprintBackend:
    found = open_backend("board", MicroDevice(**device), SETTINGS)
    assert isinstance(found, FootprintBackend)
    return found


@pytest.fixture(scope="session")
def models(plain_student: Converted, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelUnderTest]:
    """The files of one student by their names."""
    found = models_under_test.find([str(plain_student.folder)], tmp_path_factory.mktemp("inputs"), seed=0)
    return {model.variant: model for model in found.models}


@runs_tflm
def test_an_int8_file_runs_and_its_arena_is_told(models: dict[str, ModelUnderTest]) -> None:
    model = models["core-int8"]
    found = opened().footprint(model)
    parsed = flatbuffer.parse(model.path.read_bytes())
    assert footprint_faults(found) == []
    assert (found.key, found.sha256, found.bytes) == (model.key, model.sha256, model.path.stat().st_size)
    assert found.multiply_accumulates == multiply_accumulates(parsed) > 3e6
    assert found.operators == flatbuffer.operators(parsed)
    assert found.step == pytest.approx(embedding_step(parsed))
    assert found.difference <= 1.001  # of a step: TFLM's kernels are LiteRT's reference kernels
    assert found.windows == 3
    # The largest map that is alive at once: the expanded one, 24x16 places of 40 channels, beside the one
    # it was made of.
    assert 24 * 16 * 40 <= found.shared_bytes < found.arena_bytes < 2**18


@runs_tflm
def test_a_file_of_codes_answers_the_same_codes_without_float_ends(models: dict[str, ModelUnderTest]) -> None:
    board = opened()
    found, with_ends = board.footprint(models["core-int8io"]), board.footprint(models["core-int8"])
    assert found.step == with_ends.step and found.difference == pytest.approx(with_ends.difference, abs=1e-3)
    assert found.operators.keys().isdisjoint({"QUANTIZE", "DEQUANTIZE"})
    assert found.arena_bytes < with_ends.arena_bytes
    assert np.load(models["core-int8io"].input_path, allow_pickle=False).dtype == np.int8


@runs_tflm
def test_the_arena_that_is_told_is_the_least_that_runs(
    models: dict[str, ModelUnderTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = opened().footprint(models["core-int8"]).arena_bytes
    monkeypatch.setattr(micro, "_ARENA_BYTES", needed + 64)  # what aligning an arena may take
    assert opened().footprint(models["core-int8"]).arena_bytes == needed
    monkeypatch.setattr(micro, "_ARENA_BYTES", needed - 64)
    with pytest.raises(Failed, match="does not run under TensorFlow Lite Micro"):
        opened().footprint(models["core-int8"])


@runs_tflm
def test_a_file_with_float_arithmetic_is_held_against_its_largest_value(
    models: dict[str, ModelUnderTest],
) -> None:
    found = opened().footprint(models["core-float32"])
    assert found.step is None
    assert found.difference < 1e-5
    assert found.arena_bytes > opened().footprint(models["core-int8"]).arena_bytes


@runs_tflm
def test_a_file_that_tflm_refuses_names_the_operator(models: dict[str, ModelUnderTest]) -> None:
    with pytest.raises(Failed, match=r"operator CONV_2D, number .*Hybrid models are not supported"):
        opened().footprint(models["core-dynamic"])


@runs_tflm
def test_answers_that_are_another_file_s_are_refused(
    models: dict[str, ModelUnderTest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(micro, "_MOST_STEPS", -1.0)
    with pytest.raises(Failed, match=r"answers otherwise .* steps, at most -1"):
        opened().footprint(models["core-int8"])


@runs_tflm
def test_a_file_that_is_none_costs_a_reason_and_no_crash(
    models: dict[str, ModelUnderTest], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(models["core-int8"].path.read_bytes()[:2000])
    with pytest.raises(Failed, match="core-int8"):
        opened().footprint(dataclasses.replace(models["core-int8"], path=broken))


def test_a_file_without_golden_vectors_is_not_asked(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="no golden vectors"):
        opened().footprint(write_reference(tmp_path, tmp_path, seed=0))


@runs_tflm
def test_the_runtime_is_named_with_its_commit_and_never_called_a_device() -> None:
    machine = opened(board="ESP32-S3").machine()
    assert machine.name == "ESP32-S3"
    assert machine.runtime.startswith("TensorFlow Lite Micro 0.dev2")
    assert (machine.measures_time, machine.is_device, machine.backend) == (False, False, "micro")


def test_without_the_wheel_the_device_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = tmp_path / "worker.py"
    worker.write_text("import no_such_module")
    monkeypatch.setattr(micro, "WORKER", worker)
    with pytest.raises(DeviceLost, match=r"tflite-micro.*no_such_module"):
        opened().machine()
    report = benchmark([], str(tmp_path / "report"), "board", MicroDevice(), SETTINGS)
    assert "does not start" in report.failure
    assert report_faults(report) == []


@runs_tflm
def test_the_report_has_footprints_and_no_times(plain_student: Converted, tmp_path: Path) -> None:
    report = benchmark([str(plain_student.folder)], str(tmp_path), "board", MicroDevice(), SETTINGS)
    name = plain_student.report.candidate_id
    assert {one.key for one in report.footprints} >= {f"{name}/core-int8", f"{name}/core-float32"}
    assert "Hybrid models" in report.failures[f"{name}/core-dynamic"]
    assert report_faults(report) == []
    assert (report.measurements, report.reference, report.failure) == ([], None, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latency_report.json"]
    doubled = report.model_copy(update={"footprints": [report.footprints[0], *report.footprints]})
    assert "more than once" in report_faults(doubled)[0]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (
            "lite/micro/kernels/elementwise.cc:202 input->type != expected_type (INT8 != FLOAT32)\n"
            "Node SQRT (number 8) failed to invoke with status 1\n",
            "operator SQRT, number 8 of the file, does not invoke (input->type != expected_type (INT8 != "
            "FLOAT32))",
        ),
        ("Didn't find op for builtin opcode 'RFFT2D'\nFailed to get", "it has no operator RFFT2D"),
        (
            "Node CONV_2D (number 0) failed to prepare with status 1\n",
            "operator CONV_2D, number 0 of the file, does not prepare",
        ),
        ("Failed to resize buffer.\n", "TFLM failed: Failed to resize buffer."),
        ("", "TFLM failed"),
    ],
)
def test_refusals_in_words(told: str, words: str) -> None:
    assert refusal("TFLM failed", told) == words


def test_figures_that_cannot_be_true_are_named() -> None:
    right = make_footprint("c1/core-int8", sha256=hashlib.sha256(b"").hexdigest())
    assert footprint_faults(right) == []
    for change, words in (
        ({"arena_bytes": right.arena_bytes + 1}, "shared and persistent are"),
        ({"allocations": {"buffers": right.persistent_bytes + 1}}, "are persistent"),
        ({"difference": np.inf}, "not a finite number"),
        ({"bytes": 0}, "not above zero"),
        ({"step": -1.0}, "steps of -1.0"),
        ({"sha256": "no"}, "not a sha256"),
    ):
        (found,) = footprint_faults(right.model_copy(update=change))
        assert words in found


@runs_tflm
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_a_stream_file_hears_each_window_chunk_by_chunk(
    models: dict[str, ModelUnderTest], precision: str
) -> None:
    board, model = opened(), models[f"stream-{precision}"]
    found = board.footprint(model)
    assert footprint_faults(found) == []
    whole = board.footprint(models[f"wave-{precision}"])
    assert found.input == "stream" and found.windows == whole.windows
    # The answer at the end of a window is the wave file's, by TFLM as by LiteRT.
    assert found.step == whole.step and found.difference <= 1.001
    assert found.golden_difference == pytest.approx(whole.golden_difference, abs=1e-3)
    # Of a chunk: the network is asked as often, the front end about a quarter of the frames.
    assert multiply_accumulates(flatbuffer.parse(models[f"core-{precision}"].path.read_bytes())) < (
        found.multiply_accumulates
    )
    assert found.multiply_accumulates < whole.multiply_accumulates
    assert found.arena_bytes < whole.arena_bytes


@runs_tflm
def test_a_file_whose_state_leads_nowhere_is_refused(
    models: dict[str, ModelUnderTest], tmp_path: Path
) -> None:
    model = flatbuffer.parse(models["stream-int8"].path.read_bytes())
    names = [output.name for output in flatbuffer.outputs(model)]
    inputs = [one.name for one in flatbuffer.inputs(model)]
    flatbuffer.name_ends(model, inputs, [name.replace("next_", "later_") for name in names])
    odd = tmp_path / "odd.tflite"
    odd.write_bytes(flatbuffer.serialize(model))
    with pytest.raises(Failed, match="next_state"):
        opened().footprint(dataclasses.replace(models["stream-int8"], path=odd))
