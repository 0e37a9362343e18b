"""Lists of arrays in a file: no pickles, and the same bytes for the same arrays."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

Weights = list[np.ndarray[Any, Any]]


class UnreadableWeights(ValueError):
    """A file of weights that is not there, is damaged, or holds those of another network."""


def write_arrays(path: Path, arrays: Iterable[np.ndarray[Any, Any]]) -> None:
    """Writes arrays in order as ``.npz``."""
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **{f"{index:05d}": array for index, array in enumerate(arrays)})


def read_arrays(path: Path) -> Weights:
    """Reads what :func:`write_arrays` wrote; an array of objects (a pickle) is refused.

    Raises:
      UnreadableWeights: If the file is not there or holds something else.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return [file[name] for name in sorted(file.files)]
    except (OSError, TypeError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UnreadableWeights(f"{path} holds no weights that can be read: {error}") from error
