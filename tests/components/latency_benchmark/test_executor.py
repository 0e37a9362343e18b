from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from components.fan_in import input_key
from components.latency_benchmark.executor import (
    CODE_DIGEST,
    REPORT_KEY,
    SEED,
    SETTINGS,
    VARIANTS_ROLE,
    Executor,
    benchmark,
)
from components.latency_benchmark.reference import FILE
from components.latency_benchmark.settings import LatencySettings
from schemas.artifacts import LatencyReport as LatencyReportArtifact
from schemas.artifacts import TfliteVariants
from schemas.latency_reports import LatencyReport
from schemas.reports import TfliteReport
from tests.components.latency_benchmark.conftest import model_file, write_variants

QUICK = LatencySettings(rounds=4, runs_per_round=5, warmup=1)


def test_do_times_every_variant_of_every_candidate(tmp_path: Path) -> None:
    inputs, output = {}, LatencyReportArtifact()
    for index, candidate in enumerate(("first", "second")):
        artifact = TfliteVariants()
        artifact.uri = write_variants(tmp_path / candidate, candidate, {"core-float32": model_file()})
        inputs[input_key(VARIANTS_ROLE, index)] = [artifact]
    output.uri = str(tmp_path / "report")

    Executor().Do(inputs, {REPORT_KEY: [output]}, {SETTINGS: QUICK.to_parameter(), SEED: 1, CODE_DIGEST: ""})

    report = LatencyReport.load(output.uri)
    assert not report.machine.is_device
    assert (report.machine.backend, report.machine.threads) == ("host", 1)
    assert "LiteRT" in report.machine.runtime
    assert [one.candidate_id for one in report.measurements] == ["first", "second"]
    assert report.failures == {}
    reference = (tmp_path / "report" / FILE).read_bytes()
    assert report.reference.sha256 == hashlib.sha256(reference).hexdigest()
    for measured in (report.reference, *report.measurements):
        assert measured.n == QUICK.rounds * QUICK.runs_per_round
        assert [len(samples) for samples in measured.samples_us] == [QUICK.runs_per_round] * QUICK.rounds
        pooled = np.concatenate(measured.samples_us) / 1000
        assert measured.p90_ms == pytest.approx(np.percentile(pooled, 90))
        assert 0 < measured.spread_low_ms <= measured.p50_ms <= measured.spread_high_ms
        assert measured.ratio_low <= measured.ratio <= measured.ratio_high
        assert measured.init_ms > 0
        assert measured.first_ms > 0
        # The file is 4 MB of weights and the runtime packs a copy of them; TensorFlow would be hundreds.
        assert 1 < measured.peak_mib < 100
    assert (report.reference.ratio_low, report.reference.ratio_high) == (1, 1)


def test_what_cannot_be_measured_has_a_reason_and_the_others_go_on(tmp_path: Path) -> None:
    garbage = b"\x1c\x00\x00\x00TFL3" + bytes(range(256))
    files = {"good": model_file(), "garbage": garbage, "changed": model_file(), "gone": model_file()}
    uri = write_variants(tmp_path / "variants", "student", files)
    (tmp_path / "variants" / "changed.tflite").write_bytes(model_file() + b"\0")
    (tmp_path / "variants" / "gone.tflite").unlink()

    report = benchmark([uri], str(tmp_path / "report"), QUICK, seed=0)

    assert [one.variant for one in report.measurements] == ["good"]
    assert sorted(report.failures) == ["student/changed", "student/garbage", "student/gone"]
    assert "its report says" in report.failures["student/changed"]
    assert "student/garbage" in report.failures["student/garbage"]
    assert "gone.tflite" in report.failures["student/gone"]


def test_refused_variants_are_not_timed(tmp_path: Path) -> None:
    uri = write_variants(tmp_path / "variants", "student", {"core-float32": model_file()})
    report = TfliteReport.load(uri)
    refused = [variant.model_copy(update={"accepted": False}) for variant in report.variants]
    report.model_copy(update={"variants": refused}).save(uri)
    assert benchmark([uri], str(tmp_path / "report"), QUICK, seed=0).measurements == []


def test_two_candidates_of_one_name_are_an_error(tmp_path: Path) -> None:
    uris = [write_variants(tmp_path / name, "same", {"core-float32": model_file()}) for name in "ab"]
    with pytest.raises(ValueError, match="candidate same is in"):
        benchmark(uris, str(tmp_path / "report"), QUICK, seed=0)
