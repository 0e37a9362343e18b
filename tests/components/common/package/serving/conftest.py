"""Pushed folders around tiny TFLite files, and the serving script as a module."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.common.package.serving import SCRIPT
from schemas.push_reports import Licences, ModelDescription
from schemas.students import FrontEndSpec
from tests.made_up_runs import Made, make_result, make_variant
from tests.students import mobilenet

SPEC = FrontEndSpec()
HOP = SPEC.frames * SPEC.hop_samples

PushedFolder = Callable[[str], tuple[Path, ModelDescription]]


@pytest.fixture(scope="module")
def script() -> Any:
    """The serving script."""
    spec = importlib.util.spec_from_file_location("embedder", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def pushed_folder(tiny_files: dict[str, bytes], tmp_path: Path) -> PushedFolder:
    """Writes a pushed folder for ``wave`` or ``core`` input."""
    return lambda kind: write_pushed(tmp_path / "pushed" / kind, kind, tiny_files[f"{kind}-1"])


@pytest.fixture
def embedder(script: Any, pushed_folder: PushedFolder, request: pytest.FixtureRequest) -> Any:
    """The script with a tiny file loaded: that of ``wave`` input, or of the parameter's."""
    folder, _ = pushed_folder(getattr(request, "param", "wave"))
    made = script.Embedder()
    made.load(str(folder / "model.tflite"), str(folder / "model.json"))
    return made


def write_pushed(folder: Path, kind: str, content: bytes) -> tuple[Path, ModelDescription]:
    """Writes a pushed folder around a TFLite file of ``wave`` or ``core`` input."""
    folder.mkdir(parents=True)
    description = describe(kind, content)
    description.save(str(folder))
    (folder / "model.tflite").write_bytes(content)
    np.savez(folder / "golden.npz", input=np.zeros(3, np.float32))
    (folder / "NOTICE.txt").write_text("made up")
    return folder, description


def describe(kind: str, content: bytes) -> ModelDescription:
    """What is said of a tiny file."""
    variant = make_variant(Made(0.75, 5.0, f"{kind}-float32", content=content), content)
    spec = mobilenet("tiny", embedding_width=64)
    return ModelDescription(
        point_id=f"{spec.candidate_id}/{variant.name}",
        candidate_id=spec.candidate_id,
        variant=variant.name,
        input=variant.input,
        precision=variant.precision,
        sha256=variant.sha256,
        bytes=variant.bytes,
        parameters=123_456,
        spec=spec,
        front_end=SPEC,
        window_samples=SPEC.window_samples,
        hop_samples=HOP,
        inputs=variant.inputs,
        outputs=variant.outputs,
        parity=variant.parity,
        quality=make_result(spec.candidate_id, 0.75, variant.name, variant.sha256),
        blessings=[],
        teacher="made up",
        teacher_digest="t" * 64,
        licences=Licences(),
        synthetic=True,
        run_name="test-run",
        run_key="k",
    )


def sound(samples: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    """White noise, -6 dB at most."""
    return np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32)
