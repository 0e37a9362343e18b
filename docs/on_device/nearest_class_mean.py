"""A head that learns on the device: the nearest class mean of embeddings, without training.

Each embedding is divided by its length; a class is the mean of its own (Mensink et al., IEEE TPAMI 35(11),
2013; prototypes of arXiv 1703.05175). The score of a class is the cosine to its mean.

python nearest_class_mean.py cough.tflite      # a classifier, or a student: what is read is its embedding
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence


class NearestClassMean:
    """Classes by the mean direction of their embeddings; grows with every clip it is shown."""

    def __init__(self) -> None:
        self._sums: dict[str, list[float]] = {}

    def learn(self, label: str, embedding: Sequence[float]) -> None:
        """Adds a clip of a class, by the mean embedding of its windows ``(dimensions,)``.

        Raises:
          ValueError: If the embedding is null, not finite, or of another length than those before.
        """
        direction = _direction(embedding)
        known = next(iter(self._sums.values()), direction)
        if len(known) != len(direction):
            raise ValueError(f"{len(direction)} dimensions; accepted: {len(known)}, as before")
        old = self._sums.get(label, [0.0] * len(direction))
        self._sums[label] = [a + b for a, b in zip(old, direction, strict=True)]

    def scores(self, embedding: Sequence[float]) -> dict[str, float]:
        """The cosine of an embedding to the mean of each class."""
        direction = _direction(embedding)
        return {
            label: sum(a * b for a, b in zip(_direction(mean), direction, strict=True))
            for label, mean in self._sums.items()
        }

    def nearest(self, embedding: Sequence[float], least: float = -1.0) -> str | None:
        """The class of the greatest score; None if no score is at least ``least``."""
        scores = self.scores(embedding)
        best = max(scores, key=lambda label: scores[label], default=None)
        return best if best is not None and scores[best] >= least else None


def _direction(embedding: Sequence[float]) -> list[float]:
    length = math.sqrt(sum(value * value for value in embedding))
    if not 0 < length < math.inf:
        raise ValueError(f"an embedding of length {length}; accepted: finite, and not null")
    return [value / length for value in embedding]


def main(file: str) -> None:
    """Shows two classes of made-up sound to a head, and asks it about a third clip."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(file).get_signature_runner()
    samples = int(runner.get_input_details()["waveform"]["shape"][1])
    random, head = np.random.default_rng(0), NearestClassMean()

    def embed(pitch: float) -> list[float]:
        tone = 0.3 * np.sin(2 * np.pi * pitch * np.arange(samples) / 16_000)
        clip = (tone + random.normal(0, 0.01, samples)).astype(np.float32)
        embedding: list[float] = runner(waveform=clip[None])["embedding"][0].tolist()
        return embedding

    for _ in range(3):
        head.learn("low", embed(300.0))
        head.learn("high", embed(3000.0))
    print(head.nearest(embed(320.0)), head.scores(embed(320.0)))


if __name__ == "__main__":
    main(*sys.argv[1:])
