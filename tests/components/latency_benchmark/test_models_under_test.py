from __future__ import annotations

from pathlib import Path

import pytest

from components.latency_benchmark import models_under_test
from schemas.students import FrontEndSpec
from schemas.tflite_reports import TfliteReport
from tests.components.latency_benchmark.conftest import write_variants
from tests.made_up_runs import Made, make_variant


def test_models_say_what_they_hear(tmp_path: Path) -> None:
    uri = write_variants(tmp_path / "v", "student", {"wave-int8": b"wave", "core-int8": b"core file"})
    found = models_under_test.find([uri], tmp_path, seed=0)
    wave, core = found.models
    assert (wave.key, wave.input, wave.input_path.name) == ("student/wave-int8", "wave", "input-1x15600.npy")
    assert (core.key, core.input, core.input_path.name) == ("student/core-int8", "core", "input-1x96x64.npy")
    assert (wave.bytes, core.bytes) == (4, 9)
    assert wave.sound_seconds == core.sound_seconds == 0.96
    assert found.failures == {}


def test_windows_lie_side_by_side() -> None:
    """TRILLsson's patch of 195 frames stands for 1.95 s; at 8 kHz a hop of 160 samples lasts 20 ms."""
    for kind in ("wave", "core"):
        variant = make_variant(Made(0.7, 5.0, f"{kind}-float32"), b"")
        assert variant.sound_seconds(FrontEndSpec(frames=195)) == 1.95
        assert variant.sound_seconds(FrontEndSpec(sample_rate=8_000, upper_hz=4000)) == 1.92


def test_a_chunk_of_a_stream_is_the_sound_of_an_invocation() -> None:
    stream = make_variant(Made(0.7, 5.0, "stream-float32"), b"")
    assert stream.sound_seconds(FrontEndSpec()) == 0.24
    assert stream.model_copy(update={"inputs": []}).sound_seconds(FrontEndSpec()) == 0


def test_what_cannot_be_timed_has_a_reason(tmp_path: Path) -> None:
    files = {"good": b"good", "changed": b"changed", "gone": b"gone", "refused": b"refused"}
    uri = write_variants(tmp_path / "v", "student", files)
    report = TfliteReport.load(uri)
    variants = [one.model_copy(update={"accepted": one.name != "refused"}) for one in report.variants]
    report.model_copy(update={"variants": variants}).save(uri)
    (tmp_path / "v" / "changed.tflite").write_bytes(b"other")
    (tmp_path / "v" / "gone.tflite").unlink()

    found = models_under_test.find([uri], tmp_path, seed=0)

    assert [one.variant for one in found.models] == ["good"]
    assert sorted(found.failures) == ["student/changed", "student/gone"]
    assert "its report says" in found.failures["student/changed"]
    assert "gone.tflite" in found.failures["student/gone"]


def test_two_candidates_of_one_name_are_an_error(tmp_path: Path) -> None:
    uris = [write_variants(tmp_path / name, "same", {"core-float32": b"x"}) for name in "ab"]
    with pytest.raises(ValueError, match="candidate same is in"):
        models_under_test.find(uris, tmp_path, seed=0)


def test_a_candidate_whose_report_cannot_be_read_costs_its_own_files(tmp_path: Path) -> None:
    good, bad = (write_variants(tmp_path / name, name, {"core-float32": b"x"}) for name in ("good", "bad"))
    (tmp_path / "bad" / TfliteReport.FILE).write_text('{"candidate_id": "bad", "varia')
    found = models_under_test.find([bad, good], tmp_path, seed=0)
    assert [one.candidate_id for one in found.models] == ["good"]
    assert "bad/variants.json is not a valid tflite report" in found.failures["candidate 1"]
