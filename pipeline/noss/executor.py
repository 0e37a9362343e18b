"""Executor of ``NamedModelEvaluator``: the benchmark's own code."""

from __future__ import annotations

from pathlib import Path

from components.common.tfx.executors import TaskExecutor
from components.noss_evaluator.evaluation import Benchmark, evaluate
from pipeline.configuration.config_file import ConfigError
from pipeline.local.runner import RunFailed
from pipeline.noss.component import NamedModelEvaluator
from pipeline.noss.models import find_model, find_teacher


class Executor(TaskExecutor[NamedModelEvaluator]):
    """Loads the model, and asks it what the pipeline's evaluator asks."""

    def run(self, task: NamedModelEvaluator) -> None:
        """Evaluates the model.

        Raises:
          ConfigError: If the model cannot be loaded.
          RunFailed: If it cannot be judged.
        """
        settings = task.settings
        find = find_teacher if task.as_teacher else find_model
        model = find(task.argument, task.front_end, settings.hop_samples)
        try:
            under_test = model.load(settings.workers)
        except ValueError as error:
            raise ConfigError(f"{model.name}: {error}") from error
        settings = settings.model_copy(update={"hop_samples": model.hop_samples})
        benchmark = Benchmark(task.examples.uri, settings, task.seed, task.scratch_dir, task.code_digest)
        teacher = task.teacher_report.uri if task.teacher_report else ""
        try:
            evaluate(benchmark, [under_test], model.front_end, Path(task.report.uri), teacher)
        except ValueError as error:
            raise RunFailed(f"{model.name}: {error}") from error
