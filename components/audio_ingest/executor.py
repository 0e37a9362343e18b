"""Decodes the corpus into clip records."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from tfx.types.artifact_utils import encode_split_names

from components.audio_ingest.clip_index import ClipIndex, index_files
from components.audio_ingest.component import AudioIngest
from components.audio_ingest.container_index import index_containers
from components.audio_ingest.corpus_requests import CorpusRequest
from components.audio_ingest.duplicates import find_duplicates
from components.audio_ingest.holdings import what_files_hold
from components.audio_ingest.label_names import display_names
from components.audio_ingest.layouts import LAYOUTS, find_layout
from components.audio_ingest.layouts.base import ContainerLayout, FileLayout
from components.audio_ingest.plan import SplitPlan, plan_ingestion
from components.audio_ingest.reading import read_sounds
from components.audio_ingest.recordings.listing import find_recordings
from components.audio_ingest.recordings.rows import index_recordings, plan_recordings
from components.audio_ingest.settings import FOLDER, AudioIngestSettings
from components.audio_ingest.sources import CORPUS_FOLDER, CorpusSources, check_sources
from components.audio_ingest.statistics import corpus_statistics, write_statistics
from components.audio_ingest.stored_shards import store_shards
from components.common.audio.clip_statistics import CorpusTally
from components.common.audio.decode import DecodedAudio
from components.common.audio.ingest_run import tell_artifacts, write_shards
from components.common.audio.intake_report import (
    IngestError,
    check_counts,
    count_noted,
    merge_counts,
    refusal,
    save_report,
)
from components.common.audio.kept_shards import KeptShards
from components.common.audio.places import use_beam_options
from components.common.audio.record_sum import digest_of
from components.common.audio.shard_writer import ShardSummary, ShardWriter, plan_shards
from components.common.tfx.evidence import keep_evidence
from components.common.tfx.executors import BeamTaskExecutor
from schemas.corpus_statistics import Duplicates
from schemas.ingest_reports import CorpusLayout, IngestReport, IngestWork

_SUMMARIES, _PLAN, _LISTS = "shards", "plan.arrow", "clip_lists"
_SYNTHETIC_LICENCE = "synthetic"

_logger = logging.getLogger("tinytrill.audio_ingest")


class Executor(BeamTaskExecutor[AudioIngest]):
    """Executor of AudioIngest."""

    def run(self, task: AudioIngest) -> None:
        """Takes the corpus in.

        Raises:
          SegmentsError: If a segments CSV is malformed.
          IngestError: If sources are absent, or too little of them is usable; report and quarantine
            file are kept beside the report artifact.
        """
        settings, corpus = task.settings, task.corpus
        if corpus:
            settings = settings.model_copy(update={"root": str(Path(corpus.uri) / CORPUS_FOLDER)})
        use_beam_options(self._beam_pipeline_args)
        check_sources(settings)
        sources = CorpusSources.of(settings, settings.root)
        report_uri, scratch = task.report.uri, task.scratch_dir

        lists = Path(scratch or report_uri) / _LISTS
        if settings.layout == FOLDER:
            layout, plans = self._plan_folder(settings, sources, lists)
        else:
            layout, plans = self._plan_clips(settings, sources, lists)
        if not scratch:
            shutil.rmtree(lists, ignore_errors=True)
        for split, plan in plans.items():
            _logger.info(
                "%s: %d rows, %d clips to decode (%d rows filtered out)",
                split, plan.rows, len(plan.requests), plan.filtered,
            )  # fmt: skip
        kept = KeptShards(scratch, "AudioIngest")
        tally = CorpusTally()
        summaries, work, duplicates = self._write_records(
            plans, settings, task.examples.uri, report_uri, kept, task.code_digest, tally
        )
        task.examples.split_names = encode_split_names(list(plans))
        tell_artifacts([task.examples, task.report], work)
        report, problem = _report(plans, summaries, work, settings, layout, bool(corpus), report_uri)
        statistics = corpus_statistics(report, tally, duplicates, display_names(sources))
        write_statistics(statistics, report_uri)
        if problem:
            raise IngestError(f"{problem}; all in {keep_evidence(report_uri) / IngestReport.QUARANTINE}")
        for split, count in report.splits.items():
            _logger.info(
                "%s: %d clips, %.2f h, left out: %s, taken with a note: %s",
                split, count.clips, count.hours, count.quarantined, report.noted.get(split) or "none",
            )  # fmt: skip

    def _plan_folder(
        self, settings: AudioIngestSettings, sources: CorpusSources, lists: Path
    ) -> tuple[CorpusLayout, dict[str, SplitPlan]]:
        recordings = find_recordings(sources.audio, settings)
        _logger.info("%s: %s", sources.audio, recordings)
        index = index_recordings(recordings)
        plans = plan_recordings(recordings, settings, index, lists, self._make_beam_pipeline)
        layout = find_layout(sources.audio, settings.layout)
        return _with_findings(layout, index, "recordings"), plans

    def _plan_clips(
        self, settings: AudioIngestSettings, sources: CorpusSources, lists: Path
    ) -> tuple[CorpusLayout, dict[str, SplitPlan]]:
        layout, index = self._find_clips(settings, sources, lists)
        labels = sources.label_filter(settings)
        plans = plan_ingestion(settings, sources, labels, index)
        holding = what_files_hold(settings, plans)
        if holding != settings.files_hold and holding == "recordings":
            settings = settings.model_copy(update={"files_hold": holding})
            plans = plan_ingestion(settings, sources, labels, index)
        return _with_findings(layout, index, holding), plans

    def _find_clips(
        self, settings: AudioIngestSettings, sources: CorpusSources, lists: Path
    ) -> tuple[CorpusLayout, ClipIndex]:
        found = find_layout(sources.audio, settings.layout)
        _logger.info(
            "layout of %s: %s (%s), %s; %d of %d names looked at follow it, for example %s",
            sources.audio, found.name, found.form, found.chosen,
            found.fitting, found.looked_at, ", ".join(found.examples) or "none",
        )  # fmt: skip
        layout = LAYOUTS[found.name]
        if isinstance(layout, FileLayout):
            index = index_files(sources.audio, layout)
        else:
            assert isinstance(layout, ContainerLayout)
            index = index_containers(sources.audio, layout, lists, self._make_beam_pipeline)
        _logger.info(
            "%s: %d clips in %d %s; not clips: %s",
            sources.audio, len(index), len(index.containers), "shards" if index.versions else "folders",
            index.strays.counts or "none",
        )  # fmt: skip
        return found, index

    def _write_records(
        self,
        plans: dict[str, SplitPlan],
        settings: AudioIngestSettings,
        examples_uri: str,
        report_uri: str,
        kept: KeptShards,
        code_digest: str,
        tally: CorpusTally,
    ) -> tuple[list[ShardSummary], IngestWork, Duplicates]:
        requests = {split: plan.requests for split, plan in plans.items()}
        plan = Path(report_uri) / _PLAN
        shards = store_shards(plan_shards(requests, settings.shard_clips, kept), plan)
        writer = ShardWriter(
            examples_uri,
            str(Path(report_uri) / _SUMMARIES),
            settings,
            to_example,
            read_sounds=read_sounds,
            kept=kept,
            code_digest=code_digest,
            labels_of=labels_of,
        )
        summaries, work = write_shards(self._make_beam_pipeline, "AudioIngest", shards, writer, kept, tally)
        duplicates = find_duplicates(tally, shards, summaries)
        plan.unlink()
        return summaries, work, duplicates


def _with_findings(layout: CorpusLayout, index: ClipIndex, files_hold: str) -> CorpusLayout:
    return layout.model_copy(
        update={
            "containers": len(index.versions),
            "entries": len(index),
            "files_hold": files_hold,
            "strays": index.strays.counts,
            "stray_examples": index.strays.examples,
        }
    )


def to_example(request: CorpusRequest, audio: DecodedAudio) -> bytes:
    """The serialised clip record of a decoded clip."""
    from schemas.records import Clip

    return Clip(request.clip_id, audio.samples, request.labels, audio.source_rate).to_example()


def labels_of(request: CorpusRequest) -> tuple[str, ...]:
    """The mids of a clip."""
    return request.labels


def _report(
    plans: dict[str, SplitPlan],
    summaries: list[ShardSummary],
    work: IngestWork,
    settings: AudioIngestSettings,
    layout: CorpusLayout,
    synthetic: bool,
    report_uri: str,
) -> tuple[IngestReport, str | None]:
    """Writes the report; gives it back with why the run must not go on, if so."""
    counts, bad = merge_counts(
        rows={split: plan.rows for split, plan in plans.items()},
        filtered={split: plan.filtered for split, plan in plans.items()},
        left_out={split: plan.left_out for split, plan in plans.items()},
        summaries=summaries,
    )
    check_counts(counts)
    licence = _SYNTHETIC_LICENCE if synthetic else settings.licence
    report = IngestReport(
        source=_SYNTHETIC_LICENCE if synthetic else settings.root,
        synthetic=synthetic,
        splits=counts,
        licences={"corpus": licence} if licence else {},
        noted=count_noted(summaries),
        digest=digest_of(summary.record_sum for summary in summaries),
        layout=layout,
        work=work,
    )
    save_report(report_uri, report, bad, summaries)
    return report, refusal(counts, bad, settings)
