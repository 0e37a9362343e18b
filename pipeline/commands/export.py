"""``export``: the blessed students of a run in other forms."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from pipeline.commands.shared import say

_HELP = """\
Writes the blessed students of a run as SavedModels in the form of TensorFlow Hub: waveform in, embedding out,
to be trained further. Each is held against the float file of the same student. With --onnx each is an ONNX
file beside it, for browsers and desktops, made of that float file.

  pipeline_runner.py export --output output/my -o saved/ --onnx
  embed = hub.load("saved/<candidate>"); embed(waveforms)   # (batch, samples) at 16 kHz in [-1, 1]
"""


def add(commands: Any) -> list[argparse.ArgumentParser]:
    """Adds the command; returns its parser."""
    parser = commands.add_parser(
        "export",
        help="write blessed students as SavedModels for TensorFlow Hub, and as ONNX",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("candidates", nargs="*", metavar="CANDIDATE", help="default: all that are blessed")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="the run's folder")
    parser.add_argument(
        "-o", dest="target", required=True, type=Path, metavar="DIR", help="where they are written"
    )
    parser.add_argument("--onnx", action="store_true", help="write CANDIDATE.onnx too")
    parser.set_defaults(command=_export, first_line="{output}: loading TensorFlow ...")
    return [parser]


def _export(options: argparse.Namespace) -> int:
    from pipeline.configuration.config_file import ConfigError
    from pipeline.local.relocation import open_folder
    from pipeline.models.onnx_files import check_converter, export_onnx, float_file
    from pipeline.models.saved_models import blessed_students, export

    students = blessed_students(open_folder(options.output), options.candidates)
    folders = {one.candidate_id: options.target / one.candidate_id for one in students}
    files = {name: folder.with_name(f"{name}.onnx") for name, folder in folders.items() if options.onnx}
    if options.onnx:
        check_converter()
        for one in students:
            float_file(one)
    for place in (*folders.values(), *files.values()):
        if place.exists():
            raise ConfigError(f"{place} is there already and is not overwritten; accepted: another folder")
    for one in students:
        saved = export(one, folders[one.candidate_id])
        proof = "it has no float file to compare with"
        if saved.difference is not None:
            proof = f"it differs from the float file by {saved.difference:.1e} of the largest value at most"
        say(f"{saved.folder}: {proof}")
        if options.onnx:
            made = export_onnx(one, files[one.candidate_id])
            say(
                f"{made.file}: it differs from the float file by {made.difference:.1e} of the largest value "
                f"at most, on {made.windows} golden vectors; {made.onnx_ms:.2f} ms a window by onnxruntime "
                f"on this host, {made.litert_ms:.2f} by LiteRT (medians of {made.rounds} in turn, one thread)"
            )
    return 0
