"""Which parts of this machine a run can use."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.table import Table

Status = Literal["ok", "warn", "missing"]

_GIB = 2**30
_DISK_GIB = 5.0
MEMORY_GIB = 6.0
_COMMAND_SECONDS = 10
_NO_PERMISSIONS = "no permissions"
_STYLES: dict[Status, str] = {"ok": "green", "warn": "yellow", "missing": "red"}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
      name: What.
      status: ``ok``; ``warn`` if it works with a limit; ``missing`` if it cannot be used.
      detail: What was found, with version or size.
      advice: What to do; empty if nothing.
      required: Whether no run can do without it.
    """

    name: str
    status: Status
    detail: str
    advice: str = ""
    required: bool = True


def examine(output: Path, tracking_uri: str = "") -> list[Check]:
    """Looks at everything that a run may need.

    Args:
      output: Folder that runs are written into; need not exist.
      tracking_uri: MLflow's tracking server or store; empty for the SQLite file of each run.
    """
    parts: tuple[Callable[[], Sequence[Check]], ...] = (
        lambda: [check_python()],
        lambda: [check_tensorflow()],
        lambda: [check_tfx()],
        lambda: [check_litert()],
        check_formats,
        lambda: [check_espeak()],
        lambda: [check_mlflow(tracking_uri)],
        lambda: [check_disk(output)],
        lambda: [check_memory()],
        lambda: [check_processors()],
        lambda: [
            check_command("ffmpeg", ("-version",), "only to prepare sound by hand; decoders come in wheels")
        ],
        check_adb,
        lambda: [check_docker()],
    )
    return [check for part in parts for check in part()]


def render(checks: Sequence[Check]) -> Table:
    """The checks as a table for the terminal."""
    from rich.table import Table

    from pipeline.terminal.rich_text import cell_lines

    table = Table(box=None, pad_edge=False)
    for column in ("", "what", "found", "what to do"):
        table.add_column(column, overflow="fold")
    for check in checks:
        style = _STYLES[check.status]
        status = check.status if check.required or check.status == "ok" else f"{check.status} (optional)"
        table.add_row(
            f"[{style}]{status}[/{style}]", *map(cell_lines, (check.name, check.detail, check.advice))
        )
    return table


def check_python() -> Check:
    """Whether the interpreter is the one that the lock was made for."""
    found = f"{platform.python_version()} ({sys.executable})"
    if platform.python_version_tuple()[:2] == ("3", "11"):
        return Check("Python", "ok", found)
    return Check("Python", "missing", found, "use Python 3.11: make install PYTHON=/path/to/python3.11")


def check_tensorflow() -> Check:
    """Whether TensorFlow loads, and with Keras 2."""
    import schemas  # noqa: F401  chooses Keras 2 before TensorFlow is loaded

    try:
        import tensorflow as tf
    except Exception as error:
        return _broken("TensorFlow", error)
    if not tf.keras.layers.Layer.__module__.startswith("tf_keras"):
        advice = "import schemas before tensorflow: it sets TF_USE_LEGACY_KERAS, which is too late now"
        return Check("TensorFlow", "missing", f"{tf.__version__} with Keras 3 instead of tf_keras", advice)
    devices = len(tf.config.list_physical_devices("GPU"))
    return Check("TensorFlow", "ok", f"{tf.__version__} with tf_keras, {devices} GPUs")


def check_tfx() -> Check:
    """Whether TFX loads."""
    try:
        from tfx import version
    except Exception as error:
        return _broken("TFX", error)
    return Check("TFX", "ok", version.__version__)


def check_litert() -> Check:
    """Whether the TFLite runtime loads."""
    try:
        from ai_edge_litert.interpreter import Interpreter  # noqa: F401
    except Exception as error:
        return _broken("LiteRT", error)
    from importlib.metadata import version

    return Check("LiteRT", "ok", version("ai-edge-litert"))


def check_formats() -> list[Check]:
    """Which sound formats can be decoded, by decoder."""
    from components.common.audio.formats import supported_formats

    formats = supported_formats()
    checks = []
    for decoder in dict.fromkeys(entry.decoder for entry in formats):
        usable = [entry.name for entry in formats if entry.decoder == decoder and entry.usable]
        unusable = [entry.name for entry in formats if entry.decoder == decoder and not entry.usable]
        if unusable:
            detail = f"{decoder}: cannot read {', '.join(unusable)}"
            advice = f"{_reinstall()}; clips of these formats are left out otherwise"
            checks.append(
                Check("sound formats", "warn" if usable else "missing", detail, advice, required=False)
            )
        if usable:
            checks.append(Check("sound formats", "ok", f"{decoder}: {', '.join(usable)}"))
    return checks


def check_espeak() -> Check:
    """Whether the synthesiser of the demo corpus loads."""
    from components.corpus_synthesizer.espeak import EspeakError, version

    try:
        return Check("eSpeak NG", "ok", version(), required=False)
    except EspeakError as error:
        advice = f"{_reinstall()}; only the synthesised corpus needs it"
        return Check("eSpeak NG", "missing", str(error), advice, required=False)


def check_mlflow(tracking_uri: str = "") -> Check:
    """Whether MLflow loads and the given store answers."""
    try:
        import mlflow
    except Exception as error:
        return _broken("MLflow", error)
    if not tracking_uri:
        return Check("MLflow", "ok", f"{mlflow.__version__}, each run has its own mlflow.db")
    if tracking_uri.startswith("sqlite:///"):
        return _check_sqlite(Path(tracking_uri.removeprefix("sqlite:///")), tracking_uri)
    if tracking_uri.startswith(("http://", "https://")):
        return _check_server(tracking_uri)
    advice = "give sqlite:///<file> or http(s)://<host>; MLflow 3 refuses plain folders"
    return Check("MLflow", "missing", f"{tracking_uri!r} is not a store that can be used", advice)


def check_disk(output: Path) -> Check:
    """Whether the disk under the output folder has room and can be written to."""
    folder = _existing(output)
    if not os.access(folder, os.W_OK):
        return Check("disk", "missing", f"{folder} cannot be written to", "choose another --output")
    free = shutil.disk_usage(folder).free / _GIB
    detail = f"{free:.1f} GiB free under {folder}"
    if free >= _DISK_GIB:
        return Check("disk", "ok", detail)
    return Check(
        "disk", "warn", detail, f"a run wants {_DISK_GIB:g} GiB: free some, or choose another --output"
    )


def check_memory() -> Check:
    """Whether there is memory for a run."""
    import psutil

    memory = psutil.virtual_memory()
    detail = f"{memory.available / _GIB:.1f} of {memory.total / _GIB:.1f} GiB available"
    if memory.available / _GIB >= MEMORY_GIB:
        return Check("memory", "ok", detail)
    return Check("memory", "warn", detail, f"a run may take {MEMORY_GIB:g} GiB: close other programs")


def check_processors() -> Check:
    """How many processors this process may use."""
    from pipeline.local.machine import usable_processors

    usable = usable_processors()
    detail = f"{usable} usable, {platform.machine()}"
    if usable >= 2:
        return Check("processors", "ok", detail)
    return Check("processors", "warn", detail, "latency figures are steadier with a second processor")


def check_command(name: str, arguments: Sequence[str], use: str) -> Check:
    """Whether an optional program is there and answers.

    Args:
      name: The program, looked for on PATH.
      arguments: What makes it print its version and stop.
      use: What it is for.
    """
    if shutil.which(name) is None:
        return Check(name, "missing", "not on PATH", use, required=False)
    status, text = _run((name, *arguments))
    if status:
        return Check(name, "warn", f"does not answer: {text}", use, required=False)
    return Check(name, "ok", text, required=False)


def check_adb() -> list[Check]:
    """Whether adb is there, and which devices it sees, as ``latency.devices`` may name them."""
    found = check_command("adb", ("version",), "to measure latency on an Android device")
    if found.status != "ok":
        return [found]
    from components.latency_benchmark.backends.connection import attached_devices

    status, lines = _lines(("adb", "devices", "-l"))
    attached = attached_devices(lines)
    serials = [serial for serial, _ in attached]
    devices = [_check_device(serial, rest, serials.count(serial)) for serial, rest in attached]
    if status or not devices:
        detail = f"adb lists none: {lines[0]}" if status else "adb lists none"
        devices = [
            Check("Android device", "missing", detail, "plug one in, USB debugging on", required=False)
        ]
    return [found, *devices]


def _check_device(serial: str, rest: str, of_this_serial: int) -> Check:
    """One line of ``adb devices -l``: serial, then state and words such as ``model:Pixel_6``."""
    from components.latency_benchmark.backends.connection import advice_for

    state, *words = rest.split()
    if rest.startswith(_NO_PERMISSIONS):
        state = _NO_PERMISSIONS
    model = next((word.partition(":")[2] for word in words if word.startswith("model:")), "")
    detail = f"serial {serial}{f', {model}' if model else ''}"
    if of_this_serial > 1 and set(serial) != {"?"}:
        place = next((word for word in words if word.startswith("usb:")), "usb:<port>")
        advice = f"{of_this_serial} devices have this serial: unplug all but one, or set serial to {place}"
        return Check("Android device", "warn", f"{detail}: {state}", advice, required=False)
    if state == "device":
        return Check("Android device", "ok", detail, required=False)
    advice = "unlock it and allow USB debugging" if state == "unauthorized" else advice_for(state)
    advice = advice or "plug it in again"
    return Check("Android device", "warn", f"{detail}: {state}", advice, required=False)


def check_docker() -> Check:
    """Whether a Docker engine answers, for container tasks."""
    use = "only to run the pipeline in containers"
    if shutil.which("docker") is None:
        return Check("Docker", "missing", "not on PATH", use, required=False)
    status, text = _run(("docker", "version", "--format", "{{.Server.Version}}"))
    if status:
        return Check("Docker", "warn", f"the engine does not answer: {text}", use, required=False)
    return Check("Docker", "ok", f"engine {text}", required=False)


def _check_sqlite(path: Path, uri: str) -> Check:
    import sqlite3

    if not path.exists():
        folder = _existing(path.parent)
        if os.access(folder, os.W_OK):
            return Check("MLflow", "ok", f"{uri} will be made")
        return Check("MLflow", "missing", f"{folder} cannot be written to", "choose another tracking URI")
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)
        try:
            connection.execute("SELECT name FROM sqlite_master LIMIT 1").fetchall()
        finally:
            connection.close()
    except sqlite3.Error as error:
        return Check("MLflow", "missing", f"{uri}: {error}", "choose another tracking URI")
    return Check("MLflow", "ok", uri)


def _check_server(uri: str) -> Check:
    """Whether the server answers this user, not merely anybody."""
    from components.common.tracking.faults import StoreRefused, TrackingFault, telling
    from components.common.tracking.stores import open_client

    try:
        with telling(uri):
            open_client(uri).search_experiments(max_results=1)
    except StoreRefused as error:
        advice = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        return Check("MLflow", "missing", str(error), advice)
    except TrackingFault as error:
        return Check("MLflow", "missing", str(error), "start the server or give another tracking URI")
    return Check("MLflow", "ok", f"{uri} answers")


def _run(command: Sequence[str]) -> tuple[int, str]:
    """Exit status and first line of what a command says."""
    status, lines = _lines(command)
    return status, lines[0]


def _lines(command: Sequence[str]) -> tuple[int, list[str]]:
    """Exit status and all lines of what a command says, at least one."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_COMMAND_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return 1, [str(error)]
    said = (done.stdout.strip() or done.stderr.strip()).splitlines()
    return done.returncode, [line.strip() for line in said] or [f"exit status {done.returncode}"]


def _existing(folder: Path) -> Path:
    """The nearest folder that exists."""
    folder = folder.absolute()
    while not folder.is_dir():
        folder = folder.parent
    return folder


def _broken(name: str, error: Exception) -> Check:
    return Check(name, "missing", f"{type(error).__name__}: {error}", _reinstall())


def _reinstall() -> str:
    return "make clean install"
