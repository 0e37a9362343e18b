from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.latency_benchmark.backends import open_backend
from components.latency_benchmark.backends.base import Burst, DeviceLost, MeasurementFailed, ModelUnderTest
from components.latency_benchmark.samples import SampleRecord, write_samples
from components.latency_benchmark.settings import MeasurementSettings
from schemas.devices import ReplayDevice
from schemas.latency_reports import (
    LatencyMeasurement,
    LatencyReport,
    Machine,
    OperatorTime,
    SessionConditions,
)

SETTINGS = MeasurementSettings(sessions=3, rounds=4)
SESSIONS, ROUNDS = (1, 2, 3, 4), (1, 2, 3, 4)


def model(candidate_id: str = "small", sha256: str = "5" * 64) -> ModelUnderTest:
    return ModelUnderTest(candidate_id, "core-int8", "core", Path("x.tflite"), Path("x.npy"), sha256, 9, 0.96)


REFERENCE = ModelUnderTest("reference", "net", None, Path("r.tflite"), Path("r.npy"), "f" * 64, 7, 0.0)


def taken_us(model: ModelUnderTest, session: int, round_number: int) -> float:
    """A time that tells where it belongs."""
    return 1000.0 * (model.input is None) + 10 * session + round_number


def measurement(of: ModelUnderTest, init_ms: float) -> LatencyMeasurement:
    return LatencyMeasurement(
        candidate_id=of.candidate_id,
        variant=of.variant,
        input=of.input,
        sha256=of.sha256,
        bytes=of.bytes,
        sessions=3,
        n=12,
        p50_ms=1,
        p90_ms=1,
        p95_ms=1,
        p99_ms=1,
        mean_ms=1,
        spread_low_ms=1,
        spread_high_ms=1,
        ratio=1,
        ratio_low=1,
        ratio_high=1,
        init_ms=init_ms,
        first_ms=2,
        peak_mib=None,
        operators=[OperatorTime(name="embedding", operator="FULLY_CONNECTED", mean_us=3, share=1)],
    )


def records(model: ModelUnderTest, sessions: tuple[int, ...] = SESSIONS) -> list[SampleRecord]:
    """Three sessions of a first attempt, one of a second."""
    return [
        SampleRecord(
            model.key,
            model.sha256,
            1 + (session == 4),
            session,
            number,
            Burst.of_samples([taken_us(model, session, number)]),
        )
        for session in sessions
        for number in ROUNDS
    ]


Change = Callable[[LatencyReport], LatencyReport]


def record(folder: Path, change: Change = lambda report: report) -> Path:
    """A record of the reference and one model, whose second attempt is the fourth session."""
    report = LatencyReport(
        machine=Machine(
            profile="pixel",
            backend="adb",
            name="Pixel 1",
            os="Android 10",
            runtime="benchmark_model 2.16",
            threads=1,
            is_device=True,
            ambient="21 degrees",
        ),
        sessions=3,
        rounds=4,
        reference=measurement(REFERENCE, init_ms=5),
        measurements=[measurement(model(), init_ms=6)],
        conditions=[
            SessionConditions(
                attempt=1,
                session=session,
                started="",
                seconds=1,
                models=2,
                temperatures_c={"battery": (20.0 + session, 30.0 + session)},
                throttled=session == 2,
            )
            for session in (1, 2, 3)
        ],
    )
    change(report).save(folder)
    write_samples(folder, [*records(REFERENCE), *records(model())])
    return folder


def opened(folder: Path, settings: MeasurementSettings = SETTINGS, ambient: str = "") -> Any:
    return open_backend("old-pixel", ReplayDevice(report=str(folder), ambient=ambient), settings)


def median_us(backend: Any, model: ModelUnderTest) -> float:
    burst: Burst = backend.time(model, warmup_runs=1, warmup_seconds=0, runs=1, seconds=0, keep_loaded=True)
    return burst.typical_us


def test_the_machine_is_that_of_the_record_under_this_name(tmp_path: Path) -> None:
    folder = record(tmp_path)
    with opened(folder) as backend:
        machine = backend.machine()
    recorded = LatencyReport.load(folder).machine
    assert machine == recorded.model_copy(update={"profile": "old-pixel", "replayed_from": str(folder)})
    assert machine.identity == recorded.identity
    assert machine.is_device
    assert opened(folder, ambient="in a drawer").machine().ambient == "in a drawer"


def test_bursts_come_by_session_and_round_whatever_the_order_of_models(tmp_path: Path) -> None:
    with opened(record(tmp_path)) as backend:
        for session in SESSIONS:
            backend.begin_session()
            for number in ROUNDS:
                pair = (REFERENCE, model()) if number % 2 else (model(), REFERENCE)
                for one in pair:
                    assert median_us(backend, one) == taken_us(one, session, number)


def test_starts_and_operators_are_the_recorded_ones(tmp_path: Path) -> None:
    with opened(record(tmp_path)) as backend:
        backend.begin_session()
        assert [backend.start(model).init_ms for model in (REFERENCE, model())] == [5, 6]
        start = backend.start(model())
        assert (start.first_ms, start.peak_mib) == (2, None)
        assert [one.operator for one in backend.profile(model(), 20)] == ["FULLY_CONNECTED"]


def test_a_model_is_known_by_its_file_and_not_by_its_name(tmp_path: Path) -> None:
    with opened(record(tmp_path)) as backend:
        backend.begin_session()
        assert median_us(backend, model("renamed")) == taken_us(model(), 1, 1)
        changed = model(sha256="6" * 64)
        for ask in (backend.start, lambda one: median_us(backend, one), lambda one: backend.profile(one, 1)):
            with pytest.raises(MeasurementFailed, match=f"no recorded measurement of sha256 {'6' * 64}"):
                ask(changed)


def test_copies_of_a_file_have_their_own_times(tmp_path: Path) -> None:
    folder = record(tmp_path)
    copy = model("copy")
    other = [replace(one, burst=Burst.of_samples([7.0])) for one in records(copy)]
    write_samples(folder, [*records(REFERENCE), *records(model()), *other])
    with opened(folder) as backend:
        backend.begin_session()
        assert median_us(backend, copy) == 7
        assert median_us(backend, model()) == taken_us(model(), 1, 1)


def test_sensors_before_and_after_a_session(tmp_path: Path) -> None:
    with opened(record(tmp_path)) as backend:
        told = []
        for _ in SESSIONS:
            backend.begin_session()
            told.append(
                [(one.temperatures_c, one.throttled) for one in (backend.sensors(), backend.sensors())]
            )
    assert told[1] == [({"battery": 22}, True), ({"battery": 32}, True)]
    assert told[2] == [({"battery": 23}, False), ({"battery": 33}, False)]
    assert told[3] == [({}, None)] * 2, "nothing was recorded of it"


def test_a_session_that_a_model_was_not_in(tmp_path: Path) -> None:
    folder = record(tmp_path)
    write_samples(folder, [*records(REFERENCE), *records(model(), sessions=(1, 2, 3))])
    with opened(folder) as backend:
        for _ in SESSIONS:
            backend.begin_session()
        assert median_us(backend, REFERENCE) == taken_us(REFERENCE, 4, 1)
        with pytest.raises(MeasurementFailed, match="in session 4, round 1") as failed:
            median_us(backend, model())
        assert not isinstance(failed.value, DeviceLost)


def test_a_record_ends(tmp_path: Path) -> None:
    with opened(record(tmp_path)) as backend:
        for _ in SESSIONS:
            backend.begin_session()
        with pytest.raises(DeviceLost, match="ends after session 4"):
            backend.begin_session()


def test_another_reference_model_is_refused(tmp_path: Path) -> None:
    with opened(record(tmp_path)) as backend:
        backend.begin_session()
        with pytest.raises(
            ValueError, match=f"beside the reference model {'f' * 64}, this run's is {'e' * 64}"
        ):
            backend.start(replace(REFERENCE, sha256="e" * 64))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (MeasurementSettings(sessions=5, rounds=4), "sessions 5, recorded 3$"),
        (MeasurementSettings(sessions=3, rounds=10), "rounds 10, recorded 4$"),
        (MeasurementSettings(sessions=5, rounds=10), "sessions 5, recorded 3; rounds 10, recorded 4$"),
    ],
)
def test_other_settings_are_refused(tmp_path: Path, settings: MeasurementSettings, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        opened(record(tmp_path), settings)


def test_no_record(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no record to replay: .*nowhere.* \(No such file"):
        opened(tmp_path / "nowhere")


def test_a_malformed_report_names_its_faults(tmp_path: Path) -> None:
    folder = record(tmp_path)
    path = folder / LatencyReport.FILE
    path.write_text(path.read_text().replace('"rounds": 4', '"rounds": "many"'))
    with pytest.raises(ValueError, match=r"latency_report\.json is not a valid latency report: rounds: "):
        opened(folder)
    path.write_text("{")
    with pytest.raises(ValueError, match="is not a valid latency report: file: Invalid JSON"):
        opened(folder)


def test_a_record_without_samples(tmp_path: Path) -> None:
    folder = record(tmp_path)
    samples = folder / LatencyReport.SAMPLES
    samples.write_bytes(b"PK")
    with pytest.raises(ValueError, match="holds no samples"):
        opened(folder)
    samples.unlink()
    with pytest.raises(ValueError, match=r"has no samples\.npz"):
        opened(folder)


def test_a_record_of_a_failure(tmp_path: Path) -> None:
    failed = {"reference": None, "failure": "unplugged"}
    with pytest.raises(ValueError, match="holds no measurement: unplugged"):
        opened(record(tmp_path, lambda report: report.model_copy(update=failed)))
