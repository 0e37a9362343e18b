from __future__ import annotations

from pathlib import Path

from components.latency_benchmark.backends.base import Sensors
from components.latency_benchmark.finished import FinishedSessions, identity
from components.latency_benchmark.sessions import Place, Session, run_session
from tests.components.latency_benchmark.scripted import REFERENCE, SETTINGS, Scripted, model

PLACE = Place(attempt=1, session=2, left=1)
MODELS = [REFERENCE, model("a")]
ASKED = [model.key for model in MODELS]


def made(backend: Scripted) -> Session:
    """A session with everything in it."""
    session = run_session(backend, MODELS, SETTINGS, 0, PLACE)
    session.failures["b/core-float32"] = "crashed"
    return session


def test_a_session_is_read_as_it_was_written(tmp_path: Path) -> None:
    kept = FinishedSessions(tmp_path / "key")
    session = made(Scripted(sensors=[Sensors({"cpu": 40.0}, False)]))
    assert kept.load(PLACE, ASKED) is None
    kept.save(session)
    assert kept.load(PLACE, ASKED) == session


def test_a_session_of_other_models_or_another_place_is_not_taken(tmp_path: Path) -> None:
    kept = FinishedSessions(tmp_path)
    kept.save(made(Scripted()))
    assert kept.load(PLACE, ASKED[:1]) is None
    assert kept.load(Place(2, 2, 1), ASKED) is None
    assert kept.load(Place(1, 3, 0), ASKED) is None


def test_a_later_session_replaces_an_earlier_one(tmp_path: Path) -> None:
    kept = FinishedSessions(tmp_path)
    kept.save(made(Scripted()))
    slower = made(Scripted(lambda key, session, number: 2.0))
    kept.save(slower)
    assert kept.load(PLACE, ASKED) == slower


def test_what_was_not_written_to_the_end_is_not_there(tmp_path: Path) -> None:
    kept = FinishedSessions(tmp_path)
    (tmp_path / "fresh").mkdir()
    (tmp_path / "fresh" / "samples.npz").write_bytes(b"half")
    assert kept.load(PLACE, ASKED) is None
    kept.save(made(Scripted()))
    assert kept.load(PLACE, ASKED) is not None


def test_no_folder_keeps_nothing(tmp_path: Path) -> None:
    kept = FinishedSessions(None)
    kept.save(made(Scripted()))
    assert kept.load(PLACE, ASKED) is None
    kept.remove()

    kept = FinishedSessions(tmp_path / "key")
    kept.save(made(Scripted()))
    kept.remove()
    assert list(tmp_path.iterdir()) == []


def test_another_machine_file_or_setting_is_another_measurement() -> None:
    machine = Scripted().machine()
    own = identity(["settings"], machine, MODELS)
    assert own == identity(["settings"], machine.model_copy(update={"ambient": "warm"}), MODELS)
    others = [
        identity(["other settings"], machine, MODELS),
        identity(["settings"], machine.model_copy(update={"cores": "1"}), MODELS),
        identity(["settings"], machine, [REFERENCE, model("b")]),
    ]
    assert len({own, *others}) == 4
