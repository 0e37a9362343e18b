"""Ledger and aliases agree, whatever is killed, deleted, slow or moved by hand."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from components.common.tracking import ledger
from components.common.tracking.ledger import Entry
from pipeline.models.promotion.champion import (
    AT_TAG,
    BY_TAG,
    OVER_TAG,
    TO_TAG,
    WAIVED_TAG,
    WHY_TAG,
    before_champion,
    champions,
    change,
    look,
    reconcile,
)
from tests.pipeline.models.promotion.conftest import (
    FlawedClient,
    Killed,
    kill_at,
    make_versions,
    nothing,
    once_at,
)

# What MLflow writes to SQLite takes seconds.
pytestmark = pytest.mark.slow

NAME = "tinytrill-host"


def promote(client: Any, version: str, name: str = NAME, **values: Any) -> Entry:
    entry = look(client, name).next_entry(action="promote", version=version, **values)
    return change(client, name, entry)


def rollback(client: Any, name: str = NAME) -> Entry:
    state = look(client, name)
    target = before_champion(state.entries, state.versions)
    return change(client, name, state.next_entry(action="rollback", version=target))


def aliases(client: Any, name: str = NAME) -> dict[str, str]:
    return {alias: str(version) for alias, version in client.get_registered_model(name).aliases.items()}


def test_a_promotion_moves_the_aliases_and_says_so_at_the_version(client: Any) -> None:
    make_versions(client, NAME, 2)
    promote(client, "1")
    assert aliases(client) == {"champion": "1"}
    entry = promote(client, "2", why="better", waived=["goals"])
    assert aliases(client) == {"champion": "2", "previous": "1"}
    tags = client.get_model_version(NAME, "2").tags
    assert {tag: tags[tag] for tag in (TO_TAG, BY_TAG, AT_TAG, WHY_TAG, OVER_TAG, WAIVED_TAG)} == {
        TO_TAG: "champion",
        BY_TAG: entry.by,
        AT_TAG: entry.at,
        WHY_TAG: "better",
        OVER_TAG: "1",
        WAIVED_TAG: "goals",
    }
    state = look(client, NAME)
    assert (state.recorded, state.warnings) == ("2", [])
    assert [(one.n, one.version, one.over, one.settled) for one in state.entries] == [
        (1, "1", "", True),
        (2, "2", "1", True),
    ]


def test_rollbacks_go_down_the_stack_and_stop_at_its_bottom(client: Any) -> None:
    make_versions(client, NAME, 4)
    for version in ("1", "2", "3"):
        promote(client, version)
    assert aliases(client) == {"champion": "3", "previous": "2"}
    rollback(client)
    assert aliases(client) == {"champion": "2", "previous": "1"}
    rollback(client)
    assert aliases(client) == {"champion": "1"}
    state = look(client, NAME)
    assert before_champion(state.entries, state.versions) == ""
    promote(client, "4")
    assert aliases(client) == {"champion": "4", "previous": "1"}


def made(*changes: tuple[str, str, str]) -> list[Entry]:
    return [
        Entry(n=n, action=action, version=version, over=over, previous="", by="anna", at="now")
        for n, (action, version, over) in enumerate(changes, start=1)
    ]


@pytest.mark.parametrize(
    ("entries", "stack"),
    [
        (made(), []),
        (made(("promote", "1", ""), ("promote", "2", "1")), ["1", "2"]),
        # The same version again is one more step to go back.
        (made(("promote", "1", ""), ("promote", "2", "1"), ("promote", "1", "2")), ["1", "2", "1"]),
        # Version 7 was made champion by hand: a rollback goes back to it.
        (made(("promote", "1", ""), ("promote", "2", "7")), ["1", "7", "2"]),
        (made(("promote", "1", ""), ("promote", "2", "1"), ("rollback", "1", "2")), ["1"]),
        # Version 3 was deleted while it was promoted.
        (made(("promote", "1", ""), ("promote", "3", "1"), ("undo", "1", "3")), ["1"]),
        # The first of all was deleted: there is no champion.
        (made(("promote", "1", ""), ("undo", "", "1")), []),
        # Version 1 was deleted while one rolled back to it: champion is what was.
        (
            made(("promote", "1", ""), ("promote", "2", "1"), ("rollback", "1", "2"), ("undo", "2", "1")),
            ["2"],
        ),
    ],
)
def test_the_ledger_is_read_as_a_stack(entries: list[Entry], stack: list[str]) -> None:
    assert champions(entries) == stack


def test_deleted_versions_are_not_rolled_back_to() -> None:
    entries = made(("promote", "1", ""), ("promote", "2", "1"), ("promote", "3", "2"))
    assert before_champion(entries, {"1", "2", "3"}) == "2"
    assert before_champion(entries, {"1", "3"}) == "1"
    assert before_champion(entries, {"3"}) == ""


@pytest.mark.parametrize(
    "call", ["log_param", "set_model_version_tag", "set_registered_model_alias", "get_registered_model"]
)
def test_a_change_killed_after_its_entry_is_finished_by_the_next_command(client: Any, call: str) -> None:
    make_versions(client, NAME, 2)
    promote(client, "1")

    def kill() -> None:
        raise Killed

    with pytest.raises(Killed):
        promote(FlawedClient(client, nothing, once_at(call, kill)), "2")
    state = reconcile(client, NAME)
    if len(state.entries) == 2:
        assert aliases(client) == {"champion": "2", "previous": "1"}
        assert TO_TAG in client.get_model_version(NAME, "2").tags
    else:
        assert call == "get_registered_model"
        assert aliases(client) == {"champion": "1"}


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_change_killed_at_any_call_is_finished_by_the_next_command(client: Any, lost: str) -> None:
    """Before a call: the store knows nothing of it. After: the store has done it."""
    written = []
    for when in count():
        name = f"{NAME}-{when}"
        make_versions(client, name, 3)
        promote(client, "1", name)
        promote(client, "2", name)
        entry = look(client, name).next_entry(action="promote", version="3", why="killed")
        kill = kill_at(when)
        flawed = FlawedClient(client, *((kill, nothing) if lost == "before" else (nothing, kill)))
        try:
            change(flawed, name, entry)
        except Killed:
            pass
        else:
            break
        state = reconcile(client, name)
        assert aliases(client, name)["champion"] == state.recorded == state.champion
        assert all(one.settled for one in state.entries)
        assert reconcile(client, name).warnings == []
        written.append(len(state.entries) == 3)
        if written[-1]:
            assert aliases(client, name) == {"champion": "3", "previous": "2"}
            assert client.get_model_version(name, "3").tags[WHY_TAG] == "killed"
        else:
            assert aliases(client, name) == {"champion": "2", "previous": "1"}
            assert TO_TAG not in client.get_model_version(name, "3").tags
    # Killed before the entry stood there, nothing happened; afterwards everything did.
    assert written == sorted(written)
    assert written[0] is False
    assert written[-1] is True


def test_what_was_interrupted_is_told(client: Any) -> None:
    make_versions(client, NAME, 2)
    promote(client, "1")
    ledger.append(client, NAME, look(client, NAME).next_entry(action="promote", version="2"))
    assert "interrupted" in look(client, NAME).warnings[0]
    assert aliases(client)["champion"] == "1"
    (told,) = reconcile(client, NAME).warnings
    assert "interrupted and finished now" in told
    assert "promoted version 2" in told


def test_a_version_deleted_while_it_is_promoted_is_taken_back(client: Any) -> None:
    make_versions(client, NAME, 3)
    promote(client, "1")
    promote(client, "2")
    flawed = FlawedClient(
        client, nothing, once_at("log_param", lambda: client.delete_model_version(NAME, "3"))
    )
    last = promote(flawed, "3")
    assert (last.action, last.version, last.over, last.why) == ("undo", "2", "3", "version 3 was deleted")
    assert aliases(client) == {"champion": "2", "previous": "1"}
    assert look(client, NAME).warnings == []


def test_a_version_deleted_between_tags_and_alias_is_taken_back(client: Any) -> None:
    make_versions(client, NAME, 2)
    promote(client, "1")
    delete = once_at("set_registered_model_alias", lambda: client.delete_model_version(NAME, "2"))
    last = promote(FlawedClient(client, delete, nothing), "2")
    assert (last.action, last.version) == ("undo", "1")
    assert aliases(client) == {"champion": "1"}


def test_if_the_champion_before_was_deleted_too_there_is_the_one_before_it(client: Any) -> None:
    make_versions(client, NAME, 3)
    promote(client, "1")
    promote(client, "2")

    def delete_both() -> None:
        client.delete_model_version(NAME, "2")
        client.delete_model_version(NAME, "3")

    last = promote(FlawedClient(client, nothing, once_at("log_param", delete_both)), "3")
    assert (last.action, last.version) == ("undo", "1")
    assert aliases(client) == {"champion": "1"}


def test_if_only_the_champion_before_was_deleted_nothing_is_previous(client: Any) -> None:
    make_versions(client, NAME, 3)
    promote(client, "1")
    promote(client, "2")
    delete = once_at("log_param", lambda: client.delete_model_version(NAME, "2"))
    promote(FlawedClient(client, nothing, delete), "3")
    assert aliases(client) == {"champion": "3"}


def test_a_killed_promotion_whose_version_was_deleted_since_is_taken_back(client: Any) -> None:
    make_versions(client, NAME, 2)
    promote(client, "1")
    ledger.append(client, NAME, look(client, NAME).next_entry(action="promote", version="2"))
    client.delete_model_version(NAME, "2")
    (told,) = reconcile(client, NAME).warnings
    assert "interrupted and taken back" in told
    assert aliases(client) == {"champion": "1"}


def test_the_first_promotion_taken_back_leaves_no_champion(client: Any) -> None:
    make_versions(client, NAME, 1)
    delete = once_at("log_param", lambda: client.delete_model_version(NAME, "1"))
    last = promote(FlawedClient(client, nothing, delete), "1")
    assert (last.action, last.version) == ("undo", "")
    assert aliases(client) == {}
    assert look(client, NAME).warnings == []


def test_a_slow_promotion_does_not_undo_a_later_one(client: Any) -> None:
    """The slow one sets its alias when another command has finished it and promoted the next."""
    make_versions(client, NAME, 3)
    promote(client, "1")

    def another() -> None:
        reconcile(client, NAME)
        promote(client, "3")
        assert aliases(client)["champion"] == "3"

    slow = FlawedClient(client, once_at("set_registered_model_alias", another), nothing)
    last = promote(slow, "2")
    assert (last.n, last.version) == (3, "3")
    assert aliases(client) == {"champion": "3", "previous": "2"}


def test_who_is_too_late_changes_nothing(client: Any) -> None:
    make_versions(client, NAME, 3)
    promote(client, "1")
    late = look(client, NAME).next_entry(action="promote", version="3")
    promote(client, "2")
    with pytest.raises(ledger.Overtaken, match=r"meanwhile .* promoted version 2 at .*, entry 2"):
        change(client, NAME, late)
    assert aliases(client) == {"champion": "2", "previous": "1"}
    assert TO_TAG not in client.get_model_version(NAME, "3").tags


def test_a_champion_moved_by_hand_is_told_and_left(client: Any) -> None:
    make_versions(client, NAME, 3)
    promote(client, "1")
    client.set_registered_model_alias(NAME, "champion", "3")
    (told,) = reconcile(client, NAME).warnings
    assert told == "the alias 'champion' was moved to version 3 by hand: the ledger says version 1"
    assert aliases(client) == {"champion": "3"}
    promote(client, "2")
    assert aliases(client) == {"champion": "2", "previous": "3"}


def test_a_promotion_between_two_looks_is_not_taken_for_a_change_by_hand(client: Any) -> None:
    make_versions(client, NAME, 2)
    promote(client, "1")
    flawed = FlawedClient(client, nothing, once_at("get_run", lambda: promote(client, "2")))
    state = look(flawed, NAME)
    assert (state.champion, state.recorded, state.warnings) == ("2", "2", [])


def test_a_champion_that_was_deleted_is_told(client: Any) -> None:
    make_versions(client, NAME, 2)
    promote(client, "1")
    promote(client, "2")
    client.delete_model_version(NAME, "2")
    (told,) = look(client, NAME).warnings
    assert told == "there is no champion, though the ledger says version 2: it was deleted"
    client.delete_registered_model_alias(NAME, "previous")
    client.set_registered_model_alias(NAME, "champion", "1")
    client.delete_registered_model_alias(NAME, "champion")
    assert "there is no champion" in look(client, NAME).warnings[0]


def test_a_champion_moved_by_hand_during_an_interruption_stays(client: Any) -> None:
    make_versions(client, NAME, 3)
    promote(client, "1")
    ledger.append(client, NAME, look(client, NAME).next_entry(action="promote", version="2"))
    client.set_registered_model_alias(NAME, "champion", "3")
    (told,) = reconcile(client, NAME).warnings
    assert "moved to version 3 by hand: the ledger says version 2" in told
    assert aliases(client)["champion"] == "3"
