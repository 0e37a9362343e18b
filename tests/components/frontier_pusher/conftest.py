"""A run whose TFLite files are real, if tiny."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.frontier_gate.executor import Executor as Gate
from components.frontier_gate.settings import GateSettings, Goal
from components.frontier_pusher.executor import Executor
from components.frontier_pusher.settings import PusherSettings
from schemas.reports import PushReport
from tests.made_up_runs import Made, make_run, write_run
from tests.students import mobilenet

SMALL = mobilenet("small", embedding_width=64)
TINY = mobilenet("tiny", embedding_width=64)


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

    def push(self, settings: PusherSettings | None = None, run_name: str = "test-run") -> PushReport:
        out = self.root / "pushed_artifact"
        Executor().Do(
            self.inputs,
            {"pushed": [SimpleNamespace(uri=str(out))]},
            {
                "settings": (settings or self.settings).to_parameter(),
                "run_name": run_name,
                "config_json": '{"seed": 1}',
                "code_digest": "",
            },
        )
        return PushReport.load(str(out))


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with its tables: making them takes seconds, copying them nothing."""
    from components.frontier_pusher.tracking import Tracker

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    tracker = Tracker(PusherSettings(tracking_uri=f"sqlite:///{path}", experiment="unused"), "0", "unused")
    assert tracker.experiment_id
    return path


@pytest.fixture
def scene(tmp_path: Path, tiny_files: dict[str, bytes], empty_store: Path) -> Callable[..., Scene]:
    """Makes a judged run: two candidates; three of four variants are blessed, one is beaten."""

    def make(goals: tuple[Goal, ...] = ()) -> Scene:
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
            }
        )
        inputs = write_run(run, tmp_path / "in")
        verdict = SimpleNamespace(uri=str(tmp_path / "in" / "verdict"))
        Gate().Do(
            inputs,
            {"verdict": [verdict]},
            {"settings": GateSettings(goals=goals).to_parameter(), "run_name": "test-run"},
        )
        (tmp_path / "mlflow.db").write_bytes(empty_store.read_bytes())
        settings = PusherSettings(
            destination=str(tmp_path / "pushed"), tracking_uri=f"sqlite:///{tmp_path / 'mlflow.db'}"
        )
        return Scene({**inputs, "verdict": [verdict]}, settings, tmp_path)

    return make
