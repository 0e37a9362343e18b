from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from tfx import types
from tfx.types import standard_artifacts

import schemas
from components.noss_evaluator import evaluation as evaluation_module
from components.noss_evaluator.component import NossEvaluator
from components.noss_evaluator.executor import Executor
from components.noss_evaluator.fidelity import TeacherEmbeddings
from components.noss_evaluator.models_under_test import teacher_under_test
from components.noss_evaluator.settings import (
    Corruption,
    Evaluates,
    NossEvaluatorSettings,
    Robustness,
    StrictProtocol,
    TfmaSettings,
)
from schemas.noss_reports import NossModelResult, NossReport, SanityCheck
from schemas.students import FrontEndSpec, StudentSpec
from schemas.teachers import ConcatTeacher, TeacherSpec, TfliteStage, TfliteTeacher, TrainedTeacher
from schemas.tflite_reports import TfliteReport, TfliteVariant
from tests.components.noss_evaluator.helpers import PER_SPLIT, tone_tasks, write_examples
from tests.components.noss_evaluator.networks import mean_tflite

# Whole components are executed here.
pytestmark = pytest.mark.slow

SETTINGS = NossEvaluatorSettings(
    resamples=100,
    batch_windows=20,
    tfma=TfmaSettings(results="off"),
    strict=StrictProtocol(min_test_speakers=4),
    require_tasks=("pitch", "voice"),
)
CLIPS = sum(PER_SPLIT.values())
# Clips of 2.2 s (every third) have two windows a hop apart, the others one.
WINDOWS = sum(2 if i % 3 == 0 else 1 for count in PER_SPLIT.values() for i in range(count))


def _variant(folder: Path, name: str, content: bytes, accepted: bool = True) -> TfliteVariant:
    (folder / f"{name}.tflite").write_bytes(content)
    return TfliteVariant(
        name=name,
        input="wave" if name.startswith("wave") else "core",
        precision="float32",
        file=f"{name}.tflite",
        golden="",
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        inputs=[],
        outputs=[],
        operators={},
        int8_tensors=[],
        parity=None,
        behaviour=[],
        accepted=accepted,
    )


def _artifact(kind: type[types.Artifact], uri: Path) -> list[types.Artifact]:
    artifact = kind()
    artifact.uri = str(uri)
    return [artifact]


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    write_examples(folder, tone_tasks())
    return folder


@pytest.fixture(scope="module")
def variants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("variants")
    TfliteReport(
        candidate_id="small-x",
        spec=StudentSpec(),
        front_end=FrontEndSpec(),
        parameters=1,
        variants=[
            _variant(folder, "wave-float32", mean_tflite("wave")),
            _variant(folder, "core-float32", mean_tflite("core")),
            _variant(folder, "core-broken", mean_tflite("core", broken=True)),
            _variant(folder, "core-refused", b"", accepted=False),
        ],
    ).save(str(folder))
    return folder


def _run(
    examples: Path,
    output: Path,
    under_test: str,
    settings: NossEvaluatorSettings = SETTINGS,
    teacher_spec: str = "",
    scratch: str = "",
    **inputs: list[types.Artifact],
) -> NossReport:
    parameters: dict[str, Any] = {
        "settings": settings.to_parameter(),
        "front_end": FrontEndSpec().to_parameter(),
        "evaluates": under_test,
        "teacher_spec": teacher_spec,
        "seed": 1,
        "scratch_dir": scratch,
        "code_digest": "c0de",
    }
    Executor().Do(
        {"examples": _artifact(standard_artifacts.Examples, examples), **inputs},
        {"report": _artifact(schemas.NossReport, output)},
        parameters,
    )
    return NossReport.load(str(output))


@pytest.fixture(scope="module")
def teacher(examples: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, NossReport]:
    folder = tmp_path_factory.mktemp("teacher")
    (folder / "teacher.tflite").write_bytes(mean_tflite("wave"))
    spec = TfliteTeacher(
        stages=(TfliteStage(file=str(folder / "teacher.tflite")),), licence="Apache-2.0", name="big"
    )
    return folder / "out", _run(examples, folder / "out", "teacher", teacher_spec=spec.to_parameter())


@pytest.fixture(scope="module")
def student(
    examples: Path, variants: Path, teacher: tuple[Path, NossReport], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, NossReport]:
    output = tmp_path_factory.mktemp("student")
    settings = SETTINGS.model_copy(
        update={
            "tfma": TfmaSettings(results="best"),
            "robustness": Robustness(
                corruptions=(
                    Corruption(kind="noise", value=-60.0),
                    Corruption(kind="cut", value=0.3),
                ),
                max_clips=10,
            ),
        }
    )
    return output, _run(
        examples,
        output,
        "student",
        settings,
        scratch=str(tmp_path_factory.mktemp("scratch")),
        variants=_artifact(schemas.TfliteVariants, variants),
        teacher_report=_artifact(schemas.NossReport, teacher[0]),
    )


@pytest.fixture(scope="module")
def baselines(examples: Path, tmp_path_factory: pytest.TempPathFactory) -> NossReport:
    return _run(examples, tmp_path_factory.mktemp("baselines"), "baselines")


def test_every_accepted_variant_is_evaluated(student: tuple[Path, NossReport], variants: Path) -> None:
    output, report = student
    assert [result.variant for result in report.results] == ["wave-float32", "core-float32"]
    for result in report.results:
        content = (variants / f"{result.variant}.tflite").read_bytes()
        assert (result.model, result.kind, result.embedding_dim) == ("small-x", "student", 64)
        assert result.sha256 == hashlib.sha256(content).hexdigest()
        assert [task.task for task in result.tasks] == ["pitch", "voice"]
        assert all(task.synthetic for task in result.tasks)
        assert result.tasks[0].value == 1.0  # two tones three octaves apart
        assert result.mean == pytest.approx(np.mean([task.value for task in result.tasks]))
        assert result.mean_low <= result.mean <= result.mean_high
        for task in ("pitch", "voice"):
            lines = (output / "predictions" / result.variant / f"{task}.csv").read_text().splitlines()
            assert len(lines) == 1 + PER_SPLIT["test"]


def test_every_model_has_its_own_file_and_what_its_intervals_come_from(
    student: tuple[Path, NossReport],
) -> None:
    output, report = student
    for result in report.results:
        assert NossModelResult.read(output / "results", f"{result.variant}.json") == result
        assert result.code_version == "c0de"
        with np.load(output / "samples" / f"{result.variant}.npz") as samples:
            assert samples["tasks"].tolist() == ["pitch", "voice"]
            assert samples["scores"].shape == (2, SETTINGS.resamples)
            low, high = np.percentile(samples["scores"].mean(axis=0), [2.5, 97.5]).clip(0, 1)
        assert (low, high) == pytest.approx((result.mean_low, result.mean_high), abs=1e-6)


def test_a_student_that_is_the_teacher_is_faithful(student: tuple[Path, NossReport]) -> None:
    for result in student[1].results:
        assert result.fidelity is not None
        assert result.fidelity.cosine == pytest.approx(1.0, abs=1e-3)
        assert result.fidelity.cka == pytest.approx(1.0, abs=1e-3)
        assert result.fidelity.neighbour_overlap > 0.99
        assert (result.fidelity.neighbours, result.fidelity.n) == (10, PER_SPLIT["test"])


def test_only_the_best_variant_is_disturbed(student: tuple[Path, NossReport]) -> None:
    wave, core = student[1].results
    assert not core.robustness
    noise, cut = wave.robustness
    assert (noise.condition, cut.condition) == ("noise -60 dB", "first 0.3 s")
    assert noise.n == cut.n == 20  # ten clips of each task
    # Sixty decibels of noise above the tone leave nothing; three tenths of a tone are still a tone.
    assert noise.tasks["pitch"] < 0.8 and cut.tasks["pitch"] == 1.0
    assert noise.change < -0.1


def test_shared_sounds_are_embedded_once(student: tuple[Path, NossReport]) -> None:
    result = student[1].results[0]
    assert (result.clips, result.windows) == (CLIPS, WINDOWS)


def test_wave_and_core_of_one_network_agree(student: tuple[Path, NossReport]) -> None:
    wave, core = student[1].results
    assert [task.value for task in wave.tasks] == [task.value for task in core.tasks]


def test_a_variant_that_is_not_finite_is_refused_and_the_others_go_on(
    student: tuple[Path, NossReport],
) -> None:
    report = student[1]
    assert list(report.refused) == ["core-broken"]
    assert report.refused["core-broken"].startswith("its embedding is not finite on pitch/train")
    assert report.refused["core-broken"].endswith("more")
    assert report.result("core-broken") is None


def test_tfma_holds_the_best(student: tuple[Path, NossReport]) -> None:
    folders = [folder.name for folder in (student[0] / "tfma").iterdir()]
    assert folders == ["wave-float32"]


def test_a_candidate_that_failed_has_no_results_and_nothing_is_read_for_it(tmp_path: Path) -> None:
    TfliteReport(
        candidate_id="x",
        failure="the loss is nan",
        spec=StudentSpec(),
        front_end=FrontEndSpec(),
        parameters=1,
        variants=[],
    ).save(str(tmp_path))
    artifact = _artifact(schemas.TfliteVariants, tmp_path)
    nowhere = tmp_path / "no examples"
    assert _run(nowhere, tmp_path / "out", "student", variants=artifact).results == []


def test_a_file_that_changed_is_refused(examples: Path, tmp_path: Path) -> None:
    variant = _variant(tmp_path, "core-float32", mean_tflite("core"))
    report = TfliteReport(
        candidate_id="x", spec=StudentSpec(), front_end=FrontEndSpec(), parameters=1, variants=[variant]
    )
    report.save(str(tmp_path))
    (tmp_path / variant.file).write_bytes(b"something else")
    with pytest.raises(ValueError, match=f"sha256 .*, its report says {variant.sha256}"):
        _run(examples, tmp_path / "out", "student", variants=_artifact(schemas.TfliteVariants, tmp_path))


def test_the_teacher_is_asked(teacher: tuple[Path, NossReport]) -> None:
    folder, report = teacher
    result, joined = report.results
    assert (result.model, result.kind, result.variant) == ("teacher", "teacher", "")
    # 64 means and 64 deviations of the mel bands stand beside the teacher's own dimensions.
    assert (joined.model, joined.kind) == ("teacher-with-logmel", "reference")
    assert joined.embedding_dim == result.embedding_dim + 128
    assert (folder / "samples" / "teacher-with-logmel.npz").is_file()
    assert (result.licence, result.fidelity) == ("Apache-2.0", None)
    assert len(result.sha256) == 64
    assert result.tasks[0].value == 1.0
    assert (folder / "predictions" / "teacher" / "pitch.csv").is_file()
    embeddings = TeacherEmbeddings.load(folder)
    assert embeddings.matrix.shape == (CLIPS, result.embedding_dim)
    assert len(set(embeddings.digests)) == CLIPS


def test_a_reference_has_its_own_name(examples: Path, tmp_path: Path) -> None:
    (tmp_path / "other.tflite").write_bytes(mean_tflite("wave"))
    spec = TfliteTeacher(stages=(TfliteStage(file=str(tmp_path / "other.tflite")),), name="other")
    (result,) = _run(examples, tmp_path / "out", "reference", teacher_spec=spec.to_parameter()).results
    assert (result.model, result.kind, result.licence) == ("other", "reference", "")
    assert NossModelResult.read(tmp_path / "out" / "results", "other.json") == result
    assert not (tmp_path / "out" / NossReport.EMBEDDINGS).exists()


def test_the_teacher_hears_windows_a_reference_hears_clips(tmp_path: Path) -> None:
    (tmp_path / "any.tflite").write_bytes(mean_tflite("wave"))
    spec = TfliteTeacher(stages=(TfliteStage(file=str(tmp_path / "any.tflite")),))
    assert teacher_under_test(spec, None, 1).input_kind == "waveform"
    assert teacher_under_test(spec, None, 1, "reference", "other").input_kind == "clip"


def test_a_teacher_that_is_not_finite_stops_the_run(examples: Path, tmp_path: Path) -> None:
    (tmp_path / "teacher.tflite").write_bytes(_nan_for_every_sound())
    spec = TfliteTeacher(stages=(TfliteStage(file=str(tmp_path / "teacher.tflite")),))
    with pytest.raises(ValueError, match=r"teacher cannot be evaluated: .* not finite on pitch/train"):
        _run(examples, tmp_path / "out", "teacher", teacher_spec=spec.to_parameter())


def _nan_for_every_sound() -> bytes:
    waveform = keras.Input((FrontEndSpec().window_samples,), batch_size=1)
    nothing = tf.nn.relu(-1.0 - tf.reduce_max(tf.abs(waveform), axis=1, keepdims=True))
    model = keras.Model(waveform, nothing / nothing)
    content: bytes = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    return content


def test_the_baselines_stand_side_by_side(baselines: NossReport) -> None:
    assert [(one.model, one.kind, one.sha256, one.embedding_dim) for one in baselines.results] == [
        ("logmel", "baseline", "", 128),
        ("mfcc", "baseline", "", 80),
        ("random", "control", "", 128),
    ]
    logmel, mfcc, random = baselines.results
    assert logmel.tasks[0].value == mfcc.tasks[0].value == 1.0
    assert (random.windows, random.clips) == (0, CLIPS)
    assert random.tasks[0].value < 0.9


def test_the_protocol_is_checked_with_the_baselines(
    baselines: NossReport, student: tuple[Path, NossReport]
) -> None:
    assert {check.task for check in baselines.sanity} == {"pitch", "voice"}
    assert {check.check for check in baselines.sanity} == {"random embedding", "shuffled labels"}
    assert not student[1].sanity


def test_a_protocol_that_leaks_stops_the_run_and_leaves_its_figures(
    examples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leak = SanityCheck(check="random embedding", task="pitch", value=0.9, chance=0.5, limit=0.7, passed=False)
    monkeypatch.setattr(evaluation_module, "check_protocol", lambda *given: [leak])
    settings = SETTINGS.model_copy(update={"baselines": ("logmel",)})
    with pytest.raises(
        ValueError, match=r"random embedding scores 0.900 on pitch \(chance 0.500, at most 0.700"
    ):
        _run(examples, tmp_path / "out", "baselines", settings)
    kept = NossReport.load(tmp_path / "out-refused")
    assert kept.sanity == [leak] and [result.model for result in kept.results] == ["logmel"]


def test_a_required_task_must_be_there(examples: Path, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"require_tasks": ("emodb",)})
    with pytest.raises(
        ValueError, match=r"require_tasks asks for .*emodb.*, the records hold .*pitch.*voice"
    ):
        _run(examples, tmp_path, "baselines", settings)


def _channel(kind: type[types.Artifact]) -> types.Channel:
    return types.Channel(type=kind)


def test_construct_for_a_student() -> None:
    component = NossEvaluator(
        examples=_channel(standard_artifacts.Examples),
        settings=SETTINGS,
        evaluates="student",
        seed=3,
        variants=_channel(schemas.TfliteVariants),
        teacher_report=_channel(schemas.NossReport),
        scratch_dir="/scratch",
        code_digest="abc",
    )
    assert component.outputs["report"].type_name == "schemas.NossReport"
    assert sorted(component.inputs) == ["examples", "teacher_report", "variants"]
    properties = component.exec_properties
    assert NossEvaluatorSettings.from_parameter(properties["settings"]) == SETTINGS
    assert (properties["evaluates"], properties["seed"], properties["code_digest"]) == ("student", 3, "abc")
    assert properties["scratch_dir"] == "/scratch"


def test_construct_for_a_teacher_a_reference_and_the_baselines() -> None:
    spec = TfliteTeacher(stages=(TfliteStage(file="x.tflite"),), name="x")
    examples = _channel(standard_artifacts.Examples)
    for under_test in ("teacher", "reference"):
        node = NossEvaluator(examples, SETTINGS, under_test, 3, teacher_spec=spec)
        assert node.exec_properties["teacher_spec"] == spec.to_parameter()
    assert list(NossEvaluator(examples, SETTINGS, "baselines", 3).inputs) == ["examples"]


def test_another_front_end_has_all_measured_again_but_students_which_bring_their_own() -> None:
    examples, narrow = _channel(standard_artifacts.Examples), FrontEndSpec(mels=40)
    given: dict[Evaluates, dict[str, Any]] = {
        "student": {"variants": _channel(schemas.TfliteVariants)},
        "teacher": {"teacher_spec": _REFERENCE},
        "reference": {"teacher_spec": _REFERENCE},
        "baselines": {},
    }
    for under_test, more in given.items():
        node = NossEvaluator(examples, SETTINGS, under_test, 3, narrow, **more)
        expected = "" if under_test == "student" else narrow.to_parameter()
        assert node.exec_properties["front_end"] == expected


_REFERENCE = TfliteTeacher(stages=(TfliteStage(file="x.tflite"),), name="x")
_CHANGES: dict[str, Any] = {
    "references": (_REFERENCE,),
    "baselines": ("logmel",),
    "fidelity": False,
    "robustness": Robustness(corruptions=(Corruption(kind="noise", value=10),)),
    "tfma": TfmaSettings(results="off", max_loss=0.1),
    "resamples": 200,
    "hop_samples": 8000,
    "paper": "all",
}


@pytest.mark.parametrize(
    ("under_test", "decisive"),
    [
        ("student", {"fidelity", "robustness", "tfma"}),
        ("teacher", {"fidelity", "robustness"}),
        ("reference", {"fidelity", "robustness"}),
        ("baselines", {"baselines"}),
    ],
)
def test_a_parameter_changes_only_for_those_whose_figures_it_decides(
    under_test: Evaluates, decisive: set[str]
) -> None:
    def parameter(settings: NossEvaluatorSettings) -> Any:
        node = NossEvaluator(
            _channel(standard_artifacts.Examples),
            settings,
            under_test,
            seed=1,
            variants=_channel(schemas.TfliteVariants) if under_test == "student" else None,
            teacher_spec=_REFERENCE if under_test in ("teacher", "reference") else None,
        )
        return node.exec_properties["settings"]

    changed = {
        name
        for name, value in _CHANGES.items()
        if parameter(SETTINGS.model_copy(update={name: value})) != parameter(SETTINGS)
    }
    assert changed == decisive | {"resamples", "hop_samples", "paper"}
    if under_test == "baselines":  # or what the teacher keeps only if it is asked to would be read
        given = NossEvaluatorSettings.from_parameter(parameter(NossEvaluatorSettings()))
        assert given.fidelity is False


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"evaluates": "student"}, "variants go with evaluates 'student'"),
        (
            {"evaluates": "baselines", "variants": schemas.TfliteVariants},
            "variants go with evaluates 'student'",
        ),
        ({"evaluates": "teacher"}, "teacher_spec goes with evaluates 'teacher' or 'reference'"),
        (
            {"evaluates": "baselines", "teacher": schemas.TeacherModel},
            "a teacher model goes with evaluates 'teacher' or 'reference' only, evaluates is 'baselines'",
        ),
        (
            {
                "evaluates": "teacher",
                "teacher_report": schemas.NossReport,
                "teacher_spec": TfliteTeacher(stages=(TfliteStage(file="x.tflite"),)),
            },
            "a teacher_report goes with all but evaluates 'teacher', which makes it",
        ),
        ({"evaluates": "mfcc"}, "evaluates is 'mfcc', accepted: student, teacher, reference, baselines"),
    ],
)
def test_construct_fails(arguments: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {
        key: _channel(value) if isinstance(value, type) else value for key, value in arguments.items()
    }
    with pytest.raises(ValueError, match=message):
        NossEvaluator(examples=_channel(standard_artifacts.Examples), settings=SETTINGS, seed=1, **given)


def test_a_reference_without_a_name_and_no_baselines_are_refused() -> None:
    examples = _channel(standard_artifacts.Examples)
    nameless = TfliteTeacher(stages=(TfliteStage(file="x.tflite"),))
    with pytest.raises(ValueError, match="a reference's teacher_spec needs a name"):
        NossEvaluator(examples, SETTINGS, "reference", 1, teacher_spec=nameless)
    with pytest.raises(ValueError, match="evaluates 'baselines' needs at least one of"):
        NossEvaluator(examples, SETTINGS.model_copy(update={"baselines": ()}), "baselines", 1)


@pytest.mark.parametrize("name", ["", "a/b", "logmel", "teacher"])
def test_a_reference_needs_a_name_of_its_own(name: str) -> None:
    with pytest.raises(ValueError, match=r"references\.0\.name is .*; accepted: a name without '/'"):
        NossEvaluatorSettings(references=(_REFERENCE.model_copy(update={"name": name}),))


@pytest.mark.parametrize(
    ("reference", "key"),
    [
        (TrainedTeacher(name="own"), r"references\.1\.kind"),
        (
            ConcatTeacher(name="both", teachers=(_REFERENCE, TrainedTeacher())),
            r"references\.1\.teachers\.1\.kind",
        ),
    ],
)
def test_a_reference_that_is_yet_to_be_trained_is_refused(reference: TeacherSpec, key: str) -> None:
    with pytest.raises(ValueError, match=f"{key} is 'trained'.*; accepted: savedmodel, tfhub, tflite"):
        NossEvaluatorSettings(references=(_REFERENCE, reference))


def test_a_bare_off_of_yaml_means_off() -> None:
    settings = NossEvaluatorSettings.model_validate(
        {"paper": False, "tfma": {"results": False, "confidence": False}}
    )
    assert (settings.paper, settings.tfma.results, settings.tfma.confidence) == ("off", "off", "off")


@pytest.mark.parametrize("grid", [(1.0, 0.1), (0.1, 0.1)])
def test_a_grid_must_rise(grid: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="a grid must rise"):
        StrictProtocol(c_grid=grid)


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"\xff\xfe"])
def test_a_candidate_whose_report_cannot_be_read_has_no_results(
    examples: Path, tmp_path: Path, content: bytes | None
) -> None:
    folder = tmp_path / "variants"
    folder.mkdir()
    if content is not None:
        (folder / TfliteReport.FILE).write_bytes(content)
    variants = _artifact(schemas.TfliteVariants, folder)
    assert _run(examples, tmp_path / "out", "student", variants=variants).results == []
