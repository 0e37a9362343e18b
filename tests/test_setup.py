"""The lock, the project file and what is tracked agree with each other."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import files as files_of
from importlib.util import cache_from_source
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.conftest import REPOSITORY

LOCK = REPOSITORY / "requirements.lock"
SOURCES = ("components", "pipeline", "schemas", "infra")
# Built at run time, so that this file does not find itself.
LEGACY_KERAS = "_".join(("TF", "USE", "LEGACY", "KERAS"))
MACHINE_PATH = re.compile(r"(?<![\w.<>{}-])/(?:" + "|".join(("work", "tmp", "root", "home", "Users")) + r")/")

# Module names that differ from the name of the distribution.
DISTRIBUTIONS = {
    "absl": "absl-py",
    "ai_edge_litert": "ai-edge-litert",
    "apache_beam": "apache-beam",
    "espeakng_loader": "espeakng-loader",
    "google": "protobuf",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
OWN = {"components", "pipeline", "schemas", "infra", "tests", "pipeline_runner"}


@pytest.fixture(scope="module")
def project() -> dict[str, object]:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def _direct(project: dict[str, object]) -> list[Requirement]:
    table = project["project"]
    assert isinstance(table, dict)
    extra = table["optional-dependencies"]["dev"]
    return [Requirement(line) for line in [*table["dependencies"], *extra]]


def _overrides(project: dict[str, object]) -> list[Requirement]:
    tool = project["tool"]
    assert isinstance(tool, dict)
    return [Requirement(line) for line in tool["uv"]["override-dependencies"]]


def _locked(text: str) -> dict[str, Version]:
    """Name and version of every entry of a lock; every entry must be pinned and have a hash."""
    locked: dict[str, Version] = {}
    for entry in re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"^\s*#.*\n", "", text, flags=re.M)):
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", entry)
        assert match, f"not pinned: {entry.splitlines()[0]!r}"
        hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})\b", entry)
        assert hashes, f"{match[1]} has no hash"
        locked[canonicalize_name(match[1])] = Version(match[2])
    return locked


def _tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout, so what is tracked is unknown")
    return [REPOSITORY / name for name in listed.stdout.split("\0") if name and (REPOSITORY / name).is_file()]


def test_every_direct_dependency_is_locked_at_an_accepted_version(project: dict[str, object]) -> None:
    locked = _locked(LOCK.read_text(encoding="utf-8"))
    for requirement in _direct(project):
        name = canonicalize_name(requirement.name)
        assert name in locked, f"{requirement} is not in requirements.lock: run make lock"
        assert requirement.specifier.contains(locked[name], prereleases=True), (
            f"{requirement}: {locked[name]}"
        )


def test_overrides_are_respected(project: dict[str, object]) -> None:
    locked = _locked(LOCK.read_text(encoding="utf-8"))
    for requirement in _overrides(project):
        name = canonicalize_name(requirement.name)
        assert name in locked, f"nothing asks for {requirement} any more: delete the override"
        assert requirement.specifier.contains(locked[name], prereleases=True), (
            f"{requirement}: {locked[name]}"
        )


def test_every_override_has_its_reason_beside_it() -> None:
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    block = text.split("override-dependencies = [\n")[1].split("\n]")[0].splitlines()
    commented = False
    for line in block:
        if line.strip().startswith("#"):
            commented = True
        else:
            assert commented or "#" in line, f"no reason for {line.strip()}"


def test_lock_tells_no_address_and_no_place() -> None:
    text = LOCK.read_text(encoding="utf-8")
    assert not re.search(r"://|^\s*-(?!-hash=)|^[^#]*\s@\s", text, flags=re.M)
    assert not MACHINE_PATH.search(text)


def test_a_lock_without_pin_or_hash_is_noticed() -> None:
    good = "one==1.0 \\\n    --hash=sha256:" + "a" * 64 + "\n    # via two\n"
    assert _locked(good) == {"one": Version("1.0")}
    with pytest.raises(AssertionError, match="not pinned"):
        _locked(good + "two>=1\n")
    with pytest.raises(AssertionError, match="two has no hash"):
        _locked(good + "two==2.0\n")


def test_interpreter_is_the_declared_one(project: dict[str, object]) -> None:
    table = project["project"]
    assert isinstance(table, dict)
    assert SpecifierSet(table["requires-python"]).contains(".".join(map(str, sys.version_info[:3])))


def test_what_is_imported_is_declared(project: dict[str, object]) -> None:
    table = project["project"]
    assert isinstance(table, dict)
    declared = {canonicalize_name(Requirement(line).name) for line in table["dependencies"]}
    files = [REPOSITORY / "pipeline_runner.py"]
    files += [path for source in SOURCES for path in (REPOSITORY / source).rglob("*.py")]
    undeclared = {
        f"{distribution} ({path.relative_to(REPOSITORY)})"
        for path in files
        for distribution in map(_distribution, _imports(path))
        if distribution not in declared
    }
    assert sorted(undeclared) == []


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names if _foreign(alias.name))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level and _foreign(node.module):
            yield node.module.split(".")[0]


def _foreign(module: str) -> bool:
    name = module.split(".")[0]
    return name not in OWN and name not in sys.stdlib_module_names


def _distribution(module: str) -> str:
    return canonicalize_name(DISTRIBUTIONS.get(module, module))


_IN_CONTAINERS = re.compile(
    r"/(?:home)/(?:mlflow|tinytrill)\b|=/(?:root)/\.cache|/(?:tmp)/(?:kfp(?:_outputs)?|outputs)/"
)


def test_no_path_of_a_machine_is_tracked() -> None:
    """Places in containers are no machine's: users of images have homes, Kubeflow keeps files below /tmp."""
    found = []
    for path in _tracked():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(REPOSITORY)}:{number}: {line.strip()[:80]}"
            for number, line in enumerate(lines, 1)
            if MACHINE_PATH.search(_IN_CONTAINERS.sub("", line))
        ]
    assert found == []


def test_keras_2_is_chosen_in_one_place() -> None:
    assignment = re.compile(rf"environ\S*[\[(]\s*[\"']{LEGACY_KERAS}|{LEGACY_KERAS}\s*=")
    setting = [
        str(path.relative_to(REPOSITORY))
        for path in _tracked()
        if path.suffix in {".py", ".sh", ".toml", ".yaml", ".yml"} or path.name in {"Makefile", "Dockerfile"}
        if assignment.search(path.read_text(encoding="utf-8"))
    ]
    assert setting == ["schemas/__init__.py"]


def test_licence_is_apache_2() -> None:
    text = (REPOSITORY / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License\n                           Version 2.0" in text


@pytest.mark.parametrize(
    ("interpreter", "message"),
    [("nowhere/python3.11", "no 'nowhere/python3.11' was found"), ("./other", "is Python 3.12.1")],
)
def test_another_interpreter_is_refused_with_a_clear_message(
    tmp_path: Path, interpreter: str, message: str
) -> None:
    other = tmp_path / "other"
    other.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo Python 3.12.1 && exit 0\nexit 1\n', encoding="utf-8"
    )
    other.chmod(0o755)
    done = subprocess.run(
        [REPOSITORY / "infra" / "install.sh", interpreter, "venv", LOCK],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "TinyTrill needs Python 3.11" in done.stderr
    assert message in done.stderr
    assert "PYTHON=/path/to/python3.11" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_packages_are_installed_with_bytecode() -> None:
    files = [file for file in files_of("tfx") or [] if file.name.endswith(".py")]
    assert len(files) > 100
    sources = [str(file.locate()) for file in files]
    assert [source for source in sources if not Path(cache_from_source(source)).exists()] == []


def test_tests_that_share_something_run_in_one_process(request: pytest.FixtureRequest) -> None:
    """A version of pytest or of its distribution that does not know the other's groups says nothing of it."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        pytest.skip("tests are not distributed: start them by make")
    assert request.node.nodeid.endswith("@test_setup.py")
