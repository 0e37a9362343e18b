"""The recordings of a folder, each in the split that it belongs to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.audio_ingest.layouts.base import Strays
from components.audio_ingest.recordings.manifest import MANIFEST, SPLITS, ManifestRow, read_manifest
from components.audio_ingest.recordings.trees import SpeakerOf, speakers_of, tree_of
from components.audio_ingest.settings import SPEECH, AudioIngestSettings, RecordingSettings
from components.common.audio.decode import AUDIO_EXTENSIONS
from components.common.audio.intake_report import IngestError
from components.common.audio.places import FoundFile, is_url, list_files, printable
from components.common.audio.requests import stable_order

# Label of recordings that have none: a record says at least one, and pages count them under it.
UNLABELLED = "unlabelled"

_TRAIN, _EVAL = SPLITS
_SHOWN = 5


@dataclass(frozen=True)
class Recording:
    """A sound file of the folder, or one that the manifest says is there.

    Attributes:
      name: Path relative to the folder.
      file: The file; None: there is none.
      split: train or eval.
      speaker: Who speaks; empty: it is not known, and the file was split for itself.
      labels: By the manifest; at least ``UNLABELLED``.
      line: In the manifest, or in the sorted list of the files.
    """

    name: str
    file: FoundFile | None
    split: str
    speaker: str
    labels: tuple[str, ...]
    line: int

    @property
    def id(self) -> str:
        """The name as text; stands for the video's id in rows."""
        return printable(self.name)


@dataclass(frozen=True)
class Recordings:
    """The recordings of a folder.

    Attributes:
      folder: The folder.
      taken: Those whose labels are wanted, in the order of their names or of the manifest.
      filtered: Recordings of each split whose labels are not wanted.
      source: Name of what lists them: the manifest, or the folder.
      strays: What lies there and is none.
    """

    folder: str
    taken: tuple[Recording, ...]
    filtered: Mapping[str, int]
    source: str
    strays: Strays

    def of(self, split: str) -> list[Recording]:
        """Those of a split."""
        return [recording for recording in self.taken if recording.split == split]

    def __str__(self) -> str:
        """How they were split, in a line."""
        speakers = {split: {one.speaker for one in self.of(split)} - {""} for split in SPLITS}
        known = sum(bool(one.speaker) for one in self.taken)
        tree = tree_of(one.name for one in self.taken)
        rule = f"split by {self.source}" if self.source == MANIFEST else "split by a hash of names"
        form = f" in the form of {tree}" if tree else ""
        who = (
            f"of {known:,} the speaker is known, {len(speakers[_TRAIN]):,} speakers are in train and "
            f"{len(speakers[_EVAL]):,} in eval"
        )
        return f"{len(self.taken):,} recordings{form}, {rule}; {who if known else 'no speaker is known'}"


def check_folder(folder: str, key: str) -> None:
    """Refuses a folder that holds no recording; cheap.

    Raises:
      IngestError: With the setting's key and what is accepted.
    """
    if is_url(folder):
        raise IngestError(
            f"{key}.root: {printable(folder)} is a URL; accepted with layout 'folder': a path, which may be "
            "of a mounted bucket, because a recording is opened once for each of its segments"
        )
    if next(list_files(folder, AUDIO_EXTENSIONS), None) is None:
        some = [file.name for file, _ in zip(list_files(folder), range(_SHOWN), strict=False)]
        seen = f"there are files such as {', '.join(map(printable, some))}" if some else "it is empty"
        raise IngestError(
            f"{key}.root: no sound file below {printable(folder)}, {seen}; accepted: "
            f"{', '.join(sorted(AUDIO_EXTENSIONS))} in folders of any depth, none of them hidden"
        )


def find_recordings(
    folder: str, settings: AudioIngestSettings, key: str = "audio_ingest", status: bool = True
) -> Recordings:
    """Lists the recordings of a folder and splits them.

    The split of a recording depends on its own name, or its speaker's, and on nothing else there.

    Args:
      folder: Path of the folder.
      settings: How recordings are split, and which labels are wanted.
      key: Where the settings stand in the configuration, for messages.
      status: Whether sizes and times of files are looked up.

    Raises:
      SegmentsError: If the manifest is malformed.
      IngestError: If there is no recording, none with a wanted label, or none in a split.
    """
    check_folder(folder, key)
    strays = Strays()
    files = dict(sorted(_sound_files(folder, strays, status)))
    manifest = Path(folder, MANIFEST)
    wanted = settings.recordings
    if manifest.is_file():
        listed = _by_manifest(read_manifest(manifest), files, wanted, strays)
    else:
        listed = _by_name(files, wanted, speakers_of(folder, wanted.speakers))
    taken = [one for one in listed if _wanted(one.labels, settings)]
    if not taken:
        common = Counter(label for one in listed for label in one.labels).most_common(_SHOWN)
        raise IngestError(
            f"{key}.labels: none of {len(listed)} recordings has a wanted label; those of {MANIFEST} are "
            f"{', '.join(label for label, _ in common) or 'none'}; accepted: some of these, or 'all'"
        )
    _check_splits(taken, wanted, key)
    filtered = Counter(one.split for one in listed)
    filtered.subtract(one.split for one in taken)
    source = MANIFEST if manifest.is_file() else printable(Path(folder).name) or "folder"
    return Recordings(folder, tuple(taken), filtered, source, strays)


def _sound_files(folder: str, strays: Strays, status: bool) -> Iterator[tuple[str, FoundFile]]:
    prefix = len(folder.rstrip("/")) + 1
    for file in list_files(folder, status=status):
        name = file.path[prefix:]
        if file.name.lower().endswith(tuple(AUDIO_EXTENSIONS)):
            yield name, file
        elif name != MANIFEST:
            strays.add("no sound file", name)


def _by_manifest(
    rows: Sequence[ManifestRow], files: Mapping[str, FoundFile], settings: RecordingSettings, strays: Strays
) -> list[Recording]:
    for name in sorted(set(files) - {row.file for row in rows}):
        strays.add(f"not in {MANIFEST}", name)
    return [
        Recording(
            row.file,
            files.get(row.file),
            row.split or _split(row.speaker, row.file, settings.eval_share),
            row.speaker,
            row.labels or (UNLABELLED,),
            row.line,
        )
        for row in rows
    ]


def _by_name(
    files: Mapping[str, FoundFile], settings: RecordingSettings, speaker_of: SpeakerOf
) -> list[Recording]:
    made = []
    for line, (name, file) in enumerate(files.items(), start=1):
        speaker = speaker_of(name)
        split = _split(speaker, name, settings.eval_share)
        made.append(Recording(name, file, split, speaker, (UNLABELLED,), line))
    return made


def _split(speaker: str, name: str, eval_share: float) -> str:
    key = printable(f"speaker {speaker}" if speaker else f"file {name}")
    place = int.from_bytes(stable_order(key)[:8], "big") / 2**64
    return _EVAL if place < eval_share else _TRAIN


def _wanted(labels: Sequence[str], settings: AudioIngestSettings) -> bool:
    # The default, AudioSet's speech, is no label of a manifest.
    everything = settings.labels in ("all", (SPEECH,))
    return (everything or not set(labels).isdisjoint(settings.labels)) and set(labels).isdisjoint(
        settings.exclude_labels
    )


def _check_splits(taken: Sequence[Recording], settings: RecordingSettings, key: str) -> None:
    absent = [split for split in SPLITS if all(one.split != split for one in taken)]
    if not absent:
        return
    speakers = len({one.speaker for one in taken} - {""})
    files = sum(not one.speaker for one in taken)
    raise IngestError(
        f"{key}.recordings.eval_share: {settings.eval_share:g}; none of {len(taken)} recordings is in the "
        f"split {absent[0]!r}: {speakers} known speakers and {files} files of unknown ones were split, each "
        f"as a whole. Accepted: another share, more recordings, speakers: none, or a {MANIFEST} with the "
        "column split (train or eval)"
    )
