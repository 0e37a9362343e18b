"""TFX's log becomes progress that a person can follow."""

from __future__ import annotations

import io
import logging

import pytest
from rich.console import Console

from pipeline.terminal.progress import ProgressHandler, listening


def _log(progress: ProgressHandler, name: str, message: str) -> None:
    progress.emit(logging.LogRecord(name, logging.INFO, __file__, 1, message, None, None))


def test_nodes_candidates_and_cache_are_told() -> None:
    out = io.StringIO()
    nodes = ["AudioIngest", "StudentTrainer.tiny-w0.5-gap-e256", "FrontierGate"]
    progress = ProgressHandler(Console(file=out, width=200), nodes, ["tiny-w0.5-gap-e256"])
    _log(progress, "absl", "Component AudioIngest is running.")
    _log(progress, "absl", "A cached execution 3 is used.")
    _log(progress, "absl", "Component AudioIngest is finished.")
    _log(progress, "absl", "Component StudentTrainer.tiny-w0.5-gap-e256 is running.")
    _log(progress, "tinytrill.student_trainer", "epoch 1/2")
    _log(progress, "absl", "MetadataStore with DB connection initialized")
    _log(progress, "absl", "Component StudentTrainer.tiny-w0.5-gap-e256 is finished.")
    lines = out.getvalue().splitlines()
    assert lines[0] == "[1/3 00:00] AudioIngest ..."
    assert lines[1] == "[1/3 00:00] AudioIngest from the cache"
    assert lines[2] == "[2/3 00:00] StudentTrainer.tiny-w0.5-gap-e256 (candidate 1 of 1) ..."
    assert lines[3].strip() == "epoch 1/2"
    assert lines[4].startswith("[2/3 00:00] StudentTrainer.tiny-w0.5-gap-e256 done in ")
    assert len(lines) == 5
    assert progress.cached == ["AudioIngest"]
    assert progress.executed == ["StudentTrainer.tiny-w0.5-gap-e256"]
    assert progress.current == "StudentTrainer.tiny-w0.5-gap-e256"


def test_protobufs_of_libraries_stay_out_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    from absl import logging as absl_logging

    for verbose, kept in ((False, False), (True, True)):
        with listening(logging.NullHandler(), verbose):
            absl_logging.info("Running launcher for node_info {\n  type {\n  }\n}")
            absl_logging.info("one line")
            absl_logging.warning("two\nlines")
        said = capsys.readouterr().err
        assert ("node_info" in said) is kept
        assert "one line" in said and "two\nlines" in said
