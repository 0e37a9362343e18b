"""Listening to what a training says of itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from schemas.training_events import TrainingEvent


class _Listener(logging.Handler):
    def __init__(self, hear: Callable[[TrainingEvent], None]) -> None:
        super().__init__()
        self.hear = hear

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, TrainingEvent.ATTRIBUTE, None)
        if event:
            self.hear(event)


@contextmanager
def listening(hear: Callable[[TrainingEvent], None] = lambda event: None) -> Iterator[list[TrainingEvent]]:
    """Gives a list that each event of the trainings in the block is put into.

    Args:
      hear: Called with each event, in the middle of the training; what it raises ends the training.
    """
    heard: list[TrainingEvent] = []

    def take(event: TrainingEvent) -> None:
        heard.append(event)
        hear(event)

    logger, listener = logging.getLogger("tinytrill"), _Listener(take)
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(listener)
    try:
        yield heard
    finally:
        logger.removeHandler(listener)
        logger.setLevel(level)
