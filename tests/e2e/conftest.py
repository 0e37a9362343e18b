"""The demo's run on a handful of clips, for the modules that look at it or go on from it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.local.layout import RunLayout
from pipeline.local.metadata import newest_run
from schemas.verdicts import Verdict
from tests.e2e.runs import DEMO, Finished, run


@dataclass(frozen=True)
class Demo:
    """A finished run.

    Attributes:
      folder: Of the run; other tests go on in it.
      done: How it ended.
      nodes: Ids of what ran.
      verdict: As it was at first.
      record: Copy of what was timed on this machine.
    """

    folder: Path
    done: Finished
    nodes: list[str]
    verdict: Verdict
    record: Path


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Runs it once, from a cold start, as a user does."""
    folder = tmp_path_factory.mktemp("demo") / "run"
    done = run("demo", "--output", str(folder), overrides=DEMO, cwd=folder.parent, cold=True)
    assert done.code == 0, done.err
    nodes = newest_run(RunLayout(folder))
    record = tmp_path_factory.mktemp("record") / "record"
    shutil.copytree(nodes["LatencyBenchmark.host"].outputs["report"], record)
    return Demo(folder, done, sorted(nodes), Verdict.load(folder / "report"), record)
