"""Files that stand for others which were not fetched."""

from __future__ import annotations

# As much of a file as is needed to tell.
HEAD_BYTES = 256

_LFS = (b"version https://git-lfs.github.com/spec/", b"version https://hawser.github.com/spec/")
_ANNEX = b"/annex/objects/"


def pointer(head: bytes) -> str:
    """What the beginning of a file says it stands for; "" if it is a file of its own.

    Args:
      head: The first ``HEAD_BYTES`` bytes, or all.
    """
    if head.startswith(_LFS):
        return "a Git LFS pointer, not the file itself; 'git lfs pull' in its repository fetches it"
    if head.startswith(_ANNEX):
        return "a git-annex pointer, not the file itself; 'git annex get' in its repository fetches it"
    return ""
