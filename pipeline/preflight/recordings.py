"""A plain folder as corpus: its recordings listed and split, their lengths estimated from a sample."""

from __future__ import annotations

from collections.abc import Iterator

from components.audio_ingest.recordings.listing import Recording, Recordings, find_recordings
from components.audio_ingest.recordings.manifest import SPLITS
from components.audio_ingest.recordings.survey import cut, survey
from components.audio_ingest.settings import AudioIngestSettings
from components.audio_ingest.sources import CorpusSources
from pipeline.configuration.config_file import ConfigError
from pipeline.preflight.corpus import Table

# Recordings of a split that are read to their ends.
_SAMPLE = 12


def read_recordings(
    settings: AudioIngestSettings, key: str = "corpus"
) -> tuple[tuple[Table, ...], Recordings]:
    """Lists the recordings of a folder and reads the lengths of some.

    Args:
      settings: Of the corpus, its root absolute, its layout ``folder``.
      key: Where they stand in the configuration, for messages.

    Returns:
      The rows of each split, estimated where there are more recordings than are read; the recordings.

    Raises:
      ConfigError: If there is no recording, the manifest is malformed, a split stays empty, or none of the
        recordings that were tried can be read.
    """
    try:
        found = find_recordings(CorpusSources.of(settings, settings.root).audio, settings, key)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return tuple(_table(split, found.of(split), settings, key) for split in SPLITS), found


def in_words(found: Recordings) -> Iterator[str]:
    """How the folder was understood, in a line or two."""
    yield f"corpus: {found}"
    for what, number in found.strays.counts.items():
        yield f"corpus: {number:,} left out, {what}, for example {found.strays.examples[what][0]}"
    absent = [one for one in found.taken if one.file is None]
    if absent:
        yield f"corpus: {len(absent):,} rows of {found.source} without a file, for example {absent[0].id}"


def _table(split: str, recordings: list[Recording], settings: AudioIngestSettings, key: str) -> Table:
    here = [one for one in recordings if one.file is not None]
    chosen = here
    if len(here) > _SAMPLE:
        chosen = [here[at * len(here) // _SAMPLE] for at in range(_SAMPLE)]
    paths = [one.file.path for one in chosen if one.file]
    surveys = survey(paths, settings.recordings, settings.decode_timeout_seconds)
    readable = [(one, found) for one, found in zip(chosen, surveys, strict=True) if found.samples]
    if not readable:
        raise ConfigError(
            f"{key}.root: none of {len(chosen)} recordings of the split {split!r} that were tried can be "
            f"decoded, the first is {chosen[0].id if chosen else recordings[0].id}"
        )
    rows = [cut(found, settings.recordings) for _, found in readable]
    # Of the others the bytes are known; those of one corpus mostly are of one format.
    scale = _bytes(here) / max(1, _bytes([one for one, _ in readable]))
    segments = max(1, round(scale * sum(map(len, rows))))
    seconds = scale * sum(end - start for some in rows for start, end in some)
    taken = min(segments, settings.limit or segments)
    return Table(split, segments, taken, seconds * taken / segments, len(chosen) == len(here), len(chosen))


def _bytes(recordings: list[Recording]) -> int:
    return sum(one.file.size for one in recordings if one.file)
