"""The process that decodes: jobs on standard input, outcomes on standard output, one after the other.

Run as a module. It may hang or crash, so nothing but decoding happens here. Each job has an alarm of the
kernel's: a decoder that has not come back by then ends with the process, also if nobody is left to end it.
Where nothing is asked for a while, or whoever asks is gone, it ends by itself.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import resource
import select
import signal
from collections.abc import Callable

from components.common.audio.decode import DecodedAudio
from components.common.audio.decode_job import PREFIX, DecodeJob, answer, write_all
from components.common.audio.errors import AudioError, Reason

READY = b"\x06"
IDLE_SECONDS = 60.0
# Loaded before the first clip, whose time it would be otherwise.
LIBRARIES = ("soundfile", "soxr", "av")
# Far above what a clip needs (10 s of 32 channels at 192 kHz: 0.3 GB), so that a header that claims
# millions of samples is a clip that is left out, and not the end of everything on the machine.
MEMORY_BYTES = 4 << 30
_OOM_SCORE = "/proc/self/oom_score_adj"


def serve(decode_job: Callable[[DecodeJob], DecodedAudio] = DecodeJob.run) -> None:
    """Answers jobs until there are no more.

    Args:
      decode_job: What decodes; another one in tests.
    """
    jobs, answers = _private_pipes()
    _be_modest()
    for library in LIBRARIES:
        with contextlib.suppress(ImportError, OSError):  # the clips that need it say so
            importlib.import_module(library)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal, meant for the one who asks
    os.write(answers, READY)
    while select.select([jobs], [], [], IDLE_SECONDS)[0]:
        prefix = _read(jobs, PREFIX.size)
        if prefix is None:
            return
        head_bytes, body_bytes = PREFIX.unpack(prefix)
        head, body = _read(jobs, head_bytes), _read(jobs, body_bytes)
        if head is None or body is None:
            return
        asked = json.loads(head)
        signal.setitimer(signal.ITIMER_REAL, asked["timeout_s"])
        outcome = _outcome(decode_job, DecodeJob.from_frame(asked, body))
        signal.setitimer(signal.ITIMER_REAL, 0)
        try:
            write_all(answers, answer(outcome))
        except BrokenPipeError:
            return


def _outcome(decode_job: Callable[[DecodeJob], DecodedAudio], job: DecodeJob) -> DecodedAudio | AudioError:
    try:
        return decode_job(job)
    except AudioError as error:
        return error
    except Exception as error:  # a fault of ours or of a library: this clip is lost, not the run
        return AudioError(Reason.CRASHED, f"the decoder failed with {type(error).__name__}: {error}")


def _private_pipes() -> tuple[int, int]:
    """Standard input and output for the jobs alone: what libraries print goes nowhere."""
    jobs, answers = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.close(nowhere)
    return jobs, answers


def _be_modest() -> None:
    """Bounds the memory, and lets the system take this process before the run where memory is short."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(hard, MEMORY_BYTES)
    with contextlib.suppress(OSError, ValueError):  # not every system has such a limit
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    with contextlib.suppress(OSError), open(_OOM_SCORE, "w", encoding="ascii") as file:
        file.write("1000")


def _read(file: int, size: int) -> bytes | None:
    """So many bytes; None if whoever asks is gone."""
    parts = []
    while size:
        part = os.read(file, min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


if __name__ == "__main__":
    serve()
