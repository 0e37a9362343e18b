"""The command line: help, refusals, exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.runs import run
from tests.mlflow_server import ADMIN, MlflowServer


def test_help_names_every_command() -> None:
    done = run("--help")
    assert done.code == 0
    tracked = ("lineage", "registry", "promote", "rollback", "pull")
    for command in ("run", "demo", "validate", "report", "doctor", "noss", *tracked):
        assert f"\n    {command} " in done.out
    assert "\n  3    the gate is closed for a device" in done.out


def test_a_valid_configuration_lists_its_candidates() -> None:
    done = run("validate", "--config", "demo")
    assert done.code == 0, done.err
    assert "demo: valid, 32 candidates" in done.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "--config", "nowhere"), "refused: no configuration 'nowhere'"),
        (("run", "--config", "demo", "--set", "traning.epochs=1"), "did you mean 'training'?"),
        (
            ("run", "--config", "demo", "--set", "latency.devices={old: {backend: replay, report: gone}}"),
            "refused: latency.devices.old.report: ",
        ),
        (("run", "--config", "real_audio", "--set", "data_root=/nowhere"), "corpus.root: there is no folder"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_runs(
    arguments: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.code == 2
    assert message in done.err
    assert not list(tmp_path.iterdir())


def test_a_folder_without_a_run_has_no_report(tmp_path: Path) -> None:
    done = run("report", "--output", str(tmp_path))
    assert done.code == 1
    assert "holds no finished run" in done.err


@pytest.mark.slow
def test_the_doctor_answers_without_noise() -> None:
    done = run("doctor")
    assert done.code == 0, done.out
    assert "LiteRT" in done.out
    assert done.err == ""


@pytest.mark.slow
def test_a_wrong_password_is_refused_before_anything_runs_and_written_nowhere(
    tmp_path: Path, empty_store: Path
) -> None:
    folder = tmp_path / "run"
    with MlflowServer(tmp_path / "server", empty_store, password="correct horse battery") as server:
        named = {"MLFLOW_TRACKING_URI": server.uri.replace("//", f"//{ADMIN}:not-this-one@")}
        done = run("demo", "--output", str(folder), env=named)
        asked = run("doctor", "--output", str(folder), env=named)
    assert done.code == 2, done.err
    assert "MLFLOW_TRACKING_USERNAME" in done.err
    assert asked.code == 1
    assert "not-this-one" not in done.out + done.err + asked.out + asked.err
    written = [path for path in folder.rglob("*") if path.is_file()]
    assert not any(b"not-this-one" in path.read_bytes() for path in written)
    assert "metadata.db" not in {path.name for path in written}
