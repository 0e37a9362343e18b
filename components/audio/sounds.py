"""Reading the sounds that requests ask for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from components.audio.decode import DecodedAudio, decode, decode_bytes
from components.audio.errors import AudioError
from components.audio.requests import ClipRequest
from components.audio.settings import IntakeSettings

Sounds = Iterator[DecodedAudio | AudioError]

# A request with the bytes of its sound file; with why there are none; with None if its path is to be opened.
Held = tuple[ClipRequest, bytes | AudioError | None]


def decode_files(requests: Sequence[ClipRequest], settings: IntakeSettings) -> Sounds:
    """Decodes the files of the requests: for each its sound, or why it cannot be used."""
    return decode_held(((request, None) for request in requests), settings)


def decode_held(held: Iterable[Held], settings: IntakeSettings) -> Sounds:
    """Decodes sound files that are held in memory, or lie at the path of their request.

    Args:
      held: Each request with its bytes, which are asked for one after the other.
      settings: Which clips are good enough.
    """
    for request, data in held:
        if isinstance(data, AudioError):
            yield data
            continue
        try:
            yield _decode(request, data, settings)
        except AudioError as error:
            yield error


def _decode(request: ClipRequest, data: bytes | None, settings: IntakeSettings) -> DecodedAudio:
    limits = {
        "start_seconds": request.start_seconds,
        "max_seconds": request.max_seconds,
        "min_seconds": settings.min_seconds,
        "silence_peak": settings.silence_peak,
    }
    if data is None:
        return decode(request.path, **limits)
    return decode_bytes(data, request.path, **limits)
