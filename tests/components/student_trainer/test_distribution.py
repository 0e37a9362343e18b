"""Several workers on one student."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.common.store.arrays import read_arrays
from components.student_trainer.distribution import Workers
from schemas.student_reports import StudentInfo
from tests.fork_server import start_python


def test_without_a_cluster_there_is_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    for config in (
        "",
        json.dumps({"cluster": {"worker": ["here:1"]}, "task": {"type": "worker", "index": 0}}),
    ):
        monkeypatch.setenv("TF_CONFIG", config)
        workers = Workers.join()
        assert (workers.index, workers.count, workers.is_chief) == (0, 1, True)
        assert workers.part(7) == slice(0, 7)


def test_every_worker_has_its_part() -> None:
    strategy = tf.distribute.get_strategy()
    assert [Workers(strategy, index, 3).part(32) for index in range(3)] == [
        slice(0, 10),
        slice(10, 20),
        slice(20, 30),
    ]
    assert [Workers(strategy, index, 2).is_chief for index in range(2)] == [True, False]


@pytest.mark.slow
def test_two_workers_end_with_the_same_student(distillation_set: str, tmp_path: Path) -> None:
    folders = [tmp_path / f"worker{index}" for index in range(2)]
    places = [f"localhost:{port}" for port in _free_ports(2)]
    processes = []
    for index, folder in enumerate(folders):
        folder.mkdir()
        config = {"cluster": {"worker": places}, "task": {"type": "worker", "index": index}}
        with (folder / "log").open("w") as output:
            processes.append(
                start_python(
                    ["-m", "tests.components.student_trainer.worker", distillation_set, folder],
                    env={**os.environ, "TF_CONFIG": json.dumps(config)},
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
            )
    try:
        codes = [process.wait(timeout=400) for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert codes == [0, 0], (folders[0] / "log").read_text()[-3000:]
    first, second = (read_arrays(folder / "ended.npz") for folder in folders)
    for mine, theirs in zip(first, second, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    info = StudentInfo.load(str(folders[0]))
    assert info.epochs[-1].loss < info.epochs[0].loss
    assert [(folder / "checkpoints").exists() for folder in folders] == [True, False]
    told = [json.loads((folder / "told.json").read_text()) for folder in folders]
    assert told == [["began", "epoch", "epoch", "ended"], []]


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("localhost", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
