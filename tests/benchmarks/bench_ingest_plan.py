"""What planning AudioSet at its real size costs: segments, index and shards of two million clips.

python -m tests.benchmarks.bench_ingest_plan [rows]

Makes the names only, no sound: an index of as many clips in tar shards, and a segments CSV of as many rows, a
tenth of them without a clip. Prints seconds of CPU and the growth of the peak resident memory of each step.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from components.audio_ingest.clip_index import ClipIndex, EntryColumns, index_tables
from components.audio_ingest.labels import LabelFilter
from components.audio_ingest.layouts.base import UNKNOWN_START, Entry, Strays
from components.audio_ingest.plan import plan_ingestion
from components.audio_ingest.settings import AudioIngestSettings
from components.audio_ingest.sources import CorpusSources
from components.audio_ingest.stored_shards import store_shards
from components.common.audio.requests import extend_shards, make_shards

ROWS = 2_041_789
_OF_ONE_TAR, _LABELS = 10_000, 527

T = TypeVar("T")


def measured(what: str, step: Callable[[], T]) -> T:
    """Runs a step and prints what it took."""
    before, started = _peak_mb(), time.process_time()
    made = step()
    print(
        f"{what}: {time.process_time() - started:.1f} s of CPU, peak {_peak_mb():.0f} MB "
        f"(+{_peak_mb() - before:.0f} MB)"
    )
    return made


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def ytid(number: int) -> str:
    """An id of eleven characters."""
    return f"{number * 2654435761 % (1 << 32):08x}-{number % 97:02d}"


def write_segments(path: Path, rows: int) -> None:
    """A CSV in AudioSet's form."""
    with path.open("w") as file:
        file.write("# made for a measurement\n")
        for number in range(rows):
            labels = f"/m/{number % _LABELS},/m/{number * 31 % _LABELS}"
            file.write(f'{ytid(number)}, {number % 300}.000, {number % 300 + 10}.000, "{labels}"\n')


def make_index(rows: int) -> ClipIndex:
    """Nine of ten clips, in tars."""
    tables = []
    for first in range(0, rows, _OF_ONE_TAR):
        columns = EntryColumns()
        for number in range(first, min(first + _OF_ONE_TAR, rows)):
            if number % 10:
                name = ytid(number)
                columns.add(0, Entry(name, UNKNOWN_START, f"audio/{name}.flac", number * 300_000, 299_000))
        tables.append(columns.table())
    names = [f"/corpus/audios/{number:04d}.tar" for number in range(len(tables))]
    return index_tables(names, ["1-1"] * len(names), tables, Strays())


def main(rows: int) -> None:
    """Measures and prints."""
    print(f"{rows} rows; before: peak {_peak_mb():.0f} MB")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_segments(root / "train.csv", rows)
        (root / "eval.csv").write_text('# one row\nxxxxxxxxxxx, 0, 10, "/m/1"\n')
        index = measured("index", lambda: make_index(rows))
        settings = AudioIngestSettings(
            root=folder, segments={"train": "train.csv", "eval": "eval.csv"}, labels="all"
        )
        sources = CorpusSources.of(settings, folder)
        train = measured("plan", partial(plan_ingestion, settings, sources, LabelFilter(None), index))[
            "train"
        ]
        print(f"  {len(train.requests)} clips to decode, {len(train.left_out)} left out")
        del index
        measured("shards", lambda: make_shards("train", train.requests, settings.shard_clips))
        keyed = partial(extend_shards, "train", train.requests, settings.shard_clips, ())
        shards = measured("shards with keys", keyed)
        stored = measured("store", lambda: store_shards(shards, root / "plan.arrow"))
        size = (root / "plan.arrow").stat().st_size
        print(f"  {len(stored)} shards, {size / 1e6:.0f} MB, {size / len(train.requests):.0f} bytes a clip")
        measured("read", lambda: sum(1 for shard in stored for _ in shard.requests))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
