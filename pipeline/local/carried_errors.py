"""Errors that go from one process to another, with what caused them.

Pickling alone loses ``__cause__`` and ``__context__``, by which a run says why it failed, and calls the
constructor of an error with its message, which is not what every constructor takes.
"""

from __future__ import annotations

import pickle
import traceback
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CarriedError:
    """An error, pickled, and what it was raised from.

    Attributes:
      content: The error without its chain.
      cause: What it was raised from.
      context: What was being handled when it arose, if it was not raised from anything.
      trace: Where it arose, for the log; of the outermost error only.
    """

    content: bytes
    cause: CarriedError | None
    context: CarriedError | None
    trace: str = ""

    @classmethod
    def of(cls, error: BaseException) -> CarriedError:
        """Packs an error with its chain."""
        packed = _pack(error, frozenset())
        return cls(packed.content, packed.cause, packed.context, "".join(traceback.format_exception(error)))

    def error(self) -> BaseException:
        """The error as it was; one that cannot be pickled is a ``RuntimeError`` with its type and words."""
        error: BaseException = pickle.loads(self.content)
        error.__cause__ = self.cause.error() if self.cause else None
        error.__context__ = self.context.error() if self.context else None
        if self.trace:
            error.add_note(f"\nIn the node's process:\n{self.trace}")
        return error


def _pack(error: BaseException, above: frozenset[int]) -> CarriedError:
    above |= {id(error)}
    context = error.__context__ if error.__cause__ is None and not error.__suppress_context__ else None
    cause, context = (one if id(one) not in above else None for one in (error.__cause__, context))
    return CarriedError(
        _content(error),
        _pack(cause, above) if cause is not None else None,
        _pack(context, above) if context is not None else None,
    )


def _content(error: BaseException) -> bytes:
    for whole in (error, _InParts(error)):
        try:
            content = pickle.dumps(whole)
            pickle.loads(content)
        except Exception:  # whatever the constructor of somebody's error raises
            continue
        return content
    return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))


class _InParts:
    """An error that is put together again without its constructor."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __reduce__(self) -> tuple[Any, ...]:
        return _together, (type(self._error), self._error.args, self._error.__dict__)


def _together(of: type[BaseException], args: tuple[Any, ...], attributes: dict[str, Any]) -> BaseException:
    error = of.__new__(of, *args)
    error.args = args
    error.__dict__.update(attributes)
    return error
