"""Tiny AudioSet-shaped corpora for tests."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from components.audio_ingest.clip_index import ClipIndex, index_files
from components.audio_ingest.labels import label_filter
from components.audio_ingest.layouts import LAYOUTS, find_layout
from components.audio_ingest.layouts.base import FileLayout
from components.audio_ingest.plan import SplitPlan, plan_ingestion
from components.audio_ingest.settings import AudioIngestSettings
from components.audio_ingest.sources import CorpusSources
from tests.components.common.audio.sounds import sine, write_soundfile

HEADER = (
    "# Segments csv created Sun Mar  5 10:54:25 2017\n"
    "# num_ytids=1, num_segs=1, num_unique_labels=1, num_positive_labels=1\n"
    "# YTID, start_seconds, end_seconds, positive_labels\n"
)
ONTOLOGY = [
    {"id": "/m/09l8g", "name": "Human voice", "child_ids": ["/m/09x0r", "/m/015lz1"]},
    {"id": "/m/09x0r", "name": "Speech", "child_ids": ["/m/05zppz", "/m/0brhx"]},
    {"id": "/m/05zppz", "name": "Male speech, man speaking", "child_ids": []},
    {"id": "/m/0brhx", "name": "Speech synthesizer", "child_ids": []},
    {"id": "/m/015lz1", "name": "Singing", "child_ids": []},
]


def ytid(number: int) -> str:
    """An id of eleven characters; some begin with a dash."""
    return f"{'-' if number % 3 == 0 else 'a'}clip_{number:05d}"


def row(ytid: str, labels: str = "/m/09x0r", start: float = 30.0, end: float = 31.0) -> str:
    """A row as AudioSet writes it."""
    return f'{ytid}, {start:.3f}, {end:.3f}, "{labels}"\n'


def make_corpus(root: Path, train: int = 6, evaluate: int = 3) -> Path:
    """A corpus in PANNs' layout, one tone a clip, one second each."""
    for name, folder, numbers in (
        ("balanced_train_segments.csv", "balanced_train_segments", range(train)),
        ("eval_segments.csv", "eval_segments", range(1000, 1000 + evaluate)),
    ):
        for number in numbers:
            path = root / "audios" / folder / f"Y{ytid(number)}.wav"
            write_soundfile(path, sine(1.5, 16_000, 200 + number), 16_000)
        root.mkdir(exist_ok=True)
        (root / name).write_text(HEADER + "".join(row(ytid(number)) for number in numbers))
    (root / "ontology.json").write_text(json.dumps(ONTOLOGY))
    return root


def plan(root: str | Path, index: ClipIndex | None = None, **settings: object) -> dict[str, SplitPlan]:
    """The plan of a corpus of files, or of one with this index."""
    made = AudioIngestSettings(root=str(root), **settings)
    sources = CorpusSources.of(made, root)
    if index is None:
        layout = LAYOUTS[find_layout(sources.audio, made.layout).name]
        assert isinstance(layout, FileLayout)
        index = index_files(sources.audio, layout)
    return plan_ingestion(made, sources, label_filter(made, sources.ontology, sources.strong_labels), index)


def _taken(root: Path) -> list[tuple[str, bytes]]:
    """Name and bytes of each clip of a made corpus, whose files are removed."""
    files = sorted((root / "audios").rglob("*.wav"), key=lambda path: (path.parent, path.name[1:]))
    clips = [(path.stem[1:], path.read_bytes()) for path in files]
    shutil.rmtree(root / "audios")
    (root / "audios").mkdir()
    return clips


def _cut(clips: list[tuple[str, bytes]], number: int) -> list[list[tuple[str, bytes]]]:
    return [clips[first : first + number] for first in range(0, len(clips), number)]


def pack_tars(root: Path, clips: int, described: bool = False) -> Path:
    """Puts a made corpus into tars of so many clips, with a JSON beside each if it is to be described."""
    for number, part in enumerate(_cut(_taken(root), clips)):
        with tarfile.open(root / f"audios/{number}.tar", "w") as archive:
            for place, (name, data) in enumerate(part):
                key = f"{place:06d}" if described else f"audio/{name}"
                _add(archive, f"{key}.wav", data)
                if described:
                    _add(archive, f"{key}.json", json.dumps({"video_id": name}).encode())
    return root


def pack_parquet(root: Path, clips: int) -> Path:
    """Puts a made corpus into parquet files of so many clips, in the form of Hugging Face's copy."""
    for number, part in enumerate(_cut(_taken(root), clips)):
        sounds = pa.array([{"bytes": data, "path": f"{name}.wav"} for name, data in part])
        table = pa.table({"video_id": [name for name, _ in part], "audio": sounds})
        pq.write_table(table, root / f"audios/{number}.parquet", row_group_size=3)
    return root


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))
