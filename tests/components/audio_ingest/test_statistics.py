"""What the corpus is like: figures of a corpus made by hand, and the page they are shown on."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from components.audio_ingest import corpus_page, duplicates
from components.audio_ingest.duplicates import find_duplicates
from components.audio_ingest.label_names import display_names
from components.audio_ingest.settings import AudioIngestSettings
from components.audio_ingest.sources import CorpusSources
from components.audio_ingest.statistics import corpus_statistics, write_statistics
from components.common.audio.clip_statistics import CorpusTally, ShardTally, levels
from components.common.audio.decode import DecodedAudio
from components.common.audio.errors import Reason
from components.common.audio.requests import ClipRequest, Shard, quarantined
from components.common.audio.shard_writer import ShardSummary
from pipeline.configuration.json_schemas import schema_file
from schemas.corpus_statistics import CorpusStatistics, Duplicates, Histogram, NamedClip, SameSound
from schemas.ingest_reports import IngestReport, SplitCounts

SPEECH, WICKED = "/m/09x0r", "/m/wicked"
WICKED_NAME = "<script>alert('&')</script>\u202e\x1b"


def square(seconds: float, amplitude: int, rate: int = 16_000) -> DecodedAudio:
    """A square wave: its RMS is its amplitude."""
    samples = np.full(round(seconds * 16_000), amplitude, np.int16)
    samples[1::2] = -amplitude
    return DecodedAudio(samples, rate, 1)


# By shard: each clip's id, sound and labels; None is left out. The first of a shard says nothing of order.
LOUD = square(1.0, 16_384, 44_100)
CLIPS: dict[tuple[str, int], list[tuple[str, DecodedAudio | None, tuple[str, ...]]]] = {
    ("train", 0): [("bad", None, (SPEECH,)), ("first", LOUD, (SPEECH, WICKED)), ("again", LOUD, (SPEECH,))],
    ("train", 1): [
        ("clipped", square(10.0, 32_767), (SPEECH,)),
        ("quiet", square(0.5, 8), (WICKED, WICKED)),
    ],
    ("eval", 0): [("borrowed", LOUD, (SPEECH,))],
    ("eval", 1): [("gone", None, (SPEECH,))],
}


@pytest.fixture(scope="module")
def taken() -> tuple[CorpusTally, list[Shard[ClipRequest]], list[ShardSummary]]:
    """The corpus as shards that came back in another order than they were asked for."""
    tally, shards, summaries = CorpusTally(), [], []
    for (split, index), clips in CLIPS.items():
        requests = [ClipRequest(split, name, "", "a.csv:4", 10.0) for name, *_ in clips]
        shards.append(Shard(split, index, 2, requests))
    for (split, index), clips in reversed(CLIPS.items()):
        shard = ShardTally()
        bad = [quarantined(name, "a.csv:4", Reason.SILENT, "") for name, audio, _ in clips if audio is None]
        for _, audio, labels in clips:
            if audio is not None:
                shard.take(audio, labels)
        # As it travels in a summary.
        statistics = shard.statistics(split, index)
        tally.add(type(statistics).model_validate_json(statistics.model_dump_json()))
        summaries.append(
            ShardSummary(clips={}, samples={}, quarantined={split: bad}, digests=[], record_sum="0")
        )
    return tally, shards, summaries


@pytest.fixture(scope="module")
def statistics(
    taken: tuple[CorpusTally, list[Shard[ClipRequest]], list[ShardSummary]],
) -> CorpusStatistics:
    return corpus_statistics(report(), taken[0], find_duplicates(*taken), {WICKED: WICKED_NAME})


def report(train: int = 4) -> IngestReport:
    return IngestReport(
        source="/data/<corpus>",
        synthetic=False,
        splits={
            "train": SplitCounts(
                rows=train + 3, clips=train, hours=12.5 / 3600, quarantined={"missing": 2, "silent": 1}
            ),
            "eval": SplitCounts(rows=2, clips=1, hours=1 / 3600, quarantined={"silent": 1}),
        },
        licences={"corpus": "CC0"},
        digest="d" * 32,
    )


def filled(histogram: Histogram) -> dict[tuple[float, float], int]:
    """The bins that hold clips, by their edges."""
    bins = zip(histogram.edges, histogram.edges[1:], histogram.counts, strict=False)
    return {(low, high): count for low, high, count in bins if count}


def test_figures(statistics: CorpusStatistics) -> None:
    train, evaluation = statistics.splits["train"], statistics.splits["eval"]
    assert (train.clips, train.hours, evaluation.clips) == (4, 12.5 / 3600, 1)
    # 1 s twice, 10 s, 0.5 s; an upper edge belongs to its bin.
    assert filled(train.seconds) == {(0.5, 1.0): 2, (9.5, 10.0): 1, (0.0, 0.5): 1}
    # 20 log10(16384 / 32768) = -6.02 dB twice, of 32767 -0.0003 dB, of 8 -72.2 dB. Square waves: RMS is peak.
    levels_of_train = {(-8.0, -6.0): 2, (-2.0, 0.0): 1, (-74.0, -72.0): 1}
    assert filled(train.rms) == filled(train.peak) == levels_of_train
    assert [(h.below, h.above) for h in (train.seconds, train.rms, train.peak)] == [(0, 0)] * 3
    assert (train.clipped, train.quiet, evaluation.clipped, evaluation.quiet) == (1, 1, 0, 0)
    assert [rate.model_dump() for rate in train.source_rates] == [
        {"hertz": 16_000, "clips": 2}, {"hertz": 44_100, "clips": 2},
    ]  # fmt: skip
    assert train.left_out == {"missing": 2, "silent": 1}
    # Speech: first, again, clipped (1 + 1 + 10 s) and borrowed (1 s). The other: first and quiet, once each.
    speech, wicked = statistics.labels
    assert (speech.mid, speech.name, speech.clips) == (SPEECH, "", {"train": 3, "eval": 1})
    assert speech.hours == {"train": pytest.approx(12 / 3600), "eval": pytest.approx(1 / 3600)}
    assert (wicked.mid, wicked.name, wicked.clips) == (WICKED, WICKED_NAME, {"train": 2, "eval": 0})
    assert wicked.hours["train"] == pytest.approx(1.5 / 3600)


def test_duplicates(statistics: CorpusStatistics) -> None:
    # "again" repeats "first" and so does "borrowed", in another split.
    names = [("train", "first"), ("train", "again"), ("eval", "borrowed")]
    examples = [NamedClip(split=split, clip_id=clip_id) for split, clip_id in names]
    assert statistics.duplicates == Duplicates(
        groups=1,
        clips={"train": 1, "eval": 1},
        groups_across_splits=1,
        largest=[SameSound(clips=3, examples=examples)],
    )
    assert (statistics.splits["train"].duplicates, statistics.splits["eval"].duplicates) == (1, 1)


def test_only_some_of_many_duplicates_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "LARGEST", 2)
    monkeypatch.setattr(duplicates, "EXAMPLES", 2)
    # Sounds 1 to 4, found 2, 3, 1 and 4 times.
    sounds = [1, 1, 2, 2, 2, 3, 4, 4, 4, 4]
    shard = ShardTally()
    for sound in sounds:
        shard.take(square(0.1, sound), ())
    tally = CorpusTally()
    tally.add(shard.statistics("train", 0))
    requests = [ClipRequest("train", f"c{number}", "", "", 1.0) for number in range(len(sounds))]
    found = find_duplicates(tally, [Shard("train", 0, 1, requests)], [])
    assert (found.groups, found.clips, found.groups_across_splits) == (3, {"train": 1 + 2 + 3}, 0)
    named = [(group.clips, [clip.clip_id for clip in group.examples]) for group in found.largest]
    assert named == [(4, ["c6", "c7"]), (3, ["c2", "c3"])]


def test_a_shard_counts_once() -> None:
    tally = CorpusTally()
    tally.add(ShardTally().statistics("train", 3))
    with pytest.raises(RuntimeError, match="shard 3 of train is counted twice"):
        tally.add(ShardTally().statistics("train", 3))


def test_statistics_of_other_clips_than_those_written(
    taken: tuple[CorpusTally, list[Shard[ClipRequest]], list[ShardSummary]],
) -> None:
    with pytest.raises(RuntimeError, match="train: 5 clips were written, the statistics are of 4"):
        corpus_statistics(report(train=5), taken[0], find_duplicates(*taken), {})


def test_levels() -> None:
    time = np.arange(16_000) / 16_000
    rms, peak = levels((32_767 * np.sin(2 * np.pi * 440 * time)).astype(np.int16))
    assert rms == pytest.approx(-3.01, abs=0.01) and peak == pytest.approx(0, abs=0.01)
    # The most negative sample has no positive counterpart.
    assert levels(np.array([-32_768], np.int16)) == (0.0, 0.0)
    assert levels(np.zeros(4, np.int16)) == (-math.inf, -math.inf)


def test_page(statistics: CorpusStatistics, tmp_path: Path) -> None:
    write_statistics(statistics, tmp_path)
    page = (tmp_path / "corpus.html").read_text()
    # Nothing from elsewhere, and nothing that a name could smuggle in.
    assert not re.search(r"""(?:src|href)=["'](?!data:)|url\(|@import|https?:""", page)
    assert WICKED_NAME not in page and "<script" not in page
    assert (
        r"&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;\u202e\x1b" in page
        and "/data/&lt;corpus&gt;" in page
    )
    # Six pictures: RMS, peak and length of two splits. Of four clips two are between -8 and -6 dBFS.
    assert page.count("<figure>") == 6
    assert "above −8 to −6 dBFS: 2 of 4 clips" in page  # noqa: RUF001
    assert "above 9.5 to 10 s: 1 of 4 clips" in page
    words = " ".join(re.sub("<[^>]*>", " ", page).split())
    # Clips, hours, at full scale, quiet, duplicates, left out of 7 rows.
    assert "train 4 0.003 1 25.00 % 1 25.00 % 1 25.00 % 3 42.86 %" in words
    assert "2 of 5 clips (40.00 %) have the very samples of an earlier clip: 1 sounds" in words
    assert "train/ first , train/ again , eval/ borrowed" in words
    assert "44,100 2 50.00 % 1 100.00 %" in words
    assert "missing 2 28.57 % 0 0.00 %" in words


def test_record_fits_its_schema(statistics: CorpusStatistics, tmp_path: Path) -> None:
    write_statistics(statistics, tmp_path)
    written = json.loads((tmp_path / "corpus_statistics.json").read_text())
    jsonschema.validate(written, json.loads(schema_file("corpus_statistics").read_text()))
    assert CorpusStatistics.load(tmp_path) == statistics


def test_the_page_shows_the_most_frequent_labels(statistics: CorpusStatistics) -> None:
    speech = statistics.labels[0]
    many = [speech.model_copy(update={"mid": f"/m/{number:03d}"}) for number in range(1_045)]
    page = corpus_page.render(statistics.model_copy(update={"labels": many}))
    assert "/m/039" in page and "/m/040" not in page
    assert "The 40 most frequent labels; 1,005 more are in" in page


def test_the_page_of_nothing(statistics: CorpusStatistics) -> None:
    empty = IngestReport(
        source="s", synthetic=True, splits={"train": SplitCounts(rows=0, clips=0, hours=0.0)}, digest="0"
    )
    none = corpus_statistics(empty, CorpusTally(), find_duplicates(CorpusTally(), [], []), {})
    page = corpus_page.render(none)
    assert "synthetic sound" in page and "0 of 0 clips" in page


def test_bars_have_the_heights_of_their_shares() -> None:
    # 1, 3 and 4 of 8 clips: the axis ends at 60 %, and the greatest has 5/6 of the room.
    chart = corpus_page.chart(Histogram(unit="s", edges=[0, 1, 2], below=1, counts=[0, 3], above=4))
    room = corpus_page.HEIGHT - corpus_page.TOP - corpus_page.BOTTOM
    assert [bar.height / room for bar in chart.bars] == pytest.approx([1 / 4.8, 3 / 4.8, 4 / 4.8])
    assert [bar.outside for bar in chart.bars] == [True, False, True]
    assert [bar.says.partition(":")[0] for bar in chart.bars] == [
        "0 s or less", "above 1 to 2 s", "more than 2 s",
    ]  # fmt: skip
    assert [says for _, says in chart.up] == ["0 %", "30 %", "60 %"]
    assert [says for _, says in chart.across] == ["0", "1", "2"]


def test_names_of_labels(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sources = CorpusSources.of(AudioIngestSettings(root=str(tmp_path)), tmp_path)
    assert display_names(sources) == {}
    (tmp_path / "class_labels_indices.csv").write_text(
        'index,mid,display_name\n0,/m/a,"Speech, loud"\n1,/m/b,Bark\n'
    )
    (tmp_path / "mid_to_display_name.tsv").write_text("/m/b\tOld bark\n/m/c\tCough\n")
    (tmp_path / "ontology.json").write_text(json.dumps([{"id": "/m/a", "name": "Loud", "child_ids": []}]))
    assert display_names(sources) == {"/m/a": "Loud", "/m/b": "Bark", "/m/c": "Cough"}
    (tmp_path / "class_labels_indices.csv").write_text("mids\n/m/a\n")
    (tmp_path / "ontology.json").write_text("{")
    assert display_names(sources) == {"/m/b": "Old bark", "/m/c": "Cough"}
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
