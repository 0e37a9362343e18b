"""Decodes the clips of the NOSS tasks into labelled records."""

from __future__ import annotations

import logging
from pathlib import Path

from tfx.types.artifact_utils import encode_split_names

from components.common.audio.decode import DecodedAudio
from components.common.audio.ingest_run import tell_artifacts, write_shards
from components.common.audio.intake_report import IngestError, count_noted, merge_counts, refusal, save_report
from components.common.audio.kept_shards import KeptShards
from components.common.audio.record_sum import digest_of
from components.common.audio.shard_writer import ShardSummary, ShardWriter, plan_shards
from components.common.tfx.evidence import keep_evidence
from components.common.tfx.executors import BeamTaskExecutor
from components.noss_ingest.component import NossIngest
from components.noss_ingest.leaks import check_contents, fold_of
from components.noss_ingest.plan import NossPlan, plan_ingestion
from components.noss_ingest.requests import NossRequest
from components.noss_ingest.rows import SPLITS
from components.noss_ingest.settings import NossIngestSettings
from components.noss_ingest.sources import CORPUS_FOLDER, FoundTask, TaskSources
from components.noss_ingest.task_set import describe_tasks
from components.noss_ingest.tfds import read_sounds
from schemas.ingest_reports import IngestReport, IngestWork

_SUMMARIES = "shards"
_SYNTHETIC = "synthetic"

_logger = logging.getLogger("tinytrill.noss_ingest")


class Executor(BeamTaskExecutor[NossIngest]):
    """Executor of NossIngest."""

    def run(self, task: NossIngest) -> None:
        """Takes the tasks in.

        Raises:
          SourceError: If a task's source is malformed, incomplete or leaks.
          IngestError: If a required task or all of them are absent, or too little of one is usable;
            report and quarantine file are kept beside the report artifact.
        """
        settings, corpus, report_uri = task.settings, task.corpus, task.report.uri
        root = Path(corpus.uri) / CORPUS_FOLDER if corpus else Path(settings.root)

        tasks, unavailable = TaskSources.of(settings, root, synthetic=bool(corpus)).find()
        plan = plan_ingestion(tasks, settings.max_seconds)
        _logger.info("%d tasks, %d clips to decode", len(tasks), sum(map(len, plan.requests.values())))
        kept = KeptShards(task.scratch_dir, "NossIngest")
        summaries, work = self._write_records(
            plan, settings, task.examples.uri, report_uri, kept, task.code_digest
        )
        task.examples.split_names = encode_split_names(list(SPLITS))
        tell_artifacts([task.examples, task.report], work)
        _report(plan, summaries, work, tasks, settings, str(root), bool(corpus), report_uri)
        describe_tasks(tasks, unavailable, plan, summaries, bool(corpus)).save(task.examples.uri)

    def _write_records(
        self,
        plan: NossPlan,
        settings: NossIngestSettings,
        examples_uri: str,
        report_uri: str,
        kept: KeptShards,
        code_digest: str,
    ) -> tuple[list[ShardSummary], IngestWork]:
        shards = plan_shards(plan.requests, settings.shard_clips, kept)
        writer = ShardWriter(
            examples_uri,
            str(Path(report_uri) / _SUMMARIES),
            settings,
            to_example,
            with_digests=True,
            read_sounds=read_sounds,
            kept=kept,
            code_digest=code_digest,
        )
        return write_shards(self._make_beam_pipeline, "NossIngest", shards, writer, kept)


def to_example(request: NossRequest, audio: DecodedAudio) -> bytes:
    """The serialised NOSS record of a decoded clip."""
    from schemas.records import NossClip

    return NossClip(
        clip_id=request.clip_id,
        audio=audio.samples,
        task=request.task,
        split=request.split,
        label=request.label,
        speaker_id=request.speaker_id,
        group=request.fold,
        source_rate=audio.source_rate,
        sex=request.sex,
        age=request.age,
    ).to_example()


def _report(
    plan: NossPlan,
    summaries: list[ShardSummary],
    work: IngestWork,
    tasks: list[FoundTask],
    settings: NossIngestSettings,
    root: str,
    synthetic: bool,
    report_uri: str,
) -> None:
    counts, bad = merge_counts(plan.rows, {}, plan.left_out, summaries)
    report = IngestReport(
        source=_SYNTHETIC if synthetic else root,
        synthetic=synthetic or any(task.record.synthetic for task in tasks),
        splits=counts,
        licences={task.record.name: task.record.licence for task in tasks if task.record.licence},
        noted=count_noted(summaries),
        digest=digest_of(summary.record_sum for summary in summaries),
        work=work,
    )
    save_report(report_uri, report, bad, summaries)
    check_contents(
        (digest for summary in summaries for digest in summary.digests),
        {
            f"{task.record.name}/{row.file}": fold
            for task in tasks
            for row in task.rows
            if (fold := fold_of(row, task.record))
        },
        allowed={task.record.name for task in tasks if task.record.duplicates == "leave_out"},
    )
    problem = refusal(counts, bad, settings)
    if problem:
        raise IngestError(f"{problem}; all in {keep_evidence(report_uri) / IngestReport.QUARANTINE}")
    for task in tasks:
        splits = {split: counts[f"{task.record.name}/{split}"].clips for split in SPLITS}
        _logger.info("%s: %s", task.record.name, ", ".join(f"{split} {n}" for split, n in splits.items()))
