"""Registered versions by the names that people give them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.common.tracking.stores import open_client
from pipeline.configuration.config_file import ConfigError
from pipeline.models.registry.versions import find_version, models, split_name, versions_of

NAME = "my models-host"


@pytest.fixture
def client(tmp_path: Path, empty_store: Path) -> Any:
    """Of a store with one registered model of eleven versions, one of them deleted."""
    (tmp_path / "mlflow.db").write_bytes(empty_store.read_bytes())
    client = open_client(f"sqlite:///{tmp_path / 'mlflow.db'}")
    client.create_registered_model(NAME)
    for _ in range(11):
        client.create_model_version(NAME, "file:///nowhere")
    client.delete_model_version(NAME, "10")
    client.set_registered_model_alias(NAME, "champion", "9")
    client.set_registered_model_alias(NAME, "candidate", "9")
    return client


@pytest.mark.parametrize("text", ["my models-host/9", "my models-host@champion"])
@pytest.mark.parametrize("scheme", ["", "models:/"])
def test_a_version_is_found_by_number_and_by_alias(client: Any, scheme: str, text: str) -> None:
    found = find_version(client, scheme + text)
    assert (found.name, str(found.version), sorted(found.aliases)) == (NAME, "9", ["candidate", "champion"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "my models-host/10",
            r"my models-host has no version 10; there are v11, v9 \(candidate, champion\), v8",
        ),
        ("my models-host/99", "my models-host has no version 99; there are v11"),
        ("my models-host@nobody", "my models-host has no alias 'nobody'; there are v11"),
        ("my models-host@not an alias!", "my models-host has no alias 'not an alias!'"),
        ("other/1", "there is no registered model 'other'; there are my models-host"),
        ("other@champion", "there is no registered model 'other'; there are my models-host"),
        ("my models-host", "names no version; accepted: NAME/3, NAME@alias"),
        ("my models-host/three", "is not a registered version; accepted: NAME/3"),
        ("a/b/3", "is not a registered version"),
        ("a/3@champion", "is not a registered version"),
        ("@champion", "is not a registered version"),
        ("/3", "names no version"),
        ("", "is not a registered version"),
    ],
)
def test_what_is_no_version_is_told_with_what_is(client: Any, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        find_version(client, text)


def test_a_name_alone_is_split_too() -> None:
    assert split_name("models:/my models-host") == (NAME, "", "")


def test_versions_are_listed_by_number_the_newest_first(client: Any) -> None:
    assert [str(one.version) for one in versions_of(client, NAME)][:3] == ["11", "9", "8"]
    assert [model.name for model in models(client)] == [NAME]
