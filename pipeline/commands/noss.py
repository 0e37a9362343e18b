"""``noss``: the tasks, and models measured on them without the pipeline."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from pipeline.commands.shared import add_json, add_set, say
from schemas.plain_text import plain

_NOSS_HELP = """\
The tasks that measure quality: those of the catalogue (schemas/noss), and every folder of the tasks' root
that has a manifest.csv and, if it likes, a task.yaml.
"""
_NOSS_RUN_HELP = """\
Measures models on the tasks without the pipeline, by the protocol and the code that a run uses, and puts
them side by side. The same command again does only what is missing or has changed. A model is

  a .tflite file (of a student: variants.json or model.json beside it say what it takes), an .onnx file,
  a folder with a SavedModel, a Hugging Face checkpoint or what a run pushed, hf:<organisation>/<name>,
  an https handle of TensorFlow Hub, a .yaml file that describes a teacher, or logmel, mfcc or random.

  pipeline_runner.py noss run --root /sound/noss --model core-int8.tflite --model logmel
  pipeline_runner.py noss run --model hf:facebook/wav2vec2-base --tasks emodb,esc10
  pipeline_runner.py noss run --teacher teacher.yaml --model pushed/small/core-int8/1
"""


def add(commands: Any) -> list[argparse.ArgumentParser]:
    """Adds the command; returns the parsers of what it can do."""
    parser = commands.add_parser("noss", help="list, show and check the tasks", description=_NOSS_HELP)
    kinds = parser.add_subparsers(required=True, metavar="COMMAND")

    listing = kinds.add_parser("ls", help="list all tasks, and which of them are here")
    add_json(listing)
    listing.set_defaults(command=_noss_ls)

    show = kinds.add_parser("show", help="show all that is known of a task")
    show.add_argument("task", metavar="TASK", help="the task's name")
    show.set_defaults(command=_noss_show)

    get = kinds.add_parser("get", help="fetch a task's sound by TensorFlow Datasets, where that can")
    get.add_argument("task", metavar="TASK", help="the task's name")
    get.add_argument(
        "--manual-dir", type=Path, metavar="DIR", help="folder of the files that are to be had by hand only"
    )
    get.set_defaults(command=_noss_get)

    for command in (listing, show, get):
        command.add_argument(
            "--root",
            default="",
            metavar="DIR",
            help="the tasks' folder (default: noss in TINYTRILL_DATA_ROOT)",
        )
        command.add_argument(
            "--tfds-dir", default="", metavar="DIR", help="TensorFlow Datasets' folder (default: its own)"
        )

    validate = kinds.add_parser("validate", help="check a folder that is to be a task")
    validate.add_argument("folder", type=Path, metavar="DIR", help="the folder with the manifest.csv")
    validate.add_argument(
        "--all", action="store_true", help="decode and compare every clip, not 500 spread over the task"
    )
    validate.set_defaults(command=_noss_validate)

    return [listing, show, get, validate, _add_noss_run(kinds)]


def _add_noss_run(kinds: Any) -> argparse.ArgumentParser:
    run: argparse.ArgumentParser = kinds.add_parser(
        "run",
        help="measure models that are there already",
        description=_NOSS_RUN_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument(
        "--model", action="append", required=True, metavar="X", help="the model; may be given again"
    )
    run.add_argument(
        "--teacher", default="", metavar="X", help="a model that all others are compared with, one by one"
    )
    run.add_argument(
        "--root",
        default="",
        metavar="DIR",
        help="the tasks' folder (default: that of the configuration, else noss in TINYTRILL_DATA_ROOT)",
    )
    run.add_argument("--tasks", default="", metavar="A,B", help="only these tasks")
    run.add_argument(
        "--config",
        default="",
        metavar="FILE",
        help="a configuration whose settings are taken: noss, evaluation",
    )
    add_set(run, "evaluation.resamples=200")
    run.add_argument(
        "--output",
        type=Path,
        default=Path("output/noss"),
        metavar="DIR",
        help="folder of the results (default: output/noss)",
    )
    run.set_defaults(command=_noss_run)
    return run


def _noss_ls(options: argparse.Namespace) -> int:
    from rich.console import Console

    from pipeline.noss.listing import as_json, list_tasks, places, print_list

    lines = list_tasks(places(options.root, options.tfds_dir))
    if options.json:
        say(as_json(lines))
    else:
        print_list(Console(), lines)
    return 0


def _noss_show(options: argparse.Namespace) -> int:
    from rich.console import Console

    from pipeline.noss.listing import places, show_task

    show_task(Console(), options.task, places(options.root, options.tfds_dir))
    return 0


def _noss_get(options: argparse.Namespace) -> int:
    from rich.console import Console

    from pipeline.noss.listing import get_task, places

    get_task(Console(), options.task, places(options.root, options.tfds_dir), options.manual_dir)
    return 0


def _noss_validate(options: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import track

    from pipeline.noss.listing import count, print_counts
    from pipeline.noss.validation import validate_task
    from pipeline.terminal.words import counted

    progress = Console(stderr=True)
    found = validate_task(
        options.folder,
        options.all,
        lambda rows: track(
            rows, "decoding", console=progress, transient=True, disable=not progress.is_terminal
        ),
    )
    for problem in found.problems:
        say(plain(str(problem)))
    if found.problems or found.record is None:
        say(f"{options.folder}: {counted(len(found.problems), 'problem')}", sys.stderr)
        return 2
    print_counts(Console(), count(found.rows))
    were = "was" if len(found.rows) == 1 else "were"
    clips = counted(len(found.rows), "clip")
    say(f"{found.record.name}: valid; {found.decoded} of {clips} {were} decoded and compared")
    return 0


def _noss_run(options: argparse.Namespace) -> int:
    from rich.console import Console

    from pipeline.noss.run import BenchmarkRequest, print_comparison, run_benchmark

    output = options.output.resolve()
    tasks = tuple(name.strip() for name in options.tasks.split(",") if name.strip())
    request = BenchmarkRequest(
        options.model, output, options.config, options.set, options.root, tasks, options.teacher
    )
    print_comparison(Console(), run_benchmark(request, options.verbose), output)
    return 0
