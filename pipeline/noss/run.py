"""The benchmark for models that are there already, without training any.

It is a small pipeline of its own: tasks are taken in, each model is evaluated in a node, all are compared.
All lies in one folder: ``tasks`` (the sound, decoded), ``models/<name>`` (what the model's node writes),
``comparison`` (the table), and ML Metadata, by which the same command again does only what is missing or has
changed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from rich.console import Console

from components.common.store.publishing import publish, sweep
from components.noss_comparison.settings import NossComparisonSettings
from components.noss_evaluator.settings import NossEvaluatorSettings
from components.noss_ingest.settings import NossIngestSettings
from components.noss_ingest.sources import TaskSources
from pipeline.configuration.config_file import ConfigError, load_part
from pipeline.configuration.sources import DATA_ROOT, refusing_sources, root_of
from pipeline.identity.code_digest import code_digest
from pipeline.local.layout import RunLayout
from pipeline.local.metadata import newest_run
from pipeline.local.relocation import cached_anywhere, settle
from pipeline.local.run_folder import exclusive, make_run_folder, run_folder, temporary_files
from pipeline.local.runner import RunFailed
from pipeline.noss.models import NamedModel, find_model, find_teacher
from pipeline.terminal.progress import ProgressHandler, listening, terminal
from pipeline.terminal.rich_text import tell
from pipeline.terminal.words import print_table
from schemas.comparison_reports import NossComparison
from schemas.plain_text import plain
from schemas.settings import Settings
from schemas.students import FrontEndSpec

_COMPARISON = "NossComparison"


class BenchmarkConfig(Settings):
    """What of a run's configuration the benchmark alone needs; a whole configuration may be given too."""

    seed: int = Field(20, ge=0, description="The one source of all randomness.")
    data_root: str = Field(
        "", description="Folder that relative places of sound are in; empty: TINYTRILL_DATA_ROOT, or here."
    )
    noss: NossIngestSettings = Field(default_factory=NossIngestSettings, description="The tasks.")
    front_end: FrontEndSpec = Field(
        default_factory=FrontEndSpec, description="Front end of models without one of their own."
    )
    evaluation: NossEvaluatorSettings = Field(
        default_factory=NossEvaluatorSettings, description="How models are measured."
    )


@dataclass(frozen=True)
class BenchmarkRequest:
    """What was asked for on the command line.

    Attributes:
      models: Each as :func:`pipeline.noss.models.find_model` takes it.
      output: Folder of the results.
      config: A configuration to take settings from; empty: defaults.
      overrides: ``key.path=value`` strings.
      root: Folder of the tasks; empty: that of the configuration, else ``noss`` in the data root.
      tasks: Names of tasks; none: those of the configuration, else all that are here.
      teacher: What the models are compared with, named as they are; empty: nothing.
    """

    models: Sequence[str]
    output: Path
    config: str = ""
    overrides: Sequence[str] = ()
    root: str = ""
    tasks: Sequence[str] = ()
    teacher: str = ""


def run_benchmark(request: BenchmarkRequest, verbose: bool = False) -> NossComparison:
    """Takes the tasks in, evaluates the models one after the other, and compares them.

    Args:
      request: What is asked for.
      verbose: Let the libraries' own logs through.

    Raises:
      ConfigError: If a model, a task, a setting or the folder is not there or not usable, or another run
        holds the folder.
      RunFailed: If a model cannot be judged.
    """
    config = resolve(request)
    heard = config.front_end, config.evaluation.hop_samples
    teacher = find_teacher(request.teacher, *heard) if request.teacher else None
    models = [find_model(argument, *heard) for argument in request.models]
    _refuse_namesakes(request.models, models, teacher)
    layout = run_folder(request.output)
    make_run_folder(layout)
    with exclusive(layout), temporary_files(layout), terminal(layout.log, verbose) as console:
        settle(layout, held=True)
        with refusing_sources():
            sources = TaskSources.of(config.noss)
            sources.check()
            digest = sources.digest()
        _run(_pipeline(config, teacher, models, layout, digest), layout, console, verbose)
        return _publish(layout, [teacher, *models] if teacher else models)


def resolve(request: BenchmarkRequest) -> BenchmarkConfig:
    """The settings that a request comes to, with absolute places.

    Raises:
      ConfigError: If a setting is refused.
    """
    config = load_part(BenchmarkConfig, request.config, request.overrides)
    data_root = root_of(config.data_root, DATA_ROOT)
    root = Path(request.root).expanduser() if request.root else data_root / (config.noss.root or "noss")
    noss = config.noss.model_dump() | {"root": str(root.resolve())}
    if request.tasks:
        noss["tasks"] = list(request.tasks)
    evaluation = config.evaluation.model_copy(
        # What other rows a run would have decides nothing about these models.
        update={
            "references": (),
            "baselines": (),
            "fidelity": config.evaluation.fidelity and bool(request.teacher),
        }
    )
    try:
        wanted = NossIngestSettings.model_validate(noss)
    except ValidationError as error:
        raise ConfigError(f"--tasks {','.join(request.tasks)}: {error.errors()[0]['msg']}") from error
    return config.model_copy(update={"noss": wanted, "evaluation": evaluation})


def _pipeline(
    config: BenchmarkConfig,
    teacher: NamedModel | None,
    models: Sequence[NamedModel],
    layout: RunLayout,
    data_digest: str,
) -> Any:
    """Tasks taken in, a node for each model, and the comparison of all."""
    from tfx import v1 as tfx

    from components.noss_comparison.component import NossComparison
    from components.noss_ingest.component import NossIngest
    from pipeline.dag import BEAM_ARGS
    from pipeline.noss.component import NamedModelEvaluator

    scratch = str(layout.scratch)
    tasks = NossIngest(
        settings=config.noss,
        code_digest=code_digest("noss_ingest"),
        data_digest=data_digest,
        scratch_dir=scratch,
    )

    def node(model: NamedModel, against: Any = None) -> Any:
        return NamedModelEvaluator(
            examples=tasks.outputs["examples"],
            argument=model.argument,
            as_teacher=int(model.as_teacher),
            model_digest=model.digest,
            settings=config.evaluation,
            front_end=config.front_end,
            seed=config.seed,
            teacher_report=against,
            scratch_dir=scratch,
            code_digest=code_digest("noss_evaluator"),
        ).with_id(_node_id(model))

    first = [node(teacher)] if teacher else []
    report = first[0].outputs["report"] if first else None
    nodes = [node(model, report) for model in models]
    comparison = NossComparison(
        noss=[one.outputs["report"] for one in nodes],
        teacher=report,
        references=[],
        examples=tasks.outputs["examples"],
        settings=NossComparisonSettings(),
        code_digest=code_digest("noss_comparison"),
    )
    return tfx.dsl.Pipeline(
        pipeline_name="noss_run",
        pipeline_root=str(layout.artifacts),
        components=[tasks, *first, *nodes, comparison],
        enable_cache=True,
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(layout.metadata)
        ),
        beam_pipeline_args=list(BEAM_ARGS),
    )


def _run(pipeline: Any, layout: RunLayout, console: Console, verbose: bool) -> None:
    """Runs the nodes, or answers them from the cache.

    Raises:
      ConfigError: If a task or a model cannot be used.
      RunFailed: If a model cannot be judged, or none compared.
    """
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner

    progress = ProgressHandler(console, [node.id for node in pipeline.components], [])
    with listening(progress, verbose), cached_anywhere(layout), refusing_sources():
        try:
            LocalDagRunner().run(pipeline)
        except ValueError as error:
            if progress.current == _COMPARISON:
                raise RunFailed(str(error)) from error
            raise


def _publish(layout: RunLayout, models: Sequence[NamedModel]) -> NossComparison:
    """Gives what the newest nodes made the places where it is looked for, without a second copy."""
    nodes = newest_run(layout, _COMPARISON)
    for key, uri in nodes["NossIngest"].outputs.items():
        _link(uri, layout.root / "tasks" / key)
    for model in models:
        _link(nodes[_node_id(model)].outputs["report"], layout.root / "models" / model.name)
    target = comparison_folder(layout.root)
    with publish(target, replace=True) as partial:
        shutil.copytree(nodes[_COMPARISON].outputs["comparison"], partial, copy_function=shutil.copy)
    return NossComparison.load(target)


def _link(source: str, target: Path) -> None:
    def link(file: str, name: str) -> None:
        try:
            os.link(file, name)
        except OSError:  # a file system without links
            shutil.copy2(file, name)

    sweep(target.parent, target.name)
    with publish(target, replace=True) as partial:
        shutil.copytree(source, partial, copy_function=link)


def _node_id(model: NamedModel) -> str:
    return f"NossEvaluator.{model.name}"


def print_comparison(console: Console, comparison: NossComparison, output: Path) -> None:
    """Prints tasks against models, what could not be compared, and where the reports are."""
    headings = ["task", *(model.name for model in comparison.models)]
    rows = [["mean", *(_figure(one.mean, one.mean_low, one.mean_high) for one in comparison.models)]]
    for task in comparison.models[0].tasks:
        answers = [next(each for each in one.tasks if each.task == task.task) for one in comparison.models]
        metric = "" if task.metric == "accuracy" else f" ({task.metric})"
        figures = (_figure(each.value, each.low, each.high) for each in answers)
        rows.append([f"{task.task}{metric}", *figures])
    print_table(console, headings, rows, "score and 95 % interval")
    for left_out in comparison.not_comparable:
        tell(console, plain(f"{left_out.model} {left_out.reason}"))
    for what, place in (("table, heat map", comparison_folder(output)), ("reports", output / "models")):
        tell(console, plain(f"{what + ':':17}{place}"))


def _figure(value: float, low: float, high: float) -> str:
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def comparison_folder(output: Path) -> Path:
    """Where the table and the heat map are."""
    return output / "comparison"


def _refuse_namesakes(
    arguments: Sequence[str], models: Sequence[NamedModel], teacher: NamedModel | None
) -> None:
    first = {teacher.name: "the teacher"} if teacher else {}
    for argument, model in zip(arguments, models, strict=True):
        if model.name in first:
            raise ConfigError(
                f"--model {argument} and {first[model.name]} are both called {model.name!r}: "
                "describe one of them in a .yaml file, with another name"
            )
        first[model.name] = f"--model {argument}"
