"""A run whose TFLite files are real, if tiny."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.frontier_pusher.executor import Executor
from components.frontier_pusher.settings import PusherSettings
from schemas.latency_reports import LatencyReport
from schemas.reports import PushReport
from schemas.verdicts import DeviceVerdict, FrontierPoint, GoalResult, ReferenceQuality, Verdict
from tests.made_up_runs import Made, Run, make_run, write_run
from tests.students import mobilenet

SMALL = mobilenet("small", embedding_width=64)
TINY = mobilenet("tiny", embedding_width=64)
BLESSED = (
    f"{SMALL.candidate_id}/wave-float32",
    f"{SMALL.candidate_id}/core-float32",
    f"{TINY.candidate_id}/wave-float32",
)


@pytest.fixture(scope="session")
def tiny_files() -> dict[str, bytes]:
    """``wave`` and ``core`` TFLite files that answer 8 dimensions, depending on ``scale``."""
    return {f"{kind}-{scale}": _tiny_tflite(kind, scale) for kind in ("wave", "core") for scale in (1, 2)}


def _tiny_tflite(kind: str, scale: int) -> bytes:
    import tensorflow as tf

    shape, name = ((1, 15600), "waveform") if kind == "wave" else ((1, 96, 64), "log_mel")

    class Tiny(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name=name)])
        def embed(self, given: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"embedding": scale * tf.reduce_mean(tf.abs(tf.reshape(given, (1, 8, -1))), axis=-1)}

    module = Tiny()
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.embed.get_concrete_function()], module
    )
    content: bytes = converter.convert()
    return content


@dataclass
class Scene:
    """A judged run, ready to be pushed.

    Attributes:
      inputs: ``input_dict`` of the pusher.
      settings: Its settings; the store is a SQLite file below ``root``.
      root: Temporary folder of the test.
    """

    inputs: dict[str, list[Any]]
    settings: PusherSettings
    root: Path

    @property
    def destination(self) -> Path:
        return Path(self.settings.destination)

    @property
    def output(self) -> Path:
        return self.root / "artifacts" / "FrontierPusher" / "pushed" / "1"

    def push(self, settings: PusherSettings | None = None, run_name: str = "test-run") -> PushReport:
        Executor().Do(
            self.inputs,
            {"pushed": [SimpleNamespace(uri=str(self.output))]},
            {
                "settings": (settings or self.settings).to_parameter(),
                "run_name": run_name,
                "config_json": '{"seed": 1}',
                "code_digest": "",
            },
        )
        return PushReport.load(str(self.output))


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with its tables: making them takes seconds, copying them nothing."""
    from components.tracking.tracker import Tracker

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    tracker = Tracker(PusherSettings(tracking_uri=f"sqlite:///{path}", experiment="unused"), "0", "unused")
    assert tracker.experiment_id
    return path


@pytest.fixture
def scene(tmp_path: Path, tiny_files: dict[str, bytes], empty_store: Path) -> Callable[..., Scene]:
    """Makes a judged run: two candidates; three of four variants are blessed, one is beaten."""

    def make(
        blessed: Mapping[str, Collection[str]] | None = None,
        closed: Mapping[str, Sequence[str]] | None = None,
    ) -> Scene:
        """Makes it with the points that each device blesses and the reasons why its gate is closed."""
        by_device = blessed or {"host": BLESSED}
        run = make_run(
            {
                SMALL: [
                    Made(0.75, 5.0, content=tiny_files["wave-1"]),
                    Made(0.75, 4.0, "core-float32", content=tiny_files["core-1"]),
                ],
                TINY: [
                    Made(0.70, 2.0, content=tiny_files["wave-2"]),
                    Made(0.60, 4.5, "core-float32", content=tiny_files["core-2"]),
                ],
            },
            devices={name: 1.0 + index for index, name in enumerate(by_device)},
        )
        inputs = write_run(run, tmp_path / "in")
        folder = tmp_path / "in" / "verdict"
        make_verdict(run, by_device, closed or {}).save(folder)
        for name in (Verdict.PICTURE, Verdict.PAGE, f"{Verdict.BENCHMARK}/comparison.json"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("made up")
        (tmp_path / "mlflow.db").write_bytes(empty_store.read_bytes())
        settings = PusherSettings(
            destination=str(tmp_path / "pushed"), tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}"
        )
        return Scene({**inputs, "verdict": [SimpleNamespace(uri=str(folder))]}, settings, tmp_path)

    return make


def make_verdict(
    run: Run, blessed: Mapping[str, Collection[str]], closed: Mapping[str, Sequence[str]]
) -> Verdict:
    """A verdict on all variants of a run, as the gate would write it."""
    devices = [
        DeviceVerdict(
            device=latency.machine.profile,
            machine=latency.machine,
            closed=list(closed.get(latency.machine.profile, ())),
            points=make_points(run, latency, blessed[latency.machine.profile]),
            refused=[],
            axes=[],
            summary="",
        )
        for latency in run.latencies
    ]
    return Verdict(
        run_name="test-run",
        synthetic=True,
        benchmark_digest="b" * 64,
        reference_sha256="r" * 64,
        teacher=ReferenceQuality(model="teacher", kind="teacher", quality=0.8, low=0.78, high=0.82),
        baselines=[],
        devices=devices,
        summary="a made-up verdict",
    )


def make_points(run: Run, latency: LatencyReport, blessed: Collection[str]) -> list[FrontierPoint]:
    """The points of one device."""
    points = []
    for measured in latency.measurements:
        result = next(r for noss in run.noss for r in noss.results if r.sha256 == measured.sha256)
        assert measured.input is not None
        points.append(
            FrontierPoint(
                point_id=measured.key,
                candidate_id=measured.candidate_id,
                variant=measured.variant,
                input=measured.input,
                sha256=measured.sha256,
                quality=result.mean,
                quality_low=result.mean_low,
                quality_high=result.mean_high,
                quality_of_teacher=result.mean / 0.8,
                latency_ms=measured.typical_ms,
                latency_low_ms=measured.spread_low_ms,
                latency_high_ms=measured.spread_high_ms,
                p50_ms=measured.p50_ms,
                latency_ratio=measured.ratio,
                latency_ratio_low=measured.ratio_low,
                latency_ratio_high=measured.ratio_high,
                peak_mib=measured.peak_mib,
                bytes=measured.bytes,
                parameters=123_456,
                goals=[GoalResult(goal="size", value=1.0, limit=2.0, met=True)],
                goals_met=True,
                on_frontier=measured.key in blessed,
                dominated_by=[],
                blessed=measured.key in blessed,
                reasons=[] if measured.key in blessed else ["beaten"],
            )
        )
    return points
