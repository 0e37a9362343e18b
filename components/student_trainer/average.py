"""The moving average of the weights of a training (Polyak averaging)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import tensorflow as tf


class WeightAverage:
    """Follows variables at a distance.

    After ``n`` steps the decay is at most ``(1 + n) / (10 + n)``, so that the first weights are soon
    forgotten. A weight that is exactly 0 is 0 in the average too: what was pruned stays pruned.
    """

    def __init__(self, variables: Sequence[tf.Variable], decay: float) -> None:
        """Starts from what the variables hold; moving averages of batch normalisation are averaged as well.

        Args:
          variables: What is followed; those that hold no floating-point numbers are left out.
          decay: Of the average, a step.
        """
        self._decay = decay
        self._followed = [variable for variable in variables if variable.dtype.is_floating]
        self._averages = [tf.Variable(value, trainable=False) for value in self._followed]
        self._steps = tf.Variable(0.0, trainable=False)
        self._update = tf.function(self._follow, autograph=False)

    @property
    def variables(self) -> list[tf.Variable]:
        """What a checkpoint must hold."""
        return [*self._averages, self._steps]

    def update(self) -> None:
        """To be called after each step."""
        self._update()

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The variables hold their averages while this lasts."""
        trained = [variable.numpy() for variable in self._followed]
        for variable, average in zip(self._followed, self._averages, strict=True):
            variable.assign(average.numpy())
        yield
        for variable, value in zip(self._followed, trained, strict=True):
            variable.assign(value)

    def _follow(self) -> None:
        decay = tf.minimum(self._decay, (1.0 + self._steps) / (10.0 + self._steps))
        for variable, average in zip(self._followed, self._averages, strict=True):
            value = tf.convert_to_tensor(variable)
            average.assign(tf.where(value == 0.0, 0.0, decay * average + (1.0 - decay) * value))
        self._steps.assign_add(1.0)
