"""Decoding that neither a clip that hangs the decoder nor one that crashes it can stop.

Clips are decoded in a process of their own, which is asked for a few clips ahead, so that nobody waits for
anybody. It is kept for the next shard: starting one takes as long as decoding some fifty clips. A clip that
takes too long, or takes the process down, is left out, and a new process goes on with the next clip.

``multiprocessing`` is not used on purpose: a process that it spawns imports the program's main module, and
with it TensorFlow; one that it forks inherits the locks of gRPC's threads.
"""

from __future__ import annotations

import atexit
import logging
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from components.common.audio.decode import DecodedAudio
from components.common.audio.decode_job import DecodeJob
from components.common.audio.decoder_process import WORKER, DecoderEnded, DecoderProcess
from components.common.audio.errors import AudioError, Reason
from components.common.audio.places import printable

# Clips asked for before the first is answered, and bytes of them if they are held in memory.
_AHEAD = 4
_AHEAD_BYTES = 8 << 20

_logger = logging.getLogger("tinytrill.decoder")

# Processes that nobody uses now, with the process that started them: a fork must not take them.
_idle: list[tuple[int, Sequence[str], DecoderProcess]] = []


def decode_all(
    jobs: Iterable[DecodeJob | AudioError], timeout_s: float, program: Sequence[str] = WORKER
) -> Iterator[DecodedAudio | AudioError]:
    """Decodes clips, each in bounded time.

    Args:
      jobs: The clips; of one that is known to be no good the error, which is handed through.
      timeout_s: How long a clip may take.
      program: What the process runs; another one in tests.

    Yields:
      For each clip its sound, or why it cannot be used.

    Raises:
      RuntimeError: If no decoding process can be started.
    """
    source, waiting = iter(jobs), deque[DecodeJob | AudioError]()
    process: DecoderProcess | None = None
    try:
        while True:
            while len(waiting) < _AHEAD and _bytes(waiting) < _AHEAD_BYTES:
                job = next(source, None)
                if job is None:
                    break
                waiting.append(job)
                if isinstance(job, DecodeJob):
                    process = process or _lease(program)
                    process.send(job, timeout_s)
            if not waiting:
                break
            head = waiting[0]
            if isinstance(head, AudioError):
                outcome: DecodedAudio | AudioError = head
            else:
                assert process is not None
                outcome, process = _receive(process, head, waiting, timeout_s, program)
            waiting.popleft()
            yield outcome
    except BaseException:  # it is still at work for nobody
        if process is not None:
            process.close()
        raise
    if process is not None:
        _idle.append((os.getpid(), program, process))


def _receive(
    process: DecoderProcess,
    head: DecodeJob,
    waiting: deque[DecodeJob | AudioError],
    timeout_s: float,
    program: Sequence[str],
) -> tuple[DecodedAudio | AudioError, DecoderProcess]:
    """The outcome of the first of the waiting clips, and the process that has the others."""
    for fresh in (False, True):
        try:
            return process.receive(timeout_s), process
        except DecoderEnded as error:
            ended = error
        blamed = fresh or not ended.by_itself
        process = DecoderProcess(program)
        for job in list(waiting)[blamed:]:
            if isinstance(job, DecodeJob):
                process.send(job, timeout_s)
        if blamed:
            break
    if ended.timed_out:
        failure = AudioError(Reason.TIMED_OUT, f"decoding took longer than {timeout_s:g} s")
    else:
        failure = AudioError(Reason.CRASHED, f"the decoder crashed ({ended})")
    _logger.warning("%s: %s; a new decoding process takes over", printable(head.name), failure)
    return failure, process


def _lease(program: Sequence[str]) -> DecoderProcess:
    while _idle:
        try:
            owner, its_program, process = _idle.pop()
        except IndexError:  # another thread was faster
            break
        if owner == os.getpid() and its_program == program and process.alive:
            return process
        if owner == os.getpid():
            process.close()
    return DecoderProcess(program)


def _bytes(waiting: Iterable[DecodeJob | AudioError]) -> int:
    return sum(len(job.data or b"") for job in waiting if isinstance(job, DecodeJob))


@atexit.register
def close_idle() -> None:
    """Ends the processes that nobody uses."""
    while _idle:
        owner, _, process = _idle.pop()
        if owner == os.getpid():
            process.close()
