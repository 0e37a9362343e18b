"""The configuration of TRILLsson's family."""

from __future__ import annotations

from pipeline.configuration.config_file import load_config


def test_five_members_hear_the_patch_of_the_paper() -> None:
    config = load_config("trillsson")
    labels = [candidate.architecture.label for candidate in config.students.expand()]
    assert labels == [
        "resnet-3.4.3.2-w32-x4",
        "efficientnetv2-b1",
        "efficientnetv2-s",
        "ast-w768-d12-h12-m2.4-p16x16-s10x10",
        "ast-w768-d12-h12-m4.18-p16x16-s10x10",
    ]
    assert {candidate.embedding_width for candidate in config.students.expand()} == {1024}
    assert (config.front_end.frames, config.front_end.mels) == (195, 80)
    # 195 frames of 25 ms every 10 ms: 194 * 160 + 400 samples.
    assert config.distillation.window_samples == config.front_end.window_samples == 31_440
