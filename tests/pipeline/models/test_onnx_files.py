from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from components.common.modeling.litert import LiteRtModel
from pipeline.configuration.config_file import ConfigError
from pipeline.local.runner import RunFailed
from pipeline.models import onnx_files
from pipeline.models.onnx_files import export_onnx, float_file
from pipeline.models.saved_models import Blessed

if TYPE_CHECKING:
    from tests.components.tflite_converter.conftest import Converted


def blessed(student: Converted, variants: Path | None) -> Blessed:
    return Blessed(student.student.spec.candidate_id, Path(student.model_uri), variants)


@pytest.mark.slow
def test_the_onnx_file_says_what_the_tflite_file_says(plain_student: Converted, tmp_path: Path) -> None:
    pytest.importorskip("tf2onnx", reason="the lock's tf2onnx is not installed (make install)")
    import onnx
    import onnxruntime

    file = tmp_path / "student.onnx"
    made = export_onnx(blessed(plain_student, plain_student.folder), file)
    assert made.windows >= 3 and made.difference < 1e-4
    onnx.checker.check_model(str(file), full_check=True)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    ends = [(one.name, one.shape) for one in (*session.get_inputs(), *session.get_outputs())]
    assert ends == [("waveform", [1, 15_600]), ("embedding", [1, 64])]
    assert {node.domain for node in onnx.load(str(file)).graph.node} <= {"", "ai.onnx"}
    content = plain_student.content("wave-float32")
    window = np.random.default_rng(0).uniform(-0.3, 0.3, (1, 15_600)).astype(np.float32)
    expected = LiteRtModel(content).run(window)[0]
    (given,) = session.run(None, {"waveform": window})
    np.testing.assert_allclose(given, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.slow
def test_a_file_that_is_not_the_student_is_not_written(
    plain_student: Converted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student = blessed(plain_student, plain_student.folder)
    monkeypatch.setattr(onnx_files, "to_onnx", lambda content: content)
    monkeypatch.setattr(onnx_files, "_session", lambda content: lambda window: np.ones((1, 64), np.float32))
    with pytest.raises(RunFailed, match="the ONNX file differs from wave-float32 by"):
        export_onnx(student, tmp_path / "a.onnx")
    monkeypatch.setattr(onnx_files, "to_onnx", lambda content: 1 / 0)
    with pytest.raises(RunFailed, match="tf2onnx does not convert wave-float32: division by zero"):
        export_onnx(student, tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_student_without_a_float_file_is_refused(plain_student: Converted, tmp_path: Path) -> None:
    from schemas.tflite_reports import TfliteReport

    shutil.copytree(plain_student.folder, tmp_path / "variants")
    report = TfliteReport.load(tmp_path / "variants")
    rest = [one for one in report.variants if one.name != "wave-float32"]
    report.model_copy(update={"variants": rest}).save(tmp_path / "variants")
    for variants in (tmp_path / "variants", None):
        with pytest.raises(ConfigError, match="has no wave-float32 file that was accepted"):
            float_file(blessed(plain_student, variants))
