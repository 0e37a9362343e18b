"""How a command ends that does not come to its end by itself: a fault nobody foresaw, or a signal."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from pipeline.local.layout import RunLayout
from pipeline.terminal.full_disk import full_disk
from pipeline.terminal.reason import reason
from schemas.bounded import bounded_text
from schemas.secrets import redact

# A terminal that is closed, and a supervisor or a batch system that ends its jobs.
_ENDING = (signal.SIGTERM, signal.SIGHUP)
_PATIENCE_SECONDS = 5.0


class Terminated(KeyboardInterrupt):
    """Somebody asked the process to end; what an interrupt from the keyboard lets go of is let go of.

    Attributes:
      number: Of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Turns the signals that ask a process to end into :class:`Terminated`, and ends its children then.

    A signal that is ignored, as SIGHUP under ``nohup``, stays ignored.
    """
    before = {}
    with contextlib.suppress(ValueError):  # not the main thread: who started it minds signals
        for number in _ENDING:
            if signal.getsignal(number) == signal.SIG_DFL:
                before[number] = signal.signal(number, _terminate)
    try:
        yield
    except KeyboardInterrupt:
        end_processes()
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    # The first one is enough: a second must not disturb what the first began.
    for each in _ENDING:
        signal.signal(each, signal.SIG_IGN)
    raise Terminated(number)


def end_processes(root: int | None = None) -> None:
    """Ends a process and all that were started from it.

    Args:
      root: Its id; None: all that were started from this process, which goes on.
    """
    import psutil

    processes: list[psutil.Process] = []
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(root)
        processes = [*([] if root is None else [parent]), *parent.children(recursive=True)]
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    for process in psutil.wait_procs(processes, timeout=_PATIENCE_SECONDS)[1]:
        with contextlib.suppress(psutil.Error):
            process.kill()


def unforeseen(error: Exception, output: Path | None) -> str:
    """One line on a fault that nobody foresaw; where it arose goes to the log of the run's folder.

    Args:
      error: As caught.
      output: The folder that the command was given; None: none.
    """
    if isinstance(error, OSError) and error.strerror:
        said = f"{error.strerror}{f': {error.filename}' if error.filename else ''}"
    else:
        said = f"{type(error).__name__}: {reason(error)}"
    log = _log(error, output)
    more = f"more in {log}" if log else "--verbose shows where"
    full = full_disk(error, output)
    return f"{bounded_text(said, 500)} ({more})" + (f"; {full}" if full else "")


def _log(error: Exception, output: Path | None) -> Path | None:
    """Writes the traceback to the log of a run's folder, if there is one that can be written."""
    log = RunLayout(output).log if output else None
    try:
        if log is None or not log.is_file():
            return None
        with log.open("a", encoding="utf-8") as file:
            command = redact(" ".join(sys.argv))
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {command} (process {os.getpid()})\n")
            file.write(redact("".join(traceback.format_exception(error))))
    except (OSError, ValueError):
        return None
    return log
