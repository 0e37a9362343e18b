"""``run``, ``demo``, ``validate``, ``report`` and ``doctor``: pipeline runs on this machine."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from pipeline.commands.shared import add_config, add_output, say

_RUN_HELP = """\
Runs the pipeline on this machine. Everything a run makes lies in one folder (--output): the same command
again answers from the cache what did not change, and continues where a killed run stopped.

  pipeline_runner.py run --config demo
  pipeline_runner.py run --config real_audio --set data_root=/sound --set training.epochs=20
"""
_FIRST_LINE = "{config}: loading TensorFlow and TFX, then checking the configuration ..."
_DEMO_HELP = """\
Synthesises a corpus and three tasks, trains a teacher, and searches the frontier of 32 students. The figures
are about synthetic speech; what is shown is the whole pipeline.
"""
_REPORT_HELP = """\
Says which file of a finished run to ship, prints its frontier, and says where its page is.

  pipeline_runner.py report --output output/demo
  pipeline_runner.py report --compare output/first output/second
"""
_COMPARISON = "comparison.html"
EXIT_CODES = """\
exit codes:
  0    done
  1    failed; the message names the component
  2    refused before anything ran: the configuration, or what it names, cannot be used
  3    the gate is closed for a device (run, demo): the report says why; what is blessed for others is pushed
  4    finished, but MLflow did not take it and nothing is registered (run, demo): `lineage sync` sends it
  130  interrupted; 143: ended by SIGTERM
"""


def add(commands: Any) -> list[argparse.ArgumentParser]:
    """Adds the commands; returns their parsers."""
    raw = argparse.RawDescriptionHelpFormatter
    run = commands.add_parser(
        "run", help="run the pipeline", description=_RUN_HELP, epilog=EXIT_CODES, formatter_class=raw
    )
    add_config(run)
    add_output(run)
    run.set_defaults(command=_run, first_line=_FIRST_LINE)

    demo = commands.add_parser(
        "demo",
        help="run on synthesised speech: no data, no teacher, some minutes",
        description=_DEMO_HELP,
        epilog=EXIT_CODES,
        formatter_class=raw,
    )
    demo.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a setting")
    add_output(demo)
    demo.set_defaults(command=_run, config="demo", first_line=_FIRST_LINE)

    validate = commands.add_parser(
        "validate",
        help="check a configuration and list its candidates",
        description="Checks a configuration without running it: keys, values, folders and files; reads "
        "the tables, decodes clips of each task, runs the teacher on a window, and estimates what a run "
        "takes.",
    )
    add_config(validate)
    add_output(validate)
    validate.set_defaults(command=_validate, first_line=_FIRST_LINE)

    report = commands.add_parser(
        "report",
        help="show the frontier of a finished run",
        description=_REPORT_HELP,
        formatter_class=raw,
    )
    which = report.add_mutually_exclusive_group(required=True)
    which.add_argument("--output", type=Path, metavar="DIR", help="the run's folder")
    which.add_argument(
        "--compare",
        nargs=2,
        type=Path,
        metavar="RUN",
        help="the folders of two runs: shows them side by side",
    )
    report.add_argument(
        "--page",
        type=Path,
        metavar="FILE",
        help=f"with --compare: where the page goes (default: report/{_COMPARISON} of the second run)",
    )
    report.set_defaults(command=_report)

    doctor = commands.add_parser(
        "doctor",
        help="say which parts of this installation work",
        description="Checks TensorFlow, LiteRT, audio formats, adb, Docker, MLflow, disk and memory; says "
        "what to do about what is missing.",
    )
    doctor.add_argument(
        "--output", type=Path, default=Path("output"), metavar="DIR", help="where runs would go"
    )
    doctor.add_argument(
        "--tracking-uri",
        default="",
        metavar="URI",
        help="the MLflow store to check (default: MLFLOW_TRACKING_URI)",
    )
    doctor.set_defaults(command=_doctor)

    return [run, demo, validate, report, doctor]


def _run(options: argparse.Namespace) -> int:
    from rich.console import Console

    from pipeline.configuration.config_file import load_config
    from pipeline.local.run_folder import run_folder
    from pipeline.local.runner import run_locally
    from pipeline.terminal.summary import print_summary

    config = load_config(options.config, options.set)
    options.output = options.output or Path("output") / config.name
    layout = run_folder(options.output)
    result = run_locally(config, layout, options.verbose)
    print_summary(Console(), result.layout, result.verdict, result.pushed)
    if result.closed:
        say(str(result.closed), sys.stderr)
        return 3
    return 4 if result.pushed.kept else 0


def _validate(options: argparse.Namespace) -> int:
    from pipeline.configuration.config_file import load_config
    from pipeline.configuration.resolved import ResolvedRun
    from pipeline.local.layout import RunLayout
    from pipeline.preflight import examine
    from pipeline.terminal.progress import terminal
    from pipeline.terminal.words import counted

    config = load_config(options.config, options.set)
    layout = RunLayout((options.output or Path("output") / config.name).resolve())
    run = ResolvedRun.of(config, layout)
    run.check()
    with terminal(Path(os.devnull), options.verbose):
        examine(run, lambda line: say(f"  {line}"))
    candidates = config.students.expand()
    say(f"{config.name}: valid, {counted(len(candidates), 'candidate')}")
    for candidate in candidates:
        say(f"  {candidate.candidate_id}")
    return 0


def _report(options: argparse.Namespace) -> int:
    from rich.console import Console

    if options.compare:
        return _compare(options, Console())
    if options.page:
        from pipeline.configuration.config_file import ConfigError

        raise ConfigError(f"--page {options.page} belongs to --compare: the page of one run is in its report")

    from pipeline.local.relocation import open_folder
    from pipeline.local.runner import last_push, publish_report
    from pipeline.terminal.summary import print_summary

    layout = open_folder(options.output)
    print_summary(Console(), layout, publish_report(layout), last_push(layout))
    return 0


def _compare(options: argparse.Namespace, console: Any) -> int:
    from pipeline.models.comparison.compare import compare, read_side
    from pipeline.models.comparison.page import render
    from pipeline.terminal.comparison import print_comparison

    left, right = (read_side(*pair) for pair in zip("AB", options.compare, strict=True))
    comparison = compare(left, right)
    print_comparison(console, comparison)
    page = options.page or right.folder / "report" / _COMPARISON
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(render(comparison, page), encoding="utf-8")
    say(f"page: {page}")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from rich.console import Console

    from components.common.tracking.stores import TRACKING_URI, keep_credentials_aside
    from pipeline.doctor import examine, render
    from pipeline.terminal.progress import terminal

    store = keep_credentials_aside(options.tracking_uri or os.environ.get(TRACKING_URI, ""))
    with terminal(Path(os.devnull), options.verbose):
        checks = examine(options.output, store)
    Console().print(render(checks))
    return 0 if all(check.status != "missing" or not check.required for check in checks) else 1
