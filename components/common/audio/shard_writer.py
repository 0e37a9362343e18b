"""The Beam step that decodes a whole shard and writes it.

No sound goes through a shuffle: an element is the list of a shard's clips, and what comes back is a
small summary file. A retried shard overwrites its own files with the same bytes; one that an earlier
execution finished is taken up again.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
from pydantic import Field

from components.common.audio.clip_statistics import CorpusTally, ShardStatistics, ShardTally
from components.common.audio.decode import DecodedAudio
from components.common.audio.errors import AudioError, Note, Reason, Remark
from components.common.audio.kept_shards import KeptShards
from components.common.audio.record_sum import RecordSum
from components.common.audio.requests import (
    ClipRequest,
    RequestT,
    Shard,
    extend_shards,
    make_shards,
    quarantined,
)
from components.common.audio.settings import IntakeSettings
from components.common.audio.sounds import Sounds, decode_files
from components.common.store.computed import key_of
from components.common.store.publishing import publish
from schemas.ingest_reports import QuarantinedClip
from schemas.settings import Report

# Copies of AudioSet are a little shorter than their segments, as encoders' frames have it.
SHORT_SHARE = 0.9

# Namespace of Beam's counters; what they count is also in the report of the run.
COUNTERS = "tinytrill.ingest"

_WRITTEN = beam.metrics.Metrics.counter(COUNTERS, "shards_written")
_RESUMED = beam.metrics.Metrics.counter(COUNTERS, "shards_resumed")
_CLIPS = beam.metrics.Metrics.counter(COUNTERS, "clips")
_BAD = beam.metrics.Metrics.counter(COUNTERS, "bad")
_CLIP_MS = beam.metrics.Metrics.distribution(COUNTERS, "clip_ms")
_BAD_BY_REASON = {reason: beam.metrics.Metrics.counter(COUNTERS, f"bad_{reason}") for reason in Reason}


class ContentDigest(Report):
    """What a clip sounds like: equal digests are the same samples."""

    digest: str = Field(description="BLAKE2b over the samples of the record.")
    clip_id: str = Field(description="The clip's id in the records.")
    group: str = Field(description="What the clip is counted under.")
    source: str = Field(description="Where it was asked for, as file:line.")


class ShardSummary(Report):
    """What became of the clips of one shard."""

    clips: dict[str, int] = Field(description="Clips written, by group.")
    samples: dict[str, int] = Field(description="Samples written, by group.")
    quarantined: dict[str, list[QuarantinedClip]] = Field(description="Clips left out, by group.")
    noted: dict[str, list[QuarantinedClip]] = Field(
        default_factory=dict, description="Clips written of which something is worth knowing, by group."
    )
    digests: list[ContentDigest] = Field(description="Of the clips written, where asked for.")
    statistics: ShardStatistics | None = Field(None, description="Of the clips written, where asked for.")
    record_sum: str = Field(description="Of the records written.")
    kept_as: str = Field("", description="Key under which the shard is kept; empty: it is not.")
    resumed: bool = Field(False, description="Whether an earlier execution had finished it.")


class ShardWriter(beam.DoFn):
    """Writes each shard it is given to ``examples_uri`` and its summary to ``summaries``.

    Args:
      examples_uri: The Examples artifact.
      summaries: Folder for the summaries.
      settings: Which clips are good enough.
      to_example: Makes the serialised record of a request and its audio; a module-level function.
      with_digests: Whether summaries say what each clip sounds like.
      read_sounds: Reads the sounds of a shard's requests in their order; a module-level function.
      kept: Keeps finished shards; without it, or for shards without keys, each is made anew.
      code_digest: Of the code that makes records: shards of other code are not taken up.
      labels_of: The labels of a request, a module-level function; with it summaries say what the clips are
        like.

    Attributes:
      examples_uri: The Examples artifact.
      summaries: Folder for the summaries.
    """

    def __init__(
        self,
        examples_uri: str,
        summaries: str,
        settings: IntakeSettings,
        to_example: Callable[[Any, DecodedAudio], bytes],
        with_digests: bool = False,
        read_sounds: Callable[[Sequence[Any], IntakeSettings], Sounds] = decode_files,
        kept: KeptShards | None = None,
        code_digest: str = "",
        labels_of: Callable[[Any], Sequence[str]] | None = None,
    ) -> None:
        self.examples_uri, self.summaries = examples_uri, summaries
        self._settings = settings.to_parameter()
        self._settings_class = type(settings)
        self._to_example = to_example
        self._with_digests = with_digests
        self._read_sounds = read_sounds
        self._kept = kept or KeptShards("", "")
        self._labels_of = labels_of
        # What a record is made by is a function of this module's callers, so its name is part of the key.
        self._identity = [
            code_digest,
            settings.record_parameter(),
            with_digests,
            labels_of is not None,
            to_example.__qualname__,
        ]

    def process(self, element: Shard[ClipRequest]) -> None:
        """Decodes and writes one shard."""
        from components.common.store.shards import shard_path, write_shard

        path = shard_path(self.examples_uri, element.split, element.index, element.count)
        key = key_of(self._identity, element.split, list(element.keys)) if element.keys else ""
        said = self._kept.take(key, path) if key else None
        if said is not None:
            summary = _resumed(ShardSummary.model_validate_json(said), element)
        else:
            tally = _Tally(self._with_digests, self._labels_of)
            write_shard(path, self._examples(element, tally))
            summary = tally.summary("" if tally.may_be_mended else key, element)
            if summary.kept_as:
                said = summary.model_dump_json()
                self._kept.keep(key, path, element.split, summary.record_sum, said, element.keys)
        (_RESUMED if summary.resumed else _WRITTEN).inc()
        _write_summary(Path(self.summaries), f"{element.split}-{element.index:05d}.json", summary)

    def _examples(self, shard: Shard[ClipRequest], tally: _Tally) -> Iterator[bytes]:
        settings = self._settings_class.from_parameter(self._settings)
        begun = time.perf_counter()
        for request, sound in zip(shard.requests, self._read_sounds(shard.requests, settings), strict=True):
            tally.take(request, sound)
            if isinstance(sound, DecodedAudio):
                record = self._to_example(request, sound)
                tally.records.add(shard.split, record)
                yield record
            ended = time.perf_counter()
            _count(sound, ended - begun)
            begun = ended


def _shorter(request: ClipRequest, sound: DecodedAudio) -> list[Remark]:
    """A remark if a clip is clearly shorter than it should be."""
    if sound.duration_s >= SHORT_SHARE * request.expected_seconds:
        return []
    return [Remark(Note.SHORTER, f"{sound.duration_s:.3f} s of {request.expected_seconds:g} s")]


def _count(sound: DecodedAudio | AudioError, seconds: float) -> None:
    """Tells Beam what became of a clip."""
    if isinstance(sound, AudioError):
        _BAD.inc()
        _BAD_BY_REASON[sound.reason].inc()
    else:
        _CLIPS.inc()
    _CLIP_MS.update(round(1000 * seconds))


class _Tally:
    """What became of the clips so far, and the records made of them."""

    def __init__(self, with_digests: bool, labels_of: Callable[[Any], Sequence[str]] | None) -> None:
        self.records = RecordSum()
        self._labels_of, self._statistics = labels_of, ShardTally()
        self._with_digests = with_digests
        self._clips: Counter[str] = Counter()
        self._samples: Counter[str] = Counter()
        self._quarantined: dict[str, list[QuarantinedClip]] = {}
        self._noted: dict[str, list[QuarantinedClip]] = {}
        self._digests: list[ContentDigest] = []

    @property
    def may_be_mended(self) -> bool:
        """Whether a file that could not be read now may be read later without having changed."""
        bad = (clip for clips in self._quarantined.values() for clip in clips)
        return any(clip.reason == Reason.UNREADABLE for clip in bad)

    def take(self, request: ClipRequest, sound: DecodedAudio | AudioError) -> None:
        """Counts a clip."""
        if isinstance(sound, AudioError):
            left_out = quarantined(request.clip_id, request.source, sound.reason, sound.detail)
            self._quarantined.setdefault(request.group, []).append(left_out)
            return
        for remark in (*sound.remarks, *_shorter(request, sound)):
            clip = quarantined(request.clip_id, request.source, remark.note, remark.detail)
            self._noted.setdefault(request.group, []).append(clip)
        self._clips[request.group] += 1
        self._samples[request.group] += len(sound.samples)
        if self._labels_of is not None:
            self._statistics.take(sound, self._labels_of(request))
        if self._with_digests:
            self._digests.append(
                ContentDigest(
                    digest=sound.digest, clip_id=request.clip_id, group=request.group, source=request.source
                )
            )

    def summary(self, key: str, shard: Shard[Any]) -> ShardSummary:
        asked = self._labels_of is not None
        return ShardSummary(
            statistics=self._statistics.statistics(shard.split, shard.index) if asked else None,
            kept_as=key,
            clips=dict(self._clips),
            samples=dict(self._samples),
            quarantined=self._quarantined,
            noted=self._noted,
            digests=self._digests,
            record_sum=self.records.text,
        )


def _resumed(summary: ShardSummary, shard: Shard[ClipRequest]) -> ShardSummary:
    """The summary of a kept shard, with the place that it has and those where its clips are requested now."""
    places = {(request.group, request.clip_id): request.source for request in shard.requests}
    left_out, noted = (
        {
            group: [clip.model_copy(update={"source": places[group, clip.clip_id]}) for clip in clips]
            for group, clips in listed.items()
        }
        for listed in (summary.quarantined, summary.noted)
    )
    digests = [one.model_copy(update={"source": places[one.group, one.clip_id]}) for one in summary.digests]
    statistics = summary.statistics and summary.statistics.model_copy(update={"shard": shard.index})
    changes = {
        "quarantined": left_out,
        "noted": noted,
        "digests": digests,
        "statistics": statistics,
        "resumed": True,
    }
    return summary.model_copy(update=changes)


def _write_summary(folder: Path, name: str, summary: ShardSummary) -> None:
    with publish(folder / name) as partial:
        summary.write(partial.parent, partial.name)


def collect_summaries(folder: str | Path, tally: CorpusTally | None = None) -> list[ShardSummary]:
    """Reads the summaries of all shards, in the order of splits and shards, and removes the folder.

    Args:
      folder: Where they are.
      tally: Their statistics are added to it and let go of: those of thousands of shards take much room.
    """
    folder = Path(folder)
    summaries = []
    for name in sorted(path.name for path in folder.glob("*.json")):
        summary = ShardSummary.read(folder, name)
        if tally is not None and summary.statistics is not None:
            tally.add(summary.statistics)
            summary = summary.model_copy(update={"statistics": None})
        summaries.append(summary)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    return summaries


def plan_shards(
    requests: Mapping[str, Sequence[RequestT]], shard_clips: int, kept: KeptShards
) -> list[Shard[RequestT]]:
    """Cuts the clips of all splits into shards, as an earlier execution did as far as its clips are here.

    Args:
      requests: Clips by split.
      shard_clips: Clips of a shard.
      kept: Where finished shards are; what killed writers left there half done is removed.
    """
    if kept.folder is None:
        return [
            shard for split, wanted in requests.items() for shard in make_shards(split, wanted, shard_clips)
        ]
    kept.tidy()
    return [
        shard
        for split, wanted in requests.items()
        for shard in extend_shards(split, wanted, shard_clips, kept.members(split))
    ]


def finish(
    what: str, shards: Sequence[Shard[Any]], summaries: Sequence[ShardSummary], kept: KeptShards
) -> None:
    """Counts that each clip was written or left out once, and forgets the shards that nothing needs any more.

    Args:
      what: Name for the message.
      shards: What was asked for.
      summaries: What became of it.
      kept: Where finished shards are.

    Raises:
      RuntimeError: If the numbers differ: a shard was lost, or done twice.
    """
    wanted = Counter(request.group for shard in shards for request in shard.requests)
    found: Counter[str] = Counter()
    for summary in summaries:
        found.update(summary.clips)
        found.update({group: len(clips) for group, clips in summary.quarantined.items()})
    if wanted != found or len(shards) != len(summaries):
        raise RuntimeError(
            f"{what}: {len(shards)} shards with {dict(wanted)} clips were requested, "
            f"{len(summaries)} with {dict(found)} came back"
        )
    resumed = sum(summary.resumed for summary in summaries)
    if resumed:
        logging.getLogger("tinytrill.ingest").info(
            "%s: %d of %d shards were finished before, %d were made now",
            what, resumed, len(shards), len(shards) - resumed,
        )  # fmt: skip
    kept.clear({summary.kept_as for summary in summaries})
