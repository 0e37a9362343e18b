"""The best linear maps on features, and what trainings make of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from components.common.modeling.checkpoint import Checkpoints
from components.common.modeling.student import save_weights
from components.student_trainer.closed_form import Linear, Sample, fit
from components.student_trainer.settings import LinearFit, TrainingSettings
from components.student_trainer.training import Trained, Training
from components.student_trainer.warm_start import Start, save_heads
from components.student_trainer.window_store import open_store
from schemas.distillation_reports import DistillationSetInfo
from schemas.student_reports import StudentInfo
from schemas.students import FrontEndSpec, StudentSpec
from tests.students import mobilenet

FEATURES, OUTPUTS = 12, 6
PLAIN = mobilenet("tiny", 0.25, embedding_width=16)
BRIEF = TrainingSettings(epochs=12, warm_epochs=1, batch_size=32, batch_norm_momentum=0.8)
# Gently: the fit is to features that have hardly been learnt.
ALONE = BRIEF.model_copy(update={"linear_fit": LinearFit(alone=True), "learning_rate": 1e-4})


def samples(rank: int = OUTPUTS, seed: int = 0) -> tuple[Sample, Sample]:
    """Features of very different sizes, one of which stands still, and noisy linear answers."""
    rng = np.random.default_rng(seed)
    kernel = rng.normal(size=(FEATURES, rank)) @ rng.normal(size=(rank, OUTPUTS))
    made = []
    for count in (3000, 1000):
        white = rng.normal(size=(count, FEATURES)) @ np.triu(np.ones((FEATURES, FEATURES)))
        white[:, 3] = 2.0
        wanted = white @ kernel + 5.0 + rng.normal(size=(count, OUTPUTS))
        made.append(Sample((white * np.logspace(-0.2, 0.2, FEATURES)).astype(np.float32), wanted))
    return made[0], made[1]


def answers(linear: Linear, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    embedding = features.astype(np.float64)
    for factor in linear.factors:
        embedding = embedding @ factor
    embedding = embedding + linear.bias
    return embedding, embedding @ linear.head + linear.head_bias


def unexplained(found: np.ndarray, sample: Sample) -> float:
    return float(np.square(found - sample.wanted).sum() / np.square(sample.wanted - 5.0).sum())


@pytest.mark.parametrize("whitening", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("units", [OUTPUTS, 16])
def test_a_wide_embedding_answers_as_well_as_ridge_regression_in_noise(units: int, whitening: float) -> None:
    train, held_out = samples()
    variances = train.features.var(0)
    noise = 0.1 * float(np.median(variances[variances > 0]))  # as much is reckoned with
    known = Ridge(alpha=noise * len(train.features)).fit(train.features, train.wanted)
    best = unexplained(known.predict(held_out.features), held_out)
    embedding, said = answers(fit(train, held_out).through(units, 0, whitening, seed=1), held_out.features)
    assert unexplained(said, held_out) == pytest.approx(best, rel=0.02)
    assert np.square(embedding).mean() == pytest.approx(1.0, rel=0.1)


def test_whitening_makes_directions_alike() -> None:
    train, held_out = samples()
    spread = []
    for whitening in (0.0, 0.5, 1.0):
        embedding, _ = answers(fit(train, held_out).through(16, 0, whitening, seed=1), held_out.features)
        variances = np.linalg.eigvalsh(np.cov(embedding.T))[-OUTPUTS:]
        spread.append(variances.max() / variances.min())
    assert spread[0] > 4 * spread[1] > 16 * spread[2]


@pytest.mark.parametrize("whitening", [0.0, 0.5, 1.0])
def test_noise_that_drowns_a_quiet_feature_leaves_the_embedding_alone(whitening: float) -> None:
    train, held_out = samples()
    quiet = np.ones(FEATURES)
    quiet[5] = 1e-3  # tells as much as others, and is heard by a least-squares fit only
    train, held_out = (Sample(part.features * quiet, part.wanted) for part in (train, held_out))
    noise = 0.1 * np.sqrt(np.median(train.features.var(0)))
    noisy = held_out.features + np.random.default_rng(1).normal(scale=noise, size=held_out.features.shape)
    linear = fit(train, held_out).through(16, 0, whitening, seed=1)
    calm, shaken = answers(linear, held_out.features)[0], answers(linear, noisy)[0]
    cosines = (calm * shaken).sum(1) / np.linalg.norm(calm, axis=1) / np.linalg.norm(shaken, axis=1)
    assert cosines.mean() > 0.97


def test_without_whitening_windows_lie_as_their_answers_do() -> None:
    train, held_out = samples()
    embedding, said = answers(fit(train, held_out).through(16, 0, 0.0, seed=1), held_out.features)
    apart = [np.square(values[:200] - values[200:400]).sum(1) for values in (embedding, said)]
    assert np.corrcoef(apart)[0, 1] > 0.9999


def test_factors_keep_the_best_directions_and_their_share_is_known() -> None:
    train, held_out = samples()
    found = fit(train, held_out)
    for rank in (1, 2, 4):
        linear = found.through(16, rank, 0.5, seed=1)
        assert [factor.shape for factor in linear.factors] == [(FEATURES, rank), (rank, 16)]
        _, said = answers(linear, held_out.features)
        missed = np.square(said - held_out.wanted).sum()
        missed /= np.square(held_out.wanted - train.wanted.mean(0)).sum()
        assert 1 - missed == pytest.approx(found.explained[rank - 1], abs=1e-6)


def test_a_rank_beyond_what_the_targets_have_adds_nothing_and_is_filled_up() -> None:
    train, held_out = samples(rank=2)
    found = fit(train, held_out)
    assert found.rank_for(0.97) <= 2 < len(found.deviations)
    few = replace(
        found,
        axes=found.axes[:, :2],
        deviations=found.deviations[:2],
        noises=found.noises[:2],
        explained=found.explained[:2],
    )
    wide, narrow = few.through(16, 5, 0.5, seed=1), few.through(16, 2, 0.5, seed=1)
    assert wide.factors[0].shape == (FEATURES, 5)
    np.testing.assert_allclose(answers(wide, held_out.features)[1], answers(narrow, held_out.features)[1])


Network = tuple[Path, Training, Trained]


def train(
    folder: Path, windows: str, spec: StudentSpec, settings: TrainingSettings, start: Path | None = None
) -> tuple[Training, Trained]:
    front_end = FrontEndSpec()
    folder.mkdir(parents=True, exist_ok=True)
    training = Training(
        spec=spec,
        front_end=front_end,
        settings=settings,
        target_info=DistillationSetInfo.load(windows),
        train=open_store(windows, "train", front_end, folder.parent / "scratch"),
        held_out=open_store(windows, "eval", front_end, folder.parent / "scratch"),
        seed=7,
        checkpoints=Checkpoints(folder / "checkpoints"),
        start=Start.read(str(start)) if start else None,
    )
    trained = training.run()
    save_weights(trained.student, str(folder))
    save_heads(trained.heads, str(folder))
    trained.info.save(str(folder))
    return training, trained


def go_on(folder: Path, windows: str, network: Network, change: dict[str, object]) -> StudentInfo:
    """What came of a student that differs from the network's own and starts from that."""
    spec = PLAIN.model_copy(update=change | {"warm_start": PLAIN.candidate_id})
    return train(folder, windows, spec, ALONE, network[0])[1].info


@pytest.fixture(scope="module")
def network(distillation_set: str, tmp_path_factory: pytest.TempPathFactory) -> Network:
    """A network, trained briefly: its folder, the training and its end."""
    folder = tmp_path_factory.mktemp("closed") / "network"
    return folder, *train(folder, distillation_set, PLAIN, BRIEF)


def test_the_closing_fit_explains_more_than_what_was_learnt(network: Network) -> None:
    _, training, trained = network
    info = trained.info
    assert info.fitted_loss is not None
    assert info.fitted_loss < min(epoch.validation_loss for epoch in info.epochs)
    null = training._batches.null_loss(training.target_info)
    assert info.target_variance_explained == pytest.approx(1 - info.fitted_loss / null)


def test_without_windows_to_fit_on_nothing_is_fitted(distillation_set: str, tmp_path: Path) -> None:
    unfitted = BRIEF.model_copy(update={"linear_fit": LinearFit(windows=0)})
    _, trained = train(tmp_path / "network", distillation_set, PLAIN, unfitted)
    assert trained.info.fitted_loss is None


@pytest.mark.parametrize(
    "change",
    [
        {"svd_rank": 4},
        {"svd_energy": 0.9},
        {"pooling": "flatten"},
        {"statistics_skip": True},
        {"taps": True, "pooling": "flatten"},
    ],
    ids=str,
)
def test_what_is_fitted_alone_explains_what_its_network_lets_it_without_a_step(
    distillation_set: str, tmp_path: Path, network: Network, change: dict[str, object]
) -> None:
    parent, info = network[-1], go_on(tmp_path / "fitted", distillation_set, network, change)
    assert (info.steps, info.epochs, info.total_steps) == (0, [], parent.info.steps)
    assert info.target_variance_explained > parent.info.target_variance_explained - 0.1
    assert 0 < info.rank <= 16 if info.spec.low_rank else info.rank == 0


@pytest.mark.parametrize(
    "change", [{"qat": "bottleneck"}, {"qat": "bottleneck", "svd_rank": 4}, {"sparsity": 0.5}], ids=str
)
def test_quantisation_and_sparsity_are_still_learnt(
    distillation_set: str, tmp_path: Path, network: Network, change: dict[str, object]
) -> None:
    parent, info = network[-1], go_on(tmp_path / "learnt", distillation_set, network, change)
    assert len(info.epochs) == ALONE.warm_epochs and info.fitted_loss is None
    assert info.target_variance_explained > parent.info.target_variance_explained - 0.4
    assert info.sparsity == pytest.approx(info.spec.sparsity, abs=0.02)


def test_a_network_in_bfloat16_is_fitted_by_its_float32_weights(
    distillation_set: str, tmp_path: Path, network: Network
) -> None:
    folder, _, parent = network
    spec = PLAIN.model_copy(update={"pooling": "flatten", "warm_start": PLAIN.candidate_id})
    explained = [
        train(tmp_path / precision, distillation_set, spec, settings, folder)[
            1
        ].info.target_variance_explained
        for precision, settings in (
            ("float32", ALONE),
            ("bfloat16", ALONE.model_copy(update={"precision": "bfloat16"})),
        )
    ]
    assert explained[0] == pytest.approx(explained[1], abs=1e-4)
    assert explained[0] > parent.info.target_variance_explained - 0.1


def test_what_starts_from_another_network_is_trained(
    distillation_set: str, tmp_path: Path, network: Network
) -> None:
    folder, *_ = network
    smaller = mobilenet("tiny", 0.1, embedding_width=16, warm_start=PLAIN.candidate_id)
    _, trained = train(tmp_path / "smaller", distillation_set, smaller, ALONE, folder)
    assert len(trained.info.epochs) == ALONE.warm_epochs
