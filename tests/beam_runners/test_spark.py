"""Beam components on a Spark cluster of two workers; see ``pods`` and ``spark``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.beam_runners.conftest import Alone
from tests.beam_runners.pods import network
from tests.beam_runners.spark import Spark
from tests.beam_runners.work import embed, ingest
from tests.beam_runners.workers import started_workers

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def spark(
    shared_data: Path, shared_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Spark]:
    folder = tmp_path_factory.mktemp("spark")
    with network(folder / "logs") as pods:
        cluster = Spark(pods, folder)
        cluster.start(workers=2)
        yield cluster


def test_two_workers_make_the_files_of_one_process(
    spark: Spark, shared_data: Path, shared_models: Path, alone: Alone, tmp_path: Path
) -> None:
    clips, work = ingest(shared_data, tmp_path, spark.options())
    assert clips == alone.clips
    assert work.counters["clips"] == work.clips
    assert min(started_workers(spark.workers)) > 0  # each executor asked the pool in its own pod
    assert embed(shared_models, tmp_path, tmp_path, spark.options()) == (alone.windows, alone.info)
