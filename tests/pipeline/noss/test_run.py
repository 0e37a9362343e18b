from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

import pipeline_runner
from components.noss_evaluator.settings import NossEvaluatorSettings
from pipeline.configuration.config_file import ConfigError
from pipeline.local.runner import RunFailed
from pipeline.noss.models import find_model, find_teacher
from pipeline.noss.run import BenchmarkRequest, resolve, run_benchmark
from schemas.noss_reports import NossReport
from schemas.students import FrontEndSpec, StudentSpec
from schemas.tflite_reports import TfliteReport, TfliteVariant
from tests.components.noss_evaluator.helpers import tone
from tests.components.noss_evaluator.networks import mean_tflite
from tests.pipeline.made_up_tasks import QUICK, make_task, request, times_of_files, written_since

HEARD = FrontEndSpec(), NossEvaluatorSettings().hop_samples


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("noss")
    make_task(folder / "far", (400.0, 2000.0), seed=0)
    make_task(folder / "near", (400.0, 440.0), seed=1000)
    return folder


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A converter's output of one core file."""
    folder = tmp_path_factory.mktemp("student")
    content = mean_tflite("core")
    (folder / "core-float32.tflite").write_bytes(content)
    variant = TfliteVariant(
        name="core-float32", input="core", precision="float32", file="core-float32.tflite", golden="",
        sha256=hashlib.sha256(content).hexdigest(), bytes=len(content), inputs=[], outputs=[], operators={},
        int8_tensors=[], parity=None, behaviour=[], accepted=True,
    )  # fmt: skip
    TfliteReport(
        candidate_id="tiny", spec=StudentSpec(), front_end=FrontEndSpec(), parameters=1, variants=[variant]
    ).save(folder)
    return folder / "core-float32.tflite"


@pytest.mark.slow
def test_models_are_measured_side_by_side_and_nothing_twice(
    root: Path, student: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wave = tmp_path / "any.tflite"
    wave.write_bytes(mean_tflite("wave"))
    models = (str(student), str(wave), "logmel", "random")
    output = tmp_path / "out"
    comparison = run_benchmark(request(root, output, *models))
    rows = {result.model: result for result in comparison.models}
    assert {name: row.kind for name, row in rows.items()} == {
        "tiny": "student", "any": "reference", "logmel": "baseline", "random": "control",
    }  # fmt: skip
    assert not comparison.not_comparable
    far = {name: row.tasks[0] for name, row in rows.items()}
    assert {task.task for task in far.values()} == {"far"}
    assert far["tiny"].value == far["any"].value == far["logmel"].value == 1.0
    assert rows["random"].mean < 0.85
    # The same network behind the same front end: a student's core, and the wave file that holds both.
    assert rows["tiny"].mean == pytest.approx(rows["any"].mean, abs=0.05)

    made = times_of_files(output)
    assert output / "models" / "tiny-core-float32" / NossReport.FILE in made
    assert (output / "comparison" / "heat_map.png").stat().st_size > 1000
    killed = output / "models" / ".tiny-core-float32.partial"
    killed.mkdir()
    code = pipeline_runner.main(
        ["noss", "run", "--root", str(root), "--output", str(output)]
        + [argument for model in (str(student), "logmel") for argument in ("--model", model)]
        + [argument for setting in QUICK for argument in ("--set", setting)]
    )
    assert code == 0
    printed = capsys.readouterr().out
    assert "tiny" in printed and "logmel" in printed and "far" in printed
    assert str(output / "comparison") in printed and " any " not in printed
    assert written_since(output, made) == {"comparison/comparison.json"}

    # Another clip, and the tasks and the model are taken again.
    soundfile.write(root / "near" / "audio" / "test0.wav", tone(400.0, 77), 16_000)
    run_benchmark(request(root, output, "logmel"))
    redone = written_since(output, made)
    assert {"models/logmel", "tasks/examples"} <= redone
    assert "models/tiny-core-float32" not in redone
    assert not list(output.glob("*/.*partial"))


@pytest.mark.slow
def test_a_model_that_is_not_finite_fails_with_its_name(root: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(mean_tflite("core", broken=True))
    with pytest.raises(RunFailed, match="broken: broken cannot be evaluated: its embedding is not finite on"):
        run_benchmark(request(root, tmp_path / "out", str(broken), tasks=("far",)))


def test_a_students_file_says_what_it_hears(student: Path) -> None:
    model = find_model(str(student), FrontEndSpec(mels=40), 15_360)
    assert (model.name, model.front_end) == ("tiny-core-float32", FrontEndSpec())
    under_test = model.load(2)
    assert (under_test.kind, under_test.model, under_test.variant) == ("student", "tiny", "core-float32")
    assert under_test.networks[1](np.zeros((3, 96, 64), np.float32)).shape == (3, 64)


def test_a_teacher_hears_as_the_teacher_of_a_run(student: Path, tmp_path: Path) -> None:
    wave = tmp_path / "wave.tflite"
    wave.write_bytes(mean_tflite("wave"))
    for path, input_kind in ((student, "log_mel"), (wave, "waveform")):
        model = find_teacher(str(path), *HEARD)
        under_test = model.load(1)
        assert (model.name, under_test.name, under_test.kind) == ("teacher", "teacher", "teacher")
        assert (model.argument, model.as_teacher) == (str(path), True)
        assert under_test.input_kind == input_kind
        assert under_test.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_bare_file_is_known_by_its_input(tmp_path: Path) -> None:
    core = tmp_path / "some core.tflite"
    core.write_bytes(mean_tflite("core"))
    model = find_model(str(core), *HEARD)
    under_test = model.load(1)
    assert (model.name, under_test.kind, under_test.input_kind) == ("some-core", "reference", "log_mel")
    assert under_test.sha256 == hashlib.sha256(core.read_bytes()).hexdigest()
    wave = tmp_path / "wave.tflite"
    wave.write_bytes(mean_tflite("wave"))
    heard = find_model(str(wave), *HEARD).load(1)
    assert (heard.model, heard.input_kind, heard.sha256) == (
        "wave", "clip", hashlib.sha256(wave.read_bytes()).hexdigest(),
    )  # fmt: skip
    with pytest.raises(ConfigError, match=r"maps \[1, 96, 64\] to .*patches: \(1, 96, 40\)"):
        find_model(str(core), FrontEndSpec(mels=40), 15_360)


def test_a_description_is_read_and_its_files_lie_beside_it(tmp_path: Path) -> None:
    (tmp_path / "chain.tflite").write_bytes(mean_tflite("wave"))
    page = tmp_path / "chain.yaml"
    page.write_text(
        "kind: tflite\nname: the chain\nlicence: MIT\nstages: [{file: chain.tflite, scale: 2.0}]\n"
    )
    model = find_model(str(page), *HEARD)
    under_test = model.load(1)
    assert (model.name, under_test.model, under_test.licence) == ("the-chain", "the-chain", "MIT")
    page.write_text("kind: tflite\nstages: [{file: gone.tflite}]\n")
    with pytest.raises(ConfigError, match=r"gone\.tflite does not exist"):
        find_model(str(page), *HEARD)
    page.write_text("kind: tflite\nfiles: []\n")
    with pytest.raises(ConfigError, match=r"chain\.yaml: .*stages: is required"):
        find_model(str(page), *HEARD)
    page.write_text("kind: trained\n")
    with pytest.raises(ConfigError, match="a teacher of kind 'trained' is trained by a run of the pipeline"):
        find_model(str(page), *HEARD)


@pytest.mark.parametrize(
    ("argument", "name"),
    [
        ("https://tfhub.dev/google/trillsson5/1", "google-trillsson5-1"),
        ("logmel", "logmel"),
        ("mfcc", "mfcc"),
        ("random", "random"),
    ],
)
def test_models_that_are_no_files(argument: str, name: str) -> None:
    model = find_model(argument, *HEARD)
    assert (model.name, model.front_end, model.hop_samples) == (name, *HEARD)


def test_folders_and_networks_are_known_by_what_they_hold(tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    saved.mkdir()
    (saved / "saved_model.pb").write_bytes(b"x")
    assert find_model(str(saved), *HEARD).name == "saved"
    network = tmp_path / "network.onnx"
    network.write_bytes(b"")
    assert find_model(str(network), *HEARD).name == "network"
    checkpoint = tmp_path / "wav2vec"
    checkpoint.mkdir()
    (checkpoint / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"wav2vec does not exist or is not a folder with config.json and"):
        find_model(str(checkpoint), *HEARD)


def test_what_is_no_model_is_refused_with_what_is(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code = pipeline_runner.main(["noss", "run", "--model", "nothing", "--output", str(tmp_path / "out")])
    assert code == 2
    refusal = capsys.readouterr().err
    assert "--model nothing: there is no such model; accepted: a .tflite file" in refusal
    assert "logmel, mfcc, random" in refusal
    assert not (tmp_path / "out").exists()


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    files = []
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        files.append(tmp_path / folder / "x.tflite")
        files[-1].write_bytes(mean_tflite("core"))
    with pytest.raises(ConfigError, match=r"are both called 'x': describe one of them in a .yaml file"):
        run_benchmark(request(tmp_path, tmp_path / "out", *map(str, files)))
    other = files[0].rename(tmp_path / "teacher.tflite")
    with pytest.raises(ConfigError, match=r"--model .*teacher\.tflite and the teacher are both called"):
        run_benchmark(request(tmp_path, tmp_path / "out", str(other), teacher="logmel"))


def test_tasks_that_are_not_there_are_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        run_benchmark(request(tmp_path / "nowhere", tmp_path / "out", "logmel"))
    with pytest.raises(ConfigError, match="'middle'"):
        run_benchmark(request(root, tmp_path / "out", "logmel", tasks=("middle",)))
    with pytest.raises(ConfigError, match=r"--tasks far,far: .*two tasks are named 'far'"):
        resolve(request(root, tmp_path, "logmel", tasks=("far", "far")))


def test_settings_come_from_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYTRILL_DATA_ROOT", str(tmp_path))
    plain = resolve(BenchmarkRequest(("logmel",), tmp_path))
    assert plain.noss.root == str(tmp_path / "noss")
    given = resolve(
        BenchmarkRequest(("logmel",), tmp_path, config="trillsson", overrides=("evaluation.resamples=123",))
    )
    assert given.front_end.mels == 80
    assert (given.evaluation.hop_samples, given.evaluation.resamples) == (31360, 123)
    with pytest.raises(ConfigError, match=r"evaluation.resample: unknown key; did you mean 'resamples'"):
        resolve(BenchmarkRequest(("logmel",), tmp_path, overrides=("evaluation.resample=123",)))
