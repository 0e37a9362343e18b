"""The cache sees a new rival and a new champion, and not what the run itself pushed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from components.common.tracking.faults import StoreRefused, StoreUnreachable, TrackingFault
from components.common.tracking.registered import RegisteredVersion
from components.frontier_pusher.settings import PusherSettings
from pipeline.configuration.config_file import ConfigError, load_config
from pipeline.configuration.resolved import ResolvedRun
from pipeline.local.layout import RunLayout
from pipeline.models import registry_digest as room
from pipeline.models.registry_digest import registry_digest
from schemas.push_reports import FrontierIndex, PushedModel, Registration
from tests.components.common.tracking.test_registered import make_standing


def version(number: str, sha256: str, aliases: tuple[str, ...] = ()) -> RegisteredVersion:
    standing = make_standing("host")
    point = standing.point.model_copy(update={"sha256": sha256})
    return RegisteredVersion("tinytrill-host", number, aliases, standing.model_copy(update={"point": point}))


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> list[RegisteredVersion]:
    held: list[RegisteredVersion] = []
    monkeypatch.setattr(
        room, "registered_versions", lambda uri, model: [one for one in held if one.registered_model == model]
    )
    return held


def write_index(folder: Path, sha256: str, run_name: str = "demo") -> None:
    model = PushedModel(
        point_id="a/core-float32",
        candidate_id="a",
        variant="core-float32",
        sha256=sha256,
        devices=["host"],
        folder="a/core-float32/1",
        registrations=[Registration(device="host", registered_model="tinytrill-host", version="2")],
        run_id="r",
    )
    FrontierIndex(run_name=run_name, run_key="k", synthetic=True, models=[model]).save(folder)


def test_rivals_count_and_ones_own_push_does_not(tmp_path: Path, registry: list[RegisteredVersion]) -> None:
    push = PusherSettings(destination=str(tmp_path), tracking_uri="sqlite:///somewhere")
    assert registry_digest(push, "demo", ["host"]) == ""
    registry.append(version("1", "rival"))
    before = registry_digest(push, "demo", ["host"])
    assert before != ""
    # The run pushes; the pushed version gets the candidate's alias.
    registry.insert(0, version("2", "own", ("candidate",)))
    write_index(tmp_path, "own")
    assert registry_digest(push, "demo", ["host"]) == before
    registry.insert(0, version("3", "another rival"))
    assert registry_digest(push, "demo", ["host"]) != before


def test_another_runs_push_into_the_same_folder_counts(
    tmp_path: Path, registry: list[RegisteredVersion]
) -> None:
    push = PusherSettings(destination=str(tmp_path), tracking_uri="sqlite:///somewhere")
    registry.append(version("2", "theirs"))
    write_index(tmp_path, "theirs", run_name="other")
    assert registry_digest(push, "demo", ["host"]) != ""
    assert registry_digest(push, "other", ["host"]) == ""


def test_a_new_champion_counts_even_if_it_is_ones_own(
    tmp_path: Path, registry: list[RegisteredVersion]
) -> None:
    push = PusherSettings(destination=str(tmp_path), tracking_uri="sqlite:///somewhere")
    write_index(tmp_path, "own")
    registry.append(version("2", "own"))
    assert registry_digest(push, "demo", ["host"]) == ""
    registry[0] = version("2", "own", ("candidate", "champion"))
    assert registry_digest(push, "demo", ["host"]) != ""


def test_an_index_of_another_release_leaves_nothing_out(
    tmp_path: Path, registry: list[RegisteredVersion]
) -> None:
    (tmp_path / FrontierIndex.FILE).write_text('{"run_name": "demo", "machine": {}}')
    registry.append(version("2", "own"))
    assert registry_digest(PusherSettings(destination=str(tmp_path)), "demo", ["host"]) != ""


def test_each_devices_registered_model_counts(tmp_path: Path, registry: list[RegisteredVersion]) -> None:
    push = PusherSettings(destination=str(tmp_path), tracking_uri="sqlite:///somewhere")
    registry.append(replace(version("1", "rival"), registered_model="tinytrill-phone"))
    assert registry_digest(push, "demo", ["host"]) == ""
    of_phone = registry_digest(push, "demo", ["host", "phone"])
    registry[0] = version("1", "rival")
    assert registry_digest(push, "demo", ["host", "phone"]) not in ("", of_phone)


def answer(fault: TrackingFault, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, policy: str) -> str:
    def refuses(uri: str, model: str) -> list[RegisteredVersion]:
        raise fault

    monkeypatch.setattr(room, "registered_versions", refuses)
    config = load_config("demo", ["push.tracking_uri=http://mlflow.example", f"push.if_unreachable={policy}"])
    return ResolvedRun.of(config, RunLayout(tmp_path)).digests.registry


def test_a_registry_that_does_not_answer_is_done_without_if_so_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = StoreUnreachable("http://mlflow.example does not answer")
    assert answer(gone, monkeypatch, tmp_path, "keep") == "unreachable"
    with pytest.raises(ConfigError, match=r"push\.tracking_uri: http://mlflow\.example does not answer"):
        answer(gone, monkeypatch, tmp_path, "stop")


def test_a_registry_that_refuses_refuses_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = StoreRefused("http://mlflow.example refuses")
    with pytest.raises(ConfigError, match=r"push\.tracking_uri: http://mlflow\.example refuses"):
        answer(refused, monkeypatch, tmp_path, "keep")
