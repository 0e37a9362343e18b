"""How a container's command ends: its exit code, and its last line."""

from __future__ import annotations

import pytest

from infra.kubeflow.container_task import TaskError
from infra.kubeflow.outcome import RunClosed, reporting
from infra.kubeflow.places import PlaceError
from pipeline.configuration.config_file import ConfigError
from pipeline.kubeflow.run_values import RunValueError


def caused(outer: Exception, inner: Exception) -> Exception:
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ConfigError("a is refused:\n  b: 3\n\n  c: 4\n"), 2, "refused: Node: a is refused:; b: 3; c: 4"),
        (RunValueError("parameter teacher: x"), 2, "refused: Node: parameter teacher: x"),
        (PlaceError("hdfs://a"), 2, "refused: Node: hdfs://a"),
        (TaskError("no task"), 2, "refused: Node: no task"),
        (RuntimeError("one\ntwo"), 1, "failed: Node: one; two"),
        (caused(RuntimeError("wrapped"), ValueError("the reason")), 1, "failed: Node: the reason"),
        (MemoryError(), 1, "failed: Node: MemoryError"),
        (
            RunClosed("the gate is closed:\n  phone: no latency\npushed anyway: nothing"),
            3,
            "closed: Node: the gate is closed:; phone: no latency; pushed anyway: nothing",
        ),
    ],
)
def test_the_reason_is_the_last_line(
    error: Exception, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> None:
        print("what the work printed")
        raise error

    with reporting("Node") as outcome:
        work()
    assert outcome.code == code
    told = capsys.readouterr()
    assert told.err.splitlines()[-1] == line
    # Where nobody expected it, the place in the code comes before.
    assert ("Traceback" in told.err) == (code == 1)
    assert told.out == "what the work printed\n"


def test_success_is_zero_and_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with reporting("Node") as outcome:
        pass
    assert outcome.code == 0
    assert capsys.readouterr().err == ""


def test_an_interruption_is_nobodys_outcome() -> None:
    with pytest.raises(KeyboardInterrupt), reporting("Node"):
        raise KeyboardInterrupt
