"""The champion: the ledger says who it is, the aliases follow.

An entry of the ledger comes first, then the version's tags, then the aliases, then the mark that the entry is
settled. Whoever set an alias looks into the ledger once more: if a later entry stands there by then, the
aliases follow that one. So they end up as the last entry says, in whatever order slow commands come, and a
command that was killed anywhere is finished by the next, which checks again what it finishes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from components.common.tracking import ledger
from components.common.tracking.ledger import Entry, Ledger, who
from components.common.tracking.names import CHAMPION_ALIAS, PREVIOUS_ALIAS
from components.common.tracking.registered import versions_of

TO_TAG = "tinytrill.promoted_to"
BY_TAG = "tinytrill.promoted_by"
AT_TAG = "tinytrill.promoted_at"
WHY_TAG = "tinytrill.promoted_why"
OVER_TAG = "tinytrill.promoted_over"
POLICY_TAG = "tinytrill.policy_sha256"
WAIVED_TAG = "tinytrill.waived"

# Characters of a reason.
MOST_WHY = 1000

logger = logging.getLogger("tinytrill.promotion")


@dataclass(frozen=True)
class State:
    """What ledger and aliases say of a registered model.

    Attributes:
      entries: Of the ledger, the oldest first.
      champion: Version that the alias names; empty: none.
      versions: Numbers of the versions there are.
      warnings: What was found amiss, and what became of it.
      next_place: In the ledger.
    """

    entries: list[Entry]
    champion: str
    versions: frozenset[str]
    warnings: list[str]
    next_place: int = 1

    @property
    def recorded(self) -> str:
        """Champion by the ledger; empty: none."""
        return self.entries[-1].version if self.entries else ""

    @property
    def changed_outside(self) -> str:
        """How the alias differs from the ledger, in words; empty if it does not."""
        if self.champion == self.recorded:
            return ""
        says = f"version {self.recorded}" if self.recorded else "that there is none"
        if self.champion:
            return (
                f"the alias {CHAMPION_ALIAS!r} was moved to version {self.champion} by hand: the ledger says "
                f"{says}"
            )
        gone = "was deleted" if self.recorded not in self.versions else "lost the alias by hand"
        return f"there is no champion, though the ledger says {says}: it {gone}"

    def next_entry(self, **values: Any) -> Entry:
        """The entry that would follow, by this user and now; see :class:`Entry` for the values."""
        entry = Entry.model_validate(
            {
                "n": self.next_place,
                "over": self.champion,
                "previous": "",
                "by": who(),
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                **values,
            }
        )
        before = before_champion([*self.entries, entry], self.versions)
        return entry.model_copy(update={"previous": before})


def look(client: Any, name: str) -> State:
    """What ledger and aliases say; nothing is changed.

    Args:
      client: MLflow's.
      name: Of the registered model.
    """
    book = ledger.inspect(client, name)
    while True:
        entries = book.entries
        champion = str(client.get_registered_model(name).aliases.get(CHAMPION_ALIAS, ""))
        versions = frozenset(str(one.version) for one in versions_of(client, name))
        state = State(entries, champion, versions, _foreign(name, book), book.next_place)
        if entries and not entries[-1].settled:
            return _with(state, f"interrupted: {entries[-1].words}; the aliases did not follow yet")
        if not state.changed_outside:
            return state
        # Unless the two were read around somebody's promotion.
        again = ledger.inspect(client, name)
        if again == book:
            return _with(state, state.changed_outside)
        book = again


def no_objection(state: State) -> str:
    """To nothing."""
    return ""


def reconcile(client: Any, name: str, objection: Callable[[State], str] = no_objection) -> State:
    """Finishes or takes back what was interrupted, and looks.

    If the champion is neither the one before nor the one after the interrupted change, somebody moved it by
    hand meanwhile: it stays as it is.

    Args:
      client: MLflow's.
      name: Of the registered model.
      objection: Why the last entry must not be finished; empty: nothing speaks against it.
    """
    state = look(client, name)
    if not state.entries or state.entries[-1].settled:
        return state
    last = state.entries[-1]
    if state.champion not in ("", last.over, last.version):
        ledger.settle(client, name, last)
        return look(client, name)
    if against := objection(state):
        _take_back(client, name, last, against)
        settle(client, name)
        return _with(look(client, name), f"interrupted and taken back: {last.words}; {against}")
    settled = settle(client, name)
    if settled.action == "undo" and settled.over == last.version:
        words = f"interrupted and taken back: {last.words}; that version is gone"
    else:
        words = f"interrupted and finished now: {last.words}"
    return _with(look(client, name), words)


def change(client: Any, name: str, entry: Entry) -> Entry:
    """Writes an entry and lets the aliases follow.

    Returns:
      The ledger's last entry, which the aliases follow: this one, another that came after it, or one that
      takes it back because its version was deleted meanwhile.

    Raises:
      ledger.Overtaken: If somebody else was first; nothing is changed then.
    """
    ledger.append(client, name, entry)
    return settle(client, name)


def settle(client: Any, name: str) -> Entry:
    """Lets tags and aliases follow the ledger's last entry, until it is the last; may be repeated.

    Returns:
      That entry.
    """
    while True:
        entry = ledger.read(client, name)[-1]
        if _follow(client, name, entry):
            ledger.settle(client, name, entry)
        else:
            _take_back(client, name, entry)
        last = ledger.read(client, name)[-1]
        if last.n == entry.n:
            return last


def champions(entries: Sequence[Entry]) -> list[str]:
    """The versions that were champion and may be rolled back to, as a stack: the present one is the last."""
    stack: list[str] = []
    for entry in entries:
        if entry.action == "promote":
            if entry.over and stack[-1:] != [entry.over]:
                # It was made champion by hand.
                stack.append(entry.over)
            stack.append(entry.version)
        elif entry.action == "rollback":
            while stack and stack[-1] != entry.version:
                stack.pop()
        else:
            if stack[-1:] == [entry.over]:
                stack.pop()
            if entry.version and stack[-1:] != [entry.version]:
                stack.append(entry.version)
    return stack


def before_champion(entries: Sequence[Entry], versions: Collection[str]) -> str:
    """The version that a rollback goes to: the champion before, if it is still there, else one before it.

    Args:
      entries: Of the ledger.
      versions: Numbers of the versions there are.
    """
    *before, present = champions(entries) or [""]
    return next((one for one in reversed(before) if one in versions and one != present), "")


def _follow(client: Any, name: str, entry: Entry) -> bool:
    """Sets tags and aliases as an entry says; whether its version is there."""
    if not (_tag(client, name, entry) and _point(client, name, CHAMPION_ALIAS, entry.version)):
        return False
    if not _point(client, name, PREVIOUS_ALIAS, entry.previous):
        # It was deleted too: then there is none before.
        _point(client, name, PREVIOUS_ALIAS, "")
    return True


def _take_back(client: Any, name: str, entry: Entry, against: str = "") -> None:
    """Writes that an entry does not hold; champion is the one before, if that is still there.

    Args:
      client: MLflow's.
      name: Of the registered model.
      entry: The last one.
      against: What speaks against it; then what it says of the champion before is not believed either.
        Empty: its version is gone.
    """
    state = look(client, name)
    if state.entries[-1].n != entry.n:
        return
    stack = [state.champion if against else entry.over, *reversed(champions(state.entries[:-1]))]
    there = next((one for one in stack if one in state.versions and one != entry.version), "")
    why = against or f"version {entry.version} was deleted"
    undo = state.next_entry(action="undo", version=there, over=entry.version, why=why[:MOST_WHY])
    try:
        ledger.append(client, name, undo)
    except ledger.Overtaken as overtaken:
        logger.info("%s", overtaken)


def _tag(client: Any, name: str, entry: Entry) -> bool:
    """Writes at the version who made it champion, when and why; whether it is there."""
    if entry.action == "undo":
        return True
    tags = {
        TO_TAG: CHAMPION_ALIAS,
        BY_TAG: entry.by,
        AT_TAG: entry.at,
        WHY_TAG: entry.why,
        OVER_TAG: entry.over,
        POLICY_TAG: entry.policy_sha256,
        WAIVED_TAG: ", ".join(entry.waived),
    }
    return all(
        _is_there(partial(client.set_model_version_tag, name, entry.version, tag, value))
        for tag, value in tags.items()
    )


def _point(client: Any, name: str, alias: str, version: str) -> bool:
    """Lets an alias name a version, or none; whether the version is there."""
    if version:
        return _is_there(partial(client.set_registered_model_alias, name, alias, version))
    if alias in client.get_registered_model(name).aliases:
        client.delete_registered_model_alias(name, alias)
    return True


def _is_there(step: Callable[[], object]) -> bool:
    """Takes a step; whether what it needs is there."""
    from mlflow.exceptions import MlflowException

    try:
        step()
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return False
    return True


def _with(state: State, *warnings: str) -> State:
    return State(
        state.entries,
        state.champion,
        state.versions,
        [*state.warnings, *(words for words in warnings if words)],
        state.next_place,
    )


def _foreign(name: str, book: Ledger) -> list[str]:
    if not book.foreign:
        return []
    some = ", ".join(map(repr, book.foreign[:3])) + (" ..." if len(book.foreign) > 3 else "")
    return [
        f"the ledger of {name} holds {len(book.foreign)} parameters that are no part of it and are passed "
        f"over: {some}"
    ]
