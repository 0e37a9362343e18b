"""A corpus in Google Cloud Storage, reached as Beam reaches it: by the account that the environment names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from components.audio_ingest.executor import Executor
from components.audio_ingest.reading import read_sounds
from components.audio_ingest.settings import AudioIngestSettings
from components.audio_ingest.sources import check_sources, sources_digest
from components.common.audio.decode import DecodedAudio
from components.common.audio.intake_report import IngestError
from components.common.audio.places import use_beam_options
from components.common.audio.settings import IntakeSettings
from tests.components.audio_ingest.corpora import make_corpus, pack_tars, plan
from tests.components.audio_ingest.gcs_server import GcsServer, running
from tests.components.executors import run_ingest

pytestmark = pytest.mark.slow

BUCKET = "corpora"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GcsServer]:
    """A store that the environment leads to."""
    from apache_beam.internal.gcp.auth import _Credentials

    account = tmp_path / "account.json"
    with running() as server:
        server.write_account(account)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
        # Beam remembers for the life of a process whether there was an account.
        monkeypatch.setattr(_Credentials, "_credentials_init", False)
        monkeypatch.setattr(_Credentials, "_credentials", None)
        use_beam_options([])
        yield server


def upload(folder: Path, name: str, store: GcsServer) -> str:
    objects = store.buckets.setdefault(BUCKET, {})
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            objects[f"{name}/{path.relative_to(folder)}"] = path.read_bytes()
    return f"gs://{BUCKET}/{name}"


@pytest.mark.parametrize("layout", ["tar", "panns"])
def test_the_records_are_those_of_the_disk(tmp_path: Path, store: GcsServer, layout: str) -> None:
    root = make_corpus(tmp_path / "c", 5, 2)
    if layout == "tar":
        root = pack_tars(root, clips=4)
    expected = run_ingest(Executor, AudioIngestSettings(root=str(root)), tmp_path / "disk")[1]
    url = upload(root, layout, store)
    report = run_ingest(Executor, AudioIngestSettings(root=url), tmp_path / "stored")[1]
    assert report.layout is not None
    assert (report.layout.name, report.digest, report.source) == (layout, expected.digest, url)
    assert any(path.startswith("/download/") for path in store.asked)


def test_files_share_connections(tmp_path: Path, store: GcsServer) -> None:
    url = upload(make_corpus(tmp_path / "c", 24, 1), "files", store)
    sounds = list(read_sounds(plan(url)["train"].requests, IntakeSettings()))
    assert [len(sound.samples) for sound in sounds if isinstance(sound, DecodedAudio)] == [16_000] * 24
    assert sum(path.startswith("/download/") for path in store.asked) > 24
    assert store.connections < 8  # for the token, and after answers that are not read to their end


def test_what_is_there_is_told_from_what_is_not(tmp_path: Path, store: GcsServer) -> None:
    url = upload(make_corpus(tmp_path / "c", 2, 1), "files", store)
    check_sources(AudioIngestSettings(root=url))
    before = sources_digest(AudioIngestSettings(root=url))
    assert sources_digest(AudioIngestSettings(root=url)) == before
    store.buckets[BUCKET]["files/audios/eval_segments/Yxxxxxxxxxxx.wav"] = b""
    assert sources_digest(AudioIngestSettings(root=url)) != before
    with pytest.raises(IngestError, match=r"corpus\.root: there is no folder 'gs://corpora/nothing'"):
        check_sources(AudioIngestSettings(root=f"gs://{BUCKET}/nothing"), "corpus")
    with pytest.raises(IngestError, match=r"segments\.eval: there is no file 'gs://corpora/files/x\.csv'"):
        check_sources(AudioIngestSettings(root=url, segments={"eval": "x.csv"}))


def test_an_account_that_may_not_read_is_refused(
    tmp_path: Path, store: GcsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = upload(make_corpus(tmp_path / "c", 2, 1), "files", store)
    with running() as other:
        store.key = other.key  # what the account's file holds is not a key of this server's any more
        with pytest.raises(ValueError, match=rf"{url}.* cannot be (reached|listed).*invalid_grant"):
            check_sources(AudioIngestSettings(root=url))
