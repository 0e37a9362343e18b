"""Finished sessions on disk, so that a measurement that was killed goes on where it was."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from components.common.store.computed import key_of
from components.common.store.publishing import publish
from components.latency_benchmark.backends.base import ModelUnderTest
from components.latency_benchmark.samples import read_samples, write_samples
from components.latency_benchmark.sessions import Place, Session
from schemas.latency_reports import Machine

_NOTES = "session.json"
_SESSION = TypeAdapter(Session)

_log = logging.getLogger("tinytrill.latency_benchmark")


def identity(parameters: Sequence[str], machine: Machine, models: Sequence[ModelUnderTest]) -> str:
    """What makes two measurements the same: a session is never taken from another one.

    Args:
      parameters: Settings, device, seed and the like.
      machine: What is measured on.
      models: The models, by name and content.
    """
    files = [[model.key, model.sha256] for model in models]
    return key_of(parameters, machine.identity, files)


@dataclass(frozen=True)
class FinishedSessions:
    """A folder that holds the sessions of one measurement; None keeps nothing."""

    folder: Path | None

    def save(self, session: Session) -> None:
        """Writes a session; the folder appears under its name once it is complete."""
        if self.folder is None:
            return
        place = self._place(session.conditions.attempt, session.conditions.session)
        with publish(place, replace=True) as partial:
            write_samples(partial, session.records)
            (partial / _NOTES).write_bytes(_SESSION.dump_json(session, exclude={"records"}))

    def load(self, place: Place, asked: Sequence[str]) -> Session | None:
        """The session at this place of the measurement, or None if it did not finish.

        Args:
          place: Attempt and session.
          asked: Keys of the models to be timed; a session of other models is not taken.
        """
        if self.folder is None:
            return None
        folder = self._place(place.attempt, place.session)
        if not folder.is_dir():
            return None
        notes = json.loads((folder / _NOTES).read_text(encoding="utf-8"))
        if notes["asked"] != list(asked):
            return None
        session = _SESSION.validate_python({**notes, "records": read_samples(folder)})
        _log.info(
            "session %d, begun %s, is taken from %s", place.session, notes["conditions"]["started"], folder
        )
        return session

    def remove(self) -> None:
        """Deletes the sessions of a measurement that is complete."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _place(self, attempt: int, session: int) -> Path:
        assert self.folder is not None
        return self.folder / f"attempt-{attempt}-session-{session:03d}"
