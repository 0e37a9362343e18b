"""Magnitude pruning while a student trains: the smallest weights become zero, more of them step by step.

Zhu and Gupta, "To prune, or not to prune" (2017), with TFMOT's schedule and masks. TFMOT's layer wrappers
are not used: they do not reach into nested networks and do not go with its own quantisation wrappers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    from components.common.modeling.student_network import Student

# Smaller kernels cost next to nothing and feel each lost weight.
LEAST_ELEMENTS = 1024


class Pruning:
    """Keeps the share of zeros that a schedule asks for in the kernels of a student.

    The student must keep its form: for another bottleneck, or once the whole network is quantised, make
    another one. It begins with the zeros that it finds, and what became zero stays so; made after the
    schedule's end, it brings the new form's kernels to the final share at its first step.
    """

    def __init__(
        self, student: Student, final_sparsity: float, begin_step: int, end_step: int, frequency: int = 100
    ) -> None:
        """Plans the schedule.

        Args:
          student: The student that trains.
          final_sparsity: Share of zeros in each kernel at the end, in [0, 1).
          begin_step: First step after which weights become zero.
          end_step: Step by which the final share is reached, after ``begin_step``.
          frequency: Steps between two choices of what is zero.

        Raises:
          ValueError: If the steps are not in order.
        """
        import tensorflow_model_optimization as tfmot
        from tensorflow_model_optimization.python.core.sparsity.keras import pruning_impl

        if not 0 <= begin_step < end_step:
            raise ValueError(
                f"{student.spec.candidate_id}: pruning from step {begin_step} to step {end_step}: "
                "it must begin at 0 or later and end after it has begun"
            )
        frequency = min(frequency, end_step - begin_step)
        # TFMOT chooses anew only every so many steps from the first: the last choice is the end.
        self._end = end_step - (end_step - begin_step) % frequency
        schedule = tfmot.sparsity.keras.PolynomialDecay(
            initial_sparsity=0.0,
            final_sparsity=final_sparsity,
            begin_step=begin_step,
            end_step=self._end,
            frequency=frequency,
        )
        masked = [
            (kernel, tf.Variable(tf.cast(kernel != 0.0, kernel.dtype), trainable=False), tf.Variable(0.0))
            for kernel in prunable(student)
        ]
        self._fresh = True
        self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._algorithm = pruning_impl.Pruning(lambda: self._step, masked, schedule, (1, 1), "AVG")
        self._apply = tf.function(self._choose_and_mask)

    def after_step(self, step: int) -> None:
        """Chooses anew what is zero where the schedule says so, and sets it to zero.

        Args:
          step: Number of the training step just done, from 0.
        """
        self._step.assign(self._end if self._fresh and step > self._end else step)
        self._fresh = False
        self._apply()

    def _choose_and_mask(self) -> None:
        self._algorithm.weight_mask_op()
        self._algorithm.conditional_mask_update()
        self._algorithm.weight_mask_op()


def prunable(student: Student) -> list[tf.Variable]:
    """Kernels of dense layers and of regular and point-wise convolutions that are worth pruning."""
    return [
        weight
        for weight in student.core.trainable_weights
        if weight.name.partition(":")[0].rpartition("/")[2] == "kernel"
        and np.prod(weight.shape) >= LEAST_ELEMENTS
    ]


def sparsity(student: Student) -> float:
    """Share of zeros among the weights that may be pruned; 0 where there are none."""
    kernels = prunable(student)
    zeros = sum(int(np.count_nonzero(kernel.numpy() == 0.0)) for kernel in kernels)
    return zeros / max(sum(int(np.prod(kernel.shape)) for kernel in kernels), 1)
