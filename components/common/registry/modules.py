"""A package whose modules are the kinds of one thing: networks, teachers, back ends, layouts.

To add a kind, add its module. All offer the same names, which the package's own documentation states.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType


class KindModules(Mapping[str, ModuleType]):
    """The modules of a package by name, each imported when it is asked for.

    Args:
      package: ``__name__`` of the package.
      path: ``__path__`` of the package. Modules whose names begin with an underscore are no kinds.
    """

    def __init__(self, package: str, path: Iterable[str]) -> None:
        self._package = package
        found = (module.name for module in pkgutil.iter_modules(path))
        self._names = tuple(sorted(name for name in found if not name.startswith("_")))

    def __getitem__(self, name: str) -> ModuleType:
        if name not in self._names:
            raise KeyError(name)
        return importlib.import_module(f"{self._package}.{name}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
