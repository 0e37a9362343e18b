"""Executors that a container's entrypoint can run in no time: they write down what they were given."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tfx.dsl.components.base import base_beam_executor, base_executor
from tfx.types import artifact_utils

from components.common.frontier.closed import GateClosed
from schemas.run_context import RunContext

SEEN = "seen.json"


class Executor(base_executor.BaseExecutor):
    """Writes what it saw into ``examples``, whose splits and span it sets."""

    def Do(self, input_dict: Any, output_dict: Any, exec_properties: Any) -> None:
        if cause := exec_properties.get("fail"):
            raise RuntimeError("the framework's wrapping") from ValueError(cause)
        (made,) = output_dict["examples"]
        context = RunContext.from_environment()
        seen = {
            "inputs": {
                key: {
                    "type": type(one).TYPE_NAME,
                    "uri": one.uri,
                    "splits": artifact_utils.decode_split_names(one.split_names)
                    if "split_names" in (one.PROPERTIES or {}) and one.split_names
                    else [],
                    "files": sorted(path.name for path in Path(one.uri).iterdir()),
                }
                for key, (one,) in input_dict.items()
            },
            "properties": exec_properties,
            "run": context.run_key if context else None,
            "folder": os.getcwd(),
            "environment": sorted(os.environ),
            "scratch": self._get_tmp_dir(),
        }
        (Path(made.uri) / SEEN).write_text(json.dumps(seen), encoding="utf-8")
        made.split_names = artifact_utils.encode_split_names(["train", "eval"])
        made.span = 3
        made.set_string_custom_property("note", "made up")


class ClosedGate(base_executor.BaseExecutor):
    """Pushes for one device, and then finds the gate of another closed."""

    def Do(self, input_dict: Any, output_dict: Any, exec_properties: Any) -> None:
        made = Path(output_dict["examples"][0].uri)
        (made / "pushed").write_text("for another device")
        verdict = SimpleNamespace(closed=["phone: no latency"], summary="", blessed=[])
        raise GateClosed(cast(Any, verdict), [], made)


class BeamExecutor(base_beam_executor.BaseBeamExecutor):
    """Counts by Beam, with the options that the command ends with."""

    def Do(self, input_dict: Any, output_dict: Any, exec_properties: Any) -> None:
        import apache_beam as beam

        (made,) = output_dict["examples"]
        with self._make_beam_pipeline() as pipeline:
            (
                pipeline
                | beam.Create(range(exec_properties["count"]))
                | beam.combiners.Count.Globally()
                | beam.Map(str)
                | beam.io.WriteToText(f"{made.uri}/count", shard_name_template="")
            )
