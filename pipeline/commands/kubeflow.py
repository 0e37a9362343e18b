"""``compile``, ``submit`` and ``status``: runs on a Kubeflow Pipelines server."""

from __future__ import annotations

import argparse
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands.shared import add_config, add_json, add_set, say, say_json
from schemas.plain_text import plain

if TYPE_CHECKING:
    from pipeline.kubeflow.client import PipelinesServer, Submitted
    from pipeline.kubeflow.connection import Connection
    from pipeline.kubeflow.package import Package
    from pipeline.kubeflow.run_state import RunState

_COMPILE_HELP = """\
Compiles a configuration to a pipeline for Kubeflow Pipelines 2: a task a component and candidate. Nothing of
this machine is in it: relative places of sound and teachers start at the run-time parameters data_root and
teacher_root, and what lies there is looked at by the run's first task.

  pipeline_runner.py compile --config real_audio -o pipeline.yaml
"""
_SUBMIT_HELP = """\
Starts a run on a Kubeflow Pipelines server: of a compiled pipeline, or of a configuration, which is compiled
first. Prints the run's id and the address of its page; --wait stays until the run is over, and says when a
task changes its state.

  pipeline_runner.py submit --config real_audio --host http://localhost:3000 --wait
  pipeline_runner.py submit pipeline.yaml --param data_root=/data/audioset --pipeline-root s3://runs/tinytrill
"""
_STATUS_HELP = """\
Shows a run on a Kubeflow Pipelines server and each of its tasks: state, duration, and the last line of the
error of what failed. --wait stays until the run is over, as that of 'submit' does.

  pipeline_runner.py status 7d1ad1ec-0a4f-44a6-b7b5-7d2ab3c1a3c5 --wait
"""
_ENVIRONMENT = """\
environment:
  KF_PIPELINES_ENDPOINT, KF_PIPELINES_NAMESPACE, KF_PIPELINES_DEFAULT_EXPERIMENT_NAME
                             for --host, --namespace and --experiment
  KF_PIPELINES_OVERRIDE_EXPERIMENT_NAME
                             goes before --experiment
  KF_PIPELINES_UI_ENDPOINT   address of the web pages, if it is not the host's
  KF_PIPELINES_TOKEN         a bearer token, or
  KF_PIPELINES_SA_TOKEN_PATH a file with one, read anew for each request (service account)
  KF_PIPELINES_SSL_CA_CERT   file of the certificate authority that the server's certificate is of
"""
_EXIT_CODES = """\
exit codes:
  0    the run is submitted; with --wait it has succeeded; for status: it has not failed
  1    the run has failed or was cancelled, or the server does not respond as expected
  2    refused: arguments, pipeline, host or login cannot be used, or there is no such run
  124  the time of --timeout is over, and the run continues
  130  interrupted; a run that is submitted goes on
"""
_TIME_OVER, _INTERRUPTED = 124, 130


def add(commands: Any) -> list[argparse.ArgumentParser]:
    """Adds the commands; returns their parsers."""
    return [_add_compile(commands), _add_submit(commands), _add_status(commands)]


def _add_compile(commands: Any) -> argparse.ArgumentParser:
    compiler: argparse.ArgumentParser = commands.add_parser(
        "compile",
        help="compile the pipeline for Kubeflow Pipelines",
        description=_COMPILE_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_config(compiler)
    compiler.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("pipeline.yaml"),
        metavar="FILE",
        help="the file to write (default: pipeline.yaml)",
    )
    compiler.set_defaults(command=_compile)
    return compiler


def _add_submit(commands: Any) -> argparse.ArgumentParser:
    submit: argparse.ArgumentParser = commands.add_parser(
        "submit",
        help="start a run on a Kubeflow Pipelines server",
        description=_SUBMIT_HELP,
        epilog=f"{_ENVIRONMENT}\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    submit.add_argument("pipeline", nargs="?", type=Path, metavar="PIPELINE.yaml", help="a compiled pipeline")
    submit.add_argument(
        "--config", metavar="FILE", help="a configuration, compiled in place of PIPELINE.yaml"
    )
    add_set(submit, "training.epochs=20")
    submit.add_argument(
        "--param",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a run-time parameter of the pipeline, as in data_root=/data; may be given again",
    )
    submit.add_argument(
        "--run-name", default="", metavar="NAME", help="default: the pipeline's name and the time"
    )
    submit.add_argument(
        "--pipeline-root", default="", metavar="URI", help="where artifacts go, as s3://bucket/folder"
    )
    submit.add_argument(
        "--service-account", default="", metavar="NAME", help="Kubernetes account of the run's pods"
    )
    submit.add_argument("--no-cache", action="store_true", help="run every task, whatever was run before")
    _add_server(submit)
    submit.add_argument(
        "--experiment", default="", metavar="NAME", help="made if it does not exist (default: Default)"
    )
    _add_wait(submit)
    submit.set_defaults(command=_submit)
    return submit


def _add_status(commands: Any) -> argparse.ArgumentParser:
    status: argparse.ArgumentParser = commands.add_parser(
        "status",
        help="show a run on a Kubeflow Pipelines server",
        description=_STATUS_HELP,
        epilog=f"{_ENVIRONMENT}\n{_EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    status.add_argument("run_id", metavar="RUN_ID", help="as 'submit' printed it")
    add_json(status)
    _add_server(status)
    _add_wait(status)
    status.set_defaults(command=_status)
    return status


def _compile(options: argparse.Namespace) -> int:
    from pipeline.configuration.config_file import load_config
    from pipeline.terminal.progress import terminal

    config = load_config(options.config, options.set)
    with terminal(Path(os.devnull), options.verbose):
        from pipeline.kubeflow.compile import compile_pipeline

        compiled = compile_pipeline(config, options.output)
    say(f"{options.output}: {compiled.size}")
    return 0


def _add_server(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="", metavar="URL", help="of the server, as http://localhost:3000")
    parser.add_argument(
        "--namespace", default="", metavar="NS", help="of your profile, on a server of several users"
    )


def _add_wait(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wait", action="store_true", help="stay until the run is over")
    parser.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS", help="longest time to stay, with --wait"
    )


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


def _submit(options: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from pipeline.kubeflow.client import PipelinesServer, Submission
    from pipeline.kubeflow.package import parameter_values

    _refuse_secrets(options)
    connection = _connection(options, options.experiment)
    package = _package(options)
    submission = Submission(
        package,
        run_name=options.run_name or f"{package.name} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}",
        parameters=parameter_values(package, options.param),
        pipeline_root=options.pipeline_root,
        service_account=options.service_account,
        cache=not options.no_cache,
    )
    server = PipelinesServer(connection)
    try:
        submitted = server.submit(submission)
    except KeyboardInterrupt:
        say(
            f"interrupted while the run {submission.run_name!r} was being submitted: see at "
            f"{connection.page} whether it is there before you submit it again",
            sys.stderr,
        )
        return _INTERRUPTED
    _show_submitted(submitted)
    if not options.wait:
        say(f"  to look at it: {_again(options, submitted.run_id)}")
        return 0
    run = _wait(options, server, submitted.run_id)
    return run if isinstance(run, int) else _show_end(run)


def _refuse_secrets(options: argparse.Namespace) -> None:
    """What a run is submitted with is stored on the server and shown to whoever may look at it."""
    from pipeline.kubeflow.faults import Refused
    from pipeline.kubeflow.package import refuse_secrets
    from schemas.secrets import refusal

    refuse_secrets(options.param)
    for name in ("run_name", "pipeline_root", "service_account", "experiment"):
        if said := refusal(getattr(options, name), f"--{name.replace('_', '-')}"):
            raise Refused(f"a run is stored with what it was submitted with:\n{said}")


def _status(options: argparse.Namespace) -> int:
    from pipeline.kubeflow.client import PipelinesServer
    from pipeline.kubeflow.run_text import status_lines

    connection = _connection(options)
    server = PipelinesServer(connection)
    run = _wait(options, server, options.run_id) if options.wait else server.run(options.run_id)
    if isinstance(run, int):
        return run
    if options.json:
        say_json(run.model_dump(mode="json"))
    elif options.wait:
        return _show_end(run)
    else:
        say("\n".join(map(plain, status_lines(run))))
    return 1 if run.finished and not run.succeeded else 0


def _connection(options: argparse.Namespace, experiment: str = "") -> Connection:
    from pipeline.kubeflow.connection import connection_from
    from pipeline.kubeflow.faults import Refused

    if options.timeout is not None and not options.wait:
        raise Refused("--timeout is the time that --wait stays: give both, or neither")
    return connection_from(os.environ, options.host, options.namespace, experiment)


def _package(options: argparse.Namespace) -> Package:
    """Reads the compiled pipeline, or compiles the configuration."""
    import tempfile
    from dataclasses import replace

    from pipeline.kubeflow.faults import Refused
    from pipeline.kubeflow.package import read_package

    if (options.config is None) == (options.pipeline is None):
        raise Refused("give a compiled PIPELINE.yaml, or a configuration as --config: one of the two")
    if options.pipeline is not None:
        if options.set:
            raise Refused("--set changes a configuration, and PIPELINE.yaml is compiled already: use --param")
        return read_package(options.pipeline)

    from pipeline.configuration.config_file import load_config
    from pipeline.kubeflow.compile import compile_pipeline

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "pipeline.yaml"
        compile_pipeline(load_config(options.config, options.set), target)
        return replace(read_package(target), source=f"--config {options.config}")


def _wait(options: argparse.Namespace, server: PipelinesServer, run_id: str) -> RunState | int:
    """Waits until a run is over; an exit code if it is not."""
    from datetime import datetime

    from pipeline.kubeflow.faults import KubeflowFault, NotFound, Refused
    from pipeline.kubeflow.follow import StillRunning, follow

    stream = sys.stderr if getattr(options, "json", False) else sys.stdout
    again = f"the run continues; to look at it: {_again(options, run_id)} --wait"

    def tell(line: str) -> None:
        say(plain(f"{datetime.now():%H:%M:%S} {line}"), stream)

    try:
        return follow(lambda: server.run(run_id), tell, options.timeout)
    except StillRunning as fault:
        say(f"{fault}: {again}", sys.stderr)
        return _TIME_OVER
    except KeyboardInterrupt:
        say(f"interrupted; {again}", sys.stderr)
        return _INTERRUPTED
    except NotFound:
        raise
    except Refused as fault:
        raise Refused(f"{fault}; {again}") from None
    except KubeflowFault as fault:
        raise KubeflowFault(f"{fault}; {again}") from None


def _show_submitted(submitted: Submitted) -> None:
    say(plain(f"run {submitted.run_id}: {submitted.name}, experiment {submitted.experiment}"))
    say(f"  {submitted.page}")


def _show_end(run: RunState) -> int:
    from pipeline.kubeflow.run_text import overall_lines

    say("\n".join(map(plain, overall_lines(run))))
    return 0 if run.succeeded else 1


def _again(options: argparse.Namespace, run_id: str) -> str:
    """The command that shows the run."""
    flags = [f"--host {options.host}"] if options.host else []
    flags += [f"--namespace {options.namespace}"] if options.namespace else []
    return " ".join(["pipeline_runner.py status", run_id, *flags])
