"""The corpus may lie behind a URL; everything else lies in folders."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from components.noss_ingest.sources import TaskSources
from pipeline.configuration.config_file import ConfigError, load_config
from pipeline.configuration.resolved import ResolvedRun
from pipeline.configuration.sources import resolve
from pipeline.local.layout import RunLayout
from tests.components.audio_ingest.corpora import make_corpus
from tests.components.common.audio.stored_files import StoredFiles

URL = "stored://bucket/audioset"


@pytest.mark.parametrize(
    ("root", "resolved"),
    [("audioset", "/sound/audioset"), ("/elsewhere", "/elsewhere"), ("s3://b/c", "s3://b/c"), (URL, URL)],
)
def test_a_url_is_left_whole(tmp_path: Path, root: str, resolved: str) -> None:
    config = load_config("real_audio", [f"corpus.root={root}", "data_root=/sound"])
    assert resolve(config, RunLayout(tmp_path)).corpus.root == resolved


@pytest.mark.parametrize(
    ("key", "variable"), [("data", "TINYTRILL_DATA_ROOT"), ("teacher", "TINYTRILL_TEACHER_ROOT")]
)
def test_a_url_for_tasks_or_teachers_is_refused(tmp_path: Path, key: str, variable: str) -> None:
    config = load_config("real_audio", [f"{key}_root=gs://bucket"])
    with pytest.raises(ConfigError, match=rf"^'gs://bucket' \({variable}\) is a URL; accepted: a folder"):
        resolve(config, RunLayout(tmp_path))


def test_a_stored_corpus_is_checked_and_fingerprinted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TaskSources, "of", lambda *_, **__: SimpleNamespace(check=str, digest=str))
    StoredFiles.store(make_corpus(tmp_path / "c", 2, 1), URL)
    config = load_config(
        "demo", ["synthetic=null", f"corpus.root={URL}", "corpus.labels=all", f"teacher_root={tmp_path}"]
    )
    layout = RunLayout(tmp_path / "run")
    run = ResolvedRun.of(config, layout)
    run.check()
    before = run.digests.corpus
    StoredFiles.files[f"{URL}/audios/eval_segments/Yxxxxxxxxxxx.wav"] = b"new"
    # A run stays what it was found to be; the next one is looked at anew.
    assert before == run.digests.corpus != ResolvedRun.of(config, layout).digests.corpus
    del StoredFiles.files[f"{URL}/eval_segments.csv"]
    with pytest.raises(ConfigError, match=rf"^corpus\.segments\.eval: there is no file '{URL}/eval_segments"):
        run.check()
