"""How a pipeline run is opened and closed in MLflow by its runner."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest
from mlflow import MlflowClient

from components.common.tracking.stores import Store
from components.common.tracking.tracker import Tracker
from pipeline.configuration.config import RunConfig
from pipeline.configuration.config_file import ConfigError, load_config
from pipeline.configuration.sources import resolve
from pipeline.local.layout import RunLayout
from pipeline.local.tracked_run import tracked
from schemas.run_context import Provenance, RunContext

CODE = Provenance(code_version="c" * 40)


@pytest.fixture
def config(tmp_path: Path, empty_store: Path) -> RunConfig:
    shutil.copy(empty_store, tmp_path / "mlflow.db")
    return resolve(load_config("demo"), RunLayout(tmp_path))


@pytest.fixture
def nobody() -> str:
    """An address where nobody answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def stored(config: RunConfig) -> MlflowClient:
    return MlflowClient(config.push.tracking_uri)


def elsewhere(config: RunConfig, **push: str) -> RunConfig:
    return config.model_copy(update={"push": config.push.model_copy(update=push)})


def test_components_learn_of_their_run_by_the_environment(config: RunConfig) -> None:
    with tracked(config, "key", CODE) as context:
        assert RunContext.from_environment() == context
        assert context.run_key == "key"
        assert stored(config).get_run(context.parent_run_id).info.status == "RUNNING"
    assert RunContext.from_environment() is None


def test_the_run_says_which_code_made_it(config: RunConfig) -> None:
    with tracked(config, "key", CODE) as context:
        tags = stored(config).get_run(context.parent_run_id).data.tags
    assert tags["mlflow.source.git.commit"] == CODE.code_version
    assert tags["tinytrill.run_key"] == "key"


def test_the_same_request_opens_the_same_run(config: RunConfig) -> None:
    with tracked(config, "key", CODE) as first, tracked(config, "key", CODE) as second:
        pass
    with tracked(config, "other", CODE) as third:
        pass
    assert first.parent_run_id == second.parent_run_id != third.parent_run_id


@pytest.mark.parametrize(("error", "status"), [(RuntimeError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_what_fails_is_closed_and_opened_again(
    config: RunConfig, error: type[BaseException], status: str
) -> None:
    with pytest.raises(error), tracked(config, "key", CODE) as context:
        tracker = Tracker(Store(config.push.tracking_uri))
        nested = tracker.candidate(context.parent_run_id, "key", config.name, "one")
        raise error
    client = stored(config)
    assert client.get_run(context.parent_run_id).info.status == status
    assert client.get_run(nested).info.status == status
    assert RunContext.VARIABLE not in os.environ
    with tracked(config, "key", CODE) as again:
        assert again.parent_run_id == context.parent_run_id
        assert client.get_run(context.parent_run_id).info.status == "RUNNING"


def test_a_silent_store_stops_no_run(
    config: RunConfig, nobody: str, caplog: pytest.LogCaptureFixture
) -> None:
    with tracked(elsewhere(config, tracking_uri=nobody), "key", CODE) as context:
        assert context.parent_run_id == ""
    assert f"{nobody} does not respond" in caplog.text


def test_a_silent_store_stops_a_run_that_wants_it(config: RunConfig, nobody: str) -> None:
    strict = elsewhere(config, tracking_uri=nobody, if_unreachable="stop")
    with pytest.raises(ConfigError, match=r"push\.if_unreachable is 'stop'"), tracked(strict, "key", CODE):
        raise AssertionError("nothing may begin")


def test_a_given_run_of_another_pipeline_is_refused(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tracked(config, "key", CODE) as context:
        pass
    monkeypatch.setenv("MLFLOW_RUN_ID", context.parent_run_id)
    with pytest.raises(ConfigError, match=context.parent_run_id), tracked(config, "other", CODE):
        raise AssertionError("nothing may begin")
    with tracked(config, "key", CODE) as again:
        assert again.parent_run_id == context.parent_run_id
