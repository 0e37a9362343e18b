"""The labelled clips of a head, decoded, each in its split or fold."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from components.common.audio.decode import DecodedAudio
from components.common.audio.errors import AudioError
from components.common.audio.places import printable
from components.common.audio.requests import stable_order
from components.common.audio.sounds import decode_files
from components.noss_ingest.leaks import problems_of
from components.noss_ingest.plan import request_of
from components.noss_ingest.requests import NossRequest
from components.noss_ingest.rows import SPLITS, TaskRow
from components.noss_ingest.settings import NossIngestSettings
from components.noss_ingest.splits import with_splits
from components.noss_ingest.task_set import data_digest
from pipeline.configuration.config_file import ConfigError
from pipeline.heads.listing import LEAST_GROUPS, Listed, check_groups, check_splits
from schemas.noss_task_sets import IngestedTask
from schemas.noss_tasks import SplitRule
from schemas.records import NossClip

FOLDS = 5
_FOLDS_RULE = SplitRule(rule="folds")
_LOG = logging.getLogger("tinytrill.heads")


@dataclass(frozen=True)
class LabelledClips:
    """Decoded clips and what they are the clips of.

    Attributes:
      task: As the benchmark knows tasks.
      clips: With split and fold.
      left_out: What could not be used, each with its reason.
    """

    task: IngestedTask
    clips: tuple[NossClip, ...]
    left_out: tuple[str, ...]


def decode_clips(listed: Listed) -> LabelledClips:
    """Decodes the clips, draws folds where no splits are given, and refuses what leaks.

    Raises:
      ConfigError: If the same sound has two labels or is in two splits, or too little of a label is left.
    """
    record = listed.record
    limits = NossIngestSettings()
    requests = [request_of(row, record.name, limits.max_seconds) for row in listed.rows]
    heard: list[tuple[TaskRow, DecodedAudio]] = []
    left_out = []
    for row, audio in zip(listed.rows, decode_files(requests, limits), strict=True):
        if isinstance(audio, AudioError):
            left_out.append(printable(f"{row.file}: {audio}"))
        else:
            heard.append((row, audio))
    for line in left_out:
        _LOG.warning("left out: %s", line)
    digests = [audio.digest for _, audio in heard]
    rows = [row for row, _ in heard]
    _check_sounds(rows, digests)
    if listed.drawn:
        rows = with_folds(rows, digests)
        for problem in problems_of(rows, record):
            raise ConfigError(f"--task: {problem}")
    else:
        check_splits(rows, record)
    used = [request_of(row, record.name, limits.max_seconds) for row in rows]
    _check_parts(used, digests, folds=record.split.rule == "folds", drop=record.duplicates == "leave_out")
    sounds = {request.clip_id: digest for request, digest in zip(used, digests, strict=True)}
    task = IngestedTask(
        record=record,
        digest=record.digest,
        data_digest=data_digest(used, sounds),
        source=listed.source,
        n_original=_counts([row.split for row in listed.rows]),
        n_used=_counts([row.split for row in rows]),
        synthetic=record.synthetic,
    )
    clips = tuple(
        NossClip(
            clip_id=request.clip_id,
            audio=audio.samples,
            task=record.name,
            split=row.split,
            label=row.label,
            speaker_id=row.speaker_id,
            group=row.fold,
            source_rate=audio.source_rate,
        )
        for request, row, (_, audio) in zip(used, rows, heard, strict=True)
    )
    return LabelledClips(task, clips, tuple(left_out))


def with_folds(rows: Sequence[TaskRow], digests: Sequence[str]) -> list[TaskRow]:
    """Rows with folds: all of a speaker, of a file and of the same sound in one; labels spread evenly.

    What belongs together is put, label by label in the order of a stable hash, into one fold after the other.

    Args:
      rows: Of the clips.
      digests: Of their sounds.

    Raises:
      ConfigError: If a label has too few clips or speakers.
    """
    of_file: dict[str, str] = {}
    for row, digest in zip(rows, digests, strict=True):
        of_file.setdefault(row.path, digest)
    groups = [f"speaker {row.speaker_id}" if row.speaker_id else of_file[row.path] for row in rows]
    check_groups(
        {row.file: (group, row.label, row.place) for row, group in zip(rows, groups, strict=True)}, rows
    )
    labels: dict[str, Counter[str]] = defaultdict(Counter)
    for row, group in zip(rows, groups, strict=True):
        labels[group][row.label] += 1
    by_label: dict[str, list[str]] = defaultdict(list)
    for group in sorted(labels, key=lambda group: stable_order(printable(group))):
        main = min(labels[group], key=lambda label: (-labels[group][label], label))
        by_label[main].append(group)
    least = min(len(members) for members in by_label.values())
    count = min(FOLDS, max(LEAST_GROUPS, least))
    place: dict[str, int] = {}
    for label in sorted(by_label):
        for group in by_label[label]:
            place[group] = len(place) % count
    with_fold = [replace(row, fold=str(place[group] + 1)) for row, group in zip(rows, groups, strict=True)]
    return with_splits(with_fold, _FOLDS_RULE)


def _check_sounds(rows: Sequence[TaskRow], digests: Sequence[str]) -> None:
    first: dict[str, TaskRow] = {}
    for row, digest in zip(rows, digests, strict=True):
        seen = first.setdefault(digest, row)
        if seen.label != row.label:
            raise ConfigError(
                f"--task: {row.place} is labelled {row.label!r} and sounds the same, sample by sample, as "
                f"{seen.place}, labelled {seen.label!r}; accepted: one label a sound"
            )


def _check_parts(requests: Sequence[NossRequest], digests: Sequence[str], folds: bool, drop: bool) -> None:
    """Refuses the same sound in two splits or folds, unless the record lets the evaluator leave it out."""
    first: dict[str, NossRequest] = {}
    for request, digest in zip(requests, digests, strict=True):
        seen = first.setdefault(digest, request)
        part, other = (one.fold if folds else one.split for one in (request, seen))
        if part != other and not drop:
            raise ConfigError(
                f"--task: {request.source}: leak: the clip sounds the same, sample by sample, as "
                f"{seen.source}, and they are in {part!r} and {other!r}; accepted: a sound in one of them"
            )


def _counts(splits: Sequence[str]) -> dict[str, int]:
    counted = Counter(splits)
    return {split: counted[split] for split in SPLITS}
