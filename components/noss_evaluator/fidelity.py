"""How much of the teacher's geometry a student keeps.

Three views, each of sounds that no task trains on: how well a linear map gives the teacher's embedding back
(ridge regression, its penalty by generalised cross-validation: Golub, Heath & Wahba, Technometrics 1979),
linear centred kernel alignment (Kornblith et al., ICML 2019, section 3), and whether a sound has the same
nearest neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.noss_evaluator.clips import Entry, Sound
from schemas.noss_reports import Fidelity, NossReport

Matrix = np.ndarray[Any, np.dtype[np.floating[Any]]]
Indices = np.ndarray[Any, np.dtype[np.intp]]

NEIGHBOURS = 10
MAX_TRAIN, MAX_TEST = 4000, 2000

_PENALTIES = np.logspace(-6, 2, 17)  # as shares of the mean variance of the embedding's directions


@dataclass(frozen=True)
class TeacherEmbeddings:
    """What the teacher makes of all sounds.

    Attributes:
      matrix: float32 ``(sounds, dim)``.
      digests: sha256 of each sound, hexadecimal.
    """

    matrix: Matrix
    digests: Sequence[str]

    def save(self, folder: Path) -> None:
        """Writes them beside the teacher's report."""
        np.savez(folder / NossReport.EMBEDDINGS, matrix=self.matrix, digests=np.array(self.digests))

    @classmethod
    def load(cls, folder: str | Path) -> TeacherEmbeddings:
        """Reads what :meth:`save` wrote."""
        with np.load(Path(folder) / NossReport.EMBEDDINGS) as file:
            return cls(file["matrix"], file["digests"].tolist())

    def in_order_of(self, sounds: Sequence[Sound]) -> Matrix:
        """The rows of the given sounds.

        Raises:
          ValueError: If the teacher's answer to one of them is missing.
        """
        rows = {digest: row for row, digest in enumerate(self.digests)}
        absent = [sound.clip_id for sound in sounds if sound.digest not in rows]
        if absent:
            raise ValueError(
                f"the teacher's report lacks {len(absent)} sounds, the first is {absent[0]}: "
                "it must have been made from the same examples"
            )
        return self.matrix[[rows[sound.digest] for sound in sounds]]


def measure_fidelity(
    student: Matrix, teacher: Matrix, entries: Sequence[Entry], sounds: Sequence[Sound]
) -> Fidelity:
    """Compares two embeddings of the same sounds.

    What some task tests is compared, and nothing of it takes part in fitting the map.

    Args:
      student: float32 ``(sounds, dim)``.
      teacher: float32 ``(sounds, other dim)``.
      entries: Who uses which sound, in which split.
      sounds: The sounds; at most 4,000 of train and 2,000 of test are taken, the same ones every time.

    Raises:
      ValueError: If every sound of train is one of test too: nothing remains to fit the map on.
    """
    tested = {entry.sound for entry in entries if entry.split == "test"}
    trained = {entry.sound for entry in entries if entry.split == "train"} - tested
    if not trained:
        raise ValueError("fidelity needs sounds that only train uses: every task's train sounds are tested")
    train, test = _some(trained, sounds, MAX_TRAIN), _some(tested, sounds, MAX_TEST)
    return compare(student[train], teacher[train], student[test], teacher[test])


def compare(student_train: Matrix, teacher_train: Matrix, student: Matrix, teacher: Matrix) -> Fidelity:
    """Fits a linear map on some sounds and compares two embeddings of others.

    Args:
      student_train: ``(m, dim)``.
      teacher_train: ``(m, other dim)``.
      student: ``(n, dim)``.
      teacher: ``(n, other dim)``.
    """
    weights = ridge(student_train - student_train.mean(axis=0), teacher_train - teacher_train.mean(axis=0))
    mapped = (student - student_train.mean(axis=0)) @ weights
    neighbours = min(NEIGHBOURS, len(student) - 1)
    return Fidelity(
        cosine=float(np.mean(np.sum(_unit(mapped) * _unit(teacher - teacher_train.mean(axis=0)), axis=1))),
        cka=linear_cka(student, teacher),
        neighbour_overlap=neighbour_overlap(student, teacher, neighbours),
        neighbours=neighbours,
        n=len(student),
    )


def ridge(inputs: Matrix, targets: Matrix) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Weights ``(dim, targets)`` of the ridge regression whose generalised cross-validation error is least.

    The penalties tried go from a millionth to a hundred times the mean eigenvalue, so that the scale of the
    inputs does not matter.

    Args:
      inputs: ``(n, dim)``, centred.
      targets: ``(n, targets)``, centred.
    """
    wide, wanted = inputs.astype(np.float64), targets.astype(np.float64)
    is_tall = wide.shape[0] >= wide.shape[1]
    variance, basis = np.linalg.eigh(wide.T @ wide if is_tall else wide @ wide.T)  # the smaller of the two
    kept = variance > variance[-1] * np.finfo(np.float32).eps
    variance, basis = variance[kept], basis[:, kept]
    singular = np.sqrt(variance)
    right = basis if is_tall else wide.T @ basis / singular
    along = right.T @ (wide.T @ wanted) / singular[:, None]  # the targets, by the inputs' directions
    energy, total = np.square(along).sum(axis=1), float(np.square(wanted).sum())

    def error(penalty: float) -> float:
        share = variance / (variance + penalty)
        residual = total - float(energy @ (share * (2 - share)))
        free = len(inputs) - 1 - float(share.sum())
        return residual / free**2 if free > 0.5 else np.inf

    best = min(_PENALTIES * variance.mean(), key=error)
    weights: np.ndarray[Any, np.dtype[np.float64]] = (right * (singular / (variance + best))) @ along
    return weights


def linear_cka(one: Matrix, other: Matrix) -> float:
    """Linear centred kernel alignment of ``(n, dim)`` and ``(n, other dim)``: 0 to 1."""
    first, second = (np.asarray(each - each.mean(axis=0), np.float64) for each in (one, other))
    first, second = first @ first.T, second @ second.T
    norms = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(np.sum(first * second) / norms) if norms else 0.0


def neighbour_overlap(one: Matrix, other: Matrix, neighbours: int) -> float:
    """Mean share of each row's nearest neighbours, by cosine, that two embeddings agree on."""
    first, second = _nearest(one, neighbours), _nearest(other, neighbours)
    shared = (first[:, :, None] == second[:, None, :]).any(axis=2)
    return float(shared.mean())


def _nearest(vectors: Matrix, neighbours: int) -> Indices:
    unit = _unit(vectors)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -np.inf)
    return np.argpartition(-cosines, neighbours - 1, axis=1)[:, :neighbours]


def _unit(vectors: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    wide = vectors.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    return wide / np.where(lengths > 0, lengths, 1.0)


def _some(wanted: set[int], sounds: Sequence[Sound], limit: int) -> Indices:
    """At most so many of the sounds, chosen by their digests: the same ones every time."""
    chosen = sorted(wanted, key=lambda index: sounds[index].digest)[:limit]
    return np.array(sorted(chosen), np.intp)
