"""What is stored of a model: its files, what it asks for, and that it works where nothing else is there."""

from __future__ import annotations

import hashlib
import importlib.metadata
import pickletools
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pytest
import yaml

from components.common.package.serving import SCRIPT
from components.common.package.serving.package import save_pyfunc
from tests.components.common.package.serving.conftest import write_pushed
from tests.components.common.package.serving.isolation import ABSENT, isolated


@pytest.fixture(scope="module")
def stored(tiny_files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stored model; the pushed folder lies beside it."""
    root = tmp_path_factory.mktemp("stored")
    folder, description = write_pushed(root / "pushed", "core", tiny_files["core-1"])
    save_pyfunc(root / "model", description, folder, model_id="m-1", run_id="r-1")
    return root / "model"


def test_files_of_the_pushed_folder_lie_under_their_names(stored: Path) -> None:
    pushed = stored.parent / "pushed"
    digests = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (stored / "artifacts").iterdir()
    }
    assert digests == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in pushed.iterdir()}
    assert set(digests) == {"model.tflite", "model.json", "golden.npz", "NOTICE.txt"}
    assert (stored / "embedder.py").read_bytes() == Path(SCRIPT).read_bytes()


def test_only_what_is_named_is_stored(
    tiny_files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, description = write_pushed(tmp_path / "pushed", "wave", tiny_files["wave-1"])
    (folder / "stray.txt").write_text("")
    # Of a folder with these two MLflow would store both.
    for name in ("uv.lock", "pyproject.toml"):
        (tmp_path / name).write_text("")
    monkeypatch.chdir(tmp_path)
    save_pyfunc(tmp_path / "model", description, folder, files=["embedder.py", "model.json", "model.tflite"])
    assert {
        path.relative_to(tmp_path / "model").as_posix() for path in (tmp_path / "model").rglob("*.*")
    } == {
        *("embedder.py", "artifacts/model.json", "artifacts/model.tflite", "requirements.txt", "conda.yaml"),
        *("python_env.yaml", "input_example.json", "serving_input_example.json"),
    }


def test_nothing_is_pickled(stored: Path) -> None:
    files = [path for path in stored.rglob("*") if path.is_file()]
    assert len(files) == 11
    for path in files:
        assert not is_pickle(path.read_bytes()), path
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as members:
                assert members.namelist()
                assert not [name for name in members.namelist() if is_pickle(members.read(name))]
            with np.load(path, allow_pickle=False) as arrays:
                assert [arrays[name].dtype for name in arrays] == [np.float32]


def is_pickle(content: bytes) -> bool:
    try:
        operations = [operation.name for operation, _, _ in pickletools.genops(content)]
    except (ValueError, IndexError, UnicodeDecodeError):
        return False
    return operations[-1] == "STOP"


def test_a_pickle_would_be_seen() -> None:
    import pickle

    assert all(is_pickle(pickle.dumps({"a": [1, "b"]}, protocol)) for protocol in range(6))


def test_no_folder_of_this_machine_is_named(stored: Path) -> None:
    here = (str(stored.parent), str(Path(SCRIPT).parents[3]))
    for path in stored.glob("*"):
        if path.is_file():
            assert not [name for name in here if name in path.read_text(encoding="utf-8")], path


def test_requirements_are_pinned_to_what_is_here(stored: Path) -> None:
    packages = ("mlflow", "numpy", "ai-edge-litert")
    pinned = [f"{name}=={importlib.metadata.version(name)}" for name in packages]
    assert (stored / "requirements.txt").read_text().split() == pinned
    assert yaml.safe_load((stored / "conda.yaml").read_text())["dependencies"][-1] == {"pip": pinned}


def test_signature_and_example(stored: Path) -> None:
    model = mlflow.pyfunc.load_model(str(stored))
    signature = model.metadata.signature
    assert [(column.name, column.required) for column in signature.inputs] == [
        ("waveform", True),
        ("sample_rate", False),
    ]
    (output,) = signature.outputs
    assert (output.shape, output.type) == ((-1, 8), np.float32)
    assert [(param.name, param.default) for param in signature.params] == [("per_window", False)]
    assert model.predict(model.input_example).shape == (1, 8)
    assert (model.metadata.run_id, model.metadata.model_id) == ("r-1", "m-1")


def test_forms_pass_mlflow_untouched(stored: Path, script: Any) -> None:
    """MLflow would make tables of them if the signature were one that it enforces."""
    model = mlflow.pyfunc.load_model(str(stored))
    direct = script.Embedder()
    direct.load(str(stored / "artifacts/model.tflite"), str(stored / "artifacts/model.json"))
    ragged = [np.full(9_000, 0.1), np.full(16_000, 8_192, np.int16)]
    for form in (ragged[0], ragged, np.zeros((2, 100)), {"waveform": ragged, "sample_rate": [44_100, 8_000]}):
        np.testing.assert_array_equal(model.predict(form), direct.predict(None, form))
    (frames,) = model.predict(np.zeros(48_000), params={"per_window": True})
    assert frames["embeddings"].shape == (3, 8)
    with pytest.raises(mlflow.MlflowException, match="per_window"):
        model.predict(np.zeros(48_000), params={"per_window": "often"})


@pytest.mark.slow
def test_works_where_neither_tensorflow_nor_this_project_is(stored: Path, tmp_path: Path) -> None:
    code = f"""
import mlflow, numpy, sys
clip = numpy.sin(numpy.arange(44_100) / 10)
found = mlflow.pyfunc.load_model({str(stored)!r}).predict({{"waveform": clip, "sample_rate": 44_100}})
assert found.shape == (1, 8) and numpy.isfinite(found).all()
for name in {ABSENT}:
    assert sys.modules[name] is None
    try:
        __import__(name)
    except ImportError:
        print(name, "is absent")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=isolated(tmp_path), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:-1] == [f"{name} is absent" for name in ABSENT]
