"""docs/kubeflow.md says only what can be typed."""

from __future__ import annotations

import re
import shlex

import pytest
import yaml

import pipeline_runner
from pipeline.kubeflow.settings import KubeflowSettings
from tests.conftest import REPOSITORY
from tests.infra.manifests import KUSTOMIZATIONS, containers, written

TEXT = (REPOSITORY / "docs" / "kubeflow.md").read_text("utf-8")
_BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
# What git does not have: a person makes it.
_MADE = {"infra/.env"}


def _blocks(kind: str) -> list[str]:
    return [match["text"] for match in _BLOCK.finditer(TEXT) if match["kind"] == kind]


def _commands() -> list[list[str]]:
    """Calls of the command line, as the shell takes them apart; what it would fill in stays as it is."""
    lines = "\n".join(_blocks("sh")).replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines if "pipeline_runner.py" in line]
    return [line[line.index("pipeline_runner.py") + 1 :] for line in words]


@pytest.mark.parametrize("arguments", _commands(), ids=lambda arguments: " ".join(arguments)[:60])
def test_commands_are_those_of_the_command_line(arguments: list[str]) -> None:
    assert pipeline_runner._parser().parse_args(arguments).command


def test_there_are_commands_for_the_whole_road() -> None:
    assert {"validate", "compile", "submit", "status", "registry", "run"} <= {
        words[0] for words in _commands()
    }


def test_files_that_it_names_are_there() -> None:
    named = set(re.findall(r"infra/[A-Za-z0-9_./-]*[A-Za-z0-9_]", TEXT)) - _MADE
    assert len(named) > 8
    assert not [path for path in named if not (REPOSITORY / path).exists()]
    applied = set(re.findall(r"-k infra/kubernetes/([a-z/-]+)", TEXT))
    assert applied <= set(KUSTOMIZATIONS)
    listed = set(re.findall(r"^\| `([a-z/-]+)` \|", TEXT, re.MULTILINE))
    assert set(KUSTOMIZATIONS) <= listed, "a folder of manifests that the manual does not tell of"


def test_settings_and_images_that_it_shows_are_taken() -> None:
    shown = [yaml.safe_load(text) for text in _blocks("yaml")]
    settings = [entry["kubeflow"] for entry in shown if "kubeflow" in entry]
    assert settings
    for entry in settings:
        assert KubeflowSettings.model_validate(entry).of("StudentTrainer.any").accelerator
    images = {
        container["image"].partition(":")[0] for _, container in containers([one for _, one in written()])
    }
    for entry in shown:
        assert {image["name"] for image in entry.get("images", [])} <= images
