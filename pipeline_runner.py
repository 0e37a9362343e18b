"""The command line of TinyTrill: parse, call ``pipeline``, print.

python pipeline_runner.py --help
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_DESCRIPTION = """\
TinyTrill distils a big speech-embedding teacher into small TFLite students, measures each on the file
that ships, and pushes the Pareto frontier of quality and latency to a folder and to MLflow.
"""
_NOSS_HELP = """\
The tasks that measure quality: those of the catalogue (schemas/noss), and every folder of the tasks' root
that has a manifest.csv and, if it likes, a task.yaml.
"""
_NOSS_RUN_HELP = """\
Measures models on the tasks without the pipeline, by the protocol and the code that a run uses, and puts
them side by side. The same command again does only what is missing or has changed. A model is

  a .tflite file (of a student: variants.json or model.json beside it say what it hears), an .onnx file,
  a folder with a SavedModel, a Hugging Face checkpoint or what a run pushed, hf:<organisation>/<name>,
  an https handle of TensorFlow Hub, a .yaml file that describes a teacher, or logmel, mfcc or random.

  pipeline_runner.py noss run --root /sound/noss --model core-int8.tflite --model logmel
  pipeline_runner.py noss run --model hf:facebook/wav2vec2-base --tasks emodb,esc10
  pipeline_runner.py noss run --teacher teacher.yaml --model pushed/small/core-int8/1
"""
_RUN_HELP = """\
Runs the pipeline on this machine. Everything a run makes lies in one folder (--output): the same command
again answers from the cache what did not change, and goes on where a killed run stopped.

  pipeline_runner.py run --config demo
  pipeline_runner.py run --config real_audio --set data_root=/sound --set training.epochs=20
"""
_DEMO_HELP = """\
Synthesises a corpus and three tasks, trains a teacher and eight students, and shows their frontier. The
figures are about synthetic speech; what is shown is the whole road.
"""
_EXIT_CODES = """\
exit codes:
  0    done
  1    failed; the message names the component
  2    refused before anything ran: the configuration, or what it names, cannot be used
  3    the gate is closed for a device (run, demo): the report says why; what is blessed for others is pushed
  130  interrupted
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit code, as ``--help`` lists them."""
    options = _parser().parse_args(arguments)

    from pipeline.config_file import ConfigError
    from pipeline.local_runner import RunFailed

    try:
        code: int = options.command(options)
    except ConfigError as error:
        print(f"refused: {error}", file=sys.stderr)
        return 2
    except RunFailed as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="pipeline_runner.py", description=_DESCRIPTION, epilog=_EXIT_CODES, formatter_class=raw
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser(
        "run", help="run the pipeline", description=_RUN_HELP, epilog=_EXIT_CODES, formatter_class=raw
    )
    _add_config(run)
    _add_output(run)
    run.set_defaults(command=_run)

    demo = commands.add_parser(
        "demo",
        help="run on synthesised speech: no data, no teacher, some minutes",
        description=_DEMO_HELP,
        epilog=_EXIT_CODES,
        formatter_class=raw,
    )
    demo.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a setting")
    _add_output(demo)
    demo.set_defaults(command=_run, config="demo")

    validate = commands.add_parser(
        "validate",
        help="check a configuration and list its candidates",
        description="Checks a configuration without running it: keys, values, folders and files.",
    )
    _add_config(validate)
    validate.set_defaults(command=_validate)

    report = commands.add_parser(
        "report",
        help="show the frontier of a finished run",
        description="Prints the frontier of a finished run and where its page is.",
    )
    report.add_argument("--output", required=True, type=Path, metavar="DIR", help="the run's folder")
    report.set_defaults(command=_report)

    doctor = commands.add_parser(
        "doctor",
        help="say what of this machine is usable",
        description="Checks TensorFlow, LiteRT, audio formats, adb, Docker, MLflow, disk and memory; says "
        "what to do about what is missing.",
    )
    doctor.add_argument(
        "--output", type=Path, default=Path("output"), metavar="DIR", help="where runs would go"
    )
    doctor.add_argument("--tracking-uri", default="", help="the MLflow tracking URI to check")
    doctor.set_defaults(command=_doctor)

    noss = commands.add_parser("noss", help="list, show and check the tasks", description=_NOSS_HELP)
    noss_commands = _add_noss(noss)

    for command in (run, demo, validate, report, doctor, *noss_commands):
        command.add_argument("--verbose", action="store_true", help="show the libraries' own logs")
    return parser


def _add_noss(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    listing = commands.add_parser("ls", help="list all tasks, and which of them are here")
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(command=_noss_ls)

    show = commands.add_parser("show", help="show all that is known of a task")
    show.add_argument("task", metavar="TASK", help="the task's name")
    show.set_defaults(command=_noss_show)

    get = commands.add_parser("get", help="fetch a task's sound by TensorFlow Datasets, where that can")
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

    validate = commands.add_parser("validate", help="check a folder that is to be a task")
    validate.add_argument("folder", type=Path, metavar="DIR", help="the folder with the manifest.csv")
    validate.add_argument(
        "--all", action="store_true", help="decode and compare every clip, not 500 spread over the task"
    )
    validate.set_defaults(command=_noss_validate)

    return [listing, show, get, validate, _add_noss_run(commands)]


def _add_noss_run(commands: Any) -> argparse.ArgumentParser:
    run: argparse.ArgumentParser = commands.add_parser(
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
    _add_set(run, "evaluation.resamples=200")
    run.add_argument(
        "--output",
        type=Path,
        default=Path("output/noss"),
        metavar="DIR",
        help="folder of the results (default: output/noss)",
    )
    run.set_defaults(command=_noss_run)
    return run


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", required=True, metavar="FILE", help="a YAML file, or demo, real_audio, frill144"
    )
    _add_set(parser, "training.epochs=20")


def _add_set(parser: argparse.ArgumentParser, example: str) -> None:
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"override a setting, as in {example}; may be given again",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="the run's folder (default: output/<name of the configuration>)",
    )


def _run(options: argparse.Namespace) -> int:
    from rich.console import Console

    from pipeline.config_file import load_config
    from pipeline.layout import RunLayout
    from pipeline.local_runner import run_locally
    from pipeline.summary import print_summary

    config = load_config(options.config, options.set)
    layout = RunLayout((options.output or Path("output") / config.name).resolve())
    result = run_locally(config, layout, options.verbose)
    print_summary(Console(), result.layout, result.verdict, result.pushed)
    if result.closed:
        print(result.closed, file=sys.stderr)
        return 3
    return 0


def _validate(options: argparse.Namespace) -> int:
    from pipeline.config_file import load_config
    from pipeline.layout import RunLayout
    from pipeline.sources import check_sources, resolve

    config = load_config(options.config, options.set)
    check_sources(resolve(config, RunLayout(Path("output") / config.name)))
    candidates = config.students.expand()
    print(f"{config.name}: valid, {len(candidates)} candidates")
    for candidate in candidates:
        print(f"  {candidate.candidate_id}")
    return 0


def _report(options: argparse.Namespace) -> int:
    from rich.console import Console

    from pipeline.layout import RunLayout
    from pipeline.local_runner import publish_report
    from pipeline.summary import print_summary

    layout = RunLayout(options.output.resolve())
    print_summary(Console(), layout, publish_report(layout), None)
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from rich.console import Console

    from pipeline.doctor import examine, render
    from pipeline.progress import terminal

    with terminal(Path(os.devnull), options.verbose):
        checks = examine(options.output, options.tracking_uri)
    Console().print(render(checks))
    return 0 if all(check.status != "missing" or not check.required for check in checks) else 1


def _noss_ls(options: argparse.Namespace) -> int:
    from rich.console import Console

    from pipeline.noss import as_json, list_tasks, places, print_list

    lines = list_tasks(places(options.root, options.tfds_dir))
    if options.json:
        print(as_json(lines))
    else:
        print_list(Console(), lines)
    return 0


def _noss_show(options: argparse.Namespace) -> int:
    from rich.console import Console

    from pipeline.noss import places, show_task

    show_task(Console(), options.task, places(options.root, options.tfds_dir))
    return 0


def _noss_get(options: argparse.Namespace) -> int:
    from rich.console import Console

    from pipeline.noss import get_task, places

    get_task(Console(), options.task, places(options.root, options.tfds_dir), options.manual_dir)
    return 0


def _noss_validate(options: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import track

    from pipeline.noss import count, print_counts
    from pipeline.noss_validation import validate_task

    progress = Console(stderr=True)
    found = validate_task(
        options.folder,
        options.all,
        lambda rows: track(
            rows, "decoding", console=progress, transient=True, disable=not progress.is_terminal
        ),
    )
    for problem in found.problems:
        print(problem)
    if found.problems or found.record is None:
        print(f"{options.folder}: {len(found.problems)} problems", file=sys.stderr)
        return 2
    print_counts(Console(), count(found.rows))
    print(f"{found.record.name}: valid; {found.decoded} of {len(found.rows)} clips were decoded and compared")
    return 0


def _noss_run(options: argparse.Namespace) -> int:
    from rich.console import Console

    from pipeline.noss_run import BenchmarkRequest, print_comparison, run_benchmark

    output = options.output.resolve()
    tasks = tuple(name.strip() for name in options.tasks.split(",") if name.strip())
    request = BenchmarkRequest(
        options.model, output, options.config, options.set, options.root, tasks, options.teacher
    )
    print_comparison(Console(), run_benchmark(request, options.verbose), output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
