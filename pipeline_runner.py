"""The command line of TinyTrill: parse, call ``pipeline``, print.

python pipeline_runner.py --help
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from pipeline.commands import export, head, init, kubeflow, lineage, noss, promotion, pull, registry, runs
from pipeline.commands.shared import say
from pipeline.terminal.log_text import make_logs_plain
from schemas.plain_text import plain_lines
from schemas.secrets import redact

_DESCRIPTION = """\
TinyTrill distils a big speech-embedding teacher into small TFLite students, measures each on the file
that ships, and pushes the Pareto frontier of quality and latency to a folder and to MLflow.
"""


class _Parser(argparse.ArgumentParser):
    """One whose errors repeat no secret that was given to a wrong option, and nothing a terminal obeys."""

    def error(self, message: str) -> NoReturn:
        """Ends with exit code 2."""
        super().error(plain_lines(redact(message)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code, as ``--help`` lists them."""
    make_logs_plain()
    options = _parser().parse_args(arguments)
    if first_line := getattr(options, "first_line", ""):
        # What follows imports TensorFlow and TFX, which takes long enough to look like nothing.
        print(redact(first_line.format(**vars(options))), flush=True)

    from components.common.tracking.faults import TrackingFault
    from pipeline.configuration.config_file import ConfigError
    from pipeline.kubeflow.faults import KubeflowFault
    from pipeline.local.runner import RunFailed
    from pipeline.terminal.ending import Terminated, ending_in_order, unforeseen

    try:
        with ending_in_order():
            code: int = options.command(options)
    except ConfigError as error:
        say(redact(f"refused: {error}"), sys.stderr)
        return 2
    except (RunFailed, TrackingFault, KubeflowFault) as error:
        say(redact(f"failed: {error}"), sys.stderr)
        return 1
    except KeyboardInterrupt as interrupt:
        say("interrupted; the same command goes on from here", sys.stderr)
        return 128 + (interrupt.number if isinstance(interrupt, Terminated) else signal.SIGINT)
    except BrokenPipeError:
        # Whoever reads the output, as head does, has read enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except Exception as error:
        if options.verbose:
            raise
        say(redact(f"failed: {unforeseen(error, getattr(options, 'output', None))}"), sys.stderr)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="pipeline_runner.py",
        description=_DESCRIPTION,
        epilog=runs.EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for group in (init, runs, noss, head, lineage, registry, promotion, pull, export, kubeflow):
        for command in group.add(commands):
            command.add_argument("--verbose", action="store_true", help="show the libraries' own logs")
    return parser


if __name__ == "__main__":
    sys.exit(main())
