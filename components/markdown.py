"""Words of others in Markdown."""

from __future__ import annotations

import re

# What has a meaning to Markdown or HTML within a line, and what a terminal would obey.
_MEANT = re.compile(r"[\\`*\[\]<>&|~$@#^\x00-\x1f\x7f-\x9f]|(?<!\w)_|_(?!\w)")


def plain(words: str) -> str:
    """Words as one line of Markdown that shows them as they are."""
    return _MEANT.sub(lambda found: f"&#{ord(found[0])};", " ".join(words.split()))
