"""A decoding process, seen from whoever asks it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from components.common.audio.decode import DecodedAudio
from components.common.audio.decode_job import PREFIX, DecodeJob, outcome_of
from components.common.audio.decode_worker import READY
from components.common.audio.errors import AudioError

WORKER = ("-m", "components.common.audio.decode_worker")

_ROOT = Path(__file__).resolve().parents[3]
_START_SECONDS = 120.0
# The process ends itself in time; this is for one that is stopped, or stuck within the kernel.
_GRACE_SECONDS = 5.0
_PIPE_BYTES = 1 << 20
# One clip at a time is decoded there; threads of libraries would take other workers' cores. And what a clip
# took is kept for the next one: glibc would give it back, and fetching it again page by page takes a fifth of
# the time of decoding a WAV file. Other C libraries do not know these names.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(32 << 20),
}
_F_SETPIPE_SZ = getattr(fcntl, "F_SETPIPE_SZ", None)


class DecoderEnded(Exception):
    """The process is no more.

    Attributes:
      code: Its exit code; negative: the signal that ended it; None: it does not even end.
    """

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code

    @property
    def timed_out(self) -> bool:
        """Whether it took longer than it was allowed to."""
        return self.code is None or self.code == -signal.SIGALRM

    @property
    def by_itself(self) -> bool:
        """Whether it ended in good order, because nothing was asked for a while."""
        return self.code == 0

    def __str__(self) -> str:
        if self.code is not None and self.code < 0:
            return f"signal {signal.Signals(-self.code).name}"
        return f"exit code {self.code}"


class DecoderProcess:
    """One process; jobs are answered in the order in which they were sent.

    Args:
      program: What Python runs.

    Raises:
      RuntimeError: If it does not start, with what it printed.
    """

    def __init__(self, program: Sequence[str] = WORKER) -> None:
        path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
        with tempfile.TemporaryFile() as said:
            self._process = subprocess.Popen(
                [sys.executable, "-P", *program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                bufsize=0,
                env=os.environ | _ENVIRONMENT | {"PYTHONPATH": path},
            )
            assert self._process.stdin is not None and self._process.stdout is not None
            self._jobs, self._answers = self._process.stdin.fileno(), self._process.stdout.fileno()
            os.set_blocking(self._jobs, False)
            for pipe in (self._jobs, self._answers):
                if _F_SETPIPE_SZ is not None:  # so that it goes on to the next clip before this is fetched
                    with contextlib.suppress(OSError):
                        fcntl.fcntl(pipe, _F_SETPIPE_SZ, _PIPE_BYTES)
            self._unsent: deque[memoryview] = deque()
            try:
                self._read(len(READY), time.monotonic() + _START_SECONDS)
            except DecoderEnded as error:
                said.seek(0)
                words = said.read().decode(errors="replace").strip().splitlines()[-5:]
                raise RuntimeError(
                    f"the decoding process does not start: {error}; {' | '.join(words)}"
                ) from None

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def send(self, job: DecodeJob, timeout_s: float) -> None:
        """Asks for a job; what does not fit into the pipe is sent while waiting for answers.

        Args:
          job: The clip.
          timeout_s: How long decoding may take.
        """
        self._unsent.extend(part for part in job.to_frame(timeout_s) if len(part))
        self._push()

    def receive(self, timeout_s: float) -> DecodedAudio | AudioError:
        """The outcome of the first job that has none yet.

        Args:
          timeout_s: What it was sent with.

        Raises:
          DecoderEnded: If the process ended over it; it is of no use any more.
        """
        deadline = time.monotonic() + timeout_s + _GRACE_SECONDS
        head_bytes, body_bytes = PREFIX.unpack(self._read(PREFIX.size, deadline))
        head = json.loads(bytes(self._read(head_bytes, deadline)))
        return outcome_of(head, self._read(body_bytes, deadline))

    def close(self) -> None:
        """Ends the process, whatever it is doing."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._wait()

    def _wait(self) -> int | None:
        try:
            return self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            return None

    def _push(self) -> None:
        try:
            while self._unsent:
                part = self._unsent[0]
                sent = os.write(self._jobs, part)
                if sent == len(part):
                    self._unsent.popleft()
                else:
                    self._unsent[0] = part[sent:]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._unsent.clear()  # reading tells what happened

    def _read(self, size: int, deadline: float) -> bytearray:
        data = bytearray(size)
        view, got = memoryview(data), 0
        while got < size:
            self._await_readable(deadline)
            more = os.readv(self._answers, [view[got:]])
            if not more:
                code = self._wait()
                self.close()
                raise DecoderEnded(code)
            got += more
        return data

    def _await_readable(self, deadline: float) -> None:
        """Waits until there is something to read, sending meanwhile what is left to send."""
        while True:
            patience_s = deadline - time.monotonic()
            poll = select.poll()  # select() knows no descriptor above 1023
            poll.register(self._answers, select.POLLIN)
            if self._unsent:
                poll.register(self._jobs, select.POLLOUT)
            ready = poll.poll(max(0.0, patience_s) * 1000)
            if any(file == self._answers for file, _ in ready):
                return
            if ready:
                self._push()
            elif patience_s <= 0:
                self.close()
                raise DecoderEnded(None)
