"""A run as it was found: one record that all that follows reads, so that nothing is looked up twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from components.audio_ingest import sources as corpus_sources
from components.common.audio.fingerprint import fingerprint
from components.common.audio.intake_report import IngestError
from components.common.audio.places import is_url, use_beam_options
from components.common.tracking.faults import StoreUnreachable, TrackingFault
from components.noss_ingest.sources import TaskSources
from pipeline.configuration.config import RunConfig
from pipeline.configuration.config_file import ConfigError
from pipeline.configuration.devices import check_devices, device_digest
from pipeline.configuration.sources import DATA_ROOT, TEACHER_ROOT, DataDigests, resolve
from pipeline.identity.run_identity import provenance, run_key
from pipeline.local.layout import RunLayout
from pipeline.models.registry_digest import registry_digest
from schemas.run_context import Provenance
from schemas.teachers import TeacherSpec, check_teacher, teacher_files

TEACHER = "distillation.teacher"


@dataclass(frozen=True)
class ResolvedRun:
    """What a run is made of.

    What costs time to find out is found when it is first asked for, and kept.

    Attributes:
      asked: The configuration as loaded.
      config: The same, its places absolute.
      layout: The run's folder; need not be there.
    """

    asked: RunConfig
    config: RunConfig
    layout: RunLayout

    @classmethod
    def of(cls, config: RunConfig, layout: RunLayout) -> Self:
        """Resolves a configuration as loaded.

        Raises:
          ConfigError: If a root of relative places is a URL.
        """
        return cls(config, resolve(config, layout), layout)

    @property
    def synthetic(self) -> bool:
        """Whether corpus and tasks are synthesised, so that there is nothing to look up of them."""
        return self.config.synthetic is not None

    @cached_property
    def teachers(self) -> dict[str, TeacherSpec]:
        """The teacher and the reference models, by their places in the configuration."""
        references = enumerate(self.config.evaluation.references)
        return {
            TEACHER: self.config.distillation.teacher,
            **{f"evaluation.references.{index}": reference for index, reference in references},
        }

    @cached_property
    def tasks(self) -> TaskSources:
        """The tasks with their clips; only where they are not synthesised.

        Raises:
          ValueError: If the tasks' root is absent, a task unknown, or a folder no task.
        """
        return TaskSources.of(self.config.noss)

    def check(self) -> None:
        """Refuses a run whose sound, teacher or devices' files are not there.

        Raises:
          ConfigError: With the setting's key, its value and what is accepted.
        """
        with self.refusing():
            if not self.synthetic:
                corpus_sources.check_sources(self.config.corpus, key="corpus")
                self.tasks.check()
            for key, teacher in self.teachers.items():
                check_teacher(teacher, key=key)
        check_devices(self.config.latency.devices, key="latency.devices")

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Turns what is wrong with sound or teachers into a refusal that says where relative places start.

        Stores are reached as the workers will reach them; Beam is asked for only where there is a store.

        Raises:
          ConfigError: With the same message.
        """
        config = self.config
        try:
            if not self.synthetic and is_url(config.corpus.root):
                use_beam_options(config.execution.beam_args)
            yield
        except (IngestError, ValueError) as error:
            raise ConfigError(
                f"{error}\n  relative places of sound start at {config.data_root} (data_root or "
                f"{DATA_ROOT}), of teachers at {config.teacher_root} (teacher_root or {TEACHER_ROOT})"
            ) from error

    @cached_property
    def digests(self) -> DataDigests:
        """Fingerprints of what lies outside the pipeline.

        Raises:
          ConfigError: If a required task could not be fetched, a task's manifest is malformed, or the
            registry or the corpus' store cannot be read.
        """
        config = self.config
        with self.refusing():
            noss = "" if self.synthetic else self.tasks.digest()
            corpus = "" if self.synthetic else corpus_sources.sources_digest(config.corpus)
        of_teachers = {key: fingerprint(teacher_files(one)) for key, one in self.teachers.items()}
        return DataDigests(
            corpus=corpus,
            noss=noss,
            teacher=of_teachers[TEACHER],
            references={one.name: of_teachers[key] for key, one in self.teachers.items() if key != TEACHER},
            devices={
                name: device_digest(device, self._reports_of(name))
                for name, device in config.latency.devices.items()
            },
            registry=self._registry(),
        )

    @cached_property
    def run_key(self) -> str:
        """Names the run: the same when it is resumed, retried or answered from the cache."""
        return run_key(self.asked, self.layout, self.digests)

    @cached_property
    def provenance(self) -> Provenance:
        """The code and the configuration of the run."""
        return provenance(self.config)

    def _reports_of(self, device: str) -> Path:
        return self.layout.artifacts / f"LatencyBenchmark.{device}" / "report"

    def _registry(self) -> str:
        """What the run competes with in the registry.

        Raises:
          ConfigError: If the registry refuses to be read; if it does not answer and is required.
        """
        config = self.config
        try:
            return registry_digest(config.push, config.name, list(config.latency.devices))
        except StoreUnreachable as error:
            if config.push.if_unreachable == "keep":
                # The gate says that it judged without; when the registry is back, it judges again.
                return "unreachable"
            raise ConfigError(f"push.tracking_uri: {error}\n  push.if_unreachable is 'stop'") from None
        except TrackingFault as error:
            raise ConfigError(f"push.tracking_uri: {error}") from None
