"""``mlflow models serve`` on a champion, in a process without TensorFlow and without this project."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas
import pytest
from mlflow import MlflowClient

from tests.components.common.package.serving.conftest import sound
from tests.components.common.package.serving.isolation import isolated
from tests.pushed_runs import BLESSED, make_scene

pytestmark = pytest.mark.slow

CHAMPION = "models:/tinytrill-host@champion"
SECONDS_TO_START = 180
JSON = "application/json"


@dataclass(frozen=True)
class Champion:
    """A registered model.

    Attributes:
      store: Tracking and registry URI.
      folder: The pushed folder it was registered from.
    """

    store: str
    folder: Path


@pytest.fixture(scope="module")
def champion(
    tiny_files: dict[str, bytes], empty_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Champion:
    """What a run pushed and registered, made the champion by hand."""
    scene = make_scene(tmp_path_factory.mktemp("run"), tiny_files, empty_store, {"host": [BLESSED[0]]})
    (model,) = scene.push().models
    (registered,) = model.registrations
    store = scene.settings.tracking_uri
    MlflowClient(store, store).set_registered_model_alias("tinytrill-host", "champion", registered.version)
    return Champion(store, scene.destination / model.folder)


@pytest.fixture(scope="module")
def address(champion: Champion, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the model is served; the server is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("server")
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", CHAMPION]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**isolated(folder), "MLFLOW_TRACKING_URI": champion.store},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as server:
        assert server.stderr is not None
        too_late = threading.Timer(SECONDS_TO_START, os.killpg, (server.pid, signal.SIGKILL))
        too_late.start()
        said = []
        for line in server.stderr:
            said.append(line)
            if "Uvicorn running on" in line:
                break
        else:
            pytest.fail(f"the server did not start:\n{''.join(said)}")
        too_late.cancel()
        # What the server says later must not fill the pipe.
        threading.Thread(target=server.stderr.read, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(server.pid, signal.SIGTERM)


@pytest.fixture
def embedder(script: Any, champion: Champion) -> Any:
    """The same model without MLflow."""
    made = script.Embedder()
    made.load(str(champion.folder / "model.tflite"), str(champion.folder / "model.json"))
    return made


def ask(address: str, body: Any, content_type: str = JSON) -> tuple[int, Any]:
    """Status and answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"{address}/invocations", data, {"Content-Type": content_type})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_without_a_server(champion: Champion, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", champion.store)
    with np.load(champion.folder / "golden.npz") as golden:
        found = mlflow.pyfunc.load_model(CHAMPION).predict(golden["input"])
        np.testing.assert_allclose(found, golden["embedding"], rtol=1e-6)


def test_its_own_example(champion: Champion, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", champion.store)
    example = Path(mlflow.artifacts.download_artifacts(CHAMPION), "serving_input_example.json")
    status, answer = ask(address, example.read_bytes())
    assert status == 200 and answer == {"predictions": [[0.0] * 8]}


def test_it_is_alive(address: str) -> None:
    with urllib.request.urlopen(f"{address}/ping") as answer:
        assert answer.status == 200


def test_json(address: str, embedder: Any) -> None:
    short, long = sound(9_000), sound(30_000, 1)
    lists = [short.tolist(), long.tolist()]
    rates = [8_000, 44_100]
    each = embedder.predict(None, [short, long])
    for body, expected in (
        ({"inputs": lists[0]}, each[:1]),
        ({"inputs": lists}, each),
        ({"inputs": {"waveform": lists}}, each),
        (
            {"inputs": {"waveform": lists, "sample_rate": rates}},
            embedder.predict(None, {"waveform": [short, long], "sample_rate": rates}),
        ),
        (
            {"inputs": [{"waveform": lists[0], "sample_rate": 8_000}, {"waveform": lists[1]}]},
            embedder.predict(None, {"waveform": [short, long], "sample_rate": [8_000, 16_000]}),
        ),
    ):
        status, answer = ask(address, body)
        assert status == 200 and set(answer) == {"predictions"}
        np.testing.assert_allclose(answer["predictions"], expected, rtol=1e-6)


def test_windows_of_each_clip(address: str, embedder: Any) -> None:
    table = {"waveform": [sound(24_000).tolist(), sound(4_000).tolist()], "sample_rate": [8_000, 16_000]}
    status, answer = ask(address, {"inputs": table, "params": {"per_window": True}})
    assert status == 200
    expected = embedder.predict(None, table, params={"per_window": True})
    assert [len(clip["embeddings"]) for clip in answer["predictions"]] == [3, 1]
    for found, wanted in zip(answer["predictions"], expected, strict=True):
        assert set(found) == {"start_s", "end_s", "embeddings"}
        for name, values in found.items():
            np.testing.assert_allclose(values, wanted[name], rtol=1e-6)


def test_a_table_as_parquet(address: str, embedder: Any) -> None:
    pcm = (20_000 * sound(20_000)).astype(np.int16)
    table = pandas.DataFrame({"waveform": [pcm, pcm[:9_000]], "sample_rate": [22_050, 48_000]})
    body = io.BytesIO()
    table.to_parquet(body)
    status, answer = ask(address, body.getvalue(), "application/vnd.apache.parquet")
    assert status == 200
    np.testing.assert_allclose(answer["predictions"], embedder.predict(None, table), rtol=1e-6)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "no clip was given; accepted: at least one waveform"),
        ([[0.1, float("nan")]], "clip 0 holds NaN or infinity; accepted: finite samples in [-1, 1]"),
        (
            {"waveform": [[0.1]], "rate": [8_000]},
            "columns or keys waveform, rate; accepted: waveform and, if",
        ),
        (
            {"waveform": [[0.1] * 9] * 2, "sample_rate": [8_000, 96_000]},
            "clip 1 has sample rate 96000; accepted: a whole number from 8000 to 48000 Hz",
        ),
    ],
)
def test_what_is_refused_is_said(address: str, inputs: Any, message: str) -> None:
    status, answer = ask(address, {"inputs": inputs})
    assert status == 400 and answer["error_code"] == "BAD_REQUEST"
    assert answer["stack_trace"].splitlines()[-1].startswith(f"ValueError: {message}")


def test_another_form_of_request_is_told_the_right_one(address: str) -> None:
    table = {"columns": ["waveform"], "data": [[[0.1, 0.2]]]}
    status, answer = ask(address, {"dataframe_split": table})
    assert status == 400 and "must be a dictionary with 'inputs' key" in answer["message"]


def test_requests_at_once_get_their_own_answers(address: str) -> None:
    levels = np.repeat(np.linspace(0.1, 0.8, 8), 5)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda level: ask(address, {"inputs": [float(level)] * 15_600}), levels))
    found = [answer["predictions"][0][0] for _, answer in answers]
    np.testing.assert_allclose(found, levels, atol=1e-5)
