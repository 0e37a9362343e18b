"""Runs a pipeline on this machine, nodes that do not wait for each other side by side.

What to run is TFX's: its compiler makes the intermediate representation, its launcher does what a node is
(inputs, cache, executor, publishing). Here it is decided only when a node begins and what it may use.
"""

from __future__ import annotations

import datetime
import functools
import itertools
import queue
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from absl import logging
from tfx.dsl.compiler import constants
from tfx.orchestration import metadata
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import launcher, runtime_parameter_utils, tfx_runner
from tfx.proto.orchestration import executable_spec_pb2, local_deployment_config_pb2, pipeline_pb2

from pipeline.configuration.config import ExecutionSettings
from pipeline.local.machine import usable_processors
from pipeline.local.node_memory import NodeMemory
from pipeline.local.node_process import Ended, NodeProcess, Share, preload

_Launch = Callable[[pipeline_pb2.PipelineNode, NodeProcess], None]

_EXECUTABLES = (executable_spec_pb2.PythonClassExecutableSpec, executable_spec_pb2.BeamExecutableSpec)


@dataclass(frozen=True)
class Plan:
    """How a pipeline uses the machine.

    Attributes:
      parallel: Nodes that run at once at most.
      threads: Of nodes by id; others choose themselves. It does not depend on ``parallel``, so results do
        not either.
      alone: Components that measure time: nothing else runs beside them.
    """

    parallel: int = 1
    threads: Mapping[str, int] = field(default_factory=dict)
    alone: Collection[str] = ("LatencyBenchmark", "LatencyScreen")


def plan_of(execution: ExecutionSettings, candidates: Collection[str], nodes: Iterable[str]) -> Plan:
    """What the settings come to on this machine.

    Args:
      execution: The settings.
      candidates: Their ids.
      nodes: Ids of the pipeline's nodes, ``<Component>.<candidate>`` in a candidate's branch.
    """
    processors = usable_processors()
    shared = max(1, processors // max(1, len(candidates)))
    each = shared if execution.threads == "auto" else execution.threads
    parallel = max(1, processors // each) if execution.parallel == "auto" else execution.parallel
    branches = {node_id for node_id in nodes if node_id.partition(".")[2] in candidates}
    return Plan(parallel, {node_id: each if node_id in branches else processors for node_id in nodes})


class DagRunner(tfx_runner.IrBasedRunner):
    """Runs each executor in a process of its own, several at once as far as a plan and memory allow.

    When a node fails, no other begins, and those that run are ended; the same pipeline goes on with them.
    """

    def __init__(self, plan: Plan, memory: NodeMemory) -> None:
        """Prepares for one pipeline."""
        self._plan, self._memory = plan, memory
        self._ended: queue.SimpleQueue[tuple[str, BaseException | None]] = queue.SimpleQueue()

    def run_with_ir(self, pipeline: pipeline_pb2.Pipeline, run_options: Any = None, **options: Any) -> None:
        """Runs a pipeline to its end.

        Args:
          pipeline: Compiled.
          run_options: Partial runs are not supported.
          options: None.

        Raises:
          Exception: Of the first node that failed.
          ValueError: If a partial run is asked for.
        """
        if run_options or options:
            raise ValueError("run_options are not supported: the whole pipeline runs")
        run_id = datetime.datetime.now().isoformat()
        runtime_parameter_utils.substitute_runtime_parameter(
            pipeline, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id}
        )
        deployment = runner_utils.extract_local_deployment_config(pipeline)
        nodes = {node.pipeline_node.node_info.id: node.pipeline_node for node in pipeline.nodes}
        preload(filter(None, (runner_utils.extract_executor_spec(deployment, node_id) for node_id in nodes)))
        self._run_all(nodes, functools.partial(self._launch, pipeline, deployment))

    def _run_all(self, nodes: Mapping[str, pipeline_pb2.PipelineNode], launch: _Launch) -> None:
        waiting = {node_id: set(node.upstream_nodes) & set(nodes) for node_id, node in nodes.items()}
        running: dict[str, NodeProcess] = {}
        threads: list[threading.Thread] = []
        try:
            while waiting or running:
                while node_id := self._next(waiting, running):
                    del waiting[node_id]
                    share = Share(self._plan.threads.get(node_id, 0), _free_slot(running.values()))
                    running[node_id] = process = NodeProcess(node_id, share)
                    arguments = (launch, nodes[node_id], process)
                    threads.append(threading.Thread(target=self._work, args=arguments, name=node_id))
                    threads[-1].start()
                node_id, error = self._ended.get()
                self._memory.note(node_id, running.pop(node_id).peak_bytes)
                if error is not None:
                    raise error
                for upstream in waiting.values():
                    upstream.discard(node_id)
        finally:
            for process in running.values():
                process.end()
            for thread in threads:
                thread.join()

    def _next(self, waiting: Mapping[str, set[str]], running: Mapping[str, NodeProcess]) -> str:
        """The node to begin now; empty: none. What must be alone comes when nothing else is ready."""
        ready = [node_id for node_id, upstream in waiting.items() if not upstream]
        beside = [node_id for node_id in ready if not self._is_alone(node_id)]
        if not running:
            return next(iter(beside or ready), "")
        if len(running) >= self._plan.parallel or any(map(self._is_alone, running)):
            return ""
        return next((node_id for node_id in beside if self._memory.fits(node_id, running)), "")

    def _is_alone(self, node_id: str) -> bool:
        return node_id.partition(".")[0] in self._plan.alone

    def _work(self, launch: _Launch, node: pipeline_pb2.PipelineNode, process: NodeProcess) -> None:
        """A node's thread: what it logs, and what comes from the node's process, is the node's."""
        error: BaseException | None = None
        logging.info("Component %s is running.", process.node_id)
        try:
            launch(node, process)
            logging.info("Component %s is finished.", process.node_id)
        except Ended as ended:
            logging.info("Component %s is interrupted.", process.node_id)
            error = ended
        except BaseException as raised:
            logging.error("Component %s failed.", process.node_id)
            error = raised
        self._ended.put((process.node_id, error))

    def _launch(
        self,
        pipeline: pipeline_pb2.Pipeline,
        deployment: local_deployment_config_pb2.LocalDeploymentConfig,
        node: pipeline_pb2.PipelineNode,
        process: NodeProcess,
    ) -> None:
        node_id = node.node_info.id
        connection = deployment.metadata_connection_config
        launcher.Launcher(
            pipeline_node=node,
            mlmd_connection=_OneAtATime(getattr(connection, connection.WhichOneof("connection_config"))),
            pipeline_info=pipeline.pipeline_info,
            pipeline_runtime_spec=pipeline.runtime_spec,
            executor_spec=runner_utils.extract_executor_spec(deployment, node_id),
            custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, node_id),
            custom_executor_operators=dict.fromkeys(_EXECUTABLES, process.operator),
        ).launch()


class _OneAtATime(metadata.Metadata):
    """A connection to ML Metadata for one of several threads: SQLite takes one writer, and waits for none."""

    _lock: ClassVar = threading.RLock()

    def __enter__(self) -> metadata.Metadata:
        self._lock.acquire()
        try:
            return super().__enter__()
        except BaseException:
            self._lock.release()
            raise

    def __exit__(self, *raised: Any) -> None:
        try:
            super().__exit__(*raised)
        finally:
            self._lock.release()


def _free_slot(running: Iterable[NodeProcess]) -> int:
    taken = {process.share.slot for process in running}
    return next(slot for slot in itertools.count() if slot not in taken)
