"""How a container's command ends: an exit code, and the reason on its last line.

The codes are those of ``pipeline_runner.py``. Kubeflow shows the end of a failed pod's log.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from infra.kubeflow.container_task import TaskError
from infra.kubeflow.places import PlaceError
from pipeline.configuration.config_file import ConfigError
from pipeline.kubeflow.run_values import RunValueError
from pipeline.terminal.reason import reason
from schemas.secrets import redact

DONE, FAILED, REFUSED, CLOSED = 0, 1, 2, 3
REFUSED_ERRORS = (ConfigError, PlaceError, RunValueError, TaskError)


class RunClosed(RuntimeError):
    """The gate is closed for a device; the message says for which, why, and what was pushed anyway."""


@dataclass
class Outcome:
    """How it ended."""

    code: int = DONE


@contextmanager
def reporting(node: str) -> Iterator[Outcome]:
    """Runs a task's work, and says how it ended.

    Args:
      node: What ran, for the last line.
    """
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    outcome = Outcome()
    try:
        yield outcome
    except RunClosed as closed:
        outcome.code = CLOSED
        _last_line(f"closed: {node}: {closed}")
    except REFUSED_ERRORS as error:
        outcome.code = REFUSED
        _last_line(f"refused: {node}: {error}")
    except Exception as error:
        outcome.code = FAILED
        print(redact(traceback.format_exc()), file=sys.stderr)
        _last_line(f"failed: {node}: {reason(error)}")


def _last_line(text: str) -> None:
    sys.stdout.flush()
    text = redact(text)
    print("; ".join(line.strip() for line in text.splitlines() if line.strip()), file=sys.stderr, flush=True)
