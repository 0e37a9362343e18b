"""The ledger of promotions of a registered model: who made what champion, when and why; nothing is erased.

Its entries are parameters of one MLflow run for each registered model, named by the model's tag. MLflow never
changes a parameter, whoever asks and however often, so writing ``promotion.0007`` is a compare-and-swap on
every store: of two promotions at once one has its entry there, and the other is told of it.

An entry comes first, the aliases follow it. ``settled.0007`` says that they did: without it the promotion was
killed between the two, and whoever comes next checks it again and finishes it.

Anybody who may write to the store can add a parameter, and nobody can remove one. What is not an entry of
this form is reported and passed over; its place is not used, so places may be missing between entries.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self
from uuid import uuid4

from pydantic import Field, StringConstraints, ValidationError, model_validator

from components.common.tracking.faults import TrackingFault
from components.common.tracking.names import LEDGER_ROLE, LEDGER_TAG, ROLE_TAG
from components.common.tracking.runs import find_run
from schemas.plain_text import plain
from schemas.settings import Report

Action = Literal["promote", "rollback", "undo"]

# MLflow's own limit of a parameter; it may be set to cut what is longer without a word.
MOST_CHARACTERS = 6000

_ENTRY = "promotion."
_SETTLED = "settled."

# A version's number; empty: none.
Number = Annotated[str, StringConstraints(pattern=r"^([1-9][0-9]{0,8})?$")]


class Entry(Report):
    """A change of the champion."""

    n: int = Field(ge=1, le=999_999, description="Its place in the ledger.")
    action: Action = Field(description="undo: takes back the entry before, whose version is gone.")
    version: Number = Field(description="Champion from now on; empty: none.")
    over: Number = Field(description="Champion before; empty: there was none.")
    previous: Number = Field(description="Version that the alias 'previous' names from now on; empty: none.")
    by: str = Field(description="Who did it.")
    at: str = Field(description="UTC, ISO 8601.")
    why: str = Field("", description="As it was given.")
    policy_sha256: str = Field("", description="Of the policy that it was checked by.")
    checks: dict[str, str] = Field(default_factory=dict, description="What each check found.")
    judged_by_sha256: str = Field("", description="Of the policy that the version's run was judged by.")
    waived: list[str] = Field(
        default_factory=list,
        description="Checks that failed and were waived, and what the run's policy demands and this one no "
        "longer does.",
    )
    key: str = Field(
        default_factory=lambda: uuid4().hex, description="Tells it from the same change by somebody else."
    )
    settled: bool = Field(False, description="Whether the aliases followed; recorded beside the entry.")

    @model_validator(mode="after")
    def _names_a_version(self) -> Self:
        if not self.version and self.action != "undo":
            raise ValueError(f"{self.action} of no version")
        return self

    @property
    def words(self) -> str:
        """The entry in a sentence, on one line whatever was given as the reason."""
        did = {
            "promote": f"promoted version {self.version}",
            "rollback": f"rolled back to version {self.version}",
            "undo": f"took back version {self.over or 'none'}, champion is {self.version or 'none'}",
        }[self.action]
        return plain(f"{self.by} {did} at {self.at}" + (f" ({self.why})" if self.why else ""))


@dataclass(frozen=True)
class Ledger:
    """What the ledger's run holds.

    Attributes:
      entries: The oldest first; places may be missing between them.
      foreign: Names of parameters that are no part of a ledger.
      next_place: Of the next entry.
    """

    entries: list[Entry]
    foreign: list[str]
    next_place: int


class Overtaken(RuntimeError):
    """Somebody else wrote the entry first.

    Attributes:
      entry: Theirs.
    """

    def __init__(self, name: str, entry: Entry) -> None:
        super().__init__(f"overtaken: meanwhile {entry.words}, entry {entry.n} of the ledger of {name}")
        self.entry = entry


def ensure_model(client: Any, name: str, experiment_id: str, description: str) -> None:
    """Makes a registered model with its ledger, unless it is there.

    The model is made with the ledger's name in the very call, so whoever makes it first has made both; a
    model that somebody made by hand gets a ledger.

    Args:
      client: MLflow's.
      name: Of the registered model.
      experiment_id: Where the ledger's run goes.
      description: Of the registered model.
    """
    from mlflow.exceptions import MlflowException

    found = client.search_registered_models(filter_string=f"name = '{name}'")
    if found and LEDGER_TAG in found[0].tags:
        return
    run = client.create_run(experiment_id, tags={ROLE_TAG: LEDGER_ROLE}, run_name=f"promotions of {name}")
    run_id: str = run.info.run_id
    client.set_terminated(run_id)
    if found:
        client.set_registered_model_tag(name, LEDGER_TAG, run_id)
        return
    try:
        client.create_registered_model(name, tags={LEDGER_TAG: run_id}, description=description)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        if client.get_registered_model(name).tags.get(LEDGER_TAG) != run_id:
            client.delete_run(run_id)


def read(client: Any, name: str) -> list[Entry]:
    """All entries of a registered model, the oldest first; none for a model without a ledger.

    Raises:
      TrackingFault: If the ledger's run is gone.
    """
    return inspect(client, name).entries


def inspect(client: Any, name: str) -> Ledger:
    """The ledger of a registered model, with what does not belong there; empty if it has none.

    Raises:
      TrackingFault: If the ledger's run is gone.
    """
    run_id = client.get_registered_model(name).tags.get(LEDGER_TAG)
    return _parse(_run(client, name, run_id).data.params if run_id else {})


def append(client: Any, name: str, entry: Entry) -> None:
    """Writes an entry at its place; the same entry again changes nothing.

    Raises:
      Overtaken: If another entry stands there.
      ValueError: If it is too long for MLflow.
      TrackingFault: If the registered model has no ledger, its run is gone or deleted, or something foreign
        took the place meanwhile.
    """
    from mlflow.exceptions import MlflowException

    text = entry.model_dump_json(exclude={"settled"})
    if len(text) > MOST_CHARACTERS:
        raise ValueError(
            f"an entry of {len(text)} characters; accepted: {MOST_CHARACTERS} at most, so say why in "
            "fewer words"
        )
    run_id, place = _run_id(client, name), _place(entry.n)
    try:
        client.log_param(run_id, place, text, synchronous=True)
    except MlflowException:
        run = _run(client, name, run_id)
        stands = run.data.params.get(place)
        other = _entry(place, stands) if stands is not None else None
        if run.info.lifecycle_stage != "active":
            raise TrackingFault(
                f"the ledger of promotions of {name!r} was deleted; restore it: mlflow runs restore --run-id "
                f"{run_id}"
            ) from None
        if stands is None:
            raise
        if stands == text:
            return
        if other is None:
            raise TrackingFault(
                f"parameter {place} of run {run_id}, where the next entry of the ledger of {name!r} belongs, "
                "was set to something else meanwhile; run the same command again to continue"
            ) from None
        raise Overtaken(name, other) from None


def settle(client: Any, name: str, entry: Entry) -> None:
    """Says that the aliases followed an entry."""
    from mlflow.exceptions import MlflowException

    run_id, place = _run_id(client, name), _settled(entry.n)
    try:
        client.log_param(run_id, place, "yes", synchronous=True)
    except MlflowException:
        # Whatever stands there, it stands for the same.
        if place not in _run(client, name, run_id).data.params:
            raise


def _parse(params: Mapping[str, str]) -> Ledger:
    entries: list[Entry] = []
    foreign: list[str] = []
    for key, text in params.items():
        if not key.startswith(_SETTLED) and (entry := _entry(key, text)):
            entries.append(entry.model_copy(update={"settled": _settled(entry.n) in params}))
        elif not key.startswith(_SETTLED):
            foreign.append(key)
    entries.sort(key=lambda entry: entry.n)
    places = {_settled(entry.n) for entry in entries}
    foreign += [key for key in params if key.startswith(_SETTLED) and key not in places]
    place = entries[-1].n + 1 if entries else 1
    while _place(place) in params or _settled(place) in params:
        place += 1
    return Ledger(entries, sorted(foreign), place)


def who() -> str:
    """The user of this machine, as MLflow names him too."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _entry(key: str, text: str) -> Entry | None:
    """What a parameter says, if it is an entry at its own place."""
    try:
        entry = Entry.model_validate_json(text)
    except ValidationError:
        return None
    return entry if key == _place(entry.n) and not entry.settled else None


def _place(n: int) -> str:
    return f"{_ENTRY}{n:04d}"


def _settled(n: int) -> str:
    return f"{_SETTLED}{n:04d}"


def _run_id(client: Any, name: str) -> str:
    run_id: str | None = client.get_registered_model(name).tags.get(LEDGER_TAG)
    if not run_id:
        raise TrackingFault(
            f"registered model {name!r} has no ledger of promotions: its tag {LEDGER_TAG} is absent; the "
            "next push to it makes one"
        )
    return run_id


def _run(client: Any, name: str, run_id: str) -> Any:
    if run := find_run(client, run_id):
        return run
    raise TrackingFault(
        f"the ledger of promotions of {name!r} is gone: MLflow has no run {run_id}; restore it from a "
        f"backup, or remove the model's tag {LEDGER_TAG} to begin a new one at the next push"
    )
