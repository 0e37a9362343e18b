"""Decodes the corpus into clip records."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import apache_beam as beam
from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils

from components.audio.decode import DecodedAudio
from components.audio.intake_report import IngestError, merge_counts, refusal, save_report
from components.audio.kept_shards import KeptShards
from components.audio.record_sum import digest_of
from components.audio.shard_writer import ShardSummary, ShardWriter, collect_summaries, finish, plan_shards
from components.audio_ingest.plan import CorpusRequest, SplitPlan, plan_ingestion
from components.audio_ingest.settings import AudioIngestSettings
from components.audio_ingest.sources import CORPUS_FOLDER, CorpusSources, check_sources
from components.evidence import keep_evidence
from schemas.reports import IngestReport

CORPUS_KEY = "corpus"
EXAMPLES_KEY = "examples"
REPORT_KEY = "report"
SETTINGS_KEY = "settings"
CODE_DIGEST_KEY = "code_digest"
DATA_DIGEST_KEY = "data_digest"
SCRATCH_KEY = "scratch_dir"

_SUMMARIES = "shards"
_SYNTHETIC_LICENCE = "synthetic"

_logger = logging.getLogger("tinytrill.audio_ingest")


class Executor(base_beam_executor.BaseBeamExecutor):
    """Executor of AudioIngest."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Takes the corpus in.

        Args:
          input_dict: ``corpus``, if the corpus is synthesised.
          output_dict: ``examples`` and ``report``.
          exec_properties: ``settings``, a JSON string; ``scratch_dir``, where finished shards are kept
            (empty: nowhere); ``code_digest``.

        Raises:
          SegmentsError: If a segments CSV is malformed.
          IngestError: If sources are absent, or too little of them is usable; report and quarantine
            file are kept beside the report artifact.
        """
        settings = AudioIngestSettings.from_parameter(exec_properties[SETTINGS_KEY])
        corpus = input_dict.get(CORPUS_KEY)
        if corpus:
            settings = settings.model_copy(update={"root": str(Path(corpus[0].uri) / CORPUS_FOLDER)})
        check_sources(settings)
        sources = CorpusSources.of(settings, settings.root)
        examples = artifact_utils.get_single_instance(output_dict[EXAMPLES_KEY])
        report_uri = artifact_utils.get_single_uri(output_dict[REPORT_KEY])

        plans = plan_ingestion(settings, sources)
        for split, plan in plans.items():
            _logger.info(
                "%s: %d rows, %d clips to decode (%d rows filtered out)",
                split, plan.rows, len(plan.requests), plan.filtered,
            )  # fmt: skip
        kept = KeptShards(exec_properties.get(SCRATCH_KEY, ""), "AudioIngest")
        code_digest = exec_properties.get(CODE_DIGEST_KEY, "")
        summaries = self._write_records(plans, settings, examples.uri, report_uri, kept, code_digest)
        examples.split_names = artifact_utils.encode_split_names(list(plans))
        _report(plans, summaries, settings, bool(corpus), report_uri)

    def _write_records(
        self,
        plans: dict[str, SplitPlan],
        settings: AudioIngestSettings,
        examples_uri: str,
        report_uri: str,
        kept: KeptShards,
        code_digest: str,
    ) -> list[ShardSummary]:
        requests = {split: plan.requests for split, plan in plans.items()}
        shards = plan_shards(requests, settings.shard_clips, kept)
        total = sum(len(shard.requests) for shard in shards)
        summaries = Path(report_uri) / _SUMMARIES
        summaries.mkdir(parents=True)
        writer = ShardWriter(
            examples_uri,
            str(summaries),
            settings,
            to_example,
            "AudioIngest",
            total,
            kept=kept,
            code_digest=code_digest,
        )
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | "Shards" >> beam.Create(shards, reshuffle=True)
                | "DecodeAndWrite" >> beam.ParDo(writer)
            )
        found = collect_summaries(summaries)
        finish("AudioIngest", shards, found, kept)
        return found


def to_example(request: CorpusRequest, audio: DecodedAudio) -> bytes:
    """The serialised clip record of a decoded clip."""
    from schemas.records import Clip

    return Clip(request.clip_id, audio.samples, request.labels, audio.source_rate).to_example()


def _report(
    plans: dict[str, SplitPlan],
    summaries: list[ShardSummary],
    settings: AudioIngestSettings,
    synthetic: bool,
    report_uri: str,
) -> None:
    counts, bad = merge_counts(
        rows={split: plan.rows for split, plan in plans.items()},
        filtered={split: plan.filtered for split, plan in plans.items()},
        left_out={split: plan.left_out for split, plan in plans.items()},
        summaries=summaries,
    )
    licence = _SYNTHETIC_LICENCE if synthetic else settings.licence
    report = IngestReport(
        source=_SYNTHETIC_LICENCE if synthetic else settings.root,
        synthetic=synthetic,
        splits=counts,
        licences={"corpus": licence} if licence else {},
        digest=digest_of(summary.record_sum for summary in summaries),
    )
    save_report(report_uri, report, bad)
    problem = refusal(counts, bad, settings)
    if problem:
        raise IngestError(f"{problem}; all in {keep_evidence(report_uri) / IngestReport.QUARANTINE}")
    for split, count in counts.items():
        _logger.info("%s: %d clips, %.2f h, left out: %s", split, count.clips, count.hours, count.quarantined)
