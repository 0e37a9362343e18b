"""Reading the sounds that requests ask for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from components.common.audio.decode import DecodedAudio
from components.common.audio.decode_job import DecodeJob
from components.common.audio.errors import AudioError
from components.common.audio.guarded import decode_all
from components.common.audio.requests import ClipRequest
from components.common.audio.settings import IntakeSettings

Sounds = Iterator[DecodedAudio | AudioError]

# A request with the bytes of its sound file; with why there are none; with None if its path is to be opened.
Held = tuple[ClipRequest, bytes | AudioError | None]


def decode_files(requests: Sequence[ClipRequest], settings: IntakeSettings) -> Sounds:
    """Decodes the files of the requests: for each its sound, or why it cannot be used."""
    return decode_held(((request, None) for request in requests), settings)


def decode_held(held: Iterable[Held], settings: IntakeSettings) -> Sounds:
    """Decodes sound files that are held in memory, or lie at the path of their request.

    Args:
      held: Each request with its bytes, which are asked for a few clips ahead.
      settings: Which clips are good enough, and how long one may take.
    """
    return decode_all((_job(*one, settings) for one in held), settings.decode_timeout_seconds)


def _job(
    request: ClipRequest, data: bytes | AudioError | None, settings: IntakeSettings
) -> DecodeJob | AudioError:
    if isinstance(data, AudioError):
        return data
    return DecodeJob(
        name=request.path,
        data=data,
        start_seconds=request.start_seconds,
        max_seconds=request.max_seconds,
        min_seconds=settings.min_seconds,
        silence_peak=settings.silence_peak,
    )
