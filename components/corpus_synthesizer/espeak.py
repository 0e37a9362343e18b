"""eSpeak NG through ctypes (https://github.com/espeak-ng/espeak-ng, src/include/espeak-ng/speak_lib.h).

The library and its data come with the wheel ``espeakng-loader``.
"""

from __future__ import annotations

import _ctypes
import ctypes
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from components.common.audio.resample import FloatAudio

ESPEAK_RATE = 22_050

_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_POS_CHARACTER = 1
_EE_OK = 0
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4

_SynthCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class EspeakError(RuntimeError):
    """eSpeak NG cannot be loaded or did not do as told."""


@dataclass(frozen=True)
class Voice:
    """How something is said.

    Attributes:
      language: eSpeak's language, such as ``en`` or ``en-us``.
      variant: eSpeak's voice variant, such as ``f3``; empty for the plain voice.
      words_per_minute: Speaking rate, 80 to 450.
      pitch: Base pitch, 0 to 99.
      pitch_range: How much the pitch moves, 0 (monotone) to 99.
    """

    language: str
    variant: str = ""
    words_per_minute: int = 175
    pitch: int = 50
    pitch_range: int = 50

    @property
    def name(self) -> str:
        """As eSpeak names it: ``en+f3``."""
        return f"{self.language}+{self.variant}" if self.variant else self.language


class Espeak:
    """A freshly loaded eSpeak NG; use it as a context manager, and one at a time.

    What eSpeak says depends on what it said before: oscillators run on from one utterance to the next,
    and its breath is noise. So the library is unloaded at the end: the same seed and the same
    utterances in the same order give the same samples.
    """

    def __init__(self, seed: int) -> None:
        """Keeps the seed of eSpeak's own noise; the library is loaded on entry."""
        self._seed = seed
        self._library: ctypes.CDLL | None = None
        self._variants = Path()
        self._blocks: list[bytes] = []
        # A reference must stay as long as the library may call it.
        self._callback = _SynthCallback(self._collect)

    def __enter__(self) -> Self:
        library = _load()
        self._library = library
        try:
            self._initialize(library)
        except BaseException:
            self._unload()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unload()

    def say(self, text: str, voice: Voice) -> FloatAudio:
        """Speaks a text.

        Returns:
          float32 ``(samples,)`` at 22,050 Hz in [-1, 1].

        Raises:
          EspeakError: If the voice is unknown, or nothing came out.
        """
        library = self._library
        if library is None:
            raise EspeakError("eSpeak is not loaded: use it as a context manager")
        # An unknown variant is not an error to eSpeak: it would speak with the plain voice.
        known = not voice.variant or (self._variants / voice.variant).is_file()
        if not known or library.espeak_SetVoiceByName(voice.name.encode()) != _EE_OK:
            raise EspeakError(f"eSpeak has no voice {voice.name!r}")
        for parameter, value in (
            (_RATE, voice.words_per_minute),
            (_PITCH, voice.pitch),
            (_RANGE, voice.pitch_range),
            (_VOLUME, 100),
        ):
            if library.espeak_SetParameter(parameter, value, 0) != _EE_OK:
                raise EspeakError(f"eSpeak refuses {voice} (parameter {parameter} = {value})")
        self._blocks.clear()
        data = text.encode() + b"\0"
        status = library.espeak_Synth(data, len(data), 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None)
        if status != _EE_OK or library.espeak_Synchronize() != _EE_OK:
            raise EspeakError(f"eSpeak failed at {text!r} with voice {voice.name!r}")
        samples = np.frombuffer(b"".join(self._blocks), dtype="<i2")
        if not samples.any():
            raise EspeakError(f"eSpeak produced no sound for {text!r} with voice {voice.name!r}")
        return samples.astype(np.float32) / np.float32(32768.0)

    def _collect(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._blocks.append(ctypes.string_at(samples, 2 * count))
        return 0

    def _initialize(self, library: ctypes.CDLL) -> None:
        import espeakng_loader

        data = espeakng_loader.get_data_path()
        self._variants = Path(data) / "voices" / "!v"
        rate = library.espeak_Initialize(_OUTPUT_SYNCHRONOUS, 0, data.encode(), _INITIALIZE_DONT_EXIT)
        if rate != ESPEAK_RATE:
            raise EspeakError(
                f"eSpeak did not start with its data in {data}: rate {rate}, not {ESPEAK_RATE} Hz"
            )
        library.espeak_ng_SetRandSeed(ctypes.c_long(self._seed))
        library.espeak_SetSynthCallback(self._callback)

    def _unload(self) -> None:
        library, self._library = self._library, None
        if library is not None:
            library.espeak_Terminate()
            _ctypes.dlclose(library._handle)


def version() -> str:
    """Version of eSpeak NG.

    Raises:
      EspeakError: If the library cannot be loaded.
    """
    library = _load()
    try:
        library.espeak_Info.restype = ctypes.c_char_p
        return str(library.espeak_Info(None).decode())
    finally:
        _ctypes.dlclose(library._handle)


def _load() -> ctypes.CDLL:
    try:
        import espeakng_loader

        return ctypes.CDLL(espeakng_loader.get_library_path())
    except (ImportError, OSError) as error:
        raise EspeakError(
            f"eSpeak NG does not load (it comes with the wheel espeakng-loader): {error}"
        ) from error
