"""The ledger of promotions: one entry a place, whoever writes; nothing is erased."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.common.tracking import ledger
from components.common.tracking.faults import TrackingFault
from components.common.tracking.ledger import Entry, Overtaken
from components.common.tracking.names import LEDGER_TAG
from components.common.tracking.stores import open_client

NAME = "tinytrill-host"


@pytest.fixture
def client(tmp_path: Path, empty_store: Path) -> Any:
    """Of an empty store."""
    (tmp_path / "mlflow.db").write_bytes(empty_store.read_bytes())
    return open_client(f"sqlite:///{tmp_path / 'mlflow.db'}")


# Names of tests must be the same in each process that runs some of them.
KEY = "0" * 32


def entry(n: int = 1, **changes: Any) -> Entry:
    values = {"version": "3", "over": "1", "previous": "1", "by": "anna", "at": "2026-03-01T12:00:00+00:00"}
    return Entry.model_validate({"n": n, "action": "promote", **values, **changes})


def ledger_runs(client: Any) -> list[str]:
    runs = client.search_runs(["0"], filter_string="tags.`tinytrill.role` = 'promotions'")
    return [run.info.run_id for run in runs]


def test_a_model_is_made_once_with_its_ledger(client: Any) -> None:
    ledger.ensure_model(client, NAME, "0", "small models")
    ledger.ensure_model(client, NAME, "0", "other words")
    model = client.get_registered_model(NAME)
    assert model.description == "small models"
    assert [model.tags[LEDGER_TAG]] == ledger_runs(client)
    assert client.get_run(model.tags[LEDGER_TAG]).info.status == "FINISHED"
    assert ledger.read(client, NAME) == []


def test_of_two_that_make_a_model_the_slower_removes_its_spare_ledger(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = client.search_registered_models
    calls: list[int] = []

    def late(**query: Any) -> Any:
        """Another makes the model right after it was looked for."""
        if not calls:
            calls.append(1)
            ledger.ensure_model(client, NAME, "0", "the other's")
            return []
        return found(**query)

    monkeypatch.setattr(client, "search_registered_models", late)
    ledger.ensure_model(client, NAME, "0", "ours")
    model = client.get_registered_model(NAME)
    assert model.description == "the other's"
    assert [model.tags[LEDGER_TAG]] == ledger_runs(client)


def test_a_model_made_by_hand_gets_a_ledger(client: Any) -> None:
    client.create_registered_model(NAME)
    assert ledger.read(client, NAME) == []
    with pytest.raises(TrackingFault, match=r"'tinytrill-host' has no ledger.*next push"):
        ledger.append(client, NAME, entry())
    ledger.ensure_model(client, NAME, "0", "small models")
    ledger.append(client, NAME, entry())
    assert [one.version for one in ledger.read(client, NAME)] == ["3"]


def test_entries_are_read_in_order_with_what_settled(client: Any) -> None:
    ledger.ensure_model(client, NAME, "0", "")
    written = [entry(n, version=str(n), why="x" * n) for n in range(1, 13)]
    for one in reversed(written):
        ledger.append(client, NAME, one)
    ledger.settle(client, NAME, written[3])
    ledger.settle(client, NAME, written[3])
    read = ledger.read(client, NAME)
    assert [one.model_copy(update={"settled": False}) for one in read] == written
    assert [one.n for one in read if one.settled] == [4]


def test_a_place_is_taken_once(client: Any) -> None:
    ledger.ensure_model(client, NAME, "0", "")
    mine, theirs = entry(by="bert", version="4"), entry(why="better at emotion")
    ledger.append(client, NAME, theirs)
    ledger.append(client, NAME, theirs)
    with pytest.raises(
        Overtaken, match=r"anna promoted version 3 at 2026-03-01T12:00.*better at emotion"
    ) as told:
        ledger.append(client, NAME, mine)
    assert told.value.entry == theirs
    assert ledger.read(client, NAME) == [theirs]


def test_the_same_change_by_two_is_still_two_changes(client: Any) -> None:
    ledger.ensure_model(client, NAME, "0", "")
    ledger.append(client, NAME, entry())
    with pytest.raises(Overtaken):
        ledger.append(client, NAME, entry())


def test_what_is_too_long_is_refused_not_cut(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRUNCATE_LONG_VALUES", "true")
    ledger.ensure_model(client, NAME, "0", "")
    with pytest.raises(ValueError, match=r"entry of 7\d\d\d characters; accepted: 6000"):
        ledger.append(client, NAME, entry(why="x" * 7000))
    assert ledger.read(client, NAME) == []


def test_a_ledger_that_is_deleted_or_gone_is_named(client: Any) -> None:
    ledger.ensure_model(client, NAME, "0", "")
    run_id = client.get_registered_model(NAME).tags[LEDGER_TAG]
    client.delete_run(run_id)
    with pytest.raises(
        TrackingFault, match=f"was deleted; restore it: mlflow runs restore --run-id {run_id}"
    ):
        ledger.append(client, NAME, entry())
    client.set_registered_model_tag(NAME, LEDGER_TAG, "0" * 32)
    with pytest.raises(TrackingFault, match="is gone: MLflow has no run 0000"):
        ledger.read(client, NAME)


# --- what others wrote there ---------------------------------------------------------------------


def write(client: Any, **params: str) -> None:
    run_id = client.get_registered_model(NAME).tags[LEDGER_TAG]
    for name, value in params.items():
        client.log_param(run_id, name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("note", "hello"),
        ("promotion.next", "7"),
        ("promotion.0002", "not JSON"),
        ("promotion.0002", "{}"),
        # At another's place, at a place of another form, and one that says itself that it is settled.
        ("promotion.0002", entry(3, key=KEY).model_dump_json()),
        ("promotion.2", entry(2, key=KEY).model_dump_json()),
        ("promotion.00002", entry(2, key=KEY).model_dump_json()),
        ("promotion.0002", entry(2, key=KEY).model_copy(update={"settled": True}).model_dump_json()),
        # Versions that are none: to set an alias to them fails for ever.
        ("promotion.0002", entry(2, key=KEY).model_copy(update={"version": "a b"}).model_dump_json()),
        ("promotion.0002", entry(2, key=KEY).model_copy(update={"version": ""}).model_dump_json()),
        ("promotion.0002", entry(2, key=KEY).model_copy(update={"over": "-1"}).model_dump_json()),
        ("settled.0002", "yes"),
        ("settled.x", "yes"),
        ("promotion.9999999", entry(2, key=KEY).model_copy(update={"n": 9999999}).model_dump_json()),
    ],
)
def test_what_is_no_entry_is_told_and_the_ledger_goes_on(client: Any, name: str, value: str) -> None:
    ledger.ensure_model(client, NAME, "0", "")
    first = entry(1)
    ledger.append(client, NAME, first)
    write(client, **{name: value})
    found = ledger.inspect(client, NAME)
    assert (found.entries, found.foreign) == ([first], [name])
    following = entry(found.next_place, version="4")
    assert following.n == (3 if name in ("promotion.0002", "settled.0002") else 2)
    ledger.append(client, NAME, following)
    found = ledger.inspect(client, NAME)
    assert (found.entries, found.foreign) == ([first, following], [name])
    ledger.settle(client, NAME, following)
    assert [one.settled for one in ledger.read(client, NAME)] == [False, True]


def test_places_may_be_missing(client: Any) -> None:
    ledger.ensure_model(client, NAME, "0", "")
    ledger.append(client, NAME, entry(1))
    ledger.append(client, NAME, entry(5, version="4"))
    found = ledger.inspect(client, NAME)
    assert ([one.n for one in found.entries], found.next_place) == ([1, 5], 6)


def test_a_place_that_is_taken_meanwhile_by_something_else_is_told(client: Any) -> None:
    ledger.ensure_model(client, NAME, "0", "")
    place = ledger.inspect(client, NAME).next_place
    write(client, **{"promotion.0001": "garbage"})
    with pytest.raises(
        TrackingFault, match=r"promotion.0001 of run .* run the same command again to continue"
    ):
        ledger.append(client, NAME, entry(place))
    assert ledger.inspect(client, NAME).next_place == 2


def test_words_of_an_entry_are_one_line_without_control_characters() -> None:
    words = entry(why="fine\n   2  anna promoted version 9", by="\x1b[31m\u202eanna").words
    assert words == (
        r"\x1b[31m\u202eanna promoted version 3 at 2026-03-01T12:00:00+00:00 "
        r"(fine\n   2  anna promoted version 9)"
    )
