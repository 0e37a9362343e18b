"""ASVspoof 2019, logical access: ``ASVspoof2019_LA_cm_protocols/*.txt`` and ``ASVspoof2019_LA_*/flac``.

Real speech (``bonafide``) or synthesised and converted speech (``spoof``), in the published partitions, which
share no speakers; the attacks of the test split are other ones than those of training.

Source: Wang et al., ASVspoof 2019: A large-scale public database of synthesized, converted and replayed
speech, Computer Speech & Language 64, 2020; README.LA.txt of the release.
"""

from __future__ import annotations

import re
from pathlib import Path

from components.noss_ingest.layouts._files import lines_of, unpacked
from components.noss_ingest.rows import SourceError, TaskRow

PROTOCOLS = "ASVspoof2019_LA_cm_protocols"
PARTITIONS = {
    "train": ("train", "ASVspoof2019.LA.cm.train.trn.txt"),
    "validation": ("dev", "ASVspoof2019.LA.cm.dev.trl.txt"),
    "test": ("eval", "ASVspoof2019.LA.cm.eval.trl.txt"),
}

_LINE = re.compile(r"(LA_\d+)\s+(LA_[TDE]_\d+)\s+-\s+(?:-|A\d\d)\s+(bonafide|spoof)")


def rows(folder: Path) -> list[TaskRow]:
    """All trials of the three protocols, in their order."""
    folder = unpacked(folder, PROTOCOLS, "LA")
    found = []
    for split, (partition, protocol) in PARTITIONS.items():
        sounds = f"ASVspoof2019_LA_{partition}/flac"
        for place, line in lines_of(folder / PROTOCOLS / protocol):
            fields = _LINE.fullmatch(line)
            if not fields:
                raise SourceError(
                    f"{place}: {line!r}; accepted: a trial as in 'LA_0079 LA_T_1138215 - - bonafide'"
                )
            speaker, name, label = fields.groups()
            found.append(
                TaskRow(
                    file=f"{sounds}/{name}.flac",
                    path=f"{folder}/{sounds}/{name}.flac",
                    label=label,
                    place=place,
                    speaker_id=speaker,
                    split=split,
                )
            )
    return found
