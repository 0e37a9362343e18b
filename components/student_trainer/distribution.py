"""The workers that train one student together."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import tensorflow as tf


@dataclass(frozen=True)
class Workers:
    """Who takes part; alone, everything below is what it would be without.

    All workers do the same in the same order: each holds all weights, learns from its own part of every
    batch, and takes the mean of all gradients. Reading a weight may need all of them, so all of them make
    every checkpoint, and only the chief writes it.

    Attributes:
      strategy: TensorFlow's.
      index: Of this worker.
      count: Of all.
    """

    strategy: tf.distribute.Strategy
    index: int = 0
    count: int = 1

    @classmethod
    def alone(cls) -> Workers:
        """One worker."""
        return cls(tf.distribute.get_strategy())

    @classmethod
    def join(cls) -> Workers:
        """The workers that ``TF_CONFIG`` names; to be called before TensorFlow does anything else.

        Workers that go on with an interrupted training read its checkpoint: their scratch folder is shared.
        """
        config = json.loads(os.environ.get("TF_CONFIG") or "{}")
        chiefs, workers = (config.get("cluster", {}).get(name, []) for name in ("chief", "worker"))
        if len(chiefs) + len(workers) < 2:
            return cls.alone()
        task = config["task"]
        index = int(task["index"]) + (len(chiefs) if task["type"] == "worker" else 0)
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        return cls(strategy, index, strategy.num_replicas_in_sync)

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes the checkpoints and the artifact."""
        return self.index == 0

    def part(self, size: int) -> slice:
        """This worker's part of a batch."""
        each = size // self.count
        return slice(self.index * each, (self.index + 1) * each)

    def mean(self, values: Any) -> Any:
        """The mean of the workers' tensors; inside ``strategy.run`` only."""
        if self.count == 1:
            return values
        context: Any = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.MEAN, values)
