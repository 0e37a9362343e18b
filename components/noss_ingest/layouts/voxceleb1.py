"""VoxCeleb1, speaker identification: ``iden_split.txt`` beside the unpacked ``vox1_{dev,test}_wav.zip``.

The sound is ``id10001/<video>/00001.wav``, either all of it under ``wav/`` or the two archives under
``dev/wav/`` and ``test/wav/``. The split is the published one, which TFDS takes too; with the development
archive alone (as TFDS has it) the 40 speakers of the other one are missing. Sex is from ``vox1_meta.csv``.

Source: Nagrani et al., VoxCeleb: a large-scale speaker identification dataset, Interspeech 2017.
"""

from __future__ import annotations

import re
from pathlib import Path

from components.noss_ingest.layouts._files import folders_in, lines_of, sex_of, table_of, unpacked
from components.noss_ingest.rows import SourceError, SourceMissing, TaskRow

SPLITS = {"1": "train", "2": "validation", "3": "test"}
WAV_FOLDERS = ("wav", "dev/wav", "test/wav")

_LINE = re.compile(r"([123])\s+((id1\d{4})/[^/\s]+/\d+\.wav)")


def rows(folder: Path) -> list[TaskRow]:
    """All clips of ``iden_split.txt``; the label is the speaker, as in ``id10001``."""
    folder = unpacked(folder, "iden_split.txt")
    wavs = [name for name in WAV_FOLDERS if (folder / name).is_dir()]
    if not wavs:
        raise SourceMissing(f"there is none of {', '.join(WAV_FOLDERS)} in {folder}")
    homes = {speaker: wav for wav in wavs for speaker in folders_in(folder / wav)}
    sexes = _sexes(folder / "vox1_meta.csv")
    found = []
    for place, line in lines_of(folder / "iden_split.txt"):
        fields = _LINE.fullmatch(line)
        if not fields:
            raise SourceError(
                f"{place}: {line!r}; accepted: 1, 2 or 3 and a file as in '1 id10001/<video>/00001.wav'"
            )
        number, name, speaker = fields.groups()
        found.append(
            TaskRow(
                file=name,
                path=f"{folder}/{homes.get(speaker, wavs[0])}/{name}",
                label=speaker,
                place=place,
                speaker_id=speaker,
                split=SPLITS[number],
                sex=sexes.get(speaker, ""),
            )
        )
    return found


def _sexes(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    table = table_of(path, ("VoxCeleb1 ID", "Gender"), delimiter="\t")
    return {row["VoxCeleb1 ID"]: sex_of(row["Gender"]) for _, row in table}
