"""A judged run whose TFLite files are real, if tiny: for tests of what is pushed, and of what comes after.

The fixtures ``tiny_files``, ``empty_store`` and ``scene`` of tests/conftest.py are made with this.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from components.frontier_gate.points import figures_of
from components.frontier_pusher import executor
from components.frontier_pusher.component import FrontierPusher
from components.frontier_pusher.inputs import read_inputs
from components.frontier_pusher.record import make_record
from components.frontier_pusher.settings import PusherSettings
from schemas.footprints import Footprint
from schemas.latency_reports import LatencyMeasurement, LatencyReport
from schemas.push_reports import PushReport
from schemas.run_records import RunRecord
from schemas.verdicts import DeviceVerdict, FrontierPoint, GoalResult, ReferenceQuality, Verdict
from tests.made_up_runs import ENDS, Made, Run, make_run, write_run
from tests.students import mobilenet

SMALL = mobilenet("small", embedding_width=64)
TINY = mobilenet("tiny", embedding_width=64)
BLESSED = (
    f"{SMALL.candidate_id}/wave-float32",
    f"{SMALL.candidate_id}/core-float32",
    f"{TINY.candidate_id}/wave-float32",
)

MakeScene = Callable[..., "Scene"]


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
        """Folder of the pushed versions."""
        return Path(self.settings.destination)

    @property
    def output(self) -> Path:
        """The pusher's artifact."""
        return self.root / "artifacts" / "FrontierPusher" / "pushed" / "1"

    @property
    def verdict(self) -> Verdict:
        """The gate's decision."""
        return Verdict.load(self.inputs["verdict"][0].uri)

    def record(
        self, settings: PusherSettings | None = None, run_name: str = "test-run", config: str = '{"seed": 1}'
    ) -> RunRecord:
        """What the pusher tells MLflow, after everything is in the pushed folders; nothing is sent."""
        settings = settings or self.settings
        run = read_inputs(FrontierPusher.task(self.inputs, {}, {}))
        identity = executor.identify(run, settings, run_name)
        descriptions = run.descriptions(run_name, identity.run_key)
        pushed = executor.push(run, descriptions, self.destination)
        return make_record(run, identity, descriptions, pushed, settings, config, self.output)

    def push(self, settings: PusherSettings | None = None, run_name: str = "test-run") -> PushReport:
        """Runs the pusher; see its executor for what is raised."""
        executor.Executor().Do(
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


def make_scene(
    root: Path,
    tiny_files: Mapping[str, bytes] | None = None,
    empty_store: Path | None = None,
    blessed: Mapping[str, Collection[str]] | None = None,
    closed: Mapping[str, Sequence[str]] | None = None,
    stream: bool = False,
) -> Scene:
    """A judged run: two candidates; three of four variants are blessed, one is beaten.

    Args:
      root: An empty folder.
      tiny_files: See :func:`write_tiny_files`; None: the files hold made-up bytes.
      empty_store: See :func:`make_empty_store`; it is copied. None: there is no store yet.
      blessed: Point ids by device; none: :data:`BLESSED` on the host.
      closed: Why a device's gate is closed.
      stream: Whether the second candidate has a stream file, too.
    """
    by_device = blessed or {"host": BLESSED}

    def made(quality: float, latency_ms: float, name: str, file: str) -> Made:
        if tiny_files is None:
            return Made(quality, latency_ms, name)
        content = tiny_files[file]
        return Made(quality, latency_ms, name, content=content, golden=make_golden(content))

    run = make_run(
        {
            SMALL: [
                made(0.75, 5.0, "wave-float32", "wave-1"),
                made(0.75, 4.0, "core-float32", "core-1"),
            ],
            TINY: [
                made(0.70, 2.0, "wave-float32", "wave-2"),
                made(0.60, 4.5, "core-float32", "core-2"),
                *([made(0.70, 1.0, "stream-float32", "stream-1")] if stream else []),
            ],
        },
        devices={name: 1.0 + index for index, name in enumerate(by_device)},
    )
    inputs = write_run(run, root / "in")
    folder = root / "in" / "verdict"
    make_verdict(run, by_device, closed or {}).save(folder)
    for name in (Verdict.PICTURE, Verdict.PAGE, f"{Verdict.BENCHMARK}/comparison.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("made up")
    if empty_store is not None:
        (root / "mlflow.db").write_bytes(empty_store.read_bytes())
    settings = PusherSettings(
        destination=str(root / "pushed"),
        tracking_uri=f"sqlite:///{root / 'mlflow.db'}",
        outbox=str(root / "outbox"),
    )
    verdict = SimpleNamespace(uri=str(folder), id=1, type_name="FrontierVerdict")
    return Scene({**inputs, "verdict": [verdict]}, settings, root)


def write_tiny_files(folder: Path) -> None:
    """``wave``, ``core`` and ``stream`` TFLite files that answer 8 dimensions, depending on ``scale``."""
    folder.mkdir()
    for kind in ("wave", "core"):
        for scale in (1, 2):
            (folder / f"{kind}-{scale}.tflite").write_bytes(_tiny_tflite(kind, scale))
    (folder / "stream-1.tflite").write_bytes(_tiny_stream())


def make_empty_store(folder: Path) -> None:
    """Makes ``mlflow.db`` with MLflow's tables: making them takes seconds, copying them nothing."""
    from components.common.tracking.stores import quieten_mlflow

    quieten_mlflow()
    from mlflow import MlflowClient

    folder.mkdir()
    path = folder / "mlflow.db"
    MlflowClient(f"sqlite:///{path}", f"sqlite:///{path}").search_experiments()


def make_golden(content: bytes) -> bytes:
    """A golden-vector file of a TFLite file: two inputs, and what LiteRT answers."""
    from components.common.modeling.stream_model import StreamModel, open_variant

    model = open_variant(content, "wave")
    shape = model.inputs[0].shape
    if len(model.inputs) > 1:
        model, shape = StreamModel(content), [1, 15_600]
    inputs = np.random.default_rng(7).uniform(-0.5, 0.5, (2, *shape[1:])).astype(np.float32)
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, input=inputs, embedding=model.run_each(inputs))
    return file.getvalue()


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
    files: list[LatencyMeasurement | Footprint] = [*latency.measurements, *latency.footprints]
    for told in files:
        result = next(r for noss in run.noss for r in noss.results if r.sha256 == told.sha256)
        assert told.input is not None
        points.append(
            FrontierPoint(
                point_id=told.key,
                candidate_id=told.candidate_id,
                variant=told.variant,
                input=told.input,
                sha256=told.sha256,
                quality=result.mean,
                quality_low=result.mean_low,
                quality_high=result.mean_high,
                quality_of_teacher=result.mean / 0.8,
                **figures_of(told),
                bytes=told.bytes,
                parameters=123_456,
                goals=[GoalResult(goal="size", value=1.0, limit=2.0, met=True)],
                goals_met=True,
                on_frontier=told.key in blessed,
                dominated_by=[],
                blessed=told.key in blessed,
                reasons=[] if told.key in blessed else ["beaten"],
            )
        )
    return points


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


def _tiny_stream() -> bytes:
    """Of the last 4,080 samples what ``wave-1`` answers of a window; the frames are counted."""
    import tensorflow as tf

    from components.tflite_converter.conversion import convert_function

    def step(samples: Any, frames: Any, before: Any) -> Any:
        heard = tf.concat([before, samples], 1)
        embedding = tf.reduce_mean(tf.abs(tf.reshape(heard, (1, 8, 510))), axis=-1)
        return embedding, frames + 1.0, heard[:, 3840:]

    inputs, outputs = ENDS["stream"]
    shapes = {name: tuple(shape) for name, shape in inputs.items()}
    return convert_function(step, shapes, list(outputs), "network")
