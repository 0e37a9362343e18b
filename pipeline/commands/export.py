"""``export``: the blessed students of a run in other forms."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pipeline.commands.shared import say

_HELP = """\
Writes the blessed students of a run as SavedModels in the form of TensorFlow Hub: waveform in, embedding out,
to be trained further. Each is held against the float file of the same student.

  pipeline_runner.py export --output output/my -o saved/
  embed = hub.load("saved/<candidate>"); embed(waveforms)   # (batch, samples) at 16 kHz in [-1, 1]
"""


def add(commands: Any) -> list[argparse.ArgumentParser]:
    """Adds the command; returns its parser."""
    parser = commands.add_parser(
        "export",
        help="write blessed students as SavedModels for TensorFlow Hub",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("candidates", nargs="*", metavar="CANDIDATE", help="default: all that are blessed")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="the run's folder")
    parser.add_argument(
        "-o", dest="target", required=True, type=Path, metavar="DIR", help="where they are written"
    )
    parser.set_defaults(command=_export, first_line="{output}: loading TensorFlow ...")
    return [parser]


def _export(options: argparse.Namespace) -> int:
    from pipeline.local.relocation import open_folder
    from pipeline.models.saved_models import export_students

    for one in export_students(open_folder(options.output), options.target, options.candidates):
        proof = "it has no float file to compare with"
        if one.difference is not None:
            proof = f"it differs from the float file by {one.difference:.1e} of the largest value at most"
        say(f"{one.folder}: {proof}")
    return 0
