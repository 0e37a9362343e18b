"""The executor of a node in a process of its own.

TFX's driver and publisher, and with them all of ML Metadata, stay in the process of the run. What the
executor logs, and how it ended, comes back through a pipe. Processes are forked off a server that has the
libraries loaded: an import takes seconds, and a process that has used TensorFlow or gRPC cannot be forked.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing import util
from multiprocessing.connection import Connection, wait
from typing import Any

from google.protobuf.message import Message
from tfx.orchestration.portable import base_executor_operator, data_types
from tfx.proto.orchestration import executable_spec_pb2, execution_result_pb2

from pipeline.local.carried_errors import CarriedError

# What every executor needs, and what takes longest to import.
_PRELOADED = ("tfx.v1", "tf_keras", "tensorflow_data_validation", "mlflow", "pipeline.dag")
_KIB = 1024
# Of the server's socket, whose path may have 107 characters: those of run folders are longer.
_SOCKETS = "/tmp"


@dataclass(frozen=True)
class Share:
    """What of the machine a node may use.

    Attributes:
      threads: Of TensorFlow and of BLAS; 0: as many as they choose. Trainings depend on it in their last
        digits, and on nothing else that goes on.
      slot: Number of the node among those that run at once; several GPUs are given out by it.
    """

    threads: int
    slot: int = 0


def preload(executor_specs: Iterable[Message]) -> None:
    """Lets the server load executors too; does nothing to one that runs already."""
    modules = [_class_path(spec).rpartition(".")[0] for spec in executor_specs]
    with _temporary_files_in(_SOCKETS):
        util.get_temp_dir()  # from now on it is this one, which goes when this process ends
    multiprocessing.get_context("forkserver").set_forkserver_preload([*_PRELOADED, *dict.fromkeys(modules)])


@contextlib.contextmanager
def _temporary_files_in(folder: str) -> Iterator[None]:
    before, tempfile.tempdir = tempfile.tempdir, folder
    try:
        yield
    finally:
        tempfile.tempdir = before


def _class_path(executor_spec: Any) -> str:
    return str(getattr(executor_spec, "python_executor_spec", executor_spec).class_path)


class Ended(BaseException):
    """The process was ended because the run ends: as if it had been killed."""


class NodeDied(RuntimeError):
    """The process of a node ended without an answer."""


class NodeProcess:
    """The process of one node; it is started by whoever runs the executor, and ended by anybody.

    Attributes:
      node_id: Of the node.
      share: What it may use.
      peak_bytes: Resident memory that it took at most; 0 until it has ended.
    """

    def __init__(self, node_id: str, share: Share) -> None:
        self.node_id, self.peak_bytes = node_id, 0
        self.share = share
        self._process: Any = None
        self._ended = False
        self._lock = threading.Lock()

    def operator(self, executor_spec: Message, platform_config: Message | None = None) -> _Operator:
        """What TFX's launcher makes an executor's operator of."""
        return _Operator(executor_spec, self)

    def run(self, executor_spec: Message, invocation: bytes) -> bytes:
        """Runs the executor; what it logs is logged here, in this thread.

        Args:
          executor_spec: Names the executor.
          invocation: TFX's ``ExecutionInvocation``.

        Returns:
          TFX's ``ExecutorOutput``.

        Raises:
          Ended: If :meth:`end` was called.
          NodeDied: If the process ended without an answer, as when the system kills it.
          Exception: As the executor raised it.
        """
        context = multiprocessing.get_context("forkserver")
        here, there = context.Pipe(duplex=False)
        with here, Connection(os.dup(2), readable=False) as errors:
            with there, self._lock:
                if self._ended:
                    raise Ended
                job = _Job(executor_spec, invocation, self.share, dict(os.environ), _levels())
                self._process = context.Process(target=_work, args=(there, errors, job), name=self.node_id)
                self._process.start()
            answer = self._listen(here)
        self._process.join()
        if self._ended:
            raise Ended
        if answer is None:
            raise NodeDied(_why(self._process.exitcode))
        self.peak_bytes = answer.peak_bytes
        if answer.error is not None:
            raise answer.error.error()
        return answer.output

    def _listen(self, pipe: Connection) -> _Answer | None:
        while True:
            try:
                said = pipe.recv()
            except (EOFError, OSError):
                return None
            if isinstance(said, _Answer):
                return said
            # Made anew, so that it is one of this process's kind, without control characters.
            logging.getLogger(said.name).handle(logging.makeLogRecord(said.__dict__))

    def end(self) -> None:
        """Ends the process and those that it started."""
        from pipeline.terminal.ending import end_processes

        with self._lock:
            self._ended = True
            if self._process is not None and self._process.is_alive():
                end_processes(self._process.pid)

    @property
    def resident_bytes(self) -> int:
        """Memory that it and those that it started take now."""
        import psutil

        process = self._process
        with contextlib.suppress(psutil.Error):
            if process is not None and process.pid:
                parent = psutil.Process(process.pid)
                return sum(one.memory_info().rss for one in (parent, *parent.children(recursive=True)))
        return 0


class _Operator(base_executor_operator.BaseExecutorOperator):
    SUPPORTED_EXECUTOR_SPEC_TYPE = (
        executable_spec_pb2.PythonClassExecutableSpec,
        executable_spec_pb2.BeamExecutableSpec,
    )
    SUPPORTED_PLATFORM_CONFIG_TYPE = ()

    def __init__(self, executor_spec: Message, process: NodeProcess) -> None:
        super().__init__(executor_spec)
        self._process = process

    def run_executor(self, execution_info: data_types.ExecutionInfo) -> execution_result_pb2.ExecutorOutput:
        """Runs the executor in the node's process."""
        invocation = execution_info.to_proto().SerializeToString()
        output = self._process.run(self._executor_spec, invocation)
        return execution_result_pb2.ExecutorOutput.FromString(output)


@dataclass(frozen=True)
class _Job:
    executor_spec: Message
    invocation: bytes
    share: Share
    environment: Mapping[str, str]
    levels: Mapping[str, int]


@dataclass(frozen=True)
class _Answer:
    output: bytes
    error: CarriedError | None
    peak_bytes: int


def _why(code: int) -> str:
    if code >= 0:
        return f"its process ended with exit code {code} and without an answer"
    name = signal.Signals(-code).name
    memory = "; the system does so when memory runs out: a lower execution.parallel needs less"
    return f"its process was ended by {name}{memory if -code == signal.SIGKILL else ''}"


def _levels() -> dict[str, int]:
    """What is listened to here, by logger."""
    return {name: logging.getLogger(name).getEffectiveLevel() for name in ("absl", "tinytrill")}


class _Sender(logging.Handler):
    """Sends records through a pipe; several threads may log."""

    def __init__(self, pipe: Connection) -> None:
        super().__init__()
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        """Sends a record with its message formatted: not every argument can be pickled."""
        try:
            copy = logging.makeLogRecord(record.__dict__)
            copy.msg, copy.args = record.getMessage(), None
            if record.exc_info:
                copy.exc_text, copy.exc_info = logging.Formatter().formatException(record.exc_info), None
            self._pipe.send(copy)
        except Exception:
            self.handleError(record)

    def send(self, answer: _Answer) -> None:
        """Sends the last that is said, when no thread is sending a record."""
        self.acquire()
        self._pipe.send(answer)


def _work(pipe: Connection, errors: Connection, job: _Job) -> None:
    """The node's process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever is interrupted ends it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.dup2(errors.fileno(), 2)
    os.environ.clear()
    os.environ.update(job.environment)
    tempfile.tempdir = None
    sender = _Sender(pipe)
    _listen_to(sender, job.levels)
    try:
        output, error = _execute(job), None
    except BaseException as raised:
        output, error = b"", CarriedError.of(raised)
    sender.send(_Answer(output, error, _peak_bytes()))
    sys.stderr.flush()
    # What libraries would do at exit is of no use to anybody, and may wait for threads that do not end.
    os._exit(0)


def _execute(job: _Job) -> bytes:
    from tfx.orchestration.python_execution_binary import python_executor_operator_dispatcher
    from tfx.proto.orchestration import execution_invocation_pb2
    from tfx.utils import import_utils

    spec = job.executor_spec
    import_utils.import_class_by_path(_class_path(spec))  # so that its libraries can be limited
    info = data_types.ExecutionInfo.from_proto(
        execution_invocation_pb2.ExecutionInvocation.FromString(job.invocation)
    )
    with within(job.share):
        output = python_executor_operator_dispatcher.run_executor(spec, info)
    content: bytes = output.SerializeToString()
    return content


@contextlib.contextmanager
def within(share: Share, kind: str = "GPU") -> Iterator[None]:
    """Lets what is computed in the block use its share, if TensorFlow has computed nothing yet.

    Where there are devices of the kind, the block has one of them. It takes memory of a GPU only as it needs
    it, so that several small students fit beside each other.

    Args:
      share: What may be used.
      kind: Of the devices.
    """
    import tensorflow as tf
    from threadpoolctl import threadpool_limits

    if share.threads:
        tf.config.threading.set_intra_op_parallelism_threads(share.threads)
        tf.config.threading.set_inter_op_parallelism_threads(share.threads)
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    devices = tf.config.list_logical_devices(kind) if tf.config.list_physical_devices(kind) else []
    device = tf.device(devices[share.slot % len(devices)].name) if devices else contextlib.nullcontext()
    with threadpool_limits(share.threads or None), device:
        yield


def _listen_to(sender: logging.Handler, levels: Mapping[str, int]) -> None:
    from absl import logging as absl_logging

    absl_logging.use_absl_handler()
    for name, level in levels.items():
        logger = absl_logging.get_absl_logger() if name == "absl" else logging.getLogger(name)
        logger.handlers[:], logger.propagate = [sender], False
        logger.setLevel(level)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGKILL)


def _peak_bytes() -> int:
    own, children = (
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return (own + children) * _KIB
