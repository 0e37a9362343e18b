from __future__ import annotations

import numpy as np
import pytest

from components.common.modeling.litert import LiteRtModel
from components.noss_evaluator.probes.candidate import Candidate, Linear
from components.noss_evaluator.probes.fitted import FittedProbe, fit_probe
from components.noss_evaluator.probes.scaling import fit_scaling
from components.noss_evaluator.settings import StrictProtocol
from pipeline.heads.network import head_file, layers_of


@pytest.mark.parametrize("kind", ["linear", "lda", "mlp"])
def test_a_heads_file_says_what_the_probe_says(kind: str) -> None:
    generator = np.random.default_rng(1)
    truth = np.arange(60) % 3
    # Far from 0 and of unlike widths: the standardisation has to be in the file.
    spread = (generator.normal(size=(60, 12)) + 3 * np.eye(3, 12)[truth]) * np.arange(1, 13) + 40
    clips = spread.astype(np.float32)
    probe = fit_probe(
        clips[:40], truth[:40], clips[40:], truth[40:], classes=3, metric="accuracy",
        strict=StrictProtocol(probes=(kind,), c_grid=(1.0,)),
    )  # fmt: skip
    content = head_file(layers_of(probe))
    assert head_file(layers_of(probe)) == content
    model = LiteRtModel(content)
    assert [(one.name, one.shape) for one in model.outputs] == [("scores", [1, 3])]
    np.testing.assert_allclose(model.run_each(clips), probe.probabilities(clips), atol=1e-5)
    assert probe.validation > 0.8


def test_scores_of_embeddings_that_hardly_differ_are_not_rounding() -> None:
    generator = np.random.default_rng(2)
    truth = np.arange(60) % 2
    clips = (3 + 1e-5 * (generator.normal(size=(60, 64)) + 0.5 * truth[:, None])).astype(np.float32)
    probe = fit_probe(
        clips[:40], truth[:40], clips[40:], truth[40:], classes=2, metric="accuracy",
        strict=StrictProtocol(probes=("linear",), c_grid=(1.0,)),
    )  # fmt: skip
    given = LiteRtModel(head_file(layers_of(probe))).run_each(clips)
    np.testing.assert_allclose(given, probe.probabilities(clips), atol=1e-5)


def test_what_is_no_network_or_lacks_a_class_is_refused() -> None:
    clips = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    truth = np.arange(8) % 2
    knn = fit_probe(
        clips, truth, clips, truth, classes=2, metric="accuracy",
        strict=StrictProtocol(probes=("knn",), neighbours=(1,)),
    )  # fmt: skip
    with pytest.raises(ValueError, match="kind 'knn' is no network; accepted: linear, lda, mlp"):
        layers_of(knn)
    linear = Linear.of(np.ones((4, 1)), np.zeros(1), np.array([1]), 2)
    lacking = FittedProbe(fit_scaling(clips), Candidate("linear", 1.0, linear, clips), 1.0, ())
    with pytest.raises(ValueError, match="a label has no clip to be trained on"):
        layers_of(lacking)
