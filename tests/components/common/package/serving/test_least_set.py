"""What the documentation says a registered model needs is enough, and none of it is too much."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from tests.components.common.package.serving.conftest import sound
from tests.pushed_runs import BLESSED, make_scene

pytestmark = pytest.mark.slow

# By distribution the module that is imported; docs/registry.md and the served script name the same.
LEAST = {
    "numpy": "numpy",
    "ai-edge-litert": "ai_edge_litert",
    "pandas": "pandas",
    "SQLAlchemy": "sqlalchemy",
    "alembic": "alembic",
}
SECONDS = 300

ASK = """
import json, sys
for absent in sys.argv[3:]:
    sys.modules[absent] = None
import mlflow
mlflow.set_tracking_uri(sys.argv[1])
import mlflow.pyfunc
model = mlflow.pyfunc.load_model("models:/tinytrill-host@champion")
clips = json.load(open(sys.argv[2]))
import numpy as np
found = model.predict([np.array(clip, np.int16) for clip in clips])
print("ANSWER", json.dumps([[float(value) for value in row] for row in found]))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an environment with mlflow-skinny and the stated set, in the versions of this one."""
    folder = tmp_path_factory.mktemp("least") / "venv"
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    interpreter = folder / "bin" / "python"
    wanted = [f"mlflow-skinny=={version('mlflow')}", *(f"{name}=={version(name)}" for name in LEAST)]
    made = subprocess.run(
        [*uv, "pip", "install", "--quiet", "--python", str(interpreter), *wanted],
        capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip(f"the packages cannot be installed here: {made.stderr.strip()[-200:]}")
    return interpreter


@pytest.fixture(scope="module")
def store(tiny_files: dict[str, bytes], empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A registry with a champion."""
    scene = make_scene(tmp_path_factory.mktemp("run"), tiny_files, empty_store, {"host": [BLESSED[0]]})
    (model,) = scene.push().models
    (registered,) = model.registrations
    uri: str = scene.settings.tracking_uri
    MlflowClient(uri, uri).set_registered_model_alias("tinytrill-host", "champion", registered.version)
    return uri


def ask(python: Path, store: str, folder: Path, *absent: str) -> subprocess.CompletedProcess[str]:
    """Two clips of int16, of different lengths, with some modules that cannot be imported."""
    clips = [(20_000 * sound(length)).astype(np.int16).tolist() for length in (20_000, 9_000)]
    (folder / "clips.json").write_text(json.dumps(clips))
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [str(python), "-c", ASK, store, str(folder / "clips.json"), *absent],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip


def test_the_stated_set_is_enough(python: Path, store: str, tmp_path: Path) -> None:
    done = ask(python, store, tmp_path)
    assert done.returncode == 0, done.stderr
    (answer,) = (line for line in done.stdout.splitlines() if line.startswith("ANSWER"))
    found = np.array(json.loads(answer.removeprefix("ANSWER")))
    assert found.shape[0] == 2 and np.isfinite(found).all()


@pytest.mark.parametrize("module", LEAST.values())
def test_none_of_it_is_too_much(python: Path, store: str, tmp_path: Path, module: str) -> None:
    done = ask(python, store, tmp_path, module)
    assert done.returncode != 0 and "ANSWER" not in done.stdout
