"""Which sound formats this installation can read."""

from __future__ import annotations

from dataclasses import dataclass

_SOUNDFILE = {"wav": "WAV", "flac": "FLAC", "ogg": "OGG", "opus": "OPUS", "mp3": "MP3"}
_PYAV = {"m4a": "aac", "mp4": "aac", "aac": "aac", "webm": "opus"}


@dataclass(frozen=True)
class FormatSupport:
    """Whether a format is usable, and through what.

    Attributes:
      name: The usual file extension without the dot.
      usable: Whether its clips can be decoded.
      decoder: The library with its version, or what is wrong.
    """

    name: str
    usable: bool
    decoder: str


def supported_formats() -> list[FormatSupport]:
    """The formats that published copies of the data sets use, each with its decoder."""
    return [*_by_soundfile(), *_by_pyav()]


def _by_soundfile() -> list[FormatSupport]:
    try:
        import soundfile
    except (ImportError, OSError) as error:
        return [FormatSupport(name, False, f"soundfile does not load: {error}") for name in _SOUNDFILE]
    known = {*soundfile.available_formats(), *soundfile.available_subtypes("OGG")}
    version = f"libsndfile {soundfile.__libsndfile_version__}"
    return [FormatSupport(name, key in known, version) for name, key in _SOUNDFILE.items()]


def _by_pyav() -> list[FormatSupport]:
    try:
        import av
    except (ImportError, OSError) as error:
        return [FormatSupport(name, False, f"av does not load: {error}") for name in _PYAV]
    version = f"PyAV {av.__version__}"
    return [FormatSupport(name, codec in av.codecs_available, version) for name, codec in _PYAV.items()]
