"""What a person sees while a run works: component, candidate k of N, elapsed time.

TFX says what it does in its log; this turns those lines into progress and lets the project's own log
lines through, while TensorFlow, Beam and absl stay silent unless asked for.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from pipeline.terminal.rich_text import tell
from schemas.secrets import redact

_RUNNING = re.compile(r"Component (\S+) is running\.")
_FINISHED = re.compile(r"Component (\S+) is finished\.")
# Of what libraries say below warnings.
_LONGEST_LINE = 300
_CACHED = re.compile(r"A cached execution \d+ is used\.")


class ProgressHandler(logging.Handler):
    """Prints a line when a component starts and when it ends, and the project's own lines between.

    Attributes:
      executed: Ids of the nodes that really ran, in order.
      cached: Ids of the nodes that were answered from the cache.
      seconds: Wall time of each node.
    """

    def __init__(self, console: Console, nodes: Sequence[str], candidates: Sequence[str]) -> None:
        """Prepares for a run of the given nodes; a node ``<Component>.<candidate>`` counts candidates."""
        super().__init__(level=logging.INFO)
        self._console = console
        self._total = len(nodes)
        self._candidates = {candidate: index for index, candidate in enumerate(candidates, start=1)}
        self._begun = time.monotonic()
        self._node, self._node_begun, self._from_cache = "", 0.0, False
        self.executed: list[str] = []
        self.cached: list[str] = []
        self.seconds: dict[str, float] = {}

    @property
    def current(self) -> str:
        """The node that runs, or ran last."""
        return self._node or "the pipeline"

    def emit(self, record: logging.LogRecord) -> None:
        """Turns a log record into a line, or into nothing."""
        message = record.getMessage()
        if record.name.startswith("tinytrill"):
            style = "yellow" if record.levelno >= logging.WARNING else "dim"
            # Further lines of a message cannot pass for lines of the progress.
            self._print("    " + redact(message).replace("\n", "\n    "), style)
        elif match := _RUNNING.fullmatch(message):
            self._node, self._node_begun, self._from_cache = match[1], time.monotonic(), False
            self._print(f"{self._position()} {self._node}{self._candidate()} ...", "bold")
        elif _CACHED.fullmatch(message):
            self._from_cache = True
        elif (match := _FINISHED.fullmatch(message)) and match[1] == self._node:
            seconds = time.monotonic() - self._node_begun
            (self.cached if self._from_cache else self.executed).append(self._node)
            self.seconds[self._node] = seconds
            how = "from the cache" if self._from_cache else f"done in {seconds:.1f} s"
            self._print(f"{self._position(done=True)} {self._node} {how}", "green")

    def _position(self, done: bool = False) -> str:
        number = len(self.executed) + len(self.cached) + (0 if done else 1)
        elapsed = int(time.monotonic() - self._begun)
        return f"[{number}/{self._total} {elapsed // 60:02d}:{elapsed % 60:02d}]"

    def _candidate(self) -> str:
        index = self._candidates.get(self._node.partition(".")[2])
        return f" (candidate {index} of {len(self._candidates)})" if index else ""

    def _print(self, text: str, style: str) -> None:
        tell(self._console, text, style)


@contextmanager
def terminal(log_file: Path, verbose: bool) -> Iterator[Console]:
    """Keeps the terminal for progress: what libraries print to standard error goes to a file.

    Native code (TensorFlow, LiteRT, gRPC) writes to the file descriptor itself, so that is what is
    turned away; it comes back at the end.

    Args:
      log_file: Where the rest goes; appended to.
      verbose: Turn nothing away.

    Yields:
      The console that still reaches the terminal.
    """
    if verbose:
        yield Console(stderr=True)
        return
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with log_file.open("ab") as log, os.fdopen(os.dup(kept), "w", buffering=1) as stream:
            os.dup2(log.fileno(), 2)
            yield Console(file=stream, force_terminal=os.isatty(kept) or None)
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def listening(progress: logging.Handler, verbose: bool) -> Iterator[None]:
    """Sends log records to the progress while the block runs; the libraries' own go to standard error.

    TFX logs the protobufs of each node, thousands of lines a run, among which an error is not found again: of
    its records below warnings only those of one line are kept.

    Args:
      progress: Usually a :class:`ProgressHandler`.
      verbose: Whether the libraries' own records are wanted whole.
    """
    from absl import logging as absl_logging

    absl_logging.set_verbosity(absl_logging.INFO)
    absl_logger, project = absl_logging.get_absl_logger(), logging.getLogger("tinytrill")
    project.setLevel(logging.INFO)
    propagated = absl_logger.propagate, project.propagate
    absl_logger.propagate = project.propagate = False
    library = logging.StreamHandler()
    library.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    if not verbose:
        library.addFilter(_is_short)
    for logger in (absl_logger, project):
        logger.addHandler(progress)
    absl_logger.addHandler(library)
    try:
        yield
    finally:
        absl_logger.removeHandler(library)
        for logger in (absl_logger, project):
            logger.removeHandler(progress)
        absl_logger.propagate, project.propagate = propagated


def _is_short(record: logging.LogRecord) -> bool:
    text = record.getMessage()
    return record.levelno >= logging.WARNING or ("\n" not in text and len(text) <= _LONGEST_LINE)
