"""Versions of the libraries that a component's results depend on.

After an upgrade of TensorFlow a student converts to another file, and after one of LiteRT it has another
latency: neither may come from the cache. A library counts unless it stands below as one that cannot change a
result, so that a new one is not forgotten.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import sys
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

CANNOT_CHANGE_RESULTS = frozenset(
    {
        # They check, carry and schedule what others compute.
        "absl", "apache_beam", "boto3", "botocore", "google", "google_crc32c", "huggingface_hub", "pydantic",
        "psutil", "requests", "tfx", "threadpoolctl", "urllib3",
        # They read and write files whose format says what is in them.
        "flatbuffers", "pyarrow", "safetensors", "tensorflow_metadata", "yaml",
        # They show and keep results.
        "jinja2", "markupsafe", "matplotlib", "mlflow", "sqlalchemy",
    }
)  # fmt: skip
# Modules that store with a library and do not compute with it: what they read back is what was written.
STORE_ONLY: Mapping[str, Collection[str]] = {"schemas/records.py": ("soundfile", "tensorflow")}

# What other libraries compute with: it counts also where only these are imported.
_FOUNDATIONS = ("numpy", "scipy", "tensorflow", "tf-keras")
# Native libraries that a package may find on the machine instead of bringing them.
_NATIVE = {"av": "library_versions", "soundfile": "__libsndfile_version__", "soxr": "__libsoxr_version__"}
_ABSENT = "absent"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


def versions(
    imports: Mapping[str, Collection[str]], locked: Mapping[str, str] | None = None
) -> dict[str, str]:
    """What is installed of the libraries that some modules compute with.

    Args:
      imports: Top-level names that they import, and for each the paths of the modules that do.
      locked: What is installed where they will run, by distribution; None: they run here.

    Returns:
      Version by distribution, as ``scikit-learn``, and by native library that is found here, as
      ``soundfile.library``; 'absent' for what is not installed.
    """
    found: dict[str, str] = {}
    for name in computing(imports):
        for distribution in _distributions(name):
            for each in (distribution, *_foundations_of(distribution)):
                found[each] = _version(each) if locked is None else locked.get(each, _ABSENT)
        if name in _NATIVE and locked is None:
            found[f"{name}.library"] = _native_version(name)
    return found


def locked_versions(lock: str) -> dict[str, str]:
    """Versions by distribution, as the text of a lock pins them."""
    return {_normal(name): version for name, version in _PIN.findall(lock)}


def computing(imports: Mapping[str, Collection[str]]) -> list[str]:
    """Those of some imports that can change what is computed; arguments as for :func:`versions`."""
    return sorted(
        name
        for name, modules in imports.items()
        if name not in sys.stdlib_module_names
        and name not in CANNOT_CHANGE_RESULTS
        and any(name not in STORE_ONLY.get(module, ()) for module in modules)
    )


def _distributions(name: str) -> list[str]:
    return sorted({_normal(one) for one in _packages().get(name, [name])})


@cache
def _packages() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return _ABSENT


@cache
def _foundations_of(distribution: str) -> frozenset[str]:
    """Foundations that a distribution requires, directly or through another one."""
    try:
        requirements = importlib.metadata.requires(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return frozenset()
    asked = {_normal(re.split(r"[^A-Za-z0-9._-]", one, maxsplit=1)[0]) for one in requirements}
    direct = asked.intersection(_FOUNDATIONS)
    return frozenset(direct).union(*(_foundations_of(one) for one in direct))


@cache
def _native_version(name: str) -> str:
    try:
        module: Any = importlib.import_module(name)
    except (ImportError, OSError):
        return _ABSENT
    return str(getattr(module, _NATIVE[name], _ABSENT))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
