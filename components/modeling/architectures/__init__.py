"""The networks a student can be made of, found by their files: one architecture a file.

Importing this package costs nothing: a file imports TensorFlow when it builds, not before.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil

from schemas.architecture import Architecture


def _found() -> dict[str, type[Architecture]]:
    architectures: dict[str, type[Architecture]] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        members = vars(importlib.import_module(f"{__name__}.{module.name}")).values()
        for member in members:
            if (
                inspect.isclass(member)
                and issubclass(member, Architecture)
                and not inspect.isabstract(member)
            ):
                architectures[member.model_fields["name"].default] = member
    return architectures


ARCHITECTURES = _found()
