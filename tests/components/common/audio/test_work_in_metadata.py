"""How much work an ingestion was is found in ML Metadata by whoever asks it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ml_metadata import metadata_store
from tfx.orchestration import metadata
from tfx.orchestration.local.local_dag_runner import LocalDagRunner
from tfx.orchestration.pipeline import Pipeline

from components.audio_ingest.component import AudioIngest
from components.audio_ingest.settings import AudioIngestSettings
from schemas.ingest_reports import IngestReport
from tests.components.audio_ingest.corpora import make_corpus
from tests.components.executors import BEAM_ARGS


@pytest.mark.slow
def test_the_work_is_in_ml_metadata(tmp_path: Path) -> None:
    root = make_corpus(tmp_path / "c", 6, 3)
    (root / "audios/balanced_train_segments/Yaclip_00001.wav").write_bytes(b"not sound")
    config = metadata.sqlite_metadata_connection_config(str(tmp_path / "metadata.db"))
    ingest = AudioIngest(AudioIngestSettings(root=str(root), max_bad_share=0.5))
    LocalDagRunner().run(
        Pipeline(
            pipeline_name="work",
            pipeline_root=str(tmp_path / "artifacts"),
            components=[ingest],
            metadata_connection_config=config,
            beam_pipeline_args=BEAM_ARGS,
        )
    )
    store = metadata_store.MetadataStore(config)
    (examples,) = store.get_artifacts_by_type("Examples")
    (report,) = store.get_artifacts_by_type("schemas.IngestReport")
    work = IngestReport.load(report.uri).work
    assert work is not None and work.counters == {
        **work.counters, "clips": 8, "bad": 1, "bad_undecodable": 1, "shards_written": 2,
    }  # fmt: skip
    for artifact in (examples, report):
        found = artifact.custom_properties
        assert {name: found[name].int_value for name in ("clips", "bad", "resumed")} == {
            "clips": 8, "bad": 1, "resumed": 0,
        }  # fmt: skip
        assert found["audio_seconds"].double_value == 8.0
        clips = found["clips_per_second"].double_value * found["seconds"].double_value
        assert clips == pytest.approx(9, rel=1e-4)  # TFX rounds both
