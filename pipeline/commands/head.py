"""``head``: classifiers on frozen students."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.commands.shared import add_store, say

_HELP = """\
Trains a small classifier on the embeddings of a student that stays as it is, and writes both as one TFLite
file: waveform in, scores and embedding out. Clips are a folder with a manifest.csv, or one folder a label.

  pipeline_runner.py head train output/my/pushed/tiny-3f2a/wave-int8/1 --task clips/ -o cough.tflite
  pipeline_runner.py head train tinytrill-host@champion --task clips/ -o cough.tflite --output output/my

Beside cough.tflite, the folder cough.head holds the card, a page and all figures.
"""
_EXIT_CODES = """\
exit codes:
  0  the file is there
  1  the file is not what student and head are, or MLflow does not respond as expected
  2  refused: the message says which clip, label, student or name cannot be used
"""


def add(commands: Any) -> list[argparse.ArgumentParser]:
    """Adds the commands; returns their parsers."""
    head = commands.add_parser("head", help="train a classifier on a student, as one file")
    group = head.add_subparsers(required=True, metavar="COMMAND")
    train = group.add_parser(
        "train",
        help="labelled clips and a student to a classifier in one file",
        description=_HELP,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    train.add_argument(
        "model",
        metavar="MODEL",
        help="a pushed folder, a wave-*.tflite beside its card, NAME@ALIAS or NAME/3",
    )
    train.add_argument(
        "--task",
        required=True,
        type=Path,
        metavar="DIR",
        help="labelled clips: a manifest, or one folder a label",
    )
    train.add_argument(
        "-o", dest="file", required=True, type=Path, metavar="FILE.tflite", help="what is written"
    )
    train.add_argument(
        "--positive",
        default="",
        metavar="LABEL",
        help="of two labels the one to detect (default: the one that is not 'other' or the like)",
    )
    train.add_argument("--seed", type=int, default=20, help="of the intervals (default: 20)")
    train.add_argument(
        "--no-latency",
        action="store_true",
        help="do not time the file beside its bare student (saves a minute)",
    )
    train.add_argument(
        "--calibrate",
        action="store_true",
        help="have MediaPipe calibrate the scores, by a sigmoid a label in the metadata",
    )
    train.add_argument(
        "--register", default="", metavar="NAME", help="make it a version of this registered model of heads"
    )
    add_store(train)
    train.set_defaults(command=_train, first_line="{file}: loading TensorFlow ...")
    return [train]


@contextmanager
def _logging(level: int) -> Iterator[None]:
    """Logs what is at least so important meanwhile."""
    logger = logging.getLogger("tinytrill")
    before = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)


def _train(options: argparse.Namespace) -> int:
    from pipeline.heads.train import PAGE_FILE, HeadRequest, report_folder, train_head

    request = HeadRequest(
        model=options.model,
        task=options.task,
        file=options.file,
        positive=options.positive,
        tracking_uri=options.tracking_uri,
        output=options.output,
        seed=options.seed,
        latency=not options.no_latency,
        calibrate=options.calibrate,
        register=options.register,
    )
    with _logging(logging.INFO if options.verbose else logging.ERROR):
        head = train_head(request, lambda line: say(f"  {line}"))
    for line in head.left_out:
        say(f"  left out: {line}")
    clips, windows = head.clips, head.windows
    alone = f"{windows.value:.3f} [{windows.low:.3f}, {windows.high:.3f}] of windows alone"
    say(
        f"{options.file}: {head.probe} head on {head.student.point_id}; {clips.metric.replace('_', ' ')} "
        f"{clips.value:.3f} [{clips.low:.3f}, {clips.high:.3f}] of {clips.n_test} clips, "
        f"{alone}; chance {clips.chance:.3f}"
    )
    if head.calibrated:
        before, after = head.calibration.expected_error, head.calibrated.expected_error
        say(f"expected calibration error {after:.3f}, {before:.3f} of the scores as they are")
    if not head.speakers:
        say("no speaker is told: if clips of one person are on both sides, these figures are too good")
    if head.latency and head.latency.classifier_ms is not None and head.latency.student_ms is not None:
        doubt = f" (not to be relied on: {head.latency.invalid})" if head.latency.invalid else ""
        bare = f"the bare student {head.latency.student_ms:.3f}"
        say(f"{head.latency.classifier_ms:.3f} ms a window, {bare}{doubt}")
    say(f"card, page and figures: {report_folder(options.file) / PAGE_FILE}")
    return 0
