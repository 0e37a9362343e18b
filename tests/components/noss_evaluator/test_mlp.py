from __future__ import annotations

import numpy as np
import pytest

from components.noss_evaluator.probes.linear import fit_linear
from components.noss_evaluator.probes.mlp import fit_mlp
from components.noss_evaluator.settings import StrictProtocol


def ring(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points within a circle, or around it: no line divides them."""
    generator = np.random.default_rng(seed)
    angle, labels = generator.uniform(0, 2 * np.pi, n), np.arange(n) % 2
    radius = np.where(labels, 2.0, 0.5) + generator.normal(0, 0.1, n)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype(np.float32), labels


def test_it_finds_what_no_line_divides() -> None:
    (train, labels), (validation, truth) = ring(80, 0), ring(200, 1)
    (network,) = fit_mlp(train, labels, 2, validation, [10.0], hidden=16)
    (line,) = fit_linear(train, labels, 2, validation, [10.0])
    right = (network.on_validation.argmax(axis=1) == truth).mean()
    assert right > 0.95 > 0.8 > (line.on_validation.argmax(axis=1) == truth).mean()
    np.testing.assert_allclose(network.on_validation.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(network.classify(validation), network.on_validation)


def test_a_strong_penalty_knows_only_the_shares_and_the_same_clips_give_the_same() -> None:
    train, labels = ring(30, 0)
    labels = np.where(np.arange(30) < 10, 2, 0)  # class 1 has no clip
    strong, weak = fit_mlp(train, labels, 3, train, [1e-6, 1.0], hidden=4)
    np.testing.assert_allclose(strong.on_validation[0], [2 / 3, 0, 1 / 3], atol=0.02)
    again = fit_mlp(train, labels, 3, train, [1.0], hidden=4)[0]
    np.testing.assert_array_equal(again.on_validation, weak.on_validation)
    assert (weak.kind, weak.parameter) == ("mlp", 1.0)


def test_it_is_tried_only_where_it_is_asked_for() -> None:
    assert "mlp" not in StrictProtocol().probes
    with pytest.raises(ValueError, match="hidden_units"):
        StrictProtocol(hidden_units=0)
