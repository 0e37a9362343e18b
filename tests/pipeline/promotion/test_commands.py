"""``promote``, ``rollback`` and ``registry`` as they are typed."""

from __future__ import annotations

import argparse
import io
import json
from typing import Any

import pytest

from pipeline.commands import promotion, registry
from pipeline.config_file import ConfigError
from tests.pipeline.promotion.pushed import NAME, SMALL, STRONG, WEAK, number
from tests.pipeline.promotion.test_promote import champion, make_champion


class Typed(io.StringIO):
    """What a person types at a terminal."""

    def isatty(self) -> bool:
        return True


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    promotion.add(commands)
    registry.add(commands)
    options = parser.parse_args(arguments)
    code: int = options.command(options)
    return code


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def client_of(store: str) -> Any:
    from components.tracking.stores import open_client

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
def test_a_person_is_asked(store: str, monkeypatch: pytest.MonkeyPatch, typed: str, done: bool) -> None:
    client = client_of(store)
    monkeypatch.setattr("sys.stdin", Typed(typed))
    if done:
        assert run("promote", NAME, number(client, SMALL), "--tracking-uri", store) == 0
    else:
        with pytest.raises(ConfigError, match="nobody said yes"):
            run("promote", NAME, number(client, SMALL), "--tracking-uri", store)
    assert bool(champion(client)) is done


@pytest.mark.parametrize("command", [("promote", NAME, "@candidate"), ("rollback", NAME)])
def test_without_a_terminal_yes_must_be_said_before(
    store: str, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    client = client_of(store)
    make_champion(client, WEAK)
    make_champion(client, STRONG)
    before = champion(client)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(ConfigError, match="there is no terminal to ask at; say --yes"):
        run(*command, *(["--waive", "dominance"] if command[0] == "promote" else []), "--tracking-uri", store)
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


def test_a_store_that_is_not_there_is_not_made(tmp_path: Any) -> None:
    file = tmp_path / "none.db"
    with pytest.raises(ConfigError, match="there is no MLflow store"):
        run("registry", "ls", "--tracking-uri", f"sqlite:///{file}")
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
    client.set_model_version_tag(NAME, small, "tinytrill.served.watch-app-3.2", "watch-app 3.2, by anna")
    run("registry", "show", f"{NAME}@champion", "--json", "--tracking-uri", store)
    one = json.loads(capsys.readouterr().out)
    assert (one["version"], one["aliases"].count("champion")) == (small, 1)
    assert one["served"] == {"watch-app-3.2": "watch-app 3.2, by anna"}
    assert [entry["n"] for entry in one["promotions"]] == [1]
    run("registry", "show", f"{NAME}/{small}", "--tracking-uri", store)
    out = capsys.readouterr().out
    for words in ("0.7500 (0.7300 to 0.7700)", "host, not a device", "watch-app 3.2, by anna", "the first"):
        assert words in out
