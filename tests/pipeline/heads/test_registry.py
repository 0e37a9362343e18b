from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import pipeline_runner
from components.common.modeling.litert import LiteRtModel
from components.common.tracking.names import HEAD_ON_TAG
from components.common.tracking.stores import open_client
from pipeline.heads.train import HeadRequest, train_head
from tests.pipeline.heads.conftest import sound, write_clips

if TYPE_CHECKING:
    from tests.pushed_runs import MakeScene

pytestmark = pytest.mark.slow


@pytest.fixture
def store(scene: MakeScene) -> Any:
    """A store with registered students, and its address."""
    made = scene()
    made.push()
    return made.settings.tracking_uri


def test_heads_are_versions_linked_to_their_student(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = write_clips(tmp_path / "clips", count=5)
    name = "tinytrill-host@candidate"

    def train(register: str, file: str) -> int:
        return pipeline_runner.main(
            [
                "head",
                "train",
                name,
                "--task",
                str(clips),
                "-o",
                str(tmp_path / file),
                "--no-latency",
                "--register",
                register,
                "--tracking-uri",
                store,
            ]
        )

    assert train("tinytrill-host", "x.tflite") == 2
    assert "of tinytrill-host is no head; accepted: a registered model of heads" in capsys.readouterr().err
    assert train("cough", "cough.tflite") == 0
    assert "registered as cough/1, on tinytrill-host/" in capsys.readouterr().out
    assert train("snore", "snore.tflite") == 0
    client = open_client(store)
    version = client.get_model_version_by_alias("cough", "candidate")
    on = version.tags[HEAD_ON_TAG]

    # Two heads, one download of the student: what comes out is what was registered, byte for byte.
    folder = tmp_path / "app"
    assert pipeline_runner.main(["pull", on, str(folder), "--with-heads", "--tracking-uri", store]) == 0
    for label in ("cough", "snore"):
        pulled = tmp_path / "app.heads" / label / f"{label}.tflite"
        assert pulled.read_bytes() == (tmp_path / f"{label}.tflite").read_bytes()
    assert LiteRtModel(pulled).run(sound(500.0, 0)[None, :15_600])[0].shape == (1, 2)

    promote = ["promote", "cough", "1", "--yes", "--tracking-uri", store]
    assert pipeline_runner.main(promote) == 0
    shown = capsys.readouterr().out
    assert "the embedding bit for bit" in shown and "cough version 1 is champion" in shown
    assert pipeline_runner.main(promote) == 0 and "is champion already" in capsys.readouterr().out
    assert pipeline_runner.main(["lineage", "cough@champion", "--tracking-uri", store]) == 0
    assert on.partition("/")[0] in capsys.readouterr().out


def test_a_head_that_was_changed_is_not_promoted(
    store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = write_clips(tmp_path / "clips", count=5)
    request = HeadRequest(
        "tinytrill-host@candidate", clips, tmp_path / "cough.tflite", tracking_uri=store, latency=False,
        register="cough",
    )  # fmt: skip
    train_head(request)
    client = open_client(store)
    version = client.get_model_version("cough", "1")
    stored = Path(client.download_artifacts(version.run_id, "head/head.tflite", str(tmp_path)))
    (artifact,) = (path for path in tmp_path.rglob("mlartifacts/**/head/head.tflite"))
    assert artifact.read_bytes() == stored.read_bytes()
    artifact.write_bytes(stored.read_bytes()[:-1] + b"\1")
    promote = ["promote", "cough", "1", "--yes", "--tracking-uri", store]
    assert pipeline_runner.main(promote) == 2
    assert "files: cough v1: head.tflite is not the file that was registered" in capsys.readouterr().err
    artifact.write_bytes(stored.read_bytes())

    # Of another student: its tags say so, and nothing of it fits.
    other = next(
        one for one in client.search_model_versions("name='tinytrill-host'")
        if f"tinytrill-host/{one.version}" != version.tags[HEAD_ON_TAG]
    )  # fmt: skip
    client.set_model_version_tag("cough", "1", HEAD_ON_TAG, f"tinytrill-host/{other.version}")
    assert pipeline_runner.main(promote) == 2
    assert "head.json describes another head or student than its tags" in capsys.readouterr().err
    client.set_model_version_tag("cough", "1", HEAD_ON_TAG, version.tags[HEAD_ON_TAG])

    files = json.loads(version.tags["tinytrill.files"])
    assert set(files) == {"classifier.tflite", "head.tflite", "head.json", "MODEL_CARD.md", "index.html"}
    assert pipeline_runner.main(promote) == 0
    assert np.isclose(client.get_run(version.run_id).data.metrics["balanced_accuracy.clips"], 1.0)
