"""Every bad value is refused with its place, itself, what is accepted, and the nearest known key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from pipeline.configuration.config_file import CONFIGS, ConfigError, dump, load_config, validate
from pipeline.configuration.resolved import ResolvedRun
from pipeline.configuration.sources import resolve
from pipeline.local.layout import RunLayout


@pytest.mark.parametrize("name", sorted(path.stem for path in CONFIGS.glob("*.yaml")))
def test_ready_configurations_are_valid(name: str) -> None:
    config = load_config(name)
    assert config.name == name
    assert len(config.students.expand()) >= 5


def test_a_dumped_configuration_reads_back() -> None:
    config = load_config("demo")
    assert validate(yaml.safe_load(dump(config)), "dump") == config


@pytest.mark.parametrize(
    "key",
    [
        "gate.budgets",
        "gate.tracking_uri",
        "gate.registered_model",
        "gate.without_registry",
        "evaluation.front_end",
        "evaluation.synthetic",
        "conversion.seed",
        "synthetic.seed",
        "teacher_training.front_end",
    ],
)
def test_what_a_section_is_given_by_another_is_no_setting(key: str) -> None:
    with pytest.raises(ConfigError, match=rf"{re.escape(key)}: unknown key"):
        load_config("demo", [f"{key}=0"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainin.epochs=3", r"trainin: unknown key; did you mean 'training'\?"),
        (
            "training.epoch=3",
            r"training.epoch: unknown key; did you mean 'epochs'\? \(known here: .*batch_size",
        ),
        ("training.svd.start=0.1", r"training.svd.start: unknown key"),
        ("training.epochs=many", r"training.epochs: 'many' is refused: Input should be a valid integer"),
        ("training.epochs=0", r"training.epochs: 0 is refused: .* greater than or equal to 1"),
        ("training.learning_rate=-1", r"training.learning_rate: -1 is refused: .*greater than 0"),
        ("training.learning_rate=.nan", r"training.learning_rate: nan is refused: .*finite"),
        ("students.explicit.0.architecture.width=0", r"architecture.width: 0 is refused: .*greater than"),
        ("students.explicit.0.architecture.name=vgg", r"explicit.0.architecture: .*'vgg'.*'mobilenet_v3'"),
        ("front_end.frames=20", r"e512-svd64-qat-stat: a patch of 20 frames x 64 mels is too short"),
        ("students.explicit.0.svd_rank=300", r"e512-svd300-qat-stat: svd_rank 300 does not .* 1 to 284"),
        ("students.explicit.0.architecture.size=huge", r"'huge' is refused: Input should be 'tiny', 'small'"),
        ("students.explicit.0.pool=gap", r"explicit.0.pool: unknown key; did you mean 'pooling'\?"),
        (
            "students.explicit.0.architecture.widht=1",
            r"widht: unknown key; .*'width'\? \(known here: activation, name, size, width\)",
        ),
        ("students.explicit=[]", r"students: no candidates"),
        ("training.epochs=2", r"training.epochs is 2, but its phases .* need at least 4"),
        ("name=Has Spaces", r"name: 'Has Spaces' is refused"),
        (
            "gate.goals=[{metric: latency, limit: -1}]",
            r"gate.goals.0.limit: -1 is refused: .*greater than or equal",
        ),
        (
            "latency.devices={phone: {backend: adb, serail: a}}",
            r"devices.phone.serail: unknown key; did you mean 'serial'\? \(known here: adb, ambient,",
        ),
        (
            "latency.devices={phone: {backend: ios}}",
            r"devices.phone: .*'ios'.*'host', 'adb', 'micro', 'replay'",
        ),
        ("latency.devices={Phone: {backend: host}}", r"devices.Phone.*: 'Phone' is refused"),
        ("distillation.teacher.kind=oracle", r"distillation.teacher: .*'oracle'.*tflite"),
        ("distillation.window_samples=8000", r"distillation.window_samples is 8000, but a patch .* 15600"),
    ],
)
def test_a_bad_value_is_refused_with_its_place(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config("real_audio", [override])


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        load_config("demo", ["training.epochs=0", "seed=-1"])
    assert "training.epochs" in str(error.value)
    assert "seed" in str(error.value)


def test_false_as_text_is_false() -> None:
    config = load_config("real_audio", ["students.explicit.2.statistics_skip='False'"])
    assert config.students.explicit[2].statistics_skip is False


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epochs", r"--set 'epochs' must have the form key.path=value"),
        ("name.deep.x=1", r"--set name.deep.x: name is 'real_audio' and has no keys below it"),
        ("students.explicit.99.width=1", r"'99' must be an index from 0 to 7"),
        ("training={", r"--set training: not YAML: while parsing"),
    ],
)
def test_a_malformed_override_is_refused(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config("real_audio", [override])


def test_an_unknown_configuration_names_the_ready_ones() -> None:
    with pytest.raises(
        ConfigError, match=r"no configuration 'demmo'.* one of demo, frill144, micro, real_audio"
    ):
        load_config("demmo")


def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.yaml"
    path.write_text("- 1\n")
    with pytest.raises(ConfigError, match=r"must hold a mapping of settings, not list"):
        load_config(path)


def test_a_key_given_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    path = tmp_path / "twice.yaml"
    path.write_text("name: a\ntraining:\n  epochs: 3\n  batch_size: 2\n  epochs: 4\n")
    with pytest.raises(ConfigError, match=r"twice\.yaml:5: the key 'epochs' is given at line 3 already"):
        load_config(path)
    with pytest.raises(ConfigError, match=r"--set training:1: the key 'epochs' is given at line 1"):
        load_config("demo", ["training={epochs: 3, epochs: 4}"])


def test_missing_folders_are_refused_with_their_keys(tmp_path: Path) -> None:
    config = load_config("real_audio", [f"data_root={tmp_path}", f"teacher_root={tmp_path}"])
    with pytest.raises(ConfigError, match=r"corpus.root: there is no folder .*mini_audioset") as error:
        ResolvedRun.of(config, RunLayout(tmp_path)).check()
    assert "TINYTRILL_DATA_ROOT" in str(error.value)


def test_a_missing_teacher_file_is_refused_with_its_key(tmp_path: Path, shared_data: Path) -> None:
    config = load_config("real_audio", [f"data_root={shared_data}", f"teacher_root={tmp_path}"])
    with pytest.raises(ConfigError, match=r"distillation.teacher.teachers.0.stages.0.file: .*yamnet"):
        ResolvedRun.of(config, RunLayout(tmp_path)).check()


def test_roots_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYTRILL_DATA_ROOT", str(tmp_path / "sound"))
    resolved = resolve(load_config("real_audio"), RunLayout(tmp_path / "run"))
    assert resolved.corpus.root == str(tmp_path / "sound" / "mini_audioset")
    assert resolved.push.tracking_uri == f"sqlite:///{tmp_path}/run/mlflow.db"


def test_a_place_is_told_as_a_person_writes_it() -> None:
    overrides = ["latency.devices={host: {backend: host, budget: 3}}", "distillation.teacher.output=3"]
    with pytest.raises(ConfigError) as told:
        load_config("demo", [*overrides, "noss.tasks=[3]", "latency.devices.pixel={serial: a}"])
    lines = [line.strip() for line in str(told.value).splitlines()]
    assert any(
        line.startswith("latency.devices.host.budget: unknown key; did you mean 'bud") for line in lines
    )
    assert any(line.startswith("distillation.teacher.output: 3 is refused") for line in lines)
    assert "noss.tasks.0: 3 is refused: accepted: a mapping, as in 'key: value'" in lines
    wanted = "latency.devices.pixel: backend is required; accepted: 'host', 'adb', 'micro', 'replay'"
    assert wanted in lines
    with pytest.raises(ConfigError, match=r"teacher: kind 'onxn' is refused: .*; did you mean 'onnx'"):
        load_config("demo", ["distillation.teacher.kind=onxn"])


def test_frames_that_do_not_fit_the_chunk_of_a_stream_are_refused() -> None:
    own = "students.explicit.0.front_end={hop_samples: 200}"
    load_config("real_audio", [own])
    with pytest.raises(
        ConfigError, match=r"h12.5-stat: conversion.stream_hop_s is 0.24; accepted for frames 0.0125"
    ):
        load_config("real_audio", [own, "conversion.variants=[wave-float32, stream-float32]"])
