"""Words of others in Markdown."""

from __future__ import annotations

import re

from schemas import plain_text as unseen

# What has a meaning to Markdown or HTML within a line.
_MEANT = re.compile(r"[\\`*\[\]<>&|~$@#^]|(?<!\w)_|_(?!\w)")


def plain(words: str) -> str:
    """Words as one line of Markdown that shows them as they are, and what cannot be seen as an escape."""
    return _MEANT.sub(lambda found: f"&#{ord(found[0])};", unseen.plain(" ".join(words.split())))
