from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.common.tfx.input_keys import input_key
from components.latency_benchmark import executor, figures
from components.latency_benchmark.backends.base import (
    DeviceLost,
    MeasurementFailed,
    ModelUnderTest,
    Sensors,
    Start,
)
from components.latency_benchmark.executor import Executor, benchmark
from components.latency_benchmark.figures import Timings
from components.latency_benchmark.reference import CANDIDATE_ID, FILE, VARIANT
from components.latency_benchmark.samples import SampleRecord, read_samples
from components.latency_benchmark.settings import MeasurementSettings
from schemas.artifacts import LatencyReport as LatencyReportArtifact
from schemas.artifacts import TfliteVariants
from schemas.devices import AdbDevice, HostDevice, ReplayDevice
from schemas.latency_faults import faults_in_report
from schemas.latency_reports import LatencyReport, OperatorTime
from tests.components.latency_benchmark.conftest import model_file, write_variants
from tests.components.latency_benchmark.scripted import SETTINGS, Scripted

HOST = HostDevice()
REFERENCE = f"{CANDIDATE_ID}/{VARIANT}"
WAVE, CORE = "student/wave-float32", "student/core-float32"
QUICK = MeasurementSettings(
    rounds=4,
    min_runs=20,
    min_seconds=0,
    warmup_runs=1,
    warmup_seconds=0,
    # However noisy the machine, these tests are not about its noise.
    max_disagreement=100,
    max_reference_drift=100,
    max_interruption=1,
    profile_runs=2,
)

Use = Callable[[Scripted], Scripted]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Use:
    """Has the executor measure on a made-up device."""

    def use(backend: Scripted) -> Scripted:
        monkeypatch.setattr(executor, "open_backend", lambda name, device, settings: backend)
        return backend

    return use


@pytest.fixture
def student(tmp_path: Path) -> str:
    """A wave file and its core file."""
    return write_variants(tmp_path / "v", "student", {"wave-float32": b"wave", "core-float32": b"core"})


def timings_of(records: list[SampleRecord], key: str) -> Timings:
    return {(one.session, one.round): one.burst for one in records if one.key == key}


def test_do_times_every_variant_of_every_candidate(tmp_path: Path) -> None:
    inputs, output = {}, LatencyReportArtifact()
    for index, candidate in enumerate(("first", "second")):
        artifact = TfliteVariants()
        artifact.uri = write_variants(tmp_path / candidate, candidate, {"core-float32": model_file()})
        inputs[input_key("variants", index)] = [artifact]
    output.uri = str(tmp_path / "report")

    Executor().Do(
        inputs,
        {"report": [output]},
        {
            "name": "desk",
            "device": HOST.to_parameter(),
            "settings": QUICK.to_parameter(),
            "seed": 1,
            "scratch_dir": str(tmp_path / "scratch"),
            "code_digest": "",
            "data_digest": "",
        },
    )

    report = LatencyReport.load(output.uri)
    assert (report.machine.profile, report.machine.backend, report.machine.is_device) == (
        "desk",
        "host",
        False,
    )
    assert [one.key for one in report.measurements] == ["first/core-float32", "second/core-float32"]
    assert (report.failures, report.failure) == ({}, "")
    assert (report.sessions, report.rounds, report.min_runs) == (3, 4, 20)
    assert [(one.attempt, one.session, one.models) for one in report.conditions] == [
        (1, 1, 3),
        (1, 2, 3),
        (1, 3, 3),
    ]
    assert report.started == report.conditions[0].started
    reference = (tmp_path / "report" / FILE).read_bytes()
    assert report.reference is not None
    assert report.reference.sha256 == hashlib.sha256(reference).hexdigest()
    records = read_samples(output.uri)
    for measured in (report.reference, *report.measurements):
        own = timings_of(records, measured.key)
        assert sorted(own) == [(session, number) for session in (1, 2, 3) for number in (1, 2, 3, 4)]
        pooled = np.concatenate([burst.samples_us for burst in own.values()]) / 1e3
        assert measured.n == len(pooled) >= 3 * QUICK.min_runs
        assert measured.seconds == pytest.approx(pooled.sum() / 1e3)
        assert measured.p95_ms == pytest.approx(np.percentile(pooled, 95))
        assert 0 < measured.spread_low_ms <= measured.typical_ms <= measured.spread_high_ms
        assert measured.ratio_low <= measured.ratio <= measured.ratio_high
        assert len(measured.session_ms) == measured.sessions == 3
        assert measured.valid, measured.reasons
        assert [np.median(rounds) for rounds in measured.round_ms] == pytest.approx(
            measured.session_ms, abs=1e-5
        )
        assert measured.session_numbers == [1, 2, 3]
        assert measured.init_ms > 0
        assert measured.first_ms > 0
        # The file is 4 MB of weights and the runtime packs a copy of them; TensorFlow would be hundreds.
        assert measured.peak_mib is not None
        assert 1 < measured.peak_mib < 100
    assert (report.reference.ratio_low, report.reference.ratio_high) == (1, 1)
    assert report.reference.input is None
    assert all(measured.operators for measured in report.measurements)
    assert all(measured.real_time_factor for measured in report.measurements)


@pytest.mark.slow
def test_a_copy_is_as_fast_as_its_original(tmp_path: Path) -> None:
    """On this machine, whatever else it does; of five pairs one or two may miss (5 % of intervals do)."""
    names = [f"core-{number}" for number in range(10)]
    uri = write_variants(tmp_path / "variants", "student", dict.fromkeys(names, model_file()))
    settings = MeasurementSettings(min_seconds=0.15, attempts=1, profile_runs=0)
    benchmark([uri], str(tmp_path / "report"), "host", HOST, settings, seed=1)
    records = read_samples(tmp_path / "report")
    own = [timings_of(records, f"student/{name}") for name in names]
    ratios = [figures.ratio(one, copy, seed=0) for one, copy in zip(own[::2], own[1::2], strict=True)]
    assert sum(one.low <= 1 <= one.high for one in ratios) >= 3, ratios
    assert np.median([one.high / one.low for one in ratios]) < 1.5, ratios


def test_a_file_that_does_not_run_has_a_reason_and_the_others_go_on(tmp_path: Path) -> None:
    garbage = b"\x1c\x00\x00\x00TFL3" + bytes(range(256))
    uri = write_variants(tmp_path / "variants", "student", {"good": model_file(), "garbage": garbage})
    report = benchmark([uri], str(tmp_path / "report"), "host", HOST, QUICK)
    assert [one.variant for one in report.measurements] == ["good"]
    assert list(report.failures) == ["student/garbage"]
    assert "student/garbage" in report.failures["student/garbage"]


def test_the_front_end_is_wave_minus_core_in_the_same_rounds(tmp_path: Path, student: str, use: Use) -> None:
    def milliseconds(key: str, session: int, number: int) -> float:
        drift = 1 + 0.01 * number
        return drift * (1.5 if key == WAVE else 1.0)

    use(Scripted(milliseconds))
    report = benchmark([student], str(tmp_path / "r"), "made-up", HOST, SETTINGS)
    wave, core = report.measurements
    # Rounds 1 to 4: 0.505, 0.51, 0.515, 0.52.
    assert wave.front_end_ms == pytest.approx(0.5125)
    assert wave.front_end_low_ms is not None
    assert wave.front_end_high_ms is not None
    assert 0.505 <= wave.front_end_low_ms < 0.5125 < wave.front_end_high_ms <= 0.52
    assert (core.front_end_ms, core.front_end_low_ms, core.front_end_high_ms) == (None, None, None)
    assert wave.ratio == pytest.approx(1.5)
    assert wave.real_time_factor == pytest.approx(1.5 * 1.025 / 960, rel=1e-3)


def test_the_front_end_comes_from_sessions_of_both(tmp_path: Path, student: str, use: Use) -> None:
    def milliseconds(key: str, session: int, number: int) -> float:
        if key == CORE and session == 2:
            return 1.2
        return (1.5 if key == WAVE else 1.0) + (0.25 if key == WAVE and session > 3 else 0.0)

    use(Scripted(milliseconds))
    report = benchmark([student], str(tmp_path / "r"), "made-up", HOST, SETTINGS)
    wave, core = report.measurements
    assert (wave.attempts, wave.p50_ms, core.attempts, core.p50_ms) == (1, 1.5, 2, 1.0)
    assert wave.front_end_ms == pytest.approx((0.5 + 0.3 + 0.5) / 3), "of the sessions they share"

    use(Scripted(milliseconds))
    report = benchmark(
        [student], str(tmp_path / "r"), "made-up", HOST, SETTINGS.model_copy(update={"attempts": 1})
    )
    assert report.measurements[0].front_end_ms is None


def test_what_stays_invalid_says_why_and_is_not_profiled(tmp_path: Path, student: str, use: Use) -> None:
    def milliseconds(key: str, session: int, number: int) -> float:
        if key == CORE and session == 5:
            raise MeasurementFailed("crashed")
        return 1.5 if key == CORE and session == 2 else 1.0

    backend = use(Scripted(milliseconds))
    report = benchmark([student], str(tmp_path / "r"), "made-up", HOST, SETTINGS)
    wave, core = report.measurements
    assert (wave.valid, wave.reasons) == (True, [])
    assert (core.valid, core.p50_ms, core.attempts) == (False, 1.0, 2)
    assert core.disagreement == pytest.approx(0.5)
    # Sessions 1 to 4, one at log 1.5 = 0.4055: s = 0.2027, t(3) s / 2 = 0.3226.
    assert "disagree by 38.1% either way" in core.reasons[0]
    assert core.reasons[1:] == ["measured again, and failed: crashed"]
    assert backend.profiled == [WAVE]
    assert (len(wave.operators), core.operators) == (1, [])
    assert report.failures == {}


def test_an_anchor_keeps_its_front_end(tmp_path: Path, student: str, use: Use) -> None:
    other = write_variants(tmp_path / "o", "other", {"core-int8": b"other"})

    def milliseconds(key: str, session: int, number: int) -> float:
        if key == WAVE:
            return 1.5 if session <= 3 else 1.75
        return 1.2 if key == "other/core-int8" and session == 2 else 1.0

    use(Scripted(milliseconds))
    report = benchmark([student, other], str(tmp_path / "r"), "made-up", HOST, SETTINGS)
    wave, _, again = report.measurements
    assert (wave.attempts, again.attempts) == (1, 2)
    assert wave.p50_ms == 1.5
    assert wave.front_end_ms == pytest.approx(0.5)


def test_a_device_lost_later_leaves_what_was_measured(tmp_path: Path, student: str, use: Use) -> None:
    other = write_variants(tmp_path / "o", "other", {"core-int8": b"other"})

    def milliseconds(key: str, session: int, number: int) -> float:
        if session == 4:
            raise DeviceLost("no device R5CT")
        if key == WAVE and session == 3:
            raise MeasurementFailed("timed out")
        return 1.2 if key == CORE and session == 2 else 1.0

    backend = use(Scripted(milliseconds))
    report = benchmark([student, other], str(tmp_path / "r"), "made-up", HOST, SETTINGS)
    assert (report.failure, report.lost) == ("", "no device R5CT")
    assert report.reference is not None
    assert report.failures == {WAVE: "timed out"}
    core, valid = report.measurements
    assert core.reasons[-1] == "not measured again: no device R5CT"
    assert (valid.valid, valid.reasons) == (True, [])
    assert backend.profiled == []


@pytest.mark.parametrize("when", ["at once", "while timing"])
def test_a_device_that_is_not_there_is_a_report_and_no_error(
    tmp_path: Path, student: str, use: Use, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    def milliseconds(key: str, session: int, number: int) -> float:
        raise DeviceLost("no device R5CT")

    backend = use(Scripted(milliseconds))
    if when == "at once":
        monkeypatch.setattr(backend, "machine", lambda: milliseconds("", 0, 0))
    phone = AdbDevice(serial="R5CT", benchmark_model="b", threads=4)
    benchmark([student], str(tmp_path / "r"), "phone", phone, SETTINGS)
    report = LatencyReport.load(tmp_path / "r")
    assert (report.reference, report.measurements, report.failure) == (None, [], "no device R5CT")
    assert report.failures == {WAVE: "no device R5CT", CORE: "no device R5CT"}
    assert read_samples(tmp_path / "r") == []
    if when == "at once":
        machine = report.machine
        assert (machine.profile, machine.name, machine.backend) == ("phone", "not reached", "adb")
        assert (machine.is_device, machine.threads) == (True, 4)


def test_without_the_reference_nothing_is_measured(tmp_path: Path, student: str, use: Use) -> None:
    def milliseconds(key: str, session: int, number: int) -> float:
        if key == REFERENCE:
            raise MeasurementFailed("no delegate")
        return 1.0

    use(Scripted(milliseconds))
    report = benchmark([student], str(tmp_path / "r"), "made-up", HOST, SETTINGS)
    assert report.failure == "the reference model cannot be measured: no delegate"
    assert sorted(report.failures) == [CORE, WAVE]


def test_a_killed_measurement_goes_on_where_it_was(tmp_path: Path, student: str, use: Use) -> None:
    def milliseconds(key: str, session: int, number: int) -> float:
        return 1.0 + 0.01 * session

    def killed(key: str, session: int, number: int) -> float:
        if (session, number) == (2, 3):
            raise KeyboardInterrupt
        return milliseconds(key, session, number)

    scratch = str(tmp_path / "scratch")
    first = use(Scripted(killed))
    with pytest.raises(KeyboardInterrupt):
        benchmark([student], str(tmp_path / "r"), "made-up", HOST, SETTINGS, scratch_dir=scratch)
    assert first.session == 2

    second = use(Scripted(milliseconds, first_session=2))
    report = benchmark([student], str(tmp_path / "r"), "made-up", HOST, SETTINGS, scratch_dir=scratch)

    assert {call.session for call in second.calls} == {2, 3}, "the first is not timed again"
    assert second.starts == 2 * [REFERENCE, WAVE, CORE], "nor started cold"
    whole = use(Scripted(milliseconds))
    assert whole is not second
    uninterrupted = benchmark([student], str(tmp_path / "whole"), "made-up", HOST, SETTINGS)
    assert report.measurements == uninterrupted.measurements
    assert read_samples(tmp_path / "r") == read_samples(tmp_path / "whole")
    assert not any((tmp_path / "scratch" / "latency").iterdir()), "complete: the next run measures afresh"


def test_a_session_of_another_measurement_is_not_taken(tmp_path: Path, student: str, use: Use) -> None:
    def killed(key: str, session: int, number: int) -> float:
        if session == 2:
            raise KeyboardInterrupt
        return 1.0

    def interrupt(
        device: HostDevice = HOST,
        settings: MeasurementSettings = SETTINGS,
        seed: int = 1,
        digests: tuple[str, str] = ("code", "tool"),
    ) -> int:
        """Measurements that are kept after another was killed."""
        use(Scripted(killed))
        scratch = tmp_path / "scratch"
        with pytest.raises(KeyboardInterrupt):
            benchmark(
                [student], str(tmp_path / "r"), "made-up", device, settings, seed, str(scratch), digests
            )
        return len(list((scratch / "latency").iterdir()))

    assert [interrupt(), interrupt()] == [1, 1]
    assert interrupt(seed=2) == 2
    assert interrupt(digests=("other code", "tool")) == 3
    assert interrupt(digests=("code", "other tool")) == 4
    assert interrupt(device=HostDevice(threads=2)) == 5
    assert interrupt(settings=SETTINGS.model_copy(update={"min_runs": 9})) == 6


def test_sessions_of_a_lost_device_wait_for_its_return(tmp_path: Path, student: str, use: Use) -> None:
    def lost(key: str, session: int, number: int) -> float:
        if session == 3:
            raise DeviceLost("cable")
        return 1.0

    use(Scripted(lost))
    scratch = str(tmp_path / "scratch")
    assert benchmark([student], str(tmp_path / "r"), "made-up", HOST, SETTINGS, scratch_dir=scratch).failure
    backend = use(Scripted(first_session=3))
    report = benchmark([student], str(tmp_path / "r"), "made-up", HOST, SETTINGS, scratch_dir=scratch)
    assert {call.session for call in backend.calls} == {3}
    assert len(report.measurements) == 2


def test_a_replay_keeps_no_sessions(tmp_path: Path, student: str, use: Use) -> None:
    def killed(key: str, session: int, number: int) -> float:
        if session == 2:
            raise KeyboardInterrupt
        return 1.0

    use(Scripted(killed))
    with pytest.raises(KeyboardInterrupt):
        benchmark(
            [student],
            str(tmp_path / "r"),
            "made-up",
            ReplayDevice(report="record"),
            SETTINGS,
            scratch_dir=str(tmp_path / "scratch"),
        )
    assert not (tmp_path / "scratch").exists()


def test_a_replay_gives_the_same_figures(
    tmp_path: Path, student: str, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a model that was left out of the first attempt, and of one that was measured again."""
    other = write_variants(tmp_path / "o", "other", {"core-int8": b"other"})

    def milliseconds(key: str, session: int, number: int) -> float:
        if key == "other/core-int8" and (session, number) == (2, 3):
            raise MeasurementFailed("timed out")
        slow = 0.2 if (key, session) == (CORE, 3) else 0
        return round((1.5 if key == WAVE else 1.0) + 0.001 * number + slow, 6)

    use(Scripted(milliseconds))
    recorded = benchmark([student, other], str(tmp_path / "r"), "phone", HOST, SETTINGS)
    monkeypatch.undo()
    device = ReplayDevice(report=str(tmp_path / "r"))
    replayed = benchmark([student, other], str(tmp_path / "again"), "phone", device, SETTINGS)
    assert [one.attempts for one in recorded.measurements] == [1, 2, 2]
    assert replayed.measurements == recorded.measurements
    assert replayed.reference == recorded.reference
    assert replayed.machine.replayed_from == str(tmp_path / "r")
    assert read_samples(tmp_path / "again") == read_samples(tmp_path / "r")


def test_a_cold_start_of_every_session_counts(
    tmp_path: Path, student: str, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    """10, 11 and 30 ms: on logarithms the mean is 2.7005, s = 0.6084, and t(2) s / root 3 = 1.5113."""
    started: Counter[str] = Counter()

    def start(key: str) -> Start:
        started[key] += 1
        return Start([10.0, 11.0, 30.0][started[key] - 1], 1.0, [5.0, 5.5, 6.0][started[key] - 1])

    use(Scripted(start=start))
    report = benchmark([student], str(tmp_path / "r"), "made-up", HOST, SETTINGS)
    (wave, _) = report.measurements
    assert wave.init_ms == 11.0
    assert (wave.init_low_ms, wave.init_high_ms) == pytest.approx(
        (np.exp(2.7005 - 1.5113), np.exp(2.7005 + 1.5113)), rel=1e-3
    )
    assert wave.peak_mib == 5.5
    assert wave.peak_low_mib is not None
    assert wave.peak_high_mib is not None
    assert 4 < wave.peak_low_mib < 5 < 6 < wave.peak_high_mib < 7.5
    assert {number: one.init_ms for number, one in wave.cold_starts.items()} == {1: 10.0, 2: 11.0, 3: 30.0}

    monkeypatch.undo()
    device = ReplayDevice(report=str(tmp_path / "r"))
    replayed = benchmark([student], str(tmp_path / "again"), "phone", device, SETTINGS)
    assert replayed.measurements == report.measurements


def test_memory_that_one_session_does_not_tell_is_not_told(tmp_path: Path, student: str, use: Use) -> None:
    started: Counter[str] = Counter()

    def start(key: str) -> Start:
        started[key] += 1
        return Start(1.0, 1.0, None if started[key] == 2 else 5.0)

    use(Scripted(start=start))
    (wave, _) = benchmark([student], str(tmp_path / "r"), "made-up", HOST, SETTINGS).measurements
    assert (wave.peak_mib, wave.peak_low_mib, wave.peak_high_mib) == (None, None, None)


def test_what_cannot_be_profiled_is_measured_all_the_same(tmp_path: Path, student: str, use: Use) -> None:
    class NoProfile(Scripted):
        error: type[MeasurementFailed] = MeasurementFailed

        def profile(self, model: ModelUnderTest, runs: int) -> list[OperatorTime]:
            super().profile(model, runs)
            raise self.error("no profiler")

    backend = NoProfile()
    use(backend)
    report = benchmark([student], str(tmp_path / "r"), "made-up", HOST, SETTINGS)
    assert [(one.valid, one.operators) for one in report.measurements] == [(True, []), (True, [])]
    assert backend.profiled == [WAVE, CORE]

    backend = NoProfile()
    backend.error = DeviceLost
    use(backend)
    assert len(benchmark([student], str(tmp_path / "r"), "x", HOST, SETTINGS).measurements) == 2
    assert backend.profiled == [WAVE], "the device is gone"

    backend = NoProfile()
    use(backend)
    benchmark([student], str(tmp_path / "r"), "x", HOST, SETTINGS.model_copy(update={"profile_runs": 0}))
    assert backend.profiled == []


def test_conditions_reach_the_report(tmp_path: Path, student: str, use: Use) -> None:
    use(Scripted(sensors=[Sensors({"battery": 30.0}, False), Sensors({"battery": 34.0}, True), Sensors()]))
    report = benchmark([student], str(tmp_path / "r"), "made-up", HOST, SETTINGS)
    assert len(report.conditions) == 6
    first = report.conditions[0]
    assert (first.temperatures_c, first.throttled) == ({"battery": (30.0, 34.0)}, True)
    assert first.reasons == ["the device throttled"]
    assert (first.reference_ms, first.drift) == (1.0, 1.0)
    assert all(one.attempts == 2 and one.valid for one in report.measurements)
    assert [one.session_numbers for one in report.measurements] == [[2, 3, 4, 5, 6]] * 2
    assert [faults_in_report(one, report) for one in report.measurements] == [[], []], "the gate agrees"
