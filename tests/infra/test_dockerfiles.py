from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import pytest
from docker.utils.build import exclude_paths
from dockerfile_parse import DockerfileParser

from tests.conftest import REPOSITORY
from tests.infra.conftest import INFRA, requirement_of, tag_of

TASKS = INFRA / "docker" / "Dockerfile"
SERVER = INFRA / "mlflow" / "Dockerfile"
HADOLINT = Path(sys.executable).with_name("hadolint")


def _lint(path: Path) -> list[str]:
    done = subprocess.run(
        [HADOLINT, "--no-color", "--format", "json", path], capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr
    return [f"{fault['code']} line {fault['line']}: {fault['message']}" for fault in json.loads(done.stdout)]


def _parsed(path: Path) -> DockerfileParser:
    return DockerfileParser(fileobj=BytesIO(path.read_bytes()), env_replace=False)


def _stages(path: Path) -> dict[str, list[dict[str, str]]]:
    """Instructions by stage; a stage without a name has its number."""
    stages: dict[str, list[dict[str, str]]] = {"": []}
    for instruction in _parsed(path).structure:
        if instruction["instruction"] == "FROM":
            named = re.search(r"\sAS\s+(\S+)$", instruction["value"], re.IGNORECASE)
            stages[named[1] if named else str(len(stages))] = []
        stages[list(stages)[-1]].append(instruction)
    return stages


def _values(stage: list[dict[str, str]], instruction: str) -> list[str]:
    return [entry["value"] for entry in stage if entry["instruction"] == instruction]


def _images(path: Path) -> list[str]:
    """Images from elsewhere that a Dockerfile names."""
    text = path.read_text("utf-8")
    stages = set(_stages(path))
    named = re.findall(r"^FROM (\S+)|--from=(\S+?)[, ]|--mount=from=([^,\s]+)", text, re.MULTILINE)
    return [
        image for groups in named for image in groups if image and image not in stages and "$" not in image
    ]


@pytest.mark.parametrize("path", [TASKS, SERVER], ids=["tasks", "mlflow"])
def test_the_linter_finds_nothing(path: Path) -> None:
    assert _lint(path) == []


def test_the_linter_finds_what_is_wrong(tmp_path: Path) -> None:
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM debian:latest\nRUN apt-get install sudo && cd /x\nUSER root\n", encoding="utf-8")
    assert {fault.split()[0] for fault in _lint(bad)} >= {"DL3007", "DL3008", "DL3003", "DL3002"}


@pytest.mark.parametrize("path", [TASKS, SERVER], ids=["tasks", "mlflow"])
def test_every_image_that_is_built_on_has_a_full_version(path: Path) -> None:
    images = _images(path)
    assert images
    for image in images:
        assert re.match(r"\d+\.\d+\.\d+", tag_of(image)), f"{image} can become another image"


@pytest.mark.parametrize(("path", "final"), [(TASKS, "program"), (SERVER, "2")], ids=["tasks", "mlflow"])
def test_containers_are_of_a_user_without_rights_and_know_whether_they_work(path: Path, final: str) -> None:
    stage = _stages(path)[final]
    assert _values(stage, "USER") == ["1000:1000"]
    assert len(_values(stage, "HEALTHCHECK")) == 1
    labels = _values(stage, "LABEL")[0]
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    assert f'org.opencontainers.image.version="{project["version"]}"' in labels
    assert f'org.opencontainers.image.licenses="{project["license"]}"' in labels


def test_the_compiler_stays_where_the_environment_is_built() -> None:
    stages = _stages(TASKS)
    assert any("g++" in run for run in _values(stages.pop("builder"), "RUN"))
    assert not [run for stage in stages.values() for run in _values(stage, "RUN") if "apt-get" in run]


def test_the_last_stage_is_the_image_of_tasks() -> None:
    stages = _stages(TASKS)
    assert list(stages)[-1] == "runtime"
    assert _values(stages["runtime"], "FROM") == ["program AS runtime"]
    assert _values(stages["program"], "WORKDIR") == ["/opt/tinytrill"]
    environment = " ".join(_values(stages["program"], "ENV"))
    assert "PATH=/opt/venv/bin:$PATH" in environment
    assert "PYTHONPATH=/opt/tinytrill" in environment
    # Without it each task's cache key and each model card would say that nobody knows the code.
    assert "TINYTRILL_CODE_VERSION=${CODE_VERSION}" in environment


def test_a_beam_worker_may_write_where_it_starts() -> None:
    stages = _stages(TASKS)
    # Beam's boot program puts the options of a job there, and ends if it cannot.
    (folder,) = _values(stages["worker"], "WORKDIR")
    (made,) = [run for run in _values(stages["program"], "RUN") if "useradd" in run]
    assert f"--home-dir {folder} " in made
    assert re.search(rf"--owner=1000 .*{folder}\b", made)
    assert _values(stages["worker"], "ENTRYPOINT") == ['["/opt/apache/beam/boot"]']


def test_both_bases_can_be_chosen_and_have_the_same_python() -> None:
    stages = _stages(TASKS)
    assert {"base-cpu", "base-gpu"} <= stages.keys()
    assert _values(stages["base"], "FROM") == ["base-${ACCELERATOR} AS base"]
    assert _values(stages[""], "ARG") == ["ACCELERATOR=cpu"]
    python = tag_of(_values(stages["base-cpu"], "FROM")[0]).partition("-")[0]
    assert python.startswith("3.11.")
    assert any(run.endswith(f"uv python install {python}") for run in _values(stages["base-gpu"], "RUN"))


def test_the_gpu_base_has_the_cuda_that_tensorflow_was_built_for() -> None:
    image = next(image for image in _images(TASKS) if image.startswith("nvidia/cuda:"))
    cuda = tag_of(image).partition("-")[0]
    assert requirement_of("tensorflow", "nvidia-cuda-runtime-cu12").specifier.contains(cuda), image
    assert "-cudnn-runtime-" in image


def test_what_comes_from_other_images_is_of_the_locked_versions(project_lock: Mapping[str, str]) -> None:
    tags = {image.partition(":")[0]: tag_of(image) for image in _images(TASKS)}
    assert tags["ghcr.io/astral-sh/uv"] == project_lock["uv"]
    assert tags["apache/beam_python3.11_sdk"] == project_lock["apache-beam"]


def test_the_build_context_is_the_program_and_nothing_else(tmp_path: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if tracked.returncode:
        pytest.skip("not a git checkout, so what is the program's is unknown")
    names = [name for name in tracked.stdout.split("\0") if name and (REPOSITORY / name).is_file()]
    strangers = [
        ".git/config",
        "output/demo/report/index.html",
        "infra/.env",
        "infra/kubernetes/base/secrets/mlflow.env",
        "components/common/audio/__pycache__/formats.cpython-311.pyc",
        "pipeline/kubeflow/secret.env",
    ]
    for name in [*names, *strangers]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    patterns = (REPOSITORY / ".dockerignore").read_text("utf-8").splitlines()
    sent = {
        name
        for name in exclude_paths(str(tmp_path), [line for line in patterns if line and line[0] != "#"])
        if (tmp_path / name).is_file()
    }
    own = re.compile(
        r"(components|pipeline|schemas|infra/(kubeflow|docker))/|pipeline_runner\.py$|infra/install\.sh$"
    )
    assert {name for name in names if own.match(name)} <= sent
    assert not sent & set(strangers)
    assert not [name for name in sent if name.startswith(("tests/", "docs/", ".ci/", "infra/kubernetes/"))]
    # The code's digests are over whole folders: a file that is missing makes another program of it.
    for needed in ("pyproject.toml", "requirements.lock", "LICENSE"):
        assert needed in sent


def test_what_is_copied_is_there() -> None:
    for path, context in ((TASKS, REPOSITORY), (SERVER, SERVER.parent)):
        for instruction in _parsed(path).structure:
            if instruction["instruction"] == "COPY" and "--from=" not in instruction["value"]:
                *sources, _ = instruction["value"].split()
                assert all((context / source).exists() for source in sources), instruction["value"]


@pytest.mark.parametrize("file", sorted(INFRA.rglob("Dockerfile")), ids=lambda file: file.parent.name)
def test_no_other_image_is_fetched_to_read_it(file: Path) -> None:
    # Docker would ask its hub for the image that a syntax line names, also behind a mirror of one's own.
    assert not re.search(r"^#\s*syntax\s*=", file.read_text("utf-8"), re.MULTILINE | re.IGNORECASE)
