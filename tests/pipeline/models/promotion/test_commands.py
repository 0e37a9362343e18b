"""``promote``, ``rollback`` and ``registry`` as they are typed."""

from __future__ import annotations

import io
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from pipeline_runner import main
from tests.pipeline.models.promotion.pushed import NAME, SMALL, STRONG, WEAK, number
from tests.pipeline.models.promotion.test_promote import champion, make_champion

# What MLflow writes to SQLite takes seconds.
pytestmark = pytest.mark.slow


class Typed(io.StringIO):
    """What a person types at a terminal."""

    def isatty(self) -> bool:
        return True


def run(*arguments: str) -> int:
    return main(arguments)


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def client_of(store: str) -> Any:
    from components.common.tracking.stores import open_client

    return open_client(store)


def test_promote_shows_and_says_what_it_did(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    client = client_of(store)
    small, strong = number(client, SMALL), number(client, STRONG)
    assert run("promote", NAME, small, "--yes", "--tracking-uri", store) == 0
    assert "champion" in capsys.readouterr().out
    assert run("promote", NAME, strong, "--yes", "--why", "better", "--tracking-uri", store) == 0
    out = capsys.readouterr().out
    for words in (
        f"champion v{small}",
        f"v{strong}",
        "0.75 (0.73 to 0.77)",
        "dominance: passed",
        "policy: the configuration stored with run",
        f"{NAME} version {strong} is champion, in place of version {small}",
    ):
        assert words in out
    assert run("promote", NAME, strong, "--yes", "--tracking-uri", store) == 0
    assert "is champion already" in capsys.readouterr().out
    assert run("rollback", NAME, "--yes", "--tracking-uri", store) == 0
    assert f"version {small} is champion again, in place of version {strong}" in capsys.readouterr().out
    assert champion(client) == small


@pytest.mark.parametrize(
    ("typed", "done"), [("y\n", True), ("YES\n", True), ("\n", False), ("n\n", False), ("", False)]
)
def test_a_person_is_asked(
    store: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: str,
    done: bool,
) -> None:
    client = client_of(store)
    monkeypatch.setattr("sys.stdin", Typed(typed))
    if done:
        assert run("promote", NAME, number(client, SMALL), "--tracking-uri", store) == 0
    else:
        assert run("promote", NAME, number(client, SMALL), "--tracking-uri", store) == 2
        assert "not confirmed" in capsys.readouterr().err
    assert bool(champion(client)) is done


@pytest.mark.parametrize("command", [("promote", NAME, "@candidate"), ("rollback", NAME)])
def test_without_a_terminal_yes_must_be_said_before(
    store: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    client = client_of(store)
    make_champion(client, WEAK)
    make_champion(client, STRONG)
    before = champion(client)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    waived = ["--waive", "dominance"] if command[0] == "promote" else []
    assert run(*command, *waived, "--tracking-uri", store) == 2
    assert "there is no terminal to ask for confirmation; say --yes" in capsys.readouterr().err
    assert champion(client) == before


def test_only_goals_and_dominance_can_be_waived(store: str) -> None:
    for check in ("files", "parity", "blessed"):
        with pytest.raises(SystemExit):
            run("promote", NAME, "1", "--waive", check, "--tracking-uri", store)


def test_a_change_by_hand_is_a_warning(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    client = client_of(store)
    make_champion(client, SMALL)
    client.set_registered_model_alias(NAME, "champion", number(client, WEAK))
    run("promote", NAME, number(client, STRONG), "--yes", "--tracking-uri", store)
    assert "WARNING: the alias 'champion' was moved" in capsys.readouterr().err


def test_a_refusal_names_the_check_and_exits_with_2(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    client = client_of(store)
    make_champion(client, STRONG)
    command = ("promote", NAME, number(client, WEAK), "--yes", "--tracking-uri", store)
    assert run(*command) == 2
    assert "is not promoted:\n  dominance: tinytrill-host v" in capsys.readouterr().err
    assert (
        run("promote", NAME, number(client, WEAK), "--yes", "--waive", "dominance", "--tracking-uri", store)
        == 0
    )
    assert "dominance: WAIVED: tinytrill-host v" in capsys.readouterr().out


def test_a_store_that_does_not_answer_exits_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The command keeps credentials in the environment: they must be gone after the test.
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert run("promote", NAME, "1", "--yes", "--tracking-uri", f"http://anna:secret@127.0.0.1:{port}") == 1
    told = capsys.readouterr().err
    assert f"127.0.0.1:{port}" in told
    assert "secret" not in told


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "none.db"
    assert run("registry", "ls", "--tracking-uri", f"sqlite:///{file}") == 2
    assert "there is no MLflow store" in capsys.readouterr().err
    assert not file.exists()


def test_registry_ls_lists_models_with_their_champions(
    store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    client = client_of(store)
    make_champion(client, SMALL)
    run("registry", "ls", "--json", "--tracking-uri", store)
    (model,) = json.loads(capsys.readouterr().out)
    assert (model["name"], model["device"], model["versions"]) == (NAME, "host", 6)
    assert model["aliases"]["champion"] == number(client, SMALL) == model["champion"]["version"]
    assert model["champion"]["standing"]["point"]["quality"] == 0.75
    run("registry", "ls", "--tracking-uri", store)
    out = capsys.readouterr().out
    assert NAME in out
    assert "0.750" in out


def test_registry_show_tells_versions_and_ledger(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    client = client_of(store)
    make_champion(client, SMALL, why="the first")
    make_champion(client, STRONG)
    client.set_registered_model_alias(NAME, "champion", number(client, WEAK))
    run("registry", "show", NAME, "--json", "--tracking-uri", store)
    shown = json.loads(capsys.readouterr().out)
    assert [entry["why"] for entry in shown["ledger"]] == ["the first", ""]
    assert [version["version"] for version in shown["versions"]] == ["6", "5", "4", "3", "2", "1"]
    assert "moved to version" in shown["warnings"][0]
    run("registry", "show", NAME, "--tracking-uri", store)
    out = capsys.readouterr().out
    for words in ("the first", "WARNING: the alias 'champion'", SMALL.candidate_id, "candidate"):
        assert words in out


def test_registry_show_tells_all_of_a_version(store: str, capsys: pytest.CaptureFixture[str]) -> None:
    client = client_of(store)
    make_champion(client, SMALL, why="the first")
    small = number(client, SMALL)
    told = json.dumps({"what": "watch-app 3.2", "by": "anna", "at": "noon"})
    client.set_model_version_tag(NAME, small, "tinytrill.served.watch-app-3-2", told)
    client.set_model_version_tag(NAME, small, "tinytrill.served.phone", "by hand")
    run("registry", "show", f"{NAME}@champion", "--json", "--tracking-uri", store)
    one = json.loads(capsys.readouterr().out)
    assert (one["version"], one["aliases"].count("champion")) == (small, 1)
    assert one["served"] == {"phone": "by hand", "watch-app-3-2": told}
    assert [entry["n"] for entry in one["promotions"]] == [1]
    run("registry", "show", f"{NAME}/{small}", "--tracking-uri", store)
    out = capsys.readouterr().out
    served = "watch-app 3.2, pulled by anna at noon"
    for words in ("0.7500 (0.7300 to 0.7700)", "host, not a device", served, "by hand", "the first"):
        assert words in out
