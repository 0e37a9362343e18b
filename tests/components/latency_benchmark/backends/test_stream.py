"""A file with state is timed on a chunk of sound and a state of zeros, on every back end."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from components.latency_benchmark.backends import open_backend
from components.latency_benchmark.backends.adb import AdbBackend
from components.latency_benchmark.backends.base import Backend, MeasurementFailed, ModelUnderTest
from components.latency_benchmark.settings import MeasurementSettings
from schemas.devices import HostDevice
from tests.components.latency_benchmark.backends.phone import Phone

pytestmark = pytest.mark.slow
SETTINGS = MeasurementSettings(timeout_s=20)


@pytest.fixture
def phone(tmp_path: Path) -> Phone:
    return Phone(tmp_path)


@pytest.fixture
def model(tiny_files: dict[str, bytes], tmp_path: Path) -> ModelUnderTest:
    content = tiny_files["stream-1"]
    path, value = tmp_path / "stream.tflite", tmp_path / "input-1x3840.npy"
    path.write_bytes(content)
    np.save(value, np.full((1, 3840), 0.25, np.float32))
    sha256 = hashlib.sha256(content).hexdigest()
    return ModelUnderTest("student", "stream-float32", "stream", path, value, sha256, len(content), 0.24)


def timed(backend: Backend, model: ModelUnderTest) -> int:
    backend.start(model)
    burst = backend.time(model, warmup_runs=1, warmup_seconds=0, runs=5, seconds=0, keep_loaded=False)
    return burst.count


@pytest.mark.parametrize("delegate", ["xnnpack", "none"])
def test_on_the_host(model: ModelUnderTest, delegate: str) -> None:
    device = HostDevice.model_validate({"delegate": delegate, "cores": "any"})
    with open_backend("laptop", device, SETTINGS) as backend:
        assert timed(backend, model) == 5
        assert {one.operator for one in backend.profile(model, runs=2)}
        np.save(model.input_path, np.zeros((1, 1600), np.float32))
        with pytest.raises(MeasurementFailed, match="the input takes 15360 bytes, not 6400"):
            backend.profile(model, runs=2)


def test_on_a_phone(model: ModelUnderTest, phone: Phone) -> None:
    with AdbBackend("pixel6", phone.device(), SETTINGS) as backend:
        timed(backend, model)
    given = phone.given()
    assert "--input_layer=input,input1,input2" in given
    assert "--input_layer_shape=1,3840:1,72,65:1,240" in given
    files = next(one for one in given if one.startswith("--input_layer_value_files=")).partition("=")[2]
    # By sha256: 3840 quarters, 4680 zeros, 240 zeros.
    values = [np.full(3840, 0.25), np.zeros(4680), np.zeros(240)]
    digests = [hashlib.sha256(value.astype(np.float32).tobytes()).hexdigest() for value in values]
    assert [Path(one.partition(":")[2]).stem for one in files.split(",")] == digests
