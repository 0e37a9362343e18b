"""How long a recording is, which of its segments are preferred, and where it is cut.

What a header says of the length may be wrong or absent, so a recording is read to its end, in pieces, by the
guarded decoder.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from components.audio_ingest.recordings.preference import score
from components.audio_ingest.settings import RecordingSettings
from components.common.audio.decode import DecodedAudio
from components.common.audio.decode_job import DecodeJob
from components.common.audio.errors import Reason
from components.common.audio.guarded import decode_all
from components.common.audio.resample import TARGET_RATE

_PIECE_SECONDS = 300.0
# A decoder may give so much less than a whole piece that goes on.
_SLACK_SAMPLES = 16


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
