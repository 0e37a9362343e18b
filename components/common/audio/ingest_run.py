"""Runs the Beam pipeline that writes shards: watched while it works, counted when it has."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam

from components.common.audio.clip_statistics import CorpusTally
from components.common.audio.guarded import close_idle
from components.common.audio.kept_shards import KeptShards
from components.common.audio.progress import ClipProgress, Done, watched
from components.common.audio.requests import Shard
from components.common.audio.resample import TARGET_RATE
from components.common.audio.shard_writer import (
    COUNTERS,
    ShardSummary,
    ShardWriter,
    collect_summaries,
    finish,
)
from components.common.store.shards import clear_unfinished
from schemas.ingest_reports import IngestWork

_logger = logging.getLogger("tinytrill.ingest")


def write_shards(
    make_pipeline: Callable[[], beam.Pipeline],
    what: str,
    shards: Sequence[Shard[Any]],
    writer: ShardWriter,
    kept: KeptShards,
    tally: CorpusTally | None = None,
) -> tuple[list[ShardSummary], IngestWork]:
    """Writes the shards by as many workers as the pipeline has.

    Args:
      make_pipeline: Makes an empty pipeline.
      what: Name of the component, for the lines of progress.
      shards: What to write.
      writer: Writes them.
      kept: Where finished shards are kept.
      tally: What the clips are like is added to it, where the writer gathers that.

    Returns:
      What became of the clips, and what work it was.
    """
    total = sum(len(shard.requests) for shard in shards)
    Path(writer.summaries).mkdir(parents=True)
    progress, begun = ClipProgress(_logger, what, total), time.monotonic()
    with watched(progress, SummaryReader(writer.summaries)), make_pipeline() as pipeline:
        _ = (
            pipeline
            | "Shards" >> beam.Create(shards, reshuffle=True)
            | "DecodeAndWrite" >> beam.ParDo(writer)
        )
    seconds = time.monotonic() - begun
    close_idle()
    summaries = collect_summaries(writer.summaries, tally)
    finish(what, shards, summaries, kept)
    clear_unfinished(writer.examples_uri)
    return summaries, _work(summaries, seconds, counters_of(pipeline))


class SummaryReader:
    """Adds up the summaries in a folder, where workers of all kinds put them; each file is read once.

    Args:
      folder: The folder.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._seen: set[str] = set()
        self._done = Done()

    def __call__(self) -> Done:
        """What is done so far."""
        for path in self._folder.glob("*.json"):
            if path.name not in self._seen:
                self._seen.add(path.name)
                clips, bad, resumed = _count([ShardSummary.read(self._folder, path.name)])
                self._done = Done(
                    self._done.clips + clips, self._done.bad + bad, self._done.resumed + resumed
                )
        return self._done


def counters_of(pipeline: beam.Pipeline) -> dict[str, int]:
    """What Beam counted in a pipeline that has run: of the last attempts, where the runner knows them."""
    found: dict[str, int] = {}
    named = beam.metrics.MetricsFilter().with_namespace(COUNTERS)
    results = pipeline.result.metrics().query(named)
    for counter in results["counters"]:
        found[counter.key.metric.name] = found.get(counter.key.metric.name, 0) + int(counter.result or 0)
    for distribution in results["distributions"]:
        if distribution.result and distribution.result.count:
            name = distribution.key.metric.name
            found[f"{name}_mean"] = round(distribution.result.mean)
            found[f"{name}_max"] = int(distribution.result.max)
    return dict(sorted(found.items()))


def tell_artifacts(artifacts: Iterable[Any], work: IngestWork) -> None:
    """Puts the work into the metadata of artifacts, where ML Metadata and whoever asks it finds them.

    Args:
      artifacts: Of TFX.
      work: What was done.
    """
    for artifact in artifacts:
        for name in ("clips", "bad", "resumed"):
            artifact.set_int_custom_property(name, getattr(work, name))
        for name in ("audio_seconds", "seconds", "clips_per_second"):
            artifact.set_float_custom_property(name, getattr(work, name))


def _count(summaries: Iterable[ShardSummary]) -> tuple[int, int, int]:
    clips = bad = resumed = 0
    for summary in summaries:
        good, left_out = sum(summary.clips.values()), sum(map(len, summary.quarantined.values()))
        clips, bad = clips + good, bad + left_out
        resumed += summary.resumed * (good + left_out)
    return clips, bad, resumed


def _work(summaries: Sequence[ShardSummary], seconds: float, counters: dict[str, int]) -> IngestWork:
    clips, bad, resumed = _count(summaries)
    samples = sum(sum(summary.samples.values()) for summary in summaries)
    return IngestWork(
        clips=clips,
        bad=bad,
        resumed=resumed,
        audio_seconds=samples / TARGET_RATE,
        seconds=seconds,
        clips_per_second=(clips + bad - resumed) / max(seconds, 1e-9),
        counters=counters,
    )
