"""The labels of a segments file's row: mids, or display names that the corpus' own files know."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property

MID = re.compile(r"/[a-z]/[a-z0-9_]+")
_NEAR = 3


class LabelError(ValueError):
    """No label, or a name that several labels have; the message says what is accepted."""


class RowLabels:
    """Turns what a row says into mids. Names are read when the first label that is not a mid is met."""

    def __init__(self, names: Callable[[], Mapping[str, str]] | None = None) -> None:
        """By whatever tells the display name of each mid; None: only mids are accepted."""
        self._names = names

    def all(self, text: str) -> tuple[str, ...]:
        """The mids of a list between commas, which display names may hold too ("Male speech, man speaking").

        Raises:
          LabelError: At the first that is not a label.
        """
        parts = [part.strip() for part in text.split(",")]
        mids, at = [], 0
        while at < len(parts):
            label = parts[at] if MID.fullmatch(parts[at]) else self._longest_name(parts, at)
            mids.append(self.one(label))
            at += 1 + label.count(",")
        return tuple(mids)

    def one(self, label: str) -> str:
        """The mid of a label.

        Raises:
          LabelError: If it is none.
        """
        if MID.fullmatch(label):
            return label
        mids = self._mids.get(label.lower(), ())
        if len(mids) == 1:
            return mids[0]
        if mids:
            raise LabelError(f"{label!r} names {len(mids)} labels, {', '.join(mids)}; accepted: mids")
        raise LabelError(f"{label!r} is not a label; accepted: mids such as /m/09x0r{self._accepted(label)}")

    def _longest_name(self, parts: Sequence[str], at: int) -> str:
        """The longest name that begins with a part; the part itself if there is none."""
        joined = (", ".join(parts[at : at + size]) for size in range(self._most_parts, 0, -1))
        return next((name for name in joined if name.lower() in self._mids), parts[at])

    @cached_property
    def _mids(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for mid, name in (self._names() if self._names else {}).items():
            key = ", ".join(part.strip() for part in name.lower().split(","))
            found[key] = (*found.get(key, ()), mid)
        return found

    @cached_property
    def _most_parts(self) -> int:
        return 1 + max((name.count(",") for name in self._mids), default=0)

    def _accepted(self, label: str) -> str:
        if self._names is None:
            return ""
        near = " or ".join(repr(name) for name in get_close_matches(label.lower(), self._mids, n=_NEAR))
        return " and the display names that the ontology or class_labels_indices.csv has" + (
            f"; did you mean {near}?" if near else ""
        )


MIDS_ONLY = RowLabels()
