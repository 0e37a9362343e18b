"""Terms that nobody stated: a model made from them may have to stay where it is."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.configuration.config import RunConfig
from schemas.teachers import unlicensed


def in_words(config: RunConfig, *, synthetic: bool) -> Iterator[str]:
    """A warning for each part of the teacher, and for the corpus, that has no licence in the configuration.

    Args:
      config: Resolved.
      synthetic: Whether the corpus is synthesised by the run: nobody else's sound is in it then.
    """
    for part in unlicensed(config.distillation.teacher):
        yield (
            f"licence: WARNING: distillation.teacher: that of the weights of {part} is not stated "
            "(`licence`); cards will say so, and whoever ships a student has to find out"
        )
    if not synthetic and not config.corpus.licence:
        yield (
            "licence: WARNING: corpus.licence is not stated; cards will say so, and whoever ships a student "
            "has to find out"
        )
