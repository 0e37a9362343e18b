"""Promotions at once by real processes: one wins each time, the other is told, ledger and alias agree."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from components.common.tracking.ledger import who
from components.common.tracking.stores import open_client
from pipeline.models.promotion.champion import look
from tests.fork_server import Forked, start_python
from tests.mlflow_server import MlflowServer
from tests.pipeline.models.promotion.pushed import NAME, SMALL, STRONG, TINY, number, push_runs

ROUNDS = 6
ROUNDS_ON_A_SERVER = 2


def race(uri: str, rounds: int) -> None:
    """Two processes promote two versions over a third, in every round; each round is looked at."""
    client = open_client(uri)
    versions = [number(client, spec) for spec in (SMALL, TINY, STRONG)]
    rivals = [_start(uri, str(own), str(rounds), *versions) for own in (0, 1)]
    try:
        for n in range(1, rounds + 1):
            for place in ("chosen", "asked", "done"):
                both = [_hear(rival, place) for rival in rivals]
                if place == "done":
                    _check(client, n, both)
                for rival in rivals:
                    assert rival.stdin is not None
                    rival.stdin.write("on\n")
                    rival.stdin.flush()
        assert [rival.wait() for rival in rivals] == [0, 0]
    finally:
        for rival in rivals:
            rival.kill()


def _start(uri: str, *arguments: str) -> Forked:
    return start_python(
        ["-m", "tests.pipeline.models.promotion.rivals", uri, NAME, *arguments],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def _hear(rival: Forked, place: str) -> dict[str, Any]:
    """What a rival says at a place; what its libraries say is passed over."""
    assert rival.stdout is not None
    for line in rival.stdout:
        if line.startswith("{"):
            said: dict[str, Any] = json.loads(line)
            assert said["at"] == place
            return said
    raise AssertionError(f"a rival ended before it was {place}")


def _check(client: Any, n: int, both: list[dict[str, Any]]) -> None:
    """One won, the other was told, ledger and aliases agree."""
    (winner,) = [one for one in both if "won" in one]
    (loser,) = [one for one in both if "refused" in one]
    assert winner["won"] == n
    assert f"overtaken: meanwhile {who()} promoted version {winner['wanted']} at " in loser["refused"]
    assert winner["told"] == loser["told"] == []
    state = look(client, NAME)
    assert state.warnings == []
    assert len(state.entries) == n
    assert state.champion == state.recorded == winner["wanted"]
    assert all(entry.settled for entry in state.entries)


@pytest.mark.slow
def test_one_of_two_promotions_at_once_wins(store: str) -> None:
    race(store, ROUNDS)


@pytest.mark.slow
def test_one_of_two_promotions_at_once_wins_on_a_server(
    tmp_path: Path, tiny_files: dict[str, bytes], empty_store: Path
) -> None:
    with MlflowServer(tmp_path / "server", empty_store) as server:
        push_runs(tmp_path, tiny_files, server.uri)
        race(server.uri, ROUNDS_ON_A_SERVER)
