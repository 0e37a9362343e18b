"""Which store a command speaks to, and where credentials go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from components.common.tracking.stores import keep_credentials_aside
from pipeline.configuration.config_file import ConfigError, load_config
from pipeline.configuration.sources import DataDigests, resolve
from pipeline.dag import create_nodes
from pipeline.local.layout import RunLayout
from pipeline.models.stores import store_of

VARIABLES = ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        # Set first, so that what a test leaves behind is undone too.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def test_the_named_store_comes_before_the_folder_and_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mlflow.db").touch()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://environment:5000")
    assert store_of("http://named:5000", tmp_path) == "http://named:5000"
    assert store_of("", tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"
    assert store_of("", None) == "http://environment:5000"


def test_a_folder_without_a_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"mlflow\.db is absent; accepted: the folder of a run"):
        store_of("", tmp_path)


def test_no_store_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="give --tracking-uri or --output"):
        store_of("", None)


def test_credentials_go_where_mlflow_looks_for_them() -> None:
    assert keep_credentials_aside("https://ann:p%40ss@host:5000/x") == "https://host:5000/x"
    assert os.environ["MLFLOW_TRACKING_USERNAME"] == "ann"
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "p@ss"


def test_an_address_without_credentials_leaves_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    assert keep_credentials_aside("https://host:5000") == "https://host:5000"
    assert os.environ["MLFLOW_TRACKING_USERNAME"] == "ann"
    assert "MLFLOW_TRACKING_PASSWORD" not in os.environ


def test_a_runs_store_is_that_of_the_environment_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ann:pass-word@host:5000")
    resolved = resolve(load_config("demo"), RunLayout(tmp_path))
    assert resolved.push.tracking_uri == "http://host:5000"
    assert "pass-word" not in resolved.to_parameter()


def test_a_configured_store_comes_before_that_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://environment:5000")
    config = load_config("demo", ["push.tracking_uri=http://configured:5000"])
    assert resolve(config, RunLayout(tmp_path)).push.tracking_uri == "http://configured:5000"


def test_without_a_named_store_a_run_has_its_own(tmp_path: Path) -> None:
    resolved = resolve(load_config("demo"), RunLayout(tmp_path))
    assert resolved.push.tracking_uri == f"sqlite:///{tmp_path}/mlflow.db"
    assert resolved.push.outbox == f"{tmp_path}/outbox"


@pytest.mark.parametrize(("policy", "without"), [("keep", True), ("stop", False)])
def test_the_gate_may_do_without_the_registry_only_if_the_run_may(
    tmp_path: Path, policy: str, without: bool
) -> None:
    layout = RunLayout(tmp_path)
    resolved = resolve(load_config("demo", [f"push.if_unreachable={policy}"]), layout)
    nodes = create_nodes(resolved, layout, DataDigests())
    (gate,) = (node for node in nodes if node.id == "FrontierGate")
    assert gate.exec_properties["without_registry"] == without
    assert gate.exec_properties["tracking_uri"] == f"sqlite:///{tmp_path}/mlflow.db"
    assert gate.exec_properties["registered_model"] == "tinytrill"
