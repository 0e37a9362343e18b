"""``init``: a first configuration from what is there."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from pipeline.commands.shared import say

_HELP = """\
Looks at a folder of sound, a teacher and a folder of tasks, and writes a short commented configuration that
`validate` accepts, with an estimate of time, disk and memory.

  pipeline_runner.py init --sound recordings/ --teacher yamnet.tflite --tasks noss/ -o my.yaml
"""


def add(commands: Any) -> list[argparse.ArgumentParser]:
    """Adds the command; returns its parser."""
    init = commands.add_parser(
        "init",
        help="write a first configuration for your own sound and teacher",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    init.add_argument(
        "--sound", required=True, type=Path, metavar="DIR", help="recordings, or a corpus in AudioSet's form"
    )
    init.add_argument(
        "--teacher",
        required=True,
        metavar="FILE|URL",
        help="a .tflite or .onnx file, a folder of a SavedModel or a Hugging Face checkpoint, a TensorFlow "
        "Hub handle",
    )
    init.add_argument(
        "--teacher-output",
        metavar="NAME",
        help="the output that is the embedding (default: the only one, or one of a usual name)",
    )
    init.add_argument(
        "--tasks",
        type=Path,
        metavar="DIR",
        help="a task or a folder of tasks (default: noss or tasks near DIR)",
    )
    init.add_argument(
        "--budget-ms", type=float, default=8.0, metavar="MS", help="most milliseconds a window (default: 8)"
    )
    init.add_argument(
        "--device",
        choices=("host", "adb"),
        default="host",
        help="what latency is measured on (default: host)",
    )
    init.add_argument(
        "--benchmark-model", type=Path, metavar="FILE", help="for --device adb: TFLite's benchmark_model"
    )
    init.add_argument(
        "-o", dest="config_file", required=True, type=Path, metavar="FILE.yaml", help="what is written"
    )
    init.set_defaults(command=_init, first_line="{config_file}: loading TensorFlow and TFX ...")
    return [init]


def _init(options: argparse.Namespace) -> int:
    from components.common.audio.places import printable
    from pipeline.configuration.config_file import ConfigError, validate
    from pipeline.configuration.resolved import ResolvedRun
    from pipeline.first_config.findings import find_corpus, find_device, find_tasks, find_teacher
    from pipeline.first_config.text import render
    from pipeline.local.layout import RunLayout
    from pipeline.preflight import examine
    from pipeline.terminal.progress import terminal
    from schemas.strict_yaml import parse_yaml

    path: Path = options.config_file
    if os.path.lexists(path):
        raise ConfigError(f"-o: {str(path)!r} is there already and is not overwritten; accepted: a new file")
    if not path.resolve().parent.is_dir():
        raise ConfigError(f"-o: there is no folder {str(path.parent)!r} for {path.name!r}")
    for place in filter(None, (options.sound, options.tasks, options.teacher)):
        if printable(str(place)) != str(place):
            raise ConfigError(f"{printable(str(place))}: the name is not UTF-8, which a configuration is")
    with terminal(Path(os.devnull), options.verbose):
        device = find_device(options.device, options.benchmark_model, options.budget_ms)
        corpus = find_corpus(options.sound)
        tasks = find_tasks(options.tasks, options.sound)
        teacher = find_teacher(options.teacher, options.teacher_output)
        text = render(path, corpus, tasks, teacher, device)
        config = validate(parse_yaml(text, str(path)), str(path))
        run = ResolvedRun.of(config, RunLayout((Path("output") / config.name).resolve()))
        run.check()
        examine(run, lambda line: say(f"  {line}"))
    try:
        with path.open("xb") as file:
            file.write(text.encode())
    except OSError as error:
        raise ConfigError(f"-o: {str(path)!r} cannot be written: {error}") from error
    say(f"{path} is written; next: python pipeline_runner.py run --config {path}")
    return 0
