"""What can be computed again, kept under a name that says what it depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from components.common.store.publishing import forget_unused, make_once, mark_used


def key_of(*parts: object) -> str:
    """A digest of what something depends on, 32 hexadecimal digits.

    Args:
      parts: What JSON can hold; two keys are equal if all parts are.
    """
    content = json.dumps(parts, sort_keys=True).encode()
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def compute_once(
    target: Path, make: Callable[[Path], None], pattern: str, folder: Path | None = None
) -> None:
    """Computes a file or folder unless it is there, and forgets others that nobody has used for 30 days.

    Who comes meanwhile waits and finds it.

    Args:
      target: What is to be there; its name says all that its content depends on.
      make: Makes it at the path that it is given, at which nothing is.
      pattern: Of the names of all that are kept beside the folder.
      folder: What is kept or forgotten as a whole, if that is not the target itself.

    Raises:
      OSError: If it cannot be written or published.
    """
    folder = folder or target
    mark_used(folder)
    forget_unused(folder.parent, pattern)
    make_once(target, make)
