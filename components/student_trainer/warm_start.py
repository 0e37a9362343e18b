"""The weights of a trained sibling, as far as a student can begin with them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from components.common.modeling.student import Student, load_student
from components.common.store.arrays import Weights, read_arrays, write_arrays
from schemas.student_reports import StudentInfo

Array = np.ndarray[Any, Any]

HEADS_FILE = "heads.npz"


class NothingToStartFrom(ValueError):
    """A sibling whose training failed; the message is why."""


@dataclass(frozen=True)
class Start:
    """What a training begins with.

    Attributes:
      student: The trained sibling in the form that it shipped in.
      heads: The heads it was trained with.
      digest: sha256 of its weights file.
      total_steps: Optimiser steps behind its weights; 0: not known.
    """

    student: Student
    heads: Weights
    digest: str
    total_steps: int

    @classmethod
    def read(cls, folder: str) -> Start:
        """Reads the folder of a ``StudentModel`` artifact.

        Raises:
          NothingToStartFrom: If its training failed.
          UnreadableReport: If its description cannot be read.
          UnreadableWeights: If its weights or heads cannot.
        """
        info = StudentInfo.load(folder)
        if info.failure:
            raise NothingToStartFrom(info.failure)
        student = load_student(folder)
        digest = hashlib.sha256((Path(folder) / StudentInfo.WEIGHTS).read_bytes()).hexdigest()
        heads = read_arrays(Path(folder) / HEADS_FILE)
        return cls(student, heads, digest, info.total_steps)


def save_heads(heads: Weights, folder: str) -> None:
    """Writes the heads beside the weights: they are for siblings that start from these, and never ship."""
    write_arrays(Path(folder) / HEADS_FILE, heads)


def start_from(student: Student, source: Student) -> int:
    """Gives a fresh student the weights of a trained one.

    The same network gets them all. Of a larger network of the same family each weight of the same name gives
    its leading part along every axis (for kernels: the first channels in and out); weights without such a
    namesake, or larger than it, stay fresh. A compressed bottleneck gives the matrix it stands for; its rows
    fit only where both order the features alike.

    With other mel bands than the source's, what belongs to the patch's statistics stays fresh, and so does
    the bottleneck that takes them.

    Args:
      student: With a full bottleneck; changed in place.
      source: Trained, in any form.

    Returns:
      How many weights were taken over.
    """
    there = _named(source.core.weights)
    same_bands = student.front_end.mels == source.front_end.mels
    if not same_bands:
        # Of other bands: a leading part of means and deviations would be some of each.
        there = {name: value for name, value in there.items() if not name.startswith("statistics_bn/")}
    taken = _copy(student.features.weights, there)
    kernel, bias = _full_bottleneck(source)
    skip = student.spec.statistics_skip
    alike = skip == source.spec.statistics_skip and (same_bands or not skip)
    if alike and _same_order(student, source):
        levels = 2 * student.front_end.mels if skip else 0
        pooled = student.features.output_shape[-1] - levels
        rows = [*range(pooled), *range(len(kernel) - levels, len(kernel))]
        if pooled + levels <= len(kernel):
            target = student.bottleneck.get_layer("embedding_dense")
            named = {_key(target.kernel): kernel[rows], _key(target.bias): bias}
            taken += _copy(target.weights, named)
    return taken


def _same_order(student: Student, source: Student) -> bool:
    if (student.spec.pooling, student.spec.taps) != (source.spec.pooling, source.spec.taps):
        return False
    alike = student.features.output_shape == source.features.output_shape
    return alike or not (student.spec.pooling == "flatten" or student.spec.taps)


def _full_bottleneck(source: Student) -> tuple[Array, Array]:
    """The matrix and the bias that a full, factored or quantised bottleneck stands for."""
    weights = {weight.name: weight.numpy() for weight in source.bottleneck.weights}
    kernel = weights["embedding_dense/kernel:0"]
    if "reduce_dense/kernel:0" in weights:
        kernel = weights["reduce_dense/kernel:0"] @ kernel
    return kernel, weights["embedding_dense/bias:0"]


def _copy(weights: Sequence[tf.Variable], source: dict[str, Array]) -> int:
    taken = 0
    for name, weight in _named_variables(weights).items():
        value = source.get(name)
        if value is None or value.ndim != len(weight.shape):
            continue
        if all(wanted <= there for wanted, there in zip(weight.shape, value.shape, strict=True)):
            weight.assign(value[tuple(slice(wanted) for wanted in weight.shape)])
            taken += 1
    return taken


def _named(weights: Sequence[tf.Variable]) -> dict[str, Array]:
    return {name: weight.numpy() for name, weight in _named_variables(weights).items()}


def _named_variables(weights: Sequence[tf.Variable]) -> dict[str, tf.Variable]:
    """Weights by name; of several with one name, the second is ``name#2`` and so on."""
    seen: Counter[str] = Counter()
    named = {}
    for weight in weights:
        name = _key(weight)
        seen[name] += 1
        named[name if seen[name] == 1 else f"{name}#{seen[name]}"] = weight
    return named


def _key(weight: tf.Variable) -> str:
    return str(weight.name)
