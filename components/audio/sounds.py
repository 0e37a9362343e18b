"""Reading the sounds that requests ask for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from components.audio.decode import DecodedAudio, decode
from components.audio.errors import AudioError
from components.audio.requests import ClipRequest
from components.audio.settings import IntakeSettings

Sounds = Iterator[DecodedAudio | AudioError]


def decode_files(requests: Sequence[ClipRequest], settings: IntakeSettings) -> Sounds:
    """Decodes the files of the requests: for each its sound, or why it cannot be used."""
    for request in requests:
        try:
            yield decode(
                request.path,
                start_seconds=request.start_seconds,
                max_seconds=request.max_seconds,
                min_seconds=settings.min_seconds,
                silence_peak=settings.silence_peak,
            )
        except AudioError as error:
            yield error
