"""Options that several commands have."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TextIO

from schemas.plain_text import plain_lines

_CONFIGS = Path(__file__).resolve().parent.parent / "configs"


def add_config(parser: argparse.ArgumentParser) -> None:
    """Which configuration, and what is changed in it."""
    ready = ", ".join(sorted(file.stem for file in _CONFIGS.glob("*.yaml")))
    parser.add_argument("--config", required=True, metavar="FILE", help=f"a YAML file, or one of {ready}")
    add_set(parser, "training.epochs=20")


def add_set(parser: argparse.ArgumentParser, example: str) -> None:
    """What is changed in the configuration."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"override a setting, as in {example}; may be given again",
    )


def add_output(parser: argparse.ArgumentParser) -> None:
    """The run's folder."""
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="the run's folder (default: output/<name of the configuration>)",
    )


def add_store(parser: argparse.ArgumentParser) -> None:
    """Which MLflow store a command speaks to; see :func:`pipeline.models.stores.store_of`."""
    parser.add_argument(
        "--tracking-uri",
        default="",
        metavar="URI",
        help="the MLflow store (default: that of --output, else MLFLOW_TRACKING_URI)",
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="a run's folder: its own MLflow store")


def add_json(parser: argparse.ArgumentParser) -> None:
    """For programs that read the answer."""
    parser.add_argument("--json", action="store_true", help="as JSON")


def say(text: str, stream: TextIO | None = None) -> None:
    """Prints words of one or several lines; what others put into them is shown, not obeyed.

    Args:
      text: The words.
      stream: Where to; standard output unless another is given.
    """
    print(plain_lines(text), file=stream or sys.stdout, flush=True)


def say_json(values: object) -> None:
    """Prints values as JSON for programs; characters beyond ASCII are escaped, so a terminal is safe too."""
    print(json.dumps(values, indent=1).replace("\x7f", "\\u007f"))
