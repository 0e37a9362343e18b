"""What holds for every architecture of the registry."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from components.common.modeling.architectures import ARCHITECTURES, build_network
from components.common.modeling.student import build_student
from schemas.architecture import Architecture
from schemas.students import FrontEndSpec, StudentSpec
from tests.components.common.modeling.architectures.converted import patches

# Parameters that make a small network of those that are large by default.
SMALL: dict[str, dict[str, Any]] = {
    "audio_spectrogram_transformer": {"width": 16, "depth": 1, "heads": 2},
    "efficientnet_v2": {"variant": "b0"},
    "mobilenet_v3": {"size": "tiny", "width": 0.5},
    "resnet": {"depths": (1, 1), "width": 8},
}


def _small(name: str) -> Architecture:
    return ARCHITECTURES[name].model_validate(SMALL.get(name, {}))


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_map_is_as_promised_and_layers_have_names_of_their_own(name: str) -> None:
    # build_network compares the map with the arithmetic; Keras would number layers without a name.
    networks = [build_network(_small(name), frames, mels, 0.95) for frames, mels in ((96, 64), (195, 80))]
    first, second = ([layer.name for layer in network.layers] for network in networks)
    assert first == second


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_embedding_is_the_mean_of_its_moments(name: str) -> None:
    spec = StudentSpec(architecture=_small(name), embedding_width=32)
    student = build_student(spec, FrontEndSpec())
    heard = patches(student, 2, seed=4)
    moments = student.frames(heard).numpy()
    assert moments.shape == (2, spec.architecture.map_shape(96, 64).time, 32)
    embedding = student.core(heard, training=False).numpy()
    np.testing.assert_allclose(moments.mean(axis=1), embedding, rtol=1e-3, atol=1e-3 * abs(embedding).max())


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize(("frames", "mels"), [(3, 64), (96, 3)])
def test_too_short_a_patch_is_refused(name: str, frames: int, mels: int) -> None:
    with pytest.raises(ValueError, match=rf"a patch of {frames} frames x {mels} mels is too short for"):
        _small(name).map_shape(frames, mels)


def test_labels_are_distinct() -> None:
    others: list[tuple[str, dict[str, Any]]] = [
        ("mobilenet_v3", {"size": "large"}),
        ("efficientnet_v2", {"variant": "s"}),
        ("resnet", {"depths": (3, 4, 6, 3)}),
        ("resnet", {"expansion": 2}),
        ("audio_spectrogram_transformer", {"mlp_ratio": 2.4}),
        ("audio_spectrogram_transformer", {"patch": (16, 20)}),
        ("audio_spectrogram_transformer", {"stride": (16, 16)}),
        ("audio_spectrogram_transformer", {"dropout": 0.1}),
    ]
    defaults: list[tuple[str, dict[str, Any]]] = [(name, {}) for name in ARCHITECTURES]
    labels = [
        ARCHITECTURES[name].model_validate(parameters).label
        for name, parameters in (*defaults, *SMALL.items(), *others)
    ]
    assert len(set(labels)) == len(labels)


def test_importing_the_registry_does_not_import_tensorflow() -> None:
    code = (
        "import sys, components.common.modeling.architectures as registry; "
        "assert len(registry.ARCHITECTURES) >= 4; "
        "print([name for name in ('tensorflow', 'tf_keras') if name in sys.modules])"
    )
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert asked.stdout.strip() == "[]"
