"""Stores with registered models, and clients that go wrong on purpose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.common.tracking import ledger
from components.common.tracking.stores import open_client
from tests.pipeline.models.promotion.pushed import push_runs


class Killed(BaseException):
    """A process that is no more: nothing of it handles this."""


class FlawedClient:
    """A client around whose every call something may happen.

    Attributes:
      calls: Names of the calls so far.
    """

    def __init__(self, client: Any, before: Callable[[int, str], None], after: Callable[[int, str], None]):
        """Wraps a client.

        Args:
          client: A real one.
          before: Called with the number of the call, from 0, and its name.
          after: Likewise, when the store has done it but the caller does not know yet.
        """
        self._client, self._before, self._after = client, before, after
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if not callable(method):
            return method

        def call(*arguments: Any, **named: Any) -> Any:
            number = len(self.calls)
            self.calls.append(name)
            self._before(number, name)
            answer = method(*arguments, **named)
            self._after(number, name)
            return answer

        return call


def nothing(number: int, name: str) -> None:
    """Happens."""


def kill_at(when: int) -> Callable[[int, str], None]:
    """Kills at a call."""

    def kill(number: int, name: str) -> None:
        if number == when:
            raise Killed

    return kill


def once_at(wanted: str, do: Callable[[], object]) -> Callable[[int, str], None]:
    """Does something at the first call of a name."""
    done: list[int] = []

    def act(number: int, name: str) -> None:
        if name == wanted and not done:
            done.append(number)
            do()

    return act


def make_versions(client: Any, name: str, count: int) -> None:
    """A registered model with a ledger and versions of nothing."""
    ledger.ensure_model(client, name, "0", "")
    for _ in range(count):
        client.create_model_version(name, "file:///nowhere")


@pytest.fixture
def client(tmp_path: Path, empty_store: Path) -> Any:
    """Of an empty store."""
    (tmp_path / "mlflow.db").write_bytes(empty_store.read_bytes())
    return open_client(f"sqlite:///{tmp_path / 'mlflow.db'}")


@pytest.fixture(scope="session")
def pushed_store(
    tmp_path_factory: pytest.TempPathFactory, tiny_files: dict[str, bytes], empty_store: Path
) -> Path:
    """A database with the runs of tests/pipeline/models/promotion/pushed.py; its files lie beside it."""
    root = tmp_path_factory.mktemp("pushed")
    file = root / "mlflow.db"
    file.write_bytes(empty_store.read_bytes())
    push_runs(root, tiny_files, f"sqlite:///{file}")
    return file


@pytest.fixture
def store(tmp_path: Path, pushed_store: Path) -> str:
    """Address of a copy of that database; the files are the same."""
    (tmp_path / "pushed.db").write_bytes(pushed_store.read_bytes())
    return f"sqlite:///{tmp_path / 'pushed.db'}"


@pytest.fixture
def registry(store: str) -> Any:
    """A client of it."""
    return open_client(store)
