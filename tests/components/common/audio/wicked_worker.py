"""A decoding process whose decoder does by the name of the clip what damaged clips can make a decoder do."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from components.common.audio import decode_worker
from components.common.audio.decode import DecodedAudio
from components.common.audio.decode_job import DecodeJob

# Run as a file: the project's root is on the path already, and nothing of the tests is needed.
PROGRAM = (str(Path(__file__).resolve()),)


def decode(job: DecodeJob) -> DecodedAudio:
    name = Path(job.name).name
    if "hangs" in name:
        while True:
            pass
    if "blocks" in name:
        reading, _ = os.pipe()
        os.read(reading, 1)
    if "segfaults" in name:
        os.kill(os.getpid(), signal.SIGSEGV)
    if "stops" in name:
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(60)
    if "exits" in name:
        os._exit(3)
    if "raises" in name:
        raise LookupError("no such table")
    if "prints" in name:
        os.write(1, b"warning: a frame is damaged\n" * 50)
        sys.stderr.write("error\n")
    if "exhausts" in name:
        bytearray(2 * decode_worker.MEMORY_BYTES)  # the system alone would promise it: nothing is written
    return job.run()


if __name__ == "__main__":
    if "refuses" in sys.argv:
        raise SystemExit("libsndfile is not here")
    if "hurried" in sys.argv:
        decode_worker.IDLE_SECONDS = 0.0
    decode_worker.serve(decode)
