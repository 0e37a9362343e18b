"""What must not be in two splits of a task, and what each split must have.

A probe that has heard the test clip, or its speaker where the task is about something else, measures
memory. So leaks stop the run instead of being mended.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from components.audio.shard_writer import ContentDigest
from components.noss_ingest.manifest import SPLITS, ManifestError, ManifestRow
from components.noss_ingest.settings import SpeakerDisjoint

_SHARED_BY_DESIGN = 0.5


def check_manifest(rows: Sequence[ManifestRow], manifest: str, speaker_disjoint: SpeakerDisjoint) -> None:
    """Refuses a manifest whose splits are incomplete or leak into each other.

    Args:
      rows: All rows of the manifest.
      manifest: Its path, for messages.
      speaker_disjoint: Whether a speaker may be in one split only; 'auto' decides by the rows.

    Raises:
      ManifestError: With file and lines.
    """
    present = {row.split for row in rows}
    for split in SPLITS:
        if split not in present:
            raise ManifestError(f"{manifest}: no row of split {split!r}; needed are {', '.join(SPLITS)}")
    trained = {row.label for row in rows if row.split == "train"}
    for row in rows:
        if row.label not in trained:
            raise ManifestError(
                f"{manifest}:{row.line}: label {row.label!r} of split {row.split!r} is never in train; "
                f"train has {', '.join(sorted(trained))}"
            )
    _refuse_shared(rows, manifest, "file", lambda row: row.path, lambda row: row.file)
    if _is_disjoint(rows, speaker_disjoint):
        _refuse_shared(rows, manifest, "speaker", lambda row: row.speaker_id, lambda row: row.speaker_id)


def check_contents(digests: Iterable[ContentDigest]) -> None:
    """Refuses the same sound under two names in two splits of a task.

    Args:
      digests: Of all clips; their group is ``<task>/<split>``.

    Raises:
      ManifestError: With the file and line of both.
    """
    first: dict[tuple[str, str], ContentDigest] = {}
    for digest in digests:
        task, _, split = digest.group.rpartition("/")
        seen = first.setdefault((task, digest.digest), digest)
        if seen.group != digest.group:
            seen_split = seen.group.rpartition("/")[2]
            raise ManifestError(
                f"{digest.source}: leak: the clip of split {split!r} sounds the same, sample by sample, "
                f"as the one of split {seen_split!r} at {seen.source}; accepted is a clip in one split"
            )


def _is_disjoint(rows: Sequence[ManifestRow], setting: SpeakerDisjoint) -> bool:
    if setting != "auto":
        return setting
    splits: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.speaker_id:
            splits[row.speaker_id].add(row.split)
    shared = sum(len(found) > 1 for found in splits.values())
    return shared < _SHARED_BY_DESIGN * len(splits)


def _refuse_shared(
    rows: Sequence[ManifestRow],
    manifest: str,
    what: str,
    key: Callable[[ManifestRow], str],
    shown: Callable[[ManifestRow], str],
) -> None:
    first: dict[str, ManifestRow] = {}
    for row in rows:
        if not key(row):
            continue
        seen = first.setdefault(key(row), row)
        if seen.split != row.split:
            raise ManifestError(
                f"{manifest}:{row.line}: leak: {what} {shown(row)!r} is in split {row.split!r} and, at line "
                f"{seen.line}, in split {seen.split!r}; accepted is a {what} in one split"
            )
