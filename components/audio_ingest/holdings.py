"""What the files of a corpus hold: the segments of its rows, or whole recordings."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from components.audio_ingest.corpus_requests import CorpusRequest, CorpusRequests
from components.audio_ingest.plan import SplitPlan
from components.audio_ingest.reading import read_sounds
from components.audio_ingest.settings import AudioIngestSettings
from components.common.audio.decode import DecodedAudio
from components.common.audio.intake_report import IngestError

Holding = Literal["segments", "recordings"]

# Files of a split that are listened to.
_SAMPLE = 24
# So much more than its segment may a file hold: downloaders cut at key frames.
_SLACK_SECONDS, _SLACK_SHARE = 1.0, 0.25
# Files of which at least this share is one thing are taken for it.
_AGREEING = 0.8

_logger = logging.getLogger("tinytrill.audio_ingest")


@dataclass(frozen=True)
class Lengths:
    """What a sample of files was found to hold.

    Attributes:
      segments: Files about as long as their segments.
      recordings: Longer files that reach to where their segments end in the video.
      others: Longer files that end before.
    """

    segments: int
    recordings: int
    others: int

    @property
    def looked_at(self) -> int:
        """Files that could be decoded."""
        return self.segments + self.recordings + self.others

    def __str__(self) -> str:
        return (
            f"of {self.looked_at} files {self.segments} are as long as their segments, {self.recordings} are "
            f"longer and reach to where their segments end in the video, {self.others} are longer and end "
            "before that"
        )


def what_files_hold(
    settings: AudioIngestSettings, plans: Mapping[str, SplitPlan], key: str = "audio_ingest"
) -> Holding:
    """Tells by the lengths of a sample what files hold whose names say no start.

    Args:
      settings: Which may say it.
      plans: Of a corpus of segments.
      key: Where the settings stand in the configuration, for messages.

    Raises:
      IngestError: If it is to be detected, and the files do not agree.
    """
    if settings.files_hold == "recordings":
        return "recordings"
    sample = [request for plan in plans.values() for request in _sample(plan.requests)]
    lengths = _measure(sample, settings)
    longer = lengths.recordings + lengths.others
    if settings.files_hold == "segments":
        if longer > lengths.segments:
            _logger.warning(
                "%s.files_hold: segments; but %s. Of each only the beginning is taken", key, lengths
            )
        return "segments"
    most = _AGREEING * lengths.looked_at
    if lengths.segments >= most:
        if longer:
            _logger.warning("%s: %s; files are taken for their segments", key, lengths)
        return "segments"
    if lengths.recordings >= most:
        _logger.info("%s: %s; segments are cut out of whole recordings", key, lengths)
        return "recordings"
    raise IngestError(
        f"{key}.files_hold: detect; {lengths}. Accepted: segments (the beginning of each file is its "
        "row's segment) and recordings (the segment is cut out where the row says)"
    )


def _sample(requests: CorpusRequests) -> list[tuple[CorpusRequest, float]]:
    """Some requests that tell, in their order, each with where its segment ends in the video, in seconds.

    A segment that begins with its video tells nothing.
    """
    starts = requests.segment_starts_s()
    telling = np.flatnonzero(requests.untimed() & (starts > 0))
    if len(telling) > _SAMPLE:
        telling = telling[np.linspace(0, len(telling) - 1, _SAMPLE).astype(np.int64)]
    found = zip(requests.take(telling), starts[telling], strict=True)
    return [
        (request, start + request.max_seconds)
        for request, start in found
        if start > 2 * _slack(request.max_seconds)
    ]


def _measure(sample: list[tuple[CorpusRequest, float]], settings: AudioIngestSettings) -> Lengths:
    longest = [
        replace(request, max_seconds=float(end + _SLACK_SECONDS), start_seconds=0.0)
        for request, end in sample
    ]
    votes: Counter[str] = Counter()
    for (request, end), sound in zip(sample, read_sounds(longest, settings), strict=True):
        if not isinstance(sound, DecodedAudio):
            continue
        if sound.duration_s <= request.max_seconds + _slack(request.max_seconds):
            votes["segments"] += 1
        elif sound.duration_s >= end - _SLACK_SECONDS:
            votes["recordings"] += 1
        else:
            votes["others"] += 1
    return Lengths(votes["segments"], votes["recordings"], votes["others"])


def _slack(seconds: float) -> float:
    return max(_SLACK_SECONDS, _SLACK_SHARE * seconds)
