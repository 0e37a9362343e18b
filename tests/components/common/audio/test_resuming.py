"""A killed ingestion goes on where it was; a larger corpus costs what is new in it."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types import standard_artifacts

import schemas
from components.audio_ingest.executor import Executor
from components.audio_ingest.settings import AudioIngestSettings
from schemas.corpus_statistics import CorpusStatistics
from schemas.ingest_reports import IngestReport
from tests.components.audio_ingest.corpora import HEADER, make_corpus, row, ytid
from tests.components.executors import artifact
from tests.components.killing import outcomes

BEAM_ARGS = ["--runner=FnApiRunner", "--sdk_container_image=unused"]


@pytest.mark.slow
def test_a_killed_ingestion_goes_on(tmp_path: Path) -> None:
    # Of three clips a shard (the first has two: one file is gone) the sixth record is in the second or third
    # shard. Names are given four times a shard: to the shard, to the kept one, to its receipt, to the
    # summary; so the 7th is the receipt of the second shard and the 12th the summary of the third.
    found = outcomes("ingest", tmp_path, ["record:6", "rename:7", "rename:12"])
    undisturbed = found.pop("undisturbed")
    assert (undisturbed["made"], undisturbed["clips"]) == (4, {"train": 7, "eval": 2})
    for moment, one in found.items():
        assert one["signal"] == 9, moment
        assert (one["digest"], one["clips"]) == (undisturbed["digest"], undisturbed["clips"]), moment
        assert (one["resumed"], one["made"]) == (one["finished_before"], 4 - one["finished_before"]), moment
    assert [one["resumed"] for one in found.values()][1:] == [1, 3]
    assert 1 <= found["record:6"]["resumed"] <= 2


def ingest(
    corpus: Path, folder: Path, caplog: pytest.LogCaptureFixture, **options: float
) -> tuple[IngestReport, tuple[int, int, int]]:
    """The report, and how many shards were taken up, of how many, and made; nothing if none was taken up."""
    settings = AudioIngestSettings.model_validate(
        {"root": str(corpus), "shard_clips": 3, "max_bad_share": 1.0, **options}
    )
    examples = artifact(standard_artifacts.Examples, folder / "examples")
    report = artifact(schemas.IngestReport, folder / "report")
    context = BaseBeamExecutor.Context(
        beam_pipeline_args=BEAM_ARGS, tmp_dir=str(folder / "tmp"), unique_id="1"
    )
    scratch = str(corpus.parent / "scratch")
    caplog.clear()
    with caplog.at_level(logging.INFO, logger="tinytrill"):
        Executor(context).Do(
            {},
            {"examples": [examples], "report": [report]},
            {"settings": settings.to_parameter(), "scratch_dir": scratch, "code_digest": "c"},
        )
    said = [record.args for record in caplog.records if "were finished before" in record.msg]
    counts = said[0][-3:] if said and isinstance(said[0], tuple) else (0, 0, 0)
    return IngestReport.load(report.uri), counts  # type: ignore[return-value]


def test_only_what_is_new_or_changed_is_decoded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    corpus = make_corpus(tmp_path / "corpus", train=7, evaluate=2)
    segments = corpus / "balanced_train_segments.csv"
    # With one clip missing, so that what was left out is carried over too.
    (corpus / "audios" / "balanced_train_segments" / f"Y{ytid(2)}.wav").write_bytes(b"")
    first, counts = ingest(corpus, tmp_path / "1", caplog)
    assert counts == (0, 0, 0)
    make_corpus(tmp_path / "more", train=9, evaluate=0)
    for number in (7, 8):
        name = f"audios/balanced_train_segments/Y{ytid(number)}.wav"
        (tmp_path / "more" / name).rename(corpus / name)
    # The new rows come first: each old one has another line now.
    segments.write_text(HEADER + "".join(row(ytid(number)) for number in (7, 8, *range(7))))
    second, counts = ingest(corpus, tmp_path / "2", caplog)
    assert counts == (4, 5, 1)
    assert (second.splits["train"].clips, second.splits["train"].quarantined) == (8, {"empty": 1})
    (left_out,) = (tmp_path / "2" / "report" / IngestReport.QUARANTINE).read_text().splitlines()
    assert "balanced_train_segments.csv:8" in left_out  # three lines of header, two new rows, the third

    anew, counts = ingest(corpus, tmp_path / "unknown" / "3", caplog)
    assert counts == (5, 5, 0)
    os.utime(corpus / "audios" / "balanced_train_segments" / f"Y{ytid(4)}.wav", (1, 1))
    touched, counts = ingest(corpus, tmp_path / "4", caplog)
    assert counts == (4, 5, 1)
    stricter, counts = ingest(corpus, tmp_path / "5", caplog, min_seconds=0.2)
    assert counts == (0, 0, 0)
    # A shard that was taken up brings along what its clips are like.
    statistics = [CorpusStatistics.load(tmp_path / name / "report") for name in ("2", "unknown/3", "4", "5")]
    assert all(one == statistics[3] for one in statistics[:3])
    assert second.digest == anew.digest == touched.digest == stricter.digest != first.digest
    assert len(list((tmp_path / "scratch" / "shards" / "AudioIngest").glob("*.tfrecord"))) == 5
