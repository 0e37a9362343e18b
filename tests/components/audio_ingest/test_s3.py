"""A corpus in a store that speaks S3, reached as any other is: through Beam's own options."""

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
from tests.components.executors import BEAM_ARGS, run_ingest

boto3 = pytest.importorskip("boto3", reason="Beam reads s3:// by boto3 (apache-beam[aws])")
moto = pytest.importorskip("moto.server", reason="the store is moto's server")

pytestmark = pytest.mark.slow

BUCKET = "corpora"


@pytest.fixture(scope="module")
def beam_args() -> Iterator[list[str]]:
    """Beam's options for a store that has just begun to run."""
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield [
        f"--s3_endpoint_url=http://{host}:{port}",
        "--s3_access_key_id=test",
        "--s3_secret_access_key=test",
        "--s3_region_name=us-east-1",
    ]
    use_beam_options([])
    server.stop()


def upload(folder: Path, name: str, beam_args: list[str]) -> str:
    endpoint = beam_args[0].partition("=")[2]
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket=BUCKET)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            client.upload_file(str(path), BUCKET, f"{name}/{path.relative_to(folder)}")
    return f"s3://{BUCKET}/{name}"


def test_tars_give_the_records_they_give_from_the_disk(tmp_path: Path, beam_args: list[str]) -> None:
    root = pack_tars(make_corpus(tmp_path / "c", 5, 2), clips=4)
    expected = run_ingest(Executor, AudioIngestSettings(root=str(root)), tmp_path / "disk")[1]
    url = upload(root, "tars", beam_args)
    settings = AudioIngestSettings(root=url)
    report = run_ingest(Executor, settings, tmp_path / "stored", beam_args=[*BEAM_ARGS, *beam_args])[1]
    assert report.layout is not None
    assert (report.layout.name, report.digest, report.source) == ("tar", expected.digest, url)


def test_files_are_found_read_and_told_apart(tmp_path: Path, beam_args: list[str]) -> None:
    url = upload(make_corpus(tmp_path / "c", 3, 1), "files", beam_args)
    use_beam_options(beam_args)
    requests = plan(url)["train"].requests
    sounds = list(read_sounds(requests, IntakeSettings()))
    assert [len(sound.samples) for sound in sounds if isinstance(sound, DecodedAudio)] == [16_000] * 3
    before = sources_digest(AudioIngestSettings(root=url))
    assert sources_digest(AudioIngestSettings(root=url)) == before
    (tmp_path / "c/audios/eval_segments/Yxxxxxxxxxxx.wav").touch()
    upload(tmp_path / "c", "files", beam_args)
    assert sources_digest(AudioIngestSettings(root=url)) != before


def test_what_is_not_in_the_store_is_refused(tmp_path: Path, beam_args: list[str]) -> None:
    url = upload(make_corpus(tmp_path / "c", 2, 1), "refused", beam_args)
    use_beam_options(beam_args)
    check_sources(AudioIngestSettings(root=url))
    with pytest.raises(IngestError, match=r"corpus\.root: there is no folder 's3://corpora/nothing'"):
        check_sources(AudioIngestSettings(root=f"s3://{BUCKET}/nothing"), "corpus")
    with pytest.raises(IngestError, match=r"segments\.eval: there is no file 's3://corpora/refused/x\.csv'"):
        check_sources(AudioIngestSettings(root=url, segments={"eval": "x.csv"}))
    with pytest.raises(IngestError, match=r"corpus\.root: there is no folder 's3://no-such-bucket/c'"):
        check_sources(AudioIngestSettings(root="s3://no-such-bucket/c"), "corpus")
