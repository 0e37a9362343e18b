"""The benchmark for models that are there already, without the pipeline.

All lies in one folder: ``tasks`` (the sound, decoded), ``models/<name>`` (what the evaluator's node writes),
``comparison`` (the table). The same command again does only what is missing or has changed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, ValidationError
from rich.console import Console

from components.common.store.publishing import publish, sweep
from components.noss_evaluator.settings import NossEvaluatorSettings
from components.noss_ingest.settings import NossIngestSettings
from pipeline.configuration.config_file import ConfigError, load_part
from pipeline.configuration.sources import DATA_ROOT, refusing_sources, root_of
from pipeline.identity.code_digest import code_digest
from pipeline.local.layout import RunLayout
from pipeline.local.run_folder import exclusive, make_run_folder, run_folder, temporary_files
from pipeline.local.runner import RunFailed
from pipeline.noss.models import NamedModel, find_model, find_teacher
from pipeline.terminal.progress import Progress, listening, terminal
from pipeline.terminal.rich_text import tell
from pipeline.terminal.words import print_table
from schemas.comparison_reports import NossComparison
from schemas.noss_reports import NossReport
from schemas.noss_task_sets import NossTaskSet
from schemas.plain_text import plain
from schemas.settings import Settings
from schemas.students import FrontEndSpec

_KEY = "key.txt"
_LOG = logging.getLogger("tinytrill.noss_run")


class BenchmarkConfig(Settings):
    """What of a run's configuration the benchmark alone needs; a whole configuration may be given too."""

    seed: int = Field(20, ge=0, description="The one source of all randomness.")
    data_root: str = Field(
        "", description="Folder that relative places of sound are in; empty: TINYTRILL_DATA_ROOT, or here."
    )
    noss: NossIngestSettings = Field(default_factory=NossIngestSettings, description="The tasks.")
    front_end: FrontEndSpec = Field(
        default_factory=FrontEndSpec, description="What models hear through that do not bring their own."
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
    teacher = find_teacher(request.teacher, config.evaluation) if request.teacher else None
    models = [find_model(argument, config.evaluation) for argument in request.models]
    _refuse_namesakes(request.models, models, teacher)
    layout = run_folder(request.output)
    make_run_folder(layout)
    with exclusive(layout), temporary_files(layout), terminal(layout.log, verbose) as console:
        progress = Progress(console, [], [])
        with listening(progress, verbose), refusing_sources():
            tasks = _take_in(config.noss, layout)
            reports = [_evaluate(teacher, config, tasks, layout)] if teacher else []
            told = reports[0][1] if teacher else None
            reports += [_evaluate(model, config, tasks, layout, told) for model in models]
            return _compare(reports, tasks, layout)


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
            "front_end": config.front_end,
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


def _take_in(settings: NossIngestSettings, layout: RunLayout) -> Path:
    """The decoded tasks; taken in again only if sources, settings or code have changed."""
    from components.noss_ingest.sources import check_sources, sources_digest

    check_sources(settings)
    key = _digest(settings.to_parameter(), sources_digest(settings), code_digest("noss_ingest"))

    def make(folder: Path) -> None:
        shutil.rmtree(layout.scratch, ignore_errors=True)  # log-mels of the tasks before
        _ingest(settings, folder)

    return _made_once(layout.root / "tasks", key, make)


def _ingest(settings: NossIngestSettings, folder: Path) -> None:
    from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
    from tfx.types import standard_artifacts

    from components.noss_ingest import executor
    from schemas.artifacts import IngestReport

    outputs = {"examples": standard_artifacts.Examples(), "report": IngestReport()}
    for key, artifact in outputs.items():
        artifact.uri = str(folder / key)
        (folder / key).mkdir()
    context = BaseBeamExecutor.Context(
        # Without the name of an image TFX packs its whole installation for remote workers.
        beam_pipeline_args=["--runner=FnApiRunner", "--sdk_container_image=local"],
        tmp_dir=str(folder / "tmp"),
        unique_id="1",
    )
    executor.Executor(context).Do(
        {},
        {key: [artifact] for key, artifact in outputs.items()},
        {"settings": settings.to_parameter()},
    )


def _evaluate(
    model: NamedModel, config: BenchmarkConfig, tasks: Path, layout: RunLayout, teacher: Path | None = None
) -> tuple[NossReport, Path]:
    """The report of one model, compared with the teacher's if there is one.

    Made again only if the model, the teacher's report, the tasks, the settings or the code changed.
    """
    from components.noss_evaluator.evaluation import Benchmark, evaluate

    settings = config.evaluation.model_copy(update={"hop_samples": model.hop_samples})
    try:
        subject = model.load(settings.workers)
    except ValueError as error:
        raise ConfigError(f"{model.name}: {error}") from error
    code = code_digest("noss_evaluator")
    key = _digest(
        subject.model, subject.variant, subject.sha256, model.spec, model.front_end.to_parameter(),
        settings.to_parameter(), str(config.seed), (tasks / _KEY).read_text(), code,
        (teacher / _KEY).read_text() if teacher else "",
    )  # fmt: skip
    benchmark = Benchmark(str(tasks / "examples"), settings, config.seed, str(layout.scratch), code)

    def make(folder: Path) -> None:
        try:
            evaluate(benchmark, [subject], model.front_end, folder, str(teacher or ""))
        except ValueError as error:
            raise RunFailed(f"{model.name}: {error}") from error

    folder = _made_once(layout.root / "models" / model.name, key, make)
    return NossReport.load(folder), folder


def _compare(reports: Sequence[tuple[NossReport, Path]], tasks: Path, layout: RunLayout) -> NossComparison:
    from components.noss_comparison.compare import compare
    from components.noss_comparison.write import write_comparison

    try:
        comparison = compare(reports, NossTaskSet.load(tasks / "examples"))
    except ValueError as error:
        raise RunFailed(str(error)) from error
    write_comparison(comparison, comparison_folder(layout.root))
    return comparison


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


def _made_once(folder: Path, key: str, make: Callable[[Path], None]) -> Path:
    """A folder that was made completely and for this very key; made now if it was not."""
    sweep(folder.parent, folder.name)
    if (folder / _KEY).is_file() and (folder / _KEY).read_text() == key:
        _LOG.info("%s: nothing has changed", folder.name)
        return folder
    with publish(folder, replace=True) as partial:
        partial.mkdir()
        make(partial)
        (partial / _KEY).write_text(key)
    return folder


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


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
