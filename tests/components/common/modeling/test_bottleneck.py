"""The bottleneck's forms: full, annealed, factored, quantised."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from components.common.modeling import bottleneck


def test_factors_are_the_best_of_their_rank() -> None:
    # White features: the plain SVD. Singular values 4, 3, 2, 1 lose sqrt(2^2 + 1^2) (Frobenius) at rank 2.
    rng = np.random.default_rng(0)
    left, _ = np.linalg.qr(rng.normal(size=(12, 4)))
    right, _ = np.linalg.qr(rng.normal(size=(9, 4)))
    matrix = (left * [4.0, 3.0, 2.0, 1.0]) @ right.T
    reduce, expand = bottleneck.factorise(matrix.astype(np.float32), 2, white(12), seed=0)
    assert reduce.shape == (12, 2)
    assert expand.shape == (2, 9)
    assert np.linalg.norm(matrix - reduce @ expand) == pytest.approx(np.sqrt(5), rel=1e-4)
    # The square root of the singular values is in each factor: both have the same norms.
    np.testing.assert_allclose(np.linalg.norm(reduce, axis=0), np.linalg.norm(expand, axis=1), rtol=1e-4)


def test_factors_keep_what_the_features_show_and_not_what_the_matrix_weighs() -> None:
    # Four groups of features, each with an output of its own, deviations 2, 1, 0.1, 0.01 and weights 1, 1, 9,
    # 90: outputs deviate by 2, 1, 0.9, 0.9. A plain SVD of the matrix would keep the third and the fourth.
    deviations = np.array([2.0, 1.0, 0.1, 0.01])
    matrix = np.diag([1.0, 1.0, 9.0, 90.0]).astype(np.float32)
    features = (white(4) * deviations + 5.0).astype(np.float32)
    reduce, expand = bottleneck.factorise(matrix, 2, features, seed=0)
    lost = (features - features.mean(axis=0)) @ (matrix - reduce @ expand)
    assert np.square(lost).mean(axis=0) == pytest.approx([0.0, 0.0, 0.81, 0.81], abs=1e-3)
    # Of a variance of 4 + 1 + 0.81 + 0.81 = 6.62: 0.60, 0.755, 0.878, 1.
    ranks = [
        bottleneck.rank_for_energy(np.pad(matrix, (0, 9)), energy, np.pad(features, ((0, 0), (0, 9))))
        for energy in (0.59, 0.75, 0.87, 0.89)
    ]
    assert ranks == [1, 2, 3, 4]


def test_directions_that_the_sample_does_not_show_are_kept_by_their_weight() -> None:
    # Two windows show one direction; of the others the heaviest comes next, and nothing is infinite.
    matrix = np.diag([1.0, 2.0, 4.0, 3.0]).astype(np.float32)
    features = np.array([[1, 0, 0, 0], [-1, 0, 0, 0]], np.float32)
    reduce, expand = bottleneck.factorise(matrix, 2, features, seed=0)
    np.testing.assert_allclose(reduce @ expand, np.diag([1.0, 0, 4.0, 0]), atol=1e-4)
    for constant in (0.0, 3.0):
        assert all(np.isfinite(f).all() for f in bottleneck.factorise(matrix, 2, features * 0 + constant, 0))


def white(features: int) -> np.ndarray:
    """A sample ``(4 * features, features)`` of mean 0 and covariance 1."""
    basis, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(2 * features, features)))
    return (np.concatenate([basis, -basis]) * np.sqrt(2 * features)).astype(np.float32)


def test_annealing_goes_from_the_full_matrix_to_the_factors() -> None:
    model = bottleneck.annealed(6, 5, 2)
    layer = model.get_layer("annealed")
    x = tf.random.stateless_normal((3, 6), seed=(1, 2))
    np.testing.assert_allclose(model(x), tf.matmul(x, layer.full) + layer.bias, rtol=1e-5)
    layer.alpha.assign(0.0)
    np.testing.assert_allclose(
        model(x), tf.matmul(tf.matmul(x, layer.reduce), layer.expand) + layer.bias, rtol=1e-5
    )


def test_factors_are_trained_while_annealing() -> None:
    model = bottleneck.annealed(6, 5, 2)
    layer = model.get_layer("annealed")
    layer.alpha.assign(0.5)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(tf.ones((2, 6))) ** 2)
    gradients = tape.gradient(loss, [layer.full, layer.reduce, layer.expand])
    assert all(float(tf.norm(gradient)) > 0 for gradient in gradients)
    assert len(model.trainable_variables) == 4  # not alpha


def test_refit_approximates_the_matrix_in_effect() -> None:
    layer = bottleneck.annealed(8, 8, 7 // 2).get_layer("annealed")
    layer.refit(white(8), seed=1)
    before = float(tf.norm(layer.full - layer.reduce @ layer.expand))
    layer.alpha.assign(0.3)
    effective = 0.3 * layer.full + 0.7 * layer.reduce @ layer.expand
    layer.refit(white(8), seed=1)
    after = float(tf.norm(effective - layer.reduce @ layer.expand))
    assert after < before


def test_factors_have_the_mean_of_the_matrix_whatever_the_features_centre_on() -> None:
    model = bottleneck.annealed(8, 6, 2)
    layer = model.get_layer("annealed")
    features = white(8) + np.arange(8, dtype=np.float32)
    wanted = model(features).numpy().mean(axis=0)
    layer.refit(features, seed=1)
    layer.alpha.assign(0.4)
    layer.refit(features, seed=1)
    layer.alpha.assign(0.0)
    # Refitted at 0.4, the factors stand for 0.4 of the matrix and 0.6 of the first factors, of one mean.
    np.testing.assert_allclose(model(features).numpy().mean(axis=0), wanted, atol=1e-4)
    assert np.abs(layer.shift.numpy()).max() > 0.1


@pytest.mark.parametrize("rank", [0, 4, 100])
def test_a_rank_that_does_not_compress_is_refused(rank: int) -> None:
    # 8x8 = 64 weights; rank r costs 16 r: 3 is the largest that compresses.
    with pytest.raises(ValueError, match=rf"svd_rank {rank} does not compress a 8x8 bottleneck: use 1 to 3"):
        bottleneck.factored(8, 8, rank)


def test_quantisers_are_applied_not_only_annotated() -> None:
    from tensorflow_model_optimization.python.core.quantization.keras.quantize_wrapper import (
        QuantizeWrapperV2,
    )

    plain = bottleneck.factored(12, 10, 3)
    quantised = bottleneck.quantised(plain)
    wrapped = [layer for layer in quantised.layers if isinstance(layer, QuantizeWrapperV2)]
    assert [layer.layer.name for layer in wrapped] == ["reduce_dense", "embedding_dense"]
    kernel = next(weight for weight in wrapped[0].weights if weight.name.endswith("kernel:0"))
    np.testing.assert_array_equal(kernel, plain.get_layer("reduce_dense").get_weights()[0])


def _with_spectrum(values: list[float], rows: int, columns: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    left, _ = np.linalg.qr(rng.normal(size=(rows, len(values))))
    right, _ = np.linalg.qr(rng.normal(size=(columns, len(values))))
    return ((left * values) @ right.T).astype(np.float32)


@pytest.mark.parametrize(("energy", "rank"), [(0.5, 1), (0.53, 1), (0.54, 2), (0.8, 2), (0.9, 3), (0.99, 4)])
@pytest.mark.parametrize("shape", [(24, 16), (16, 24)])
def test_the_least_rank_that_keeps_an_energy(energy: float, rank: int, shape: tuple[int, int]) -> None:
    # Singular values 4, 3, 2, 1: of the energy 30, 16, 25, 29 and 30 are kept: 0.533, 0.833, 0.967, 1.
    matrix = _with_spectrum([4.0, 3.0, 2.0, 1.0], *shape)
    assert bottleneck.rank_for_energy(matrix, energy, white(len(matrix))) == rank


def test_a_rank_for_an_energy_always_compresses(caplog: pytest.LogCaptureFixture) -> None:
    # 12 equal singular values: 0.9 of the energy would take 11, but 12x12 weights shrink only up to rank 5.
    assert bottleneck.rank_for_energy(np.eye(12, dtype=np.float32), 0.9, white(12)) == 5
    assert (
        "rank 11, which keeps 0.9 of what a 12x12 bottleneck gives, does not compress it: 5 keeps 0.417"
        in caplog.text
    )


def test_cutting_by_the_outputs_is_nearly_what_training_through_the_factors_gives() -> None:
    """At equal steps, on features that are anything but white, as pooled features are."""
    rng = np.random.default_rng(5)
    features, units, rank, steps = 48, 64, 6, 400
    mixing = _with_spectrum(list(10.0 ** -np.linspace(0, 2, features)), features, features) * 5
    x = np.maximum(rng.normal(size=(1200, features)) @ mixing + 0.2, 0).astype(np.float32)
    y = np.tanh(x @ rng.normal(size=(features, units))).astype(np.float32)
    x, y, unseen, wanted = x[:1000], y[:1000], x[1000:], y[1000:]

    def train(model: keras.Model, alphas: np.ndarray, refits: tuple[int, ...] = ()) -> keras.Model:
        optimizer = keras.optimizers.Adam(5e-3)

        @tf.function
        def step(inputs: tf.Tensor, targets: tf.Tensor) -> None:
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((model(inputs) - targets) ** 2)
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

        for index, alpha in enumerate(alphas):
            if index in refits:
                model.layers[-1].refit(x, seed=0)
            if model.layers[-1].name == "annealed":
                model.layers[-1].alpha.assign(alpha)
            rows = (np.arange(50) + 50 * index) % len(x)
            step(tf.constant(x[rows]), tf.constant(y[rows]))
        return model

    keras.utils.set_random_seed(2)
    cut = train(bottleneck.full(features, units), np.ones(steps)).get_layer("embedding_dense")
    kernel = cut.kernel.numpy()
    plain = np.linalg.svd(kernel)
    errors = []
    for reduce, expand in (
        bottleneck.factorise(kernel, rank, x, seed=0),
        (plain[0][:, :rank] * plain[1][:rank], plain[2][:rank]),
    ):
        bias = cut.bias.numpy() + x.mean(axis=0) @ (kernel - reduce @ expand)
        errors.append(np.mean((unseen @ reduce @ expand + bias - wanted) ** 2))
    cut_error, plain_error = errors

    keras.utils.set_random_seed(2)
    annealed = bottleneck.annealed(features, units, rank)
    train(annealed, np.concatenate([np.linspace(1, 0, steps // 2), np.zeros(steps // 2)]), (0, 50, 100, 150))
    trained_error = np.mean((annealed(unseen).numpy() - wanted) ** 2)

    assert cut_error < 0.8 * plain_error
    assert 0.9 * cut_error < trained_error < cut_error
    layer = annealed.get_layer("annealed")
    assert (layer.reduce.shape, layer.expand.shape) == ((features, rank), (rank, units))
