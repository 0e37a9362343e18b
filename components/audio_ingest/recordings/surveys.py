"""How long recordings are and which of their segments are preferred: found by decoding them, and kept.

What a header says of the length may be wrong or absent, so each recording is read to its end once, in pieces,
by the guarded decoder. Findings outlive a killed run, and a recording is read again only if it changed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import apache_beam as beam

from components.audio_ingest.recordings.preference import score
from components.audio_ingest.settings import RecordingSettings
from components.common.audio.decode import DecodedAudio
from components.common.audio.decode_job import DecodeJob
from components.common.audio.errors import Reason
from components.common.audio.guarded import decode_all
from components.common.audio.places import FoundFile, from_text, to_text
from components.common.audio.resample import TARGET_RATE
from components.common.store.publishing import publish, sweep

# Goes up when the same recording would be measured otherwise.
_EDITION = 1
_PIECE_SECONDS = 300.0
# Recordings whose findings are kept together, and that are decoded one after the other by a worker.
_BATCH = 64
_SUFFIX = ".json"
# A decoder may give so much less than a whole piece that goes on.
_SLACK_SAMPLES = 16

_logger = logging.getLogger("tinytrill.audio_ingest")


@dataclass
class Survey:
    """What a recording was found to hold.

    Attributes:
      samples: Its length at 16 kHz; 0: nothing of it can be decoded, and the decoder will say why.
      scores: Of each of its segments, where some are preferred.
      fault: Why it was not read to its end; empty: it was.
    """

    samples: int = 0
    scores: list[float] = field(default_factory=list)
    fault: str = ""

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples / TARGET_RATE


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


def survey(paths: Sequence[str], settings: RecordingSettings, timeout_s: float) -> list[Survey]:
    """Measures recordings in this process' decoder.

    Args:
      paths: Of the recordings.
      settings: How they will be cut.
      timeout_s: How long decoding a piece may take.
    """
    segment = settings.segment_seconds
    piece = segment * max(1, int(_PIECE_SECONDS / segment))
    found = [Survey() for _ in paths]
    going_on, begin = list(range(len(paths))), 0.0
    while going_on:
        # Only the decoder knows where a recording ends, so pieces of different ones are asked for in a row.
        jobs = [DecodeJob(paths[at], None, begin, piece, 0.0, silence_peak=-1.0) for at in going_on]
        further = []
        for at, sound in zip(going_on, decode_all(jobs, timeout_s), strict=True):
            if not isinstance(sound, DecodedAudio):
                if begin and sound.reason not in (Reason.TOO_SHORT, Reason.EMPTY):
                    found[at].fault = str(sound)
                continue
            found[at].samples += len(sound.samples)
            if settings.prefer != "none":
                step = round(segment * TARGET_RATE)
                parts = (sound.samples[first : first + step] for first in range(0, len(sound.samples), step))
                found[at].scores += [score(part, settings.prefer) for part in parts]
            if len(sound.samples) >= piece * TARGET_RATE - _SLACK_SAMPLES:
                further.append(at)
        going_on, begin = further, begin + piece
    return found


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


def cut(found: Survey, settings: RecordingSettings) -> list[tuple[float, float]]:
    """Start and end of the segments of a recording, in seconds.

    A recording of which nothing could be decoded has one, so that it is counted under the decoder's reason.
    """
    length, segment = found.seconds, settings.segment_seconds
    whole, rest = divmod(found.samples, round(segment * TARGET_RATE))
    number = max(1, whole + (rest >= settings.min_rest_seconds * TARGET_RATE))
    segments = [(at * segment, min((at + 1) * segment, length or segment)) for at in range(number)]
    return [segments[at] for at in _chosen(number, found.scores, settings)]


def _chosen(number: int, scores: Sequence[float], settings: RecordingSettings) -> Iterable[int]:
    most = settings.most_segments
    if not most or number <= most:
        return range(number)
    if settings.prefer == "none":
        return [math.floor((at + 0.5) * number / most) for at in range(most)]
    ranked = sorted(range(number), key=lambda at: (-scores[at] if at < len(scores) else math.inf, at))
    return sorted(islice(ranked, most))


def faults(names: Mapping[str, Survey]) -> list[str]:
    """Recordings that were not read to their ends, with why and how far."""
    return [f"{name} after {one.seconds:g} s: {one.fault}" for name, one in names.items() if one.fault]
