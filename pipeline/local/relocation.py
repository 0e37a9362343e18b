"""A run's folder that was moved, copied or unpacked elsewhere: what lies in it names its new place.

Which places it had is told by what lies in it: ML Metadata's artifacts, the configuration and what waits to
be sent. So a folder of any age is recognised, and a kill in between leaves nothing that is not found again.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import yaml

from components.common.tracking.relocation import Move, relocate_database
from components.common.tracking.stores import SQLITE
from pipeline.local.layout import RunLayout
from pipeline.local.metadata import check_metadata
from pipeline.local.run_folder import exclusive, run_folder
from schemas.push_reports import PushReport
from schemas.run_records import RunRecord
from schemas.verdicts import Verdict

# <root>/artifacts/<node>/<key>/<execution>
_ARTIFACT = re.compile(r"(/.*)/artifacts/[^/]+/[^/]+/\d+(?:/.*)?")
# Stands for the folder where a name must not depend on its place.
_ANYWHERE = "/run"

logger = logging.getLogger("tinytrill.pipeline")


def open_folder(path: Path) -> RunLayout:
    """The layout of a run's folder that is to be looked at, where it lies now.

    Raises:
      ConfigError: If it can be no run's folder, or of :func:`settle`.
      StoreRefused: Of :func:`settle`.
    """
    layout = run_folder(path)
    if layout.root.is_dir():
        settle(layout)
    return layout


def settle(layout: RunLayout, held: bool = False) -> None:
    """Lets all that a run's folder holds name the folder as it is called now; does nothing if it does so.

    Args:
      layout: Of the folder.
      held: Whether this process holds it already.

    Raises:
      ConfigError: If another run holds it, or its ML Metadata is damaged.
      StoreRefused: If it cannot be written.
    """
    moves = [Move(place, layout.root) for place in sorted(_earlier_places(layout))]
    if not moves:
        return
    with nullcontext() if held else exclusive(layout):
        for file in _texts(layout):
            _relocate_text(file, moves)
        for database in (layout.mlflow, layout.metadata):
            if database.is_file():
                relocate_database(database, moves)
        # Last: until then it tells what is to be done.
        _relocate_text(layout.config, moves)
    logger.info("%s was %s: its paths are updated", layout.root, ", ".join(move.old for move in moves))


def _earlier_places(layout: RunLayout) -> set[str]:
    # ML Metadata alone still speaks of artifacts that lie elsewhere.
    metadata = _of_metadata(layout.metadata) if layout.artifacts.is_dir() else ()
    places = {*metadata, *_of_config(layout.config)}
    for record in layout.outbox.glob(f"*/{RunRecord.FILE}"):
        places |= _of_settings(_read_json(record))
    return places - {str(layout.root)}


def _of_metadata(file: Path) -> Iterator[str]:
    if not file.is_file():
        return
    check_metadata(file)
    with closing(sqlite3.connect(file)) as database:
        if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'Artifact'").fetchone():
            for (uri,) in database.execute("SELECT DISTINCT uri FROM Artifact"):
                if match := _ARTIFACT.fullmatch(uri or ""):
                    yield match[1]


def _of_config(file: Path) -> set[str]:
    try:
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return set()
    return _of_settings(config.get("push") if isinstance(config, dict) else None)


def _of_settings(settings: Any) -> set[str]:
    """The folder that settings of the pusher are the defaults of: one place alone may have been chosen."""
    if not isinstance(settings, dict):
        return set()
    defaults = RunLayout(Path())
    named: list[str] = []
    for key, default in (
        ("destination", str(defaults.pushed)),
        ("outbox", str(defaults.outbox)),
        ("tracking_uri", str(defaults.mlflow)),
    ):
        place = str(settings.get(key) or "").removeprefix(SQLITE)
        if place.startswith("/") and place.endswith(f"/{default}"):
            named.append(place.removesuffix(f"/{default}"))
    return {place for place in named if named.count(place) > 1}


def _texts(layout: RunLayout) -> Iterator[Path]:
    """Files whose places are read again, or shown; no hash covers them."""
    yield from layout.outbox.glob(f"*/{RunRecord.FILE}")
    for name in (PushReport.FILE, Verdict.LINKS):
        yield from layout.artifacts.glob(f"FrontierPusher/*/*/{name}")
    for pattern in ("*.json", "*.js", "*.html"):
        yield from layout.report.glob(pattern)


def _relocate_text(file: Path, moves: list[Move]) -> None:
    """The file is replaced as a whole, and keeps its times: records are sent in their order."""
    if not file.is_file():
        return
    old = new = file.read_text(encoding="utf-8")
    for move in moves:
        new = _in_yaml(new, move) if file.suffix == ".yaml" else move(new)
    if new == old:
        return
    times = file.stat()
    aside = file.with_name(f".{file.name}.moved")
    aside.write_text(new, encoding="utf-8")
    os.utime(aside, ns=(times.st_atime_ns, times.st_mtime_ns))
    aside.rename(file)


def _in_yaml(text: str, move: Move) -> str:
    """YAML with the places in it anew: a name may need quotes there."""

    def anew(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: anew(part) for key, part in value.items()}
        if isinstance(value, list):
            return [anew(part) for part in value]
        return move(value) if isinstance(value, str) else value

    try:
        return str(yaml.safe_dump(anew(yaml.safe_load(text)), sort_keys=False, allow_unicode=True))
    except yaml.YAMLError:
        return text  # nobody can have read it; the next run writes it anew


def _read_json(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


@contextmanager
def cached_anywhere(layout: RunLayout) -> Iterator[None]:
    """Lets TFX find cached answers wherever the folder lies: its place is not a part of the cache's keys."""
    from tfx.orchestration.portable import cache_utils

    theirs = cache_utils.get_cache_context
    neutral = Move(layout.root, _ANYWHERE)

    def get_cache_context(
        *args: Any,
        input_artifacts: Mapping[str, Any] | None = None,
        parameters: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        inputs = copy.deepcopy(dict(input_artifacts or {}))
        for artifacts in inputs.values():
            for artifact in artifacts:
                artifact.uri = neutral(artifact.uri)
        return theirs(
            *args,
            input_artifacts=inputs,
            # The key is made of them as text.
            parameters={name: neutral(str(value)) for name, value in (parameters or {}).items()},
            **kwargs,
        )

    cache_utils.get_cache_context = get_cache_context
    try:
        yield
    finally:
        cache_utils.get_cache_context = theirs
