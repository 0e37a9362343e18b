"""Random bytes, and real files with random damage, at the decoder's boundary.

Whatever they are, a sound or an :class:`AudioError` comes out, within the time that a clip may take. The
same examples are run each time; ``TINYTRILL_FUZZ_EXAMPLES=50000`` runs so many new ones.
"""

from __future__ import annotations

import io
import math
import os
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from components.common.audio.decode import DecodedAudio
from components.common.audio.decode_job import DecodeJob
from components.common.audio.errors import AudioError, Reason
from components.common.audio.guarded import decode_all
from tests.components.common.audio.sounds import sine, write_pyav

EXAMPLES = int(os.environ.get("TINYTRILL_FUZZ_EXAMPLES", "0"))
# Where something stands that a parser acts upon; of the rest of a file the sound is made.
HEADER = 120
SOUNDFILE_FORMATS = (
    ("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAV", "IMA_ADPCM"), ("WAVEX", "PCM_24"), ("RF64", "PCM_16"),
    ("W64", "PCM_16"), ("AIFF", "PCM_16"), ("AU", "ULAW"), ("CAF", "ALAC_16"), ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"),
)  # fmt: skip
PYAV_FORMATS = (("m4a", "aac"), ("webm", "libopus"), ("aac", "aac"))

fuzzed = settings(
    max_examples=EXAMPLES or 250,
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@cache
def whole_files() -> tuple[tuple[str, bytes], ...]:
    """Extension and bytes of a short sound in every format."""
    sound, made = sine(0.25, 8_000, channels=2), []
    for form, subtype in SOUNDFILE_FORMATS:
        held = io.BytesIO()
        soundfile.write(held, sound, 8_000, format=form, subtype=subtype)
        made.append((form.lower(), held.getvalue()))
    with tempfile.TemporaryDirectory() as folder:
        for extension, codec in PYAV_FORMATS:
            rate = 48_000 if codec == "libopus" else 8_000
            path = write_pyav(
                Path(folder) / f"a.{extension}", sine(0.25, rate, channels=2), rate, codec, "stereo"
            )
            made.append((extension, path.read_bytes()))
    return tuple(made)


def outcome_of(extension: str, data: bytes, as_file: bool, start: float, longest: float) -> Reason | None:
    """Why the bytes are no clip; None if they are one."""
    with tempfile.TemporaryDirectory() as folder:
        name = f"{folder}/a.{extension}"
        if as_file:
            Path(name).write_bytes(data)
        job = DecodeJob(name, None if as_file else data, start, longest)
        (outcome,) = decode_all([job], 20.0)
    if isinstance(outcome, AudioError):
        assert outcome.detail
        assert outcome.reason not in (Reason.CRASHED, Reason.TIMED_OUT), outcome
        return outcome.reason
    assert isinstance(outcome, DecodedAudio)
    assert outcome.samples.dtype == np.int16 and len(outcome.samples)
    assert not math.isfinite(longest) or outcome.duration_s <= longest + 0.01
    return None


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    """A real file with up to eight places overwritten, removed, repeated or inserted, and maybe cut short."""
    extension, whole = draw(st.sampled_from(whole_files()))
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 8))):
        end = min(len(data), HEADER) if draw(st.booleans()) else len(data)
        place = draw(st.integers(0, max(0, end - 1)))
        kind = draw(st.sampled_from(("overwrite", "number", "remove", "repeat", "insert")))
        if kind == "overwrite":
            new = draw(st.binary(min_size=1, max_size=4))
            data[place : place + len(new)] = new
        elif kind == "number":  # sizes, rates and counts that are as large or as small as can be
            value = draw(st.sampled_from((0, 1, 0x7F, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE)))
            data[place : place + 4] = value.to_bytes(4, draw(st.sampled_from(("little", "big"))))
        elif kind == "remove":
            del data[place : place + draw(st.integers(1, 64))]
        elif kind == "repeat":
            data[place:place] = data[place : place + draw(st.integers(1, 512))]
        else:
            data[place:place] = draw(st.binary(min_size=1, max_size=16))
    if draw(st.booleans()):
        del data[draw(st.integers(0, len(data))) :]
    return extension, bytes(data)


STARTS = st.sampled_from((0.0, 0.1, 3.0, 100.0, 1e7))
LENGTHS = st.sampled_from((0.1, 10.0, math.inf))


@pytest.fixture(scope="module", autouse=True)
def undamaged() -> Iterator[None]:
    """The files are good before they are damaged, so that it is the damage which is tried."""
    for extension, data in whole_files():
        assert outcome_of(extension, data, False, 0.0, 10.0) is None, extension
    yield


@pytest.mark.slow
@fuzzed
@given(damaged(), st.booleans(), STARTS, LENGTHS)
def test_damaged_files(file: tuple[str, bytes], as_file: bool, start: float, longest: float) -> None:
    outcome_of(*file, as_file, start, longest)


@pytest.mark.slow
@fuzzed
@given(
    st.sampled_from(("wav", "flac", "ogg", "mp3", "m4a", "webm")),
    st.sampled_from(
        (b"", b"RIFF\xff\xff\xff\xffWAVEfmt ", b"fLaC", b"OggS\0", b"ID3\x04", b"\xff\xfb", b"ftyp")
    ),
    st.binary(max_size=400),
    st.booleans(),
)
@example("m4a", b"", b"\0\0\0\x18ftypM4A \0\0\0\0", True)
def test_random_bytes(extension: str, magic: bytes, rest: bytes, as_file: bool) -> None:
    outcome_of(extension, magic + rest, as_file, 0.0, 10.0)
