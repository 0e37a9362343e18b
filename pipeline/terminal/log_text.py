"""Messages of all logs, made harmless before any handler writes them."""

from __future__ import annotations

import logging

from schemas.plain_text import plain_lines


class PlainRecord(logging.LogRecord):
    """A record whose message holds no control characters, though it may have several lines."""

    def getMessage(self) -> str:
        """The message with its arguments."""
        return plain_lines(super().getMessage())


def make_logs_plain() -> None:
    """From now on every logger of this process makes such records."""
    logging.setLogRecordFactory(PlainRecord)
