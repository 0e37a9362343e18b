from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from sqlalchemy import make_url

from tests.infra.conftest import INFRA, locked_versions

SERVER = INFRA / "mlflow"
LOCK = SERVER / "requirements.lock"


def _users() -> Any:
    """What MLflow reads of the file; by its own reader, but without the whole server around that."""
    package = importlib.util.find_spec("mlflow")
    assert package is not None and package.origin is not None
    reader = Path(package.origin).parent / "server" / "auth" / "config.py"
    spec = importlib.util.spec_from_file_location("mlflow_auth_config", reader)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.read_auth_config()


def _wanted() -> list[Requirement]:
    lines = (SERVER / "requirements.in").read_text("utf-8").splitlines()
    return [Requirement(line.partition("#")[0]) for line in lines if line.partition("#")[0].strip()]


def test_everything_is_pinned_with_hashes_and_tells_no_address() -> None:
    text = LOCK.read_text("utf-8")
    entries = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    assert len(entries) == len(locked_versions(LOCK)) > 50
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"://|^\s*-(?!-hash=)|^[^#]*\s@\s", text, flags=re.MULTILINE)


def test_what_is_wanted_is_locked() -> None:
    locked = locked_versions(LOCK)
    names = [canonicalize_name(requirement.name) for requirement in _wanted()]
    assert "mlflow" in names
    assert set(names) <= locked.keys(), "run make lock"


def test_the_server_is_the_one_that_the_tests_talk_to(project_lock: Mapping[str, str]) -> None:
    own = locked_versions(LOCK)
    common = own.keys() & project_lock.keys()
    assert {"mlflow", "sqlalchemy", "flask", "uvicorn"} <= common
    other = {name: (own[name], project_lock[name]) for name in common if own[name] != project_lock[name]}
    assert other == {}, "run make lock"


def test_mlflow_reads_who_may_do_what(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file has no password; without one from the environment MLflow does not start."""
    monkeypatch.setenv("MLFLOW_AUTH_CONFIG_PATH", str(SERVER / "basic_auth.ini"))
    monkeypatch.delenv("MLFLOW_AUTH_ADMIN_USERNAME", raising=False)
    monkeypatch.delenv("MLFLOW_AUTH_ADMIN_PASSWORD", raising=False)
    assert (config := _users()).admin_password is None
    assert config.default_permission == "READ"
    monkeypatch.setenv("MLFLOW_AUTH_ADMIN_PASSWORD", "of a secret's")
    assert _users().admin_password == "of a secret's"


def test_users_are_kept_in_the_database_of_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_AUTH_CONFIG_PATH", str(SERVER / "basic_auth.ini"))
    users = make_url(_users().database_uri)
    # Host, user and password are PGHOST, PGUSER and PGPASSWORD; a file would be lost with the container.
    assert (users.host, users.username, users.password) == (None, None, None)
    assert f"{users.get_driver_name()}-binary" in locked_versions(LOCK)
    compose = (INFRA / "compose.yaml").read_text("utf-8")
    assert f"MLFLOW_BACKEND_STORE_URI: {users}\n" in compose


def test_make_lock_makes_it() -> None:
    makefile = Path(INFRA.parent / "Makefile").read_text("utf-8")
    recipe = makefile.partition("\nlock:")[2].partition("\n\n")[0]
    assert "infra/mlflow/requirements.in -o infra/mlflow/requirements.lock" in recipe
    assert "--constraint requirements.lock" in recipe
