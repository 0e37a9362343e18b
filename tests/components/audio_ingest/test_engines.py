"""The same component on each of Beam's engines that Python has; Flink and Spark are in tests/beam_runners."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.audio_ingest.executor import Executor
from components.audio_ingest.settings import AudioIngestSettings
from schemas.ingest_reports import SplitCounts
from tests.components.audio_ingest.corpora import make_corpus, pack_tars
from tests.components.executors import BEAM_ARGS, folder_bytes, run_ingest

pytestmark = pytest.mark.slow


_SERVICE = (sys.executable, "-m", "apache_beam.runners.portability.local_job_service_main")


@pytest.fixture
def job_endpoint(tmp_path: Path) -> Iterator[str]:
    """A job service in a process of its own."""
    folder = tmp_path / "service"
    places = [f"--{name}_file={folder / name}" for name in ("pid", "port", "stdout")]
    staged = f"--staging_dir={folder / 'staged'}"
    subprocess.run([*_SERVICE, "--background", *places, staged], check=True, timeout=120)
    owner = int((folder / "pid").read_text())
    yield f"localhost:{(folder / 'port').read_text()}"
    os.kill(owner, signal.SIGTERM)


def made(root: Path, folder: Path, *beam_args: str) -> tuple[dict[str, bytes], str, dict[str, SplitCounts]]:
    """Files, digest and counts of an ingestion."""
    settings = AudioIngestSettings(root=str(root), shard_clips=2)
    examples, report = run_ingest(Executor, settings, folder, beam_args=beam_args or BEAM_ARGS)
    return folder_bytes(examples.uri), report.digest, report.splits


def test_every_engine_gives_the_same_files(tmp_path: Path, job_endpoint: str) -> None:
    root = make_corpus(tmp_path / "c", 9, 3)
    alone = made(root, tmp_path / "files")
    assert len(alone[0]) == 7  # shards of two clips: five of nine, two of three
    processes = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
    assert made(root, tmp_path / "processes", *BEAM_ARGS, *processes) == alone

    pack_tars(root, clips=4)  # which are listed by a step of their own
    alone = made(root, tmp_path / "tars")
    portable = ("--runner=PortableRunner", f"--job_endpoint={job_endpoint}", "--environment_type=LOOPBACK")
    assert made(root, tmp_path / "portable", *portable, "--sdk_container_image=unused") == alone
