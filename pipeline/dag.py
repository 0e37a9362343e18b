"""The pipeline: which component feeds which.

One branch a candidate, so that lineage, cache and parallelism are per student; on a device all variants are
timed in one node, so that they are timed together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from tfx import v1 as tfx
from tfx.dsl.components.base.base_node import BaseNode
from tfx.types import BaseChannel

from components.audio_ingest.component import AudioIngest
from components.common.frontier.settings import GateDemands
from components.corpus_synthesizer.component import CorpusSynthesizer
from components.frontier_gate.component import FrontierGate
from components.frontier_pusher.component import FrontierPusher
from components.frontier_search.component import FrontierSearch
from components.frontier_search.settings import DeviceBudgets
from components.latency_benchmark.component import LatencyBenchmark
from components.noss_comparison.component import NossComparison
from components.noss_evaluator.component import NossEvaluator
from components.noss_evaluator.settings import Evaluates
from components.noss_ingest.component import NossIngest
from components.record_validator.component import (
    CuratedSchema,
    RecordKind,
    RecordValidator,
    statistics_options,
)
from components.student_trainer.component import StudentTrainer
from components.student_trainer.settings import Siblings
from components.teacher_embedder.component import TeacherEmbedder
from components.teacher_trainer.component import TeacherTrainer
from components.tflite_converter.component import TfliteConverter
from pipeline.configuration.config import RunConfig
from pipeline.configuration.grid import families
from pipeline.configuration.resolved import ResolvedRun
from pipeline.configuration.sources import DataDigests
from pipeline.identity.code_digest import code_digest
from pipeline.local.layout import RunLayout
from schemas.devices import Device
from schemas.students import StudentSpec
from schemas.teachers import TeacherSpec

# Without the name of an image TFX packs its whole installation for remote workers, at every component.
BEAM_ARGS = ("--runner=FnApiRunner", "--sdk_container_image=local")
# tensorflow-data-validation can be imported only after TFX, and Beam's local processes import it first.
_ONE_PROCESS = ("--direct_num_workers=1", "--direct_running_mode=in_memory")

# Of a search: what its trainings of each network are called, as in ShortTraining.tiny-w0.5-gap-e1024.
SHORT_TRAINING = "ShortTraining"
# And what their files are converted and timed by, where devices have budgets of time.
SHORT_CONVERSION, LATENCY_SCREEN = "ShortConversion", "LatencyScreen"

_Node = TypeVar("_Node", bound=BaseNode)


@dataclass(frozen=True)
class Branch:
    """The nodes of one candidate."""

    trainer: StudentTrainer
    converter: TfliteConverter
    evaluator: NossEvaluator


def create_pipeline(run: ResolvedRun) -> tfx.dsl.Pipeline:
    """Builds the pipeline of a run."""
    config, layout = run.config, run.layout
    return tfx.dsl.Pipeline(
        pipeline_name=config.name,
        pipeline_root=str(layout.artifacts),
        components=create_nodes(config, layout, run.digests),
        enable_cache=config.execution.cache,
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(layout.metadata)
        ),
        beam_pipeline_args=beam_args(config),
    )


def create_nodes(
    config: RunConfig, layout: RunLayout, digests: DataDigests, in_image: bool = False
) -> list[BaseNode]:
    """The pipeline's nodes in the order of the data.

    Args:
      config: Resolved: places of files are absolute.
      layout: Where the run keeps things.
      digests: Of what lies outside the pipeline: sound, teacher, devices' files, registry.
      in_image: They will run in the image, and not with the libraries that are installed here.
    """
    return _Builder(config, layout, digests, in_image).nodes()


def beam_args(config: RunConfig) -> list[str]:
    """Beam's options: in-process by default; an option given in the configuration comes last and wins."""
    args = list(BEAM_ARGS)
    if config.execution.beam_workers > 1:
        args += [
            f"--direct_num_workers={config.execution.beam_workers}",
            "--direct_running_mode=multi_processing",
        ]
    return args + config.execution.beam_args


class _Builder:
    """Makes the nodes in the order of the data."""

    def __init__(
        self, config: RunConfig, layout: RunLayout, digests: DataDigests, in_image: bool = False
    ) -> None:
        self._config, self._layout, self._digests = config, layout, digests
        self._in_image = in_image
        self._nodes: list[BaseNode] = []

    def nodes(self) -> list[BaseNode]:
        config = self._config
        sound = self._synthesizer()
        corpus = self._add(
            AudioIngest(
                settings=config.corpus,
                corpus=sound,
                code_digest=self._code("audio_ingest"),
                data_digest=self._digests.corpus,
                scratch_dir=str(self._layout.scratch),
            )
        )
        noss = self._add(
            NossIngest(
                settings=config.noss,
                corpus=sound,
                code_digest=self._code("noss_ingest"),
                data_digest=self._digests.noss,
                scratch_dir=str(self._layout.scratch),
            )
        )
        self._validate("corpus", corpus.outputs["examples"], "clip")
        self._validate("noss", noss.outputs["examples"], "noss_clip")
        teacher = self._teacher(corpus.outputs["examples"])
        teacher_noss = self._evaluator("teacher", noss.outputs["examples"], teacher=teacher)
        windows = self._add(
            TeacherEmbedder(
                examples=corpus.outputs["examples"],
                settings=config.distillation,
                seed=config.seed,
                teacher=teacher,
                report=corpus.outputs["report"],
                noss=noss.outputs["examples"],
                min_test_speakers=config.evaluation.strict.min_test_speakers,
                code_digest=self._code("teacher_embedder"),
                data_digest=self._digests.teacher,
                scratch_dir=str(self._layout.scratch),
            )
        ).outputs["windows"]
        candidates = config.students.expand()
        decision = self._search(candidates, windows)
        branches: dict[str, Branch] = {}
        for candidate in candidates:
            # The one it starts from comes before it.
            start = branches[candidate.warm_start] if candidate.warm_start else None
            branches[candidate.candidate_id] = self._branch(
                candidate, windows, noss.outputs["examples"], teacher_noss, start, decision
            )
        references = [
            self._evaluator(name, noss.outputs["examples"], teacher_noss=teacher_noss)
            for name in ("baselines", *(reference.name for reference in config.evaluation.references))
            if name != "baselines" or config.evaluation.baselines
        ]
        sources = [corpus.outputs["report"], noss.outputs["report"]]
        self._decide(
            list(branches.values()),
            teacher_noss,
            references,
            noss.outputs["examples"],
            windows,
            sources,
            decision,
        )
        return self._nodes

    def _synthesizer(self) -> BaseChannel | None:
        if self._config.synthetic is None:
            return None
        node = CorpusSynthesizer(
            settings=self._config.synthetic,
            seed=self._config.seed,
            code_digest=self._code("corpus_synthesizer"),
        )
        channel: BaseChannel = self._add(node).outputs["corpus"]
        return channel

    def _validate(self, name: str, examples: BaseChannel, kind: RecordKind) -> None:
        schema = self._add(CuratedSchema(kind).with_id(f"CuratedSchema.{name}"))
        generator = tfx.components.StatisticsGen(examples=examples, stats_options=statistics_options(kind))
        if self._config.execution.beam_workers > 1:
            generator.with_beam_pipeline_args(_ONE_PROCESS)
        statistics = self._add(generator.with_id(f"StatisticsGen.{name}"))
        self._add(
            RecordValidator(
                statistics=statistics.outputs["statistics"],
                schema=schema.outputs["schema"],
                code_digest=self._code("record_validator"),
            ).with_id(f"RecordValidator.{name}")
        )

    def _teacher(self, examples: BaseChannel) -> BaseChannel | None:
        if self._config.teacher_training is None:
            return None
        node = TeacherTrainer(
            examples=examples,
            settings=self._config.teacher_training,
            front_end=self._config.front_end,
            seed=self._config.seed,
            scratch_dir=str(self._layout.scratch),
            code_digest=self._code("teacher_trainer"),
        )
        channel: BaseChannel = self._add(node).outputs["model"]
        return channel

    def _search(self, candidates: list[StudentSpec], windows: BaseChannel) -> BaseChannel | None:
        """Short trainings of all networks, and what is decided by them; None without a search."""
        config = self._config
        if config.search is None:
            return None
        short = {"epochs": config.search.short_epochs, "warm_epochs": 0, "patience": 0}
        networks = {
            name: self._add(
                StudentTrainer(
                    windows=windows,
                    spec=students[0],
                    settings=config.training.model_copy(update=short),
                    front_end=config.front_end,
                    seed=config.seed,
                    scratch_dir=str(self._layout.scratch),
                    siblings=Siblings.of(students),
                    code_digest=self._code("student_trainer"),
                ).with_id(f"{SHORT_TRAINING}.{name}")
            ).outputs["model"]
            for name, students in families(candidates).items()
        }
        budgets = config.device_budgets
        channel: BaseChannel = self._add(
            FrontierSearch(
                networks=list(networks.values()),
                latency=self._screen_latency(networks, windows, budgets),
                settings=config.search,
                budgets=budgets,
                epochs=config.training.epochs,
                warm_epochs=config.training.warm_epochs,
                seed=config.seed,
                code_digest=self._code("frontier_search"),
            )
        ).outputs["decision"]
        return channel

    def _screen_latency(
        self, networks: dict[str, BaseChannel], windows: BaseChannel, budgets: DeviceBudgets
    ) -> list[BaseChannel]:
        """What devices with budgets of time need for the shortly trained networks.

        Nothing is ruled out while one device has no budget; then nothing is timed.
        """
        if budgets.unlimited or not budgets.of_time:
            return []
        variants = [
            self._convert(network, windows, f"{SHORT_CONVERSION}.{name}").outputs["variants"]
            for name, network in networks.items()
        ]
        devices = self._config.latency.devices
        return [
            self._time(name, devices[name], variants, f"{LATENCY_SCREEN}.{name}") for name in budgets.of_time
        ]

    def _branch(
        self,
        candidate: StudentSpec,
        windows: BaseChannel,
        noss: BaseChannel,
        teacher_noss: NossEvaluator,
        start: Branch | None,
        decision: BaseChannel | None,
    ) -> Branch:
        config, name = self._config, candidate.candidate_id
        trainer = self._add(
            StudentTrainer(
                windows=windows,
                start=start.trainer.outputs["model"] if start else None,
                decision=decision,
                spec=candidate,
                settings=config.training,
                front_end=config.front_end,
                seed=config.seed,
                scratch_dir=str(self._layout.scratch),
                code_digest=self._code("student_trainer"),
            ).with_id(f"StudentTrainer.{name}")
        )
        converter = self._convert(trainer.outputs["model"], windows, f"TfliteConverter.{name}")
        evaluator = self._evaluator(
            name, noss, variants=converter.outputs["variants"], teacher_noss=teacher_noss
        )
        return Branch(trainer, converter, evaluator)

    def _evaluator(
        self,
        name: str,
        noss: BaseChannel,
        variants: BaseChannel | None = None,
        teacher: BaseChannel | None = None,
        teacher_noss: NossEvaluator | None = None,
    ) -> NossEvaluator:
        config = self._config
        references = {reference.name: reference for reference in config.evaluation.references}
        evaluates: Evaluates = "student"
        spec: TeacherSpec | None = None
        data_digest = ""
        if name == "teacher":
            evaluates, spec, data_digest = "teacher", config.distillation.teacher, self._digests.teacher
        elif name == "baselines":
            evaluates = "baselines"
        elif not variants:
            evaluates, spec, data_digest = "reference", references[name], self._digests.references[name]
        node = NossEvaluator(
            examples=noss,
            settings=config.evaluation,
            evaluates=evaluates,
            seed=config.seed,
            front_end=config.front_end,
            variants=variants,
            teacher=teacher,
            teacher_spec=spec,
            teacher_report=teacher_noss.outputs["report"] if teacher_noss else None,
            scratch_dir=str(self._layout.scratch),
            code_digest=self._code("noss_evaluator"),
            data_digest=data_digest,
        )
        return self._add(node.with_id(f"NossEvaluator.{name}"))

    def _convert(self, model: BaseChannel, windows: BaseChannel, node_id: str) -> TfliteConverter:
        config = self._config
        return self._add(
            TfliteConverter(
                model=model,
                windows=windows,
                settings=config.conversion,
                seed=config.seed,
                code_digest=self._code("tflite_converter"),
            ).with_id(node_id)
        )

    def _time(self, name: str, device: Device, variants: list[BaseChannel], node_id: str) -> BaseChannel:
        config = self._config
        channel: BaseChannel = self._add(
            LatencyBenchmark(
                variants=variants,
                name=name,
                device=device,
                settings=config.latency.measurement(),
                seed=config.seed,
                scratch_dir=str(self._layout.scratch),
                code_digest=self._code("latency_benchmark"),
                data_digest=self._digests.devices.get(name, ""),
            ).with_id(node_id)
        ).outputs["report"]
        return channel

    def _decide(
        self,
        branches: list[Branch],
        teacher: NossEvaluator,
        references: list[NossEvaluator],
        examples: BaseChannel,
        windows: BaseChannel,
        sources: list[BaseChannel],
        decision: BaseChannel | None,
    ) -> None:
        config = self._config
        variants = [branch.converter.outputs["variants"] for branch in branches]
        noss = [branch.evaluator.outputs["report"] for branch in branches]
        students = [branch.trainer.outputs["model"] for branch in branches]
        latency = [
            self._time(name, device, variants, f"LatencyBenchmark.{name}")
            for name, device in config.latency.devices.items()
        ]
        comparison = self._add(
            NossComparison(
                noss=noss,
                teacher=teacher.outputs["report"],
                references=[reference.outputs["report"] for reference in references],
                examples=examples,
                settings=config.comparison,
                code_digest=self._code("noss_comparison"),
            )
        ).outputs["comparison"]
        verdict = self._add(
            FrontierGate(
                variants=variants,
                noss=noss,
                students=students,
                teacher=teacher.outputs["report"],
                baselines=[reference.outputs["report"] for reference in references],
                comparison=comparison,
                latency=latency,
                decision=decision,
                settings=GateDemands.of(config.gate, config.latency.devices),
                tracking_uri=config.push.tracking_uri,
                registered_model=config.push.registered_model,
                without_registry=int(config.push.if_unreachable == "keep"),
                run_name=config.name,
                config_json=config.request(),
                code_digest=self._code("frontier_gate"),
                registry_digest=self._digests.registry,
            )
        ).outputs["verdict"]
        self._add(
            FrontierPusher(
                verdict=verdict,
                variants=variants,
                students=students,
                noss=noss,
                latency=latency,
                teacher=teacher.outputs["report"],
                windows=windows,
                sources=sources,
                settings=config.push,
                run_name=config.name,
                config_json=config.request(),
                code_digest=self._code("frontier_pusher"),
            )
        )

    def _code(self, component: str) -> str:
        return code_digest(component, self._in_image)

    def _add(self, node: _Node) -> _Node:
        self._nodes.append(node)
        return node
