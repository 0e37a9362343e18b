"""The sounds of a shard's clips: files here or behind URLs, members of tars, rows of parquet files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from components.audio_ingest.corpus_requests import CorpusRequest
from components.audio_ingest.layouts import container_layout
from components.audio_ingest.layouts.base import MOST_BYTES
from components.common.audio.errors import AudioError, Reason
from components.common.audio.places import PlaceError, is_url, read_bytes
from components.common.audio.settings import IntakeSettings
from components.common.audio.sounds import Held, Sounds, decode_held


def read_sounds(requests: Sequence[CorpusRequest], settings: IntakeSettings) -> Sounds:
    """Decodes the clips of a shard: for each its sound, or why it cannot be used.

    Each container is opened once and read forwards, and no more than a few clips of it are held.

    Args:
      requests: Of files, or of containers by ascending position.
      settings: Which clips are good enough.
    """
    return decode_held(_held(requests), settings)


def _held(requests: Sequence[CorpusRequest]) -> Iterator[Held]:
    for pack, some in groupby(requests, key=lambda request: request.pack):
        if pack:
            yield from _packed(pack, list(some))
            continue
        for request in some:
            yield request, _remote(request) if is_url(request.path) else None


def _packed(pack: str, requests: Sequence[CorpusRequest]) -> Iterator[Held]:
    places = [(request.position, request.size) for request in requests]
    done = 0
    try:
        for data in container_layout(pack).read(pack, places):
            yield requests[done], data
            done += 1
    except (PlaceError, OSError) as error:
        for request in requests[done:]:
            yield request, AudioError(Reason.UNREADABLE, str(error))


def _remote(request: CorpusRequest) -> bytes | AudioError:
    if request.size > MOST_BYTES:
        return AudioError(Reason.UNDECODABLE, f"{request.size} bytes, at most {MOST_BYTES} are held")
    try:
        return read_bytes(request.path)
    except PlaceError as error:
        return AudioError(Reason.UNREADABLE, str(error))
