"""Fixtures that all tests share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from components.common.store.publishing import make_once
from tests.browser import Browser, launch
from tests.fork_server import fork_server

if TYPE_CHECKING:
    from tests.components.tflite_converter.conftest import Converted
    from tests.pushed_runs import MakeScene, Scene

REPOSITORY = Path(__file__).resolve().parent.parent

# A machine that tracks its own work in MLflow must not find tests there, nor tests its passwords.
for _name in [name for name in os.environ if name.startswith("MLFLOW_")]:
    del os.environ[_name]

# Behind a script's & a process ignores interrupts, and so do those it starts: none could be stopped by one.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _no_credentials_left() -> Iterator[None]:
    """Takes away the credentials that commands put into the environment for the process that they are.

    In a process of many tests, their values would be hidden in all that later tests print.
    """
    yield
    for name in [name for name in os.environ if name.startswith("MLFLOW_TRACKING_")]:
        del os.environ[name]


def pytest_configure(config: pytest.Config) -> None:
    """Keeps one fork server for all processes of a session."""
    if not hasattr(config, "workerinput"):
        server = ExitStack()
        server.enter_context(fork_server())
        config.add_cleanup(server.close)


def _shared(part: str) -> Path:
    root = Path(os.environ.get("TINYTRILL_SHARED", REPOSITORY.parent / "shared"))
    folder = root / part
    if not folder.is_dir():
        pytest.skip(f"real sound and teachers are not here: {folder} is absent (set TINYTRILL_SHARED)")
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real recordings; see CONTRIBUTING.md."""
    return _shared("data")


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """Real teacher models; see CONTRIBUTING.md."""
    return _shared("models")


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all processes of the session, for what is made once."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless browser, the same for all tests of a process; see tests/browser.py."""
    with launch() as found:
        yield found


# What follows imports the pusher, and with it TFX: only where a test asks for it.


@pytest.fixture(scope="session")
def tiny_files(shared_folder: Path) -> dict[str, bytes]:
    """Real TFLite files ``wave-1``, ``wave-2``, ``core-1`` and ``core-2``; see tests/pushed_runs.py."""
    from tests.pushed_runs import write_tiny_files

    make_once(shared_folder / "tiny-files", write_tiny_files)
    return {path.stem: path.read_bytes() for path in (shared_folder / "tiny-files").iterdir()}


@pytest.fixture(scope="session")
def empty_store(shared_folder: Path) -> Path:
    """A SQLite file of MLflow's with nothing in it, to be copied."""
    from tests.pushed_runs import make_empty_store

    make_once(shared_folder / "empty-store", make_empty_store)
    return shared_folder / "empty-store" / "mlflow.db"


@pytest.fixture(scope="session")
def plain_student(shared_folder: Path) -> Converted:
    """A float student, converted in every way; see ``Converted``."""
    from tests.components.tflite_converter.conftest import Converted
    from tests.students import mobilenet

    return Converted(shared_folder / "plain-student", mobilenet("tiny", 0.5, embedding_width=64))


@pytest.fixture
def scene(tmp_path: Path, tiny_files: dict[str, bytes], empty_store: Path) -> MakeScene:
    """Makes a judged run that can be pushed, as in ``scene(blessed={"host": [...]}).push()``."""
    from tests.pushed_runs import make_scene

    def make(**options: Any) -> Scene:
        return make_scene(tmp_path, tiny_files, empty_store, **options)

    return make


# Groups of tests that take minutes, longest first; see pytest_collection_modifyitems.
LONGEST = (
    "demo",
    "e2e/test_registry.py",
    "e2e/test_real_audio.py",
    "beam_runners",
    "components/student_trainer",
    "components/noss_evaluator",
    "components/tflite_converter",
    "components/common/modeling",
    "components/common/package",
    "components/audio_ingest",
    "components/frontier_pusher",
    "components/latency_benchmark",
)


@pytest.hookimpl(tryfirst=True)  # before the distribution reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps a component's tests in one process, so that what they share is made once; the longest first.

    Modules of several rooms that share something name a group of their own. A long group that was started
    last would leave one process with work and the others without.
    """
    groups = {}
    for item in items:
        named = item.get_closest_marker("xdist_group")
        if named:
            groups[item] = named.args[0]
            continue
        parts = item.path.relative_to(REPOSITORY / "tests").parts
        if parts[0] == "components":
            parts = parts[: 3 if parts[1] == "common" else 2]
        groups[item] = "/".join(parts)
        item.add_marker(pytest.mark.xdist_group(groups[item]))
    slow = {groups[item] for item in items if item.get_closest_marker("slow")}

    def length(item: pytest.Item) -> int:
        group = groups[item]
        return LONGEST.index(group) if group in LONGEST else len(LONGEST) + (group not in slow)

    items.sort(key=length)
