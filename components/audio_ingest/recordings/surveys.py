"""Surveys of all recordings of a folder, by Beam, and kept: each recording is read to its end once.

Findings outlive a killed run, and a recording is read again only if it changed.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import apache_beam as beam

from components.audio_ingest.recordings.survey import Survey, survey
from components.audio_ingest.settings import RecordingSettings
from components.common.audio.places import FoundFile, from_text, to_text
from components.common.store.publishing import publish, sweep

# Goes up when the same recording would be measured otherwise.
_EDITION = 1
# Recordings whose findings are kept together, and that are decoded one after the other by a worker.
_BATCH = 64
_SUFFIX = ".json"

_logger = logging.getLogger("tinytrill.audio_ingest")


def survey_all(
    files: Sequence[FoundFile],
    settings: RecordingSettings,
    timeout_s: float,
    lists: Path,
    make_pipeline: Callable[[], beam.Pipeline],
) -> list[Survey]:
    """Measures recordings, as far as that was not done before.

    Args:
      files: Of the recordings, with sizes and times.
      settings: How they will be cut.
      timeout_s: How long decoding a piece of a recording may take.
      lists: Folder for what is found.
      make_pipeline: Makes the Beam pipeline that measures.
    """
    lists.mkdir(parents=True, exist_ok=True)
    keys = [_key(file, settings) for file in files]
    known = _read(lists)
    waiting = [(key, to_text(file.path)) for key, file in zip(keys, files, strict=True) if key not in known]
    if waiting:
        _logger.info("%d of %d recordings are read for their lengths", len(waiting), len(files))
        batches = [waiting[first : first + _BATCH] for first in range(0, len(waiting), _BATCH)]
        measure = _Measure(settings.model_dump_json(), timeout_s, str(lists))
        with make_pipeline() as pipeline:
            _ = (
                pipeline
                | "Recordings" >> beam.Create(batches, reshuffle=True)
                | "Measure" >> beam.ParDo(measure)
            )
        known = _read(lists)
    _forget(lists, set(keys))
    return [known[key] for key in keys]


class _Measure(beam.DoFn):
    """Writes what it finds of each batch of recordings."""

    def __init__(self, settings: str, timeout_s: float, lists: str) -> None:
        self._settings, self._timeout_s, self._lists = settings, timeout_s, lists

    def process(self, element: Sequence[tuple[str, str]]) -> None:
        settings = RecordingSettings.model_validate_json(self._settings)
        found = survey([from_text(path) for _, path in element], settings, self._timeout_s)
        said = {key: vars(one) for (key, _), one in zip(element, found, strict=True)}
        name = hashlib.blake2b("".join(said).encode(), digest_size=16).hexdigest()
        with publish(Path(self._lists) / f"{name}{_SUFFIX}") as partial:
            partial.write_text(json.dumps(said))


def _read(lists: Path) -> dict[str, Survey]:
    found: dict[str, Survey] = {}
    for path in sorted(lists.glob(f"[!.]*{_SUFFIX}")):
        found |= {key: Survey(**said) for key, said in json.loads(path.read_text()).items()}
    return found


def _forget(lists: Path, used: set[str]) -> None:
    """Removes what is only about recordings that changed or are gone."""
    sweep(lists)
    for path in lists.glob(f"[!.]*{_SUFFIX}"):
        if used.isdisjoint(json.loads(path.read_text())):
            path.unlink(missing_ok=True)


def _key(file: FoundFile, settings: RecordingSettings) -> str:
    """Of a recording and of what is asked of it: another one if it changed."""
    asked = (settings.prefer, settings.segment_seconds) if settings.prefer != "none" else ()
    facts = f"{_EDITION}\n{asked}\n{file.path}\n{file.size}\n{file.modified}"
    return hashlib.blake2b(facts.encode(errors="surrogateescape"), digest_size=16).hexdigest()
