"""What a student says of itself: levels of its factors, in words, and what it hears through."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from schemas.students import FrontEndSpec, StudentFrontEnd, StudentSpec
from tests.students import mobilenet

RUN = FrontEndSpec()


def test_levels_are_words_and_an_architectures_own_bear_its_name() -> None:
    spec = StudentSpec.model_validate(
        {
            "architecture": {"name": "resnet", "width": 16, "depths": [1, 2]},
            "embedding_width": 64,
            "statistics_skip": True,
        }
    )
    levels = spec.levels(RUN)
    assert (levels["architecture.name"], levels["architecture.width"]) == ("resnet", "16")
    assert levels["architecture.depths"] == "1, 2"
    assert (levels["embedding_width"], levels["svd_rank"], levels["qat"]) == ("64", "0", "none")
    assert (levels["statistics_skip"], levels["warm_start"]) == ("yes", "none")
    assert "architecture" not in levels


@pytest.mark.parametrize(
    ("own", "expected", "name"),
    [
        (None, {}, ""),
        ({"mels": 40}, {"mels": 40}, "-m40"),
        # (15,600 - 400) / 320 = 47.5: 48 frames of the run's window, which end 160 samples before it does.
        ({"hop_samples": 320}, {"hop_samples": 320, "frames": 48}, "-h20"),
        # 15,200 / 256 = 59.4.
        ({"mels": 80, "hop_samples": 256}, {"mels": 80, "hop_samples": 256, "frames": 60}, "-m80-h16"),
        # (15,600 - 512) / 160 = 94.3.
        ({"frame_samples": 512}, {"frame_samples": 512, "frames": 95}, "-f32"),
        (
            {"fft_size": 1024, "lower_hz": 60.0, "upper_hz": 7800.0},
            {"fft_size": 1024, "lower_hz": 60.0, "upper_hz": 7800.0},
            "-fft1024-from60-to7800",
        ),
    ],
)
def test_a_front_end_of_its_own_within_the_runs_window(
    own: dict[str, float] | None, expected: dict[str, float], name: str
) -> None:
    student = mobilenet("tiny", 0.5, embedding_width=64, front_end=own)
    found = student.front_end_in(RUN)
    assert found == FrontEndSpec.model_validate(expected)
    # No more of the window than a hop is left out, and log-mels are of sound that is there.
    assert 0 <= RUN.window_samples - found.window_samples < found.hop_samples
    assert student.candidate_id == f"tiny-w0.5-gap-e64{name}"
    levels = student.levels(found)
    assert (levels["front_end.mels"], levels["front_end.hop_samples"]) == (
        str(found.mels),
        str(found.hop_samples),
    )
    student.check(RUN)


def test_only_what_differs_from_the_runs_is_its_own() -> None:
    own = StudentFrontEnd(mels=64, hop_samples=320)
    assert own.differing_from(RUN) == StudentFrontEnd(hop_samples=320)
    assert own.differing_from(FrontEndSpec(hop_samples=320)) is None


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"hop_samples": 640}, r"hop_samples is 640, .* frames of 400 samples .*; accepted: 1 to 400"),
        ({"frame_samples": 600}, r"fft_size is 512, which cuts frames of 600 samples; accepted: 600 or more"),
        (
            {"frame_samples": 15_601, "fft_size": 16_384},
            r"frame_samples is 15601, .*; accepted: at most 15600",
        ),
        ({"upper_hz": 8001.0}, r"lower_hz and upper_hz are 125 and 8001; accepted: rising, and .* 8000 Hz"),
        ({"lower_hz": 7500.0}, r"lower_hz and upper_hz are 7500 and 7500; accepted: rising"),
        # The lowest of 128 bands reach over 29.7 Hz, bins are 31.25 Hz apart.
        ({"mels": 128}, r"mels is 128: .* 1 of the bands lies no frequency .* 512 points; accepted: fewer"),
    ],
)
def test_a_front_end_that_leaves_sound_out_is_refused(own: dict[str, float], message: str) -> None:
    student = mobilenet("tiny", 0.5, front_end=own)
    with pytest.raises(ValueError, match=rf"^{student.candidate_id}: front_end\.{message}"):
        student.check(RUN)


def test_bands_are_said_to_hear_nothing_where_their_weights_are_zero() -> None:
    from components.common.modeling.frontend import mel_matrix

    for mels in (64, 120, 128, 160, 200):
        front_end = FrontEndSpec(mels=mels)
        silent = int((mel_matrix(front_end).max(axis=0) <= 0).sum())
        if silent:
            with pytest.raises(ValueError, match=rf"edges of {silent} of the bands"):
                front_end.check()
        else:
            front_end.check()


def test_a_patch_that_is_too_small_for_the_network_is_refused() -> None:
    student = mobilenet("tiny", 0.5, front_end={"mels": 31})
    with pytest.raises(ValueError, match=r"-m31: a patch of 96 frames x 31 mels is too short .* 32 mels"):
        student.check(RUN)


@pytest.mark.parametrize(("name", "value"), [("sample_rate", 8000), ("frames", 90), ("log_offset", 0.1)])
def test_what_belongs_to_the_run_is_no_students(name: str, value: float) -> None:
    with pytest.raises(ValidationError, match=rf"{name} is {value}, .* set front_end.{name} of the run"):
        mobilenet("tiny", 0.5, front_end={name: value})
