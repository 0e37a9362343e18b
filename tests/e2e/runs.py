"""Whole runs, started as a user starts them."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.local.machine import usable_processors
from tests.fork_server import run_python, start_python

REPOSITORY = Path(__file__).resolve().parents[2]

_NETWORK = "architecture: {name: mobilenet_v3, size: tiny, width: 0.25}, embedding_width: 32"
PLAIN = f"{{{_NETWORK}}}"
COMPRESSED = f"{{{_NETWORK}, svd_rank: 8, qat: bottleneck}}"
SKIPPING = f"{{{_NETWORK}, statistics_skip: true, pooling: flatten}}"
_STARTED = f"{{{_NETWORK}, warm_start: tiny-w0.25-gap-e32-svd8-qat}}"

# The machine that tests may be busy: what they time decides nothing.
TIMED_BRIEFLY = (
    "latency.rounds=3",
    "latency.min_runs=9",
    "latency.min_seconds=0",
    "latency.warmup_seconds=0",
    "latency.max_disagreement=100",
    "latency.max_reference_drift=100",
    "latency.max_interruption=1",
)

# The demo's whole road on a handful of clips.
SMALL = (
    "search=null",
    "synthetic.corpus_clips=48",
    "synthetic.eval_clips=16",
    "synthetic.language_clips=10",
    "synthetic.speakers=4",
    "synthetic.speaker_clips=10",
    "synthetic.keywords=[left, right, stop]",
    "synthetic.keyword_clips=10",
    "teacher_training.network={depths: [1, 1], width: 8, embedding_dim: 16}",
    "teacher_training.epochs=1",
    "teacher_training.batch_clips=16",
    "training.epochs=4",
    "training.batch_size=16",
    "conversion.variants=[wave-float32, wave-dynamic, wave-int8, core-float32, core-dynamic, core-int8]",
    "conversion.parity_windows=8",
    "conversion.dynamic_floor={cosine_mean: 0.9, cosine_min: 0.8}",
    *TIMED_BRIEFLY,
    "evaluation.resamples=100",
    "evaluation.strict.seeds=1",
    "evaluation.tfma.confidence=off",
    # Weights are compared between grids of different sizes, and with pods, which take all processors.
    f"execution.threads={usable_processors()}",
)

# The run that several modules look at: three students, one of which starts from another.
DEMO = (*SMALL, "execution.parallel=2", f"students={{explicit: [{COMPRESSED}, {SKIPPING}, {_STARTED}]}}")
CANDIDATES = ("tiny-w0.25-gap-e32-svd8-qat", "tiny-w0.25-flatten-e32-stat", "tiny-w0.25-gap-e32-warm")


@dataclass(frozen=True)
class Finished:
    """A run that ended."""

    code: int
    out: str
    err: str


def command(*arguments: str, overrides: tuple[str, ...] = ()) -> list[str]:
    """The arguments of an interpreter that runs ``pipeline_runner.py``."""
    settings = [part for override in overrides for part in ("--set", override)]
    return [str(REPOSITORY / "pipeline_runner.py"), *arguments, *settings]


def run(
    *arguments: str,
    overrides: tuple[str, ...] = (),
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    cold: bool = False,
) -> Finished:
    """Runs a command to its end, with ``env`` added to the environment; see ``tests/fork_server.py``."""
    line = command(*arguments, overrides=overrides)
    done = run_python(*line, cwd=cwd, env={**os.environ, **(env or {})}, cold=cold)
    return Finished(done.returncode, done.stdout, done.stderr)


def run_and_act(
    line: str,
    act: Callable[[int], None],
    *arguments: str,
    overrides: tuple[str, ...] = (),
    env: Mapping[str, str] | None = None,
) -> Finished:
    """Runs a command to its end, and does something once, as soon as a line of progress holds ``line``.

    Args:
      line: Part of the line that is waited for.
      act: Gets the process group of the command.
      arguments: Of the command.
      overrides: Of the configuration.
      env: Added to the environment.
    """
    lines: list[str] = []
    acted = False
    with tempfile.TemporaryFile("w+") as out:
        process = start_python(
            command(*arguments, overrides=overrides),
            env={**os.environ, **(env or {})},
            stdout=out,
            start_new_session=True,
        )
        assert process.stderr is not None
        with process.stderr:
            for said in process.stderr:
                lines.append(said.rstrip())
                if not acted and line in said:
                    acted = True
                    act(process.pid)
        code = process.wait()
        out.seek(0)
        return Finished(code, out.read(), "\n".join(lines))


def kill_in(node: str, *arguments: str, overrides: tuple[str, ...] = ()) -> list[str]:
    """Starts a run and kills it with SIGKILL, children too, as soon as ``node`` has begun.

    Returns:
      The lines of progress up to there; all of them if the run ended before the node began.
    """
    done = run_and_act(
        f"] {node}", lambda group: os.killpg(group, signal.SIGKILL), *arguments, overrides=overrides
    )
    return done.err.splitlines()
