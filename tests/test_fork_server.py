"""A forked command is a process like any other; only what it imports is there already."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.fork_server import run_python, start_python

LOOK = """
import json, os, sys
print(json.dumps({
    "name": __name__, "argv": sys.argv, "cwd": os.getcwd(), "env": dict(os.environ),
    "input": sys.stdin.read(), "loaded": "tensorflow" in sys.modules, "group": os.getpgid(0),
}))
print("to stderr", file=sys.stderr)
"""


def test_a_command_has_its_own_surroundings(tmp_path: Path) -> None:
    (tmp_path / "look.py").write_text(LOOK)
    for arguments in (["-c", LOOK], [str(tmp_path / "look.py")]):
        done = run_python(*arguments, "one", "two", cwd=tmp_path, env={"ONLY": "this"})
        assert (done.returncode, done.stderr) == (0, "to stderr\n")
        seen = json.loads(done.stdout)
        assert seen["name"] == "__main__"
        assert seen["argv"] == [arguments[0], "one", "two"]
        assert (seen["cwd"], seen["env"], seen["input"]) == (str(tmp_path), {"ONLY": "this"}, "")
        assert seen["loaded"]
        assert seen["group"] == os.getpgid(0)


def test_a_module_runs_as_one() -> None:
    done = run_python("-m", "json.tool", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ")


@pytest.mark.parametrize(
    ("code", "expected", "said"),
    [
        ("import sys; sys.exit(3)", 3, ""),
        ("import sys; sys.exit('no')", 1, "no\n"),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM, ""),
        ("import logging; logging.basicConfig(format='%(msg)s'); logging.warning('a')", 0, "a\n"),
        ("import atexit, sys; atexit.register(lambda: print('last', file=sys.stderr))", 0, "last\n"),
    ],
)
def test_a_command_ends_as_an_interpreter_does(code: str, expected: int, said: str) -> None:
    forked, cold = run_python("-c", code), run_python("-c", code, cold=True)
    assert forked.returncode == cold.returncode == expected
    assert said in forked.stderr
    assert said in cold.stderr


def test_commands_leave_nothing_to_those_after_them() -> None:
    changing = "import os, tensorflow; os.environ['LEFT'] = 'this'; tensorflow.left = os.getpid()"
    assert run_python("-c", changing).returncode == 0
    looking = "import os, tensorflow; print('LEFT' in os.environ, hasattr(tensorflow, 'left'))"
    assert run_python("-c", looking).stdout == "False False\n"


def test_a_running_command_is_talked_to_and_killed() -> None:
    code = "import time\nprint('heard', input(), flush=True)\ntime.sleep(600)"
    running = start_python(["-c", code], stdin=subprocess.PIPE, start_new_session=True)
    assert running.stdin and running.stdout and running.stderr
    running.stdin.write("this\n")
    running.stdin.flush()
    assert running.stdout.readline() == "heard this\n"
    assert os.getpgid(running.pid) == running.pid
    with pytest.raises(TimeoutError):
        running.wait(0.1)
    running.kill()
    assert running.wait() == -signal.SIGKILL
    assert running.stdout.read() + running.stderr.read() == ""


def test_tensorflow_works_in_commands_at_once() -> None:
    code = "import tensorflow as tf; print(float(tf.reduce_sum(tf.ones((300, 300)) @ tf.ones((300, 1)))))"
    running = [start_python(["-c", code], stderr=subprocess.DEVNULL) for _ in range(2)]
    for one in running:
        assert one.stdout is not None
        assert one.stdout.read() == "90000.0\n"
        assert one.wait() == 0
