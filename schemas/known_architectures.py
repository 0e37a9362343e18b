"""The networks that a student may name: told by the room that builds them, which schemas do not import.

So what merely reads reports about students does not depend on their networks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.architecture import Architecture

_Provider = Callable[[], "Mapping[str, type[Architecture]]"]
_providers: list[_Provider] = []


def provide(provider: _Provider) -> None:
    """Takes what gives networks by name; it is asked when a student is read for the first time."""
    _providers.append(provider)


@cache
def known_architectures() -> Mapping[str, type[Architecture]]:
    """All networks by name.

    Raises:
      LookupError: If nobody has told of any.
    """
    known = {name: kind for provider in _providers for name, kind in provider().items()}
    if not known:
        raise LookupError("no architecture is known: `import components` tells of those that are there")
    return known
