"""Beam components on a Flink cluster of two task managers, as infra/ has it; see ``pods`` and ``flink``."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.beam_runners.conftest import Alone
from tests.beam_runners.flink import Flink
from tests.beam_runners.pods import network, wait_for
from tests.beam_runners.work import embed, finished_shards, ingest
from tests.beam_runners.workers import started_workers

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def flink(
    shared_data: Path, shared_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flink]:
    folder = tmp_path_factory.mktemp("flink")
    with network(folder / "logs") as pods:
        cluster = Flink(pods, folder)
        cluster.start(task_managers=2)
        yield cluster


def test_two_task_managers_make_the_files_of_one_process(
    flink: Flink, shared_data: Path, alone: Alone, tmp_path: Path
) -> None:
    assert f"--parallelism={flink.slots}" in flink.options()
    clips, work = ingest(shared_data, tmp_path, flink.options())
    assert clips == alone.clips
    assert work.counters["clips"] == work.clips  # Beam's counters come back from the cluster
    assert [(job["state"], job["failures"]) for job in flink.jobs()] == [("FINISHED", 0)]
    assert started_workers(flink.tasks) == [1, 1]  # each task manager asked the pool in its own pod


def test_a_run_outlives_a_task_manager_and_its_worker(
    flink: Flink, shared_models: Path, alone: Alone, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "tinytrill.teacher_embedder")
    earlier, scratch = len(flink.jobs()), tmp_path / "scratch"
    with ThreadPoolExecutor() as threads:
        made = threads.submit(embed, shared_models, alone.folder, tmp_path, flink.options(), scratch)
        wait_for("finished shards", lambda: made.done() or finished_shards(scratch) >= 2, seconds=300)
        flink.tasks[0].kill()
        assert finished_shards(scratch) < len(alone.windows), "all was done before the pod was killed"
        flink.replace()
        assert made.result() == (alone.windows, alone.info)
    (job,) = flink.jobs()[earlier:]
    assert job["state"] == "FINISHED"
    assert job["failures"] > 0
    # What was finished was not done again.
    (said,) = [text for text in caplog.messages if "were finished before" in text]
    assert int(said.split()[0]) >= 2, said
