"""What a person sees while a run works: component, candidate k of N, elapsed time.

TFX says what it does in its log; this turns those lines into progress and lets the project's own log
lines through, while TensorFlow, Beam and absl stay silent unless asked for.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from pipeline.terminal.rich_text import tell
from schemas.secrets import redact

_RUNNING = re.compile(r"Component (\S+) is running\.")
_ENDED = re.compile(r"Component (\S+) (is finished|is interrupted|failed)\.")
# Of what libraries say below warnings.
_LONGEST_LINE = 300
_CACHED = re.compile(r"A cached execution \d+ is used\.")


@dataclass
class _Node:
    """A node that runs."""

    node_id: str
    begun: float = field(default_factory=time.monotonic)
    from_cache: bool = False


class ProgressHandler(logging.Handler):
    """Prints a line when a component starts and when it ends, and the project's own lines between.

    Several nodes may run at once, each in a thread that has its records; then each line names its node.

    Attributes:
      executed: Ids of the nodes that really ran, in the order in which they ended.
      cached: Ids of the nodes that were answered from the cache.
      seconds: Wall time of each node.
      current: The node that failed, or began last.
    """

    def __init__(self, console: Console, nodes: Sequence[str], candidates: Sequence[str]) -> None:
        """Prepares for a run of the given nodes; a node ``<Component>.<candidate>`` counts candidates."""
        super().__init__(level=logging.INFO)
        self._console = console
        self._total = len(nodes)
        self._candidates = {candidate: index for index, candidate in enumerate(candidates, start=1)}
        self._begun = time.monotonic()
        self._running: dict[int, _Node] = {}
        self._failed = ""
        self.current = "the pipeline"
        self.executed: list[str] = []
        self.cached: list[str] = []
        self.seconds: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Turns a log record into a line, or into nothing."""
        message, thread = record.getMessage(), threading.get_ident()
        node = self._running.get(thread)
        if record.name.startswith("tinytrill"):
            style = "yellow" if record.levelno >= logging.WARNING else "dim"
            # Further lines of a message cannot pass for lines of the progress.
            self._print(
                "    " + (self._whose(node, message) + redact(message)).replace("\n", "\n    "), style
            )
        elif match := _RUNNING.fullmatch(message):
            self._begin(thread, match[1])
        elif node is None:
            return
        elif _CACHED.fullmatch(message):
            node.from_cache = True
        elif (match := _ENDED.fullmatch(message)) and match[1] == node.node_id:
            del self._running[thread]
            self._end(node, match[2])

    def _begin(self, thread: int, node_id: str) -> None:
        self._running[thread] = _Node(node_id)
        if not self._failed:
            self.current = node_id
        index = self._candidates.get(node_id.partition(".")[2])
        candidate = f" (candidate {index} of {len(self._candidates)})" if index else ""
        number = len(self.executed) + len(self.cached) + len(self._running)
        self._print(f"{self._position(number)} {node_id}{candidate} ...", "bold")

    def _end(self, node: _Node, how: str) -> None:
        seconds = time.monotonic() - node.begun
        if how == "failed":
            self.current = self._failed = self._failed or node.node_id
        elif how == "is interrupted":
            why = f": {self._failed} failed" if self._failed else ""
            self._print(f"    {node.node_id} is interrupted{why}; the same command goes on with it", "yellow")
        else:
            (self.cached if node.from_cache else self.executed).append(node.node_id)
            self.seconds[node.node_id] = seconds
            told = "from the cache" if node.from_cache else f"done in {seconds:.1f} s"
            done = len(self.executed) + len(self.cached)
            self._print(f"{self._position(done)} {node.node_id} {told}", "green")

    def _whose(self, node: _Node | None, message: str) -> str:
        """What a line begins with when several nodes run; a candidate is not named twice."""
        if node is None or len(self._running) < 2:
            return ""
        component, _, name = node.node_id.partition(".")
        return f"{component}." if name and message.startswith(f"{name}: ") else f"{node.node_id}: "

    def _position(self, number: int) -> str:
        elapsed = int(time.monotonic() - self._begun)
        return f"[{number}/{self._total} {elapsed // 60:02d}:{elapsed % 60:02d}]"

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
