from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import pipeline_runner
from pipeline.local.metadata import NodeRun
from pipeline.local.runner import RunFailed
from pipeline.models import saved_models
from pipeline.models.saved_models import Blessed
from schemas.push_reports import FrontierIndex, PushedModel

if TYPE_CHECKING:
    from tests.components.tflite_converter.conftest import Converted


@pytest.mark.slow
def test_a_blessed_student_is_saved_equal_to_its_float_file_and_learns(
    plain_student: Converted,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import tensorflow as tf

    name = plain_student.student.spec.candidate_id
    run, target = tmp_path / "run", tmp_path / "saved"
    pushed = PushedModel(
        point_id=f"{name}/wave-int8", candidate_id=name, variant="wave-int8", sha256="0" * 64,
        devices=["host"], folder="",
    )  # fmt: skip
    FrontierIndex(run_name="r", run_key="k", synthetic=True, models=[pushed]).save(run / "pushed")
    nodes = {
        "StudentTrainer.c1": NodeRun("StudentTrainer.c1", "COMPLETE", {"model": plain_student.model_uri}),
        "TfliteConverter.c1": NodeRun(
            "TfliteConverter.c1", "COMPLETE", {"variants": str(plain_student.folder)}
        ),
        "StudentTrainer.c2": NodeRun("StudentTrainer.c2", "FAILED", {}),
    }
    monkeypatch.setattr(saved_models, "newest_run", lambda layout: nodes)
    command = ["export", "--output", str(run), "-o", str(target)]
    assert pipeline_runner.main([*command, "another"]) == 2
    assert f"'another' is no blessed student; accepted: {name}" in capsys.readouterr().err
    assert pipeline_runner.main(command) == 0
    assert "differs from the float file by " in capsys.readouterr().out
    assert pipeline_runner.main(command) == 2
    assert "is there already and is not overwritten" in capsys.readouterr().err

    embed = tf.saved_model.load(str(target / name))
    waves = tf.constant(np.random.default_rng(0).uniform(-0.1, 0.1, (3, 15_600)).astype(np.float32))
    before = embed(waves)
    assert before.shape == (3, 64)
    np.testing.assert_array_equal(embed.signatures["serving_default"](waveform=waves)["embedding"], before)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(embed(waves, training=True)))
    gradients = tape.gradient(loss, embed.trainable_variables)
    assert len(gradients) > 10 and all(gradient is not None for gradient in gradients)
    for variable, gradient in zip(embed.trainable_variables, gradients, strict=True):
        variable.assign_sub(1e-3 * gradient)
    assert tf.reduce_mean(tf.square(embed(waves, training=True))) < loss

    # Golden vectors of another student: what was written is not it.
    other = tmp_path / "other"
    shutil.copytree(plain_student.folder, other)
    golden = next(other.glob("wave-float32.golden.npz"))
    with np.load(golden) as held:
        np.savez(golden, input=held["input"], embedding=held["embedding"] + 0.1)
    monkeypatch.setattr("components.common.modeling.saved_model.save_model",
                        lambda student, folder: shutil.copytree(target / name, folder))  # fmt: skip
    with pytest.raises(RunFailed, match="the SavedModel differs from wave-float32 by"):
        saved_models.export(Blessed(name, Path(plain_student.model_uri), other), tmp_path / "refused")
    assert not (tmp_path / "refused").exists()


def test_a_run_that_pushed_nothing_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run").mkdir()
    assert pipeline_runner.main(["export", "--output", str(tmp_path / "run"), "-o", str(tmp_path / "s")]) == 2
    assert "nothing was pushed" in capsys.readouterr().err
