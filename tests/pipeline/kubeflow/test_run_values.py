"""What is given when a pipeline is started, in the parameters of its tasks."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from components.common.frontier.settings import GateDemands
from pipeline.configuration.config import RunConfig
from pipeline.configuration.config_file import load_config, validate
from pipeline.kubeflow.compile import marked
from pipeline.kubeflow.run_values import (
    DATA_ROOT,
    MLFLOW_URI,
    TEACHER,
    TEACHER_ROOT,
    RunValueError,
    apply,
    needed,
)
from pipeline.local.layout import RunLayout
from schemas.devices import AdbDevice, HostDevice

ROOTS = {DATA_ROOT: "/sound", TEACHER_ROOT: "/teachers"}
ADB = {"backend": "adb", "serial": "R5", "benchmark_model": "tools/benchmark_model"}
BUDGET = [{"percentile": "p95", "milliseconds": 5.0}]


def compiled(*overrides: str) -> RunConfig:
    """A configuration with marks."""
    loaded = load_config("frill144", ["students.sizes=[tiny]", "students.widths=[0.5]", *overrides])
    return marked(loaded, RunLayout(Path("/scratch/frill")))


def gate(config: RunConfig) -> dict[str, Any]:
    """Parameters of the gate, and of the pusher but for the settings."""
    return {
        "settings": GateDemands.of(config.gate, config.latency.devices).to_parameter(),
        "tracking_uri": config.push.tracking_uri,
        "config_json": config.request(),
        "run_name": "frill",
    }


def test_places_start_at_the_roots_and_numbers_stay() -> None:
    properties = {"root": "/{data_root}/audioset", "spec": "/{teacher_root}/a.tflite", "seed": 3}
    given = {DATA_ROOT: "/mnt/sound/", TEACHER_ROOT: "s3://bucket/teachers"}
    assert apply(properties, given) == {
        "root": "/mnt/sound/audioset",
        "spec": "s3://bucket/teachers/a.tflite",
        "seed": 3,
    }


def test_a_value_within_json_is_written_as_json_writes_it() -> None:
    strange = 'C:\\sound "raw"\n'
    properties = {"settings": json.dumps({"root": "/{data_root}/noss"}), "plain": "/{data_root}/noss"}
    filled = apply(properties, {DATA_ROOT: strange})
    assert json.loads(filled["settings"]) == {"root": f"{strange}/noss"}
    assert filled["plain"] == f"{strange}/noss"
    # A text that only looks like JSON is none.
    assert apply({"text": "{/{data_root}"}, {DATA_ROOT: 'a"'}) == {"text": '{a"'}


@pytest.mark.parametrize("given", [{}, {DATA_ROOT: ""}])
def test_a_place_without_its_root_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(RunValueError, match="parameter data_root has no value, but a place starts at it"):
        apply({"root": "/{data_root}/noss"}, given)


def test_the_mlflow_store_is_the_given_one_or_the_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    properties = {"tracking_uri": "{mlflow_uri}"}
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    assert apply(properties, {MLFLOW_URI: ""}) == {"tracking_uri": "http://mlflow:5000"}
    assert apply(properties, {MLFLOW_URI: "http://other"}) == {"tracking_uri": "http://other"}
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with pytest.raises(RunValueError, match="mlflow_uri is empty and MLFLOW_TRACKING_URI is not set"):
        apply(properties, {MLFLOW_URI: ""})


@pytest.mark.parametrize("by_environment", [False, True])
def test_credentials_of_the_store_go_where_mlflow_looks_for_them_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, by_environment: bool
) -> None:
    secret = "https://zyxwv:s%40fe@mlflow.example"
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", secret if by_environment else "")
    filled = apply(gate(compiled()), {**ROOTS, MLFLOW_URI: "" if by_environment else secret})
    assert filled["tracking_uri"] == "https://mlflow.example"
    assert json.loads(filled["config_json"])["push"]["tracking_uri"] == "https://mlflow.example"
    assert not [value for value in filled.values() for part in ("zyxwv", "s%40fe", "s@fe") if part in value]
    assert os.environ["MLFLOW_TRACKING_USERNAME"] == "zyxwv"
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "s@fe"


def test_a_teacher_is_replaced_wherever_it_stands_and_its_files_start_at_the_root() -> None:
    config = compiled()
    text = json.dumps({"kind": "tflite", "stages": [{"file": "a.tflite"}, {"file": "/other/b.tflite"}]})
    embedder = {"settings": config.distillation.to_parameter()}
    evaluator = {"evaluates": "teacher", "teacher_spec": config.distillation.teacher.to_parameter()}
    reference = {"evaluates": "reference", "teacher_spec": config.distillation.teacher.to_parameter()}
    values = {**ROOTS, TEACHER: text, MLFLOW_URI: "http://mlflow"}

    told = [
        json.loads(apply(embedder, values)["settings"])["teacher"],
        json.loads(apply(evaluator, values)["teacher_spec"]),
        json.loads(apply(gate(config), values)["config_json"])["distillation"]["teacher"],
    ]
    for teacher in told:
        assert teacher["kind"] == "tflite"
        assert [stage["file"] for stage in teacher["stages"]] == ["/teachers/a.tflite", "/other/b.tflite"]
    assert apply(reference, values) == reference
    # All else of the settings stays, and the whole is still a configuration.
    before, after = json.loads(embedder["settings"]), json.loads(apply(embedder, values)["settings"])
    assert before | {"teacher": 0} == after | {"teacher": 0}
    validate(json.loads(apply(gate(config), values)["config_json"]), "the configuration")


def test_an_empty_value_leaves_what_was_compiled() -> None:
    config = compiled(f"latency.devices={{phone: {json.dumps(ADB)}}}")
    properties = {"settings": config.distillation.to_parameter(), "device": "d", "name": "phone"}
    assert apply(properties, {**ROOTS, TEACHER: "", "device_phone": ""}) == properties


def test_a_device_is_replaced_wherever_it_stands_and_its_files_start_at_the_root() -> None:
    config = compiled(
        f"latency.devices={{host: {{backend: host}}, phone: {json.dumps(ADB | {'budgets': BUDGET})}}}"
    )
    phone, host = config.latency.devices["phone"], config.latency.devices["host"]
    timed = {"name": "phone", "device": phone.to_parameter(), "settings": "{}"}
    other = {"name": "host", "device": host.to_parameter(), "settings": "{}"}
    budgets = [{"percentile": "p50", "real_time_factor": 0.5}]
    new = json.dumps({**ADB, "serial": "X1", "benchmark_model": "bin/bm", "threads": 4, "budgets": budgets})
    values = {**ROOTS, "device_phone": new, MLFLOW_URI: "http://mlflow"}

    device = AdbDevice.from_parameter(apply(timed, values)["device"])
    assert (device.serial, device.threads, device.benchmark_model) == ("X1", 4, "/sound/bin/bm")
    # Another budget must not have everything timed again.
    assert device.budgets == ()
    assert apply(other, values) == other

    filled = apply(gate(config), values)
    budgets = json.loads(filled["settings"])["budgets"]
    assert [one["real_time_factor"] for one in budgets["phone"]] == [0.5]
    told = validate(json.loads(filled["config_json"]), "the configuration")
    replaced = told.latency.devices["phone"]
    assert isinstance(replaced, AdbDevice)
    assert replaced.benchmark_model == "/sound/bin/bm"
    assert [one.real_time_factor for one in replaced.budgets] == [0.5]
    assert told.latency.devices["host"] == host


def test_a_device_without_budgets_takes_those_of_the_one_it_replaces_away() -> None:
    config = compiled(f"latency.devices={{phone: {json.dumps(ADB | {'budgets': BUDGET})}}}")
    filled = apply(gate(config), {**ROOTS, "device_phone": "{backend: host}", MLFLOW_URI: "http://mlflow"})
    assert json.loads(filled["settings"])["budgets"] == {}
    told = validate(json.loads(filled["config_json"]), "the configuration")
    assert told.latency.devices["phone"] == HostDevice()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({TEACHER: "{kind: ["}, "parameter teacher: neither JSON nor YAML"),
        ({TEACHER: "trill"}, "parameter teacher: .*trill"),
        ({TEACHER: "{kind: savedmodl, path: a}"}, "parameter teacher: .*'savedmodl'.*'savedmodel'"),
        ({TEACHER: "{kind: onnx}"}, r"parameter teacher: onnx\.path: Field required"),
        (
            {"device_phone": "{backend: host, threads: 99}"},
            r"parameter device_phone: host\.threads: 99 is refused: .*less than or equal to 64",
        ),
        (
            {"device_phone": "{backend: host, thread: 2}"},
            r"parameter device_phone: host\.thread: 2 is refused",
        ),
    ],
)
def test_a_refusal_names_the_parameter_the_value_and_what_is_accepted(
    given: dict[str, str], message: str
) -> None:
    with pytest.raises(RunValueError, match=message):
        apply({"settings": "{}"}, {**ROOTS, **given})


def test_a_task_is_given_only_what_it_depends_on() -> None:
    devices = ["host", "phone"]
    config = compiled(f"latency.devices={{host: {{backend: host}}, phone: {json.dumps(ADB)}}}")
    phone = config.latency.devices["phone"].to_parameter()
    assert needed({"spec": "{}", "settings": config.training.to_parameter(), "seed": 1}, devices) == []
    assert needed({"settings": config.noss.to_parameter()}, devices) == [DATA_ROOT]
    assert needed({"settings": config.distillation.to_parameter()}, devices) == [TEACHER_ROOT, TEACHER]
    assert needed({"name": "phone", "device": phone}, devices) == [DATA_ROOT, "device_phone"]
    assert set(needed(gate(config), devices)) == {
        *ROOTS,
        TEACHER,
        MLFLOW_URI,
        "device_host",
        "device_phone",
    }
