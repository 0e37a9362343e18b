"""Linear discriminant analysis with a covariance shrunk as Ledoit and Wolf say.

What scikit-learn's ``LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")`` computes (the papers'
probe), without forming a covariance for each class: each is a product of centred clips plus a diagonal, so
that their weighted mean is one product and one diagonal. With fewer clips than dimensions the inverse then
needs a matrix of the clips' size only (Woodbury's identity).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import linalg

from components.noss_evaluator.probes.candidate import Candidate, Linear
from components.noss_evaluator.probes.scaling import Matrix

Indices = np.ndarray[Any, np.dtype[np.intp]]
Wide = np.ndarray[Any, np.dtype[np.float64]]


def fit_lda(train: Matrix, labels: Indices, classes: int, validation: Matrix) -> list[Candidate]:
    """The one candidate; its parameter is the mean shrinkage of the classes' covariances."""
    linear, shrinkage = lda(train, labels, classes)
    return [Candidate("lda", shrinkage, linear, linear(validation))]


def lda(train: Matrix, labels: Indices, classes: int) -> tuple[Linear, float]:
    """Fits.

    Args:
      train: ``(n, dim)``.
      labels: Index of each clip's class, ``(n,)``.
      classes: How many there are, whether in train or not.

    Returns:
      The classifier and the mean shrinkage, weighted by the classes' clips.
    """
    n, dim = train.shape
    there = np.unique(labels)
    means = np.stack([train[labels == index].mean(axis=0, dtype=np.float64) for index in there])
    counts = np.bincount(labels, minlength=classes)[there]
    centred = train - means.astype(np.float32)[np.searchsorted(there, labels)]
    diagonal, shrinkage = np.zeros(dim), 0.0
    for index, count in zip(there, counts, strict=True):
        own = np.flatnonzero(labels == index)
        deviation = centred[own].std(axis=0, dtype=np.float64)
        deviation[deviation <= 1e-6] = 1.0
        shrunk, level = _ledoit_wolf(centred[own] / deviation.astype(np.float32))
        diagonal += count / n * shrunk * level * deviation**2
        shrinkage += count / n * shrunk
        centred[own] *= np.float32(np.sqrt((1 - shrunk) / n))
    coefficients = _solve(centred, diagonal, means.T)
    biases = -0.5 * (means * coefficients.T).sum(axis=1) + np.log(counts / n)
    return Linear.of(coefficients, biases, there, classes), shrinkage


def _ledoit_wolf(standardised: Matrix) -> tuple[float, float]:
    """Shrinkage and the mean variance that it shrinks to (Ledoit and Wolf, 2004), of ``(n, dim)``.

    With rows x: the sum of squares of the covariance is that of the clips' products, which are fewer where
    there are fewer clips than dimensions.
    """
    n, dim = standardised.shape
    squares = np.square(standardised).sum(axis=1, dtype=np.float64)
    product = standardised @ standardised.T if n < dim else standardised.T @ standardised
    of_covariance = np.square(product.astype(np.float64)).sum() / n**2
    level = squares.sum() / n / dim
    distance = of_covariance / dim - level**2
    noise = min((np.square(squares).sum() / n - of_covariance) / n / dim, distance)
    return (float(noise / distance) if noise > 0 else 0.0), float(level)


def _solve(factor: Matrix, diagonal: Wide, right: Wide) -> Wide:
    """Solves ``(factor' factor + diagonal) x = right``, float64."""
    n, dim = factor.shape
    if n < dim and diagonal.min() > 1e-6 * diagonal.max():
        scaled = factor / diagonal
        inner = np.eye(n) + scaled @ factor.T.astype(np.float64)
        first = right / diagonal[:, None]
        solved = linalg.solve(inner, factor @ first, assume_a="pos", overwrite_a=True)
        woodbury: Wide = first - scaled.T @ solved
        return woodbury
    covariance = (factor.T @ factor).astype(np.float64)
    covariance[np.diag_indices(dim)] += diagonal
    try:
        solution: Wide = linalg.solve(covariance, right, assume_a="pos")
    except linalg.LinAlgError:
        solution = linalg.lstsq(covariance, right)[0]
    return solution
