"""A canary in every place where a secret can be given comes out nowhere: refused, or kept aside."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.configuration.config import RunConfig
from pipeline.configuration.config_file import ConfigError, dump, load_config, validate
from pipeline.configuration.sources import resolve
from pipeline.kubeflow.run_values import RunValueError, parse_device, parse_teacher
from pipeline.local.layout import RunLayout
from pipeline.terminal.ending import unforeseen
from pipeline_runner import main

CANARY = "Canary7Bird"
ADDRESSES = (f"https://ann:{CANARY}@host.invalid/x", f"https://host.invalid/x?token={CANARY}")
# All sections that have text of their own.
FULL = """
description: all of it
corpus: {root: sound, audio: audios, licence: CC0}
noss: {root: noss, tasks: [{name: emodb}]}
evaluation: {references: [{name: other, kind: savedmodel, path: other}]}
distillation:
  teacher:
    kind: concat
    teachers:
      - {kind: tfhub, handle: "https://tfhub.dev/x/1", signature: a, arguments: {sample_rate: 16000}}
      - {kind: tflite, stages: [{file: a.tflite}]}
      - {kind: onnx, path: a.onnx}
      - {kind: huggingface, repo: a/b}
students: {explicit: [{architecture: {name: mobilenet_v3, size: tiny, width: 0.5}}]}
latency:
  devices:
    pixel: {backend: adb, serial: a, benchmark_model: tool}
    old: {backend: replay, report: folder}
gate: {goals: [{metric: quality, limit: 0.1}]}
push: {tracking_uri: "http://mlflow:5000", artifact_location: "s3://bucket/x"}
execution: {beam_args: [--s3_region_name=x]}
kubeflow:
  image_pull_secrets: [pull]
  defaults: {environment: {A: b}, node_selector: {a: b}, tolerations: [{key: a, operator: Equal, value: b}]}
  tasks: {StudentTrainer: {environment: {A: b}}}
  pod_labels: {a: b}
  pod_annotations: {a: b}
"""


def full() -> dict[str, Any]:
    """A configuration with all its defaults, and with something in what is empty by default."""
    data: dict[str, Any] = yaml.safe_load(FULL) | {"name": "canary"}
    return validate(data, "full").model_dump(mode="json")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all that a configuration holds."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


def with_value(data: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(data)
    node: Any = changed
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] = value
    return changed


def test_every_place_of_a_configuration_refuses_a_secret_without_showing_it() -> None:
    data = full()
    found = list(places(data))
    top = {path[0] for path in found}
    assert set(RunConfig.model_fields) == top and len(found) > 250
    for path in found:
        for value in (ADDRESSES[0], [ADDRESSES[1]], {ADDRESSES[0]: 1}, f"--s3_secret_access_key={CANARY}"):
            with pytest.raises(ConfigError) as error:
                validate(with_value(data, path, value), "my.yaml")
            assert CANARY not in str(error.value), path
            assert ".".join(map(str, path)) in str(error.value)
            assert error.value.__cause__ is None, "a traceback would show the cause"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("execution", "beam_args"), ["--s3_secret_access_key", CANARY]),
        (("execution", "beam_args"), [f"--environment_config={json.dumps({'env': {'HF_TOKEN': CANARY}})}"]),
        (("execution", "beam_args"), {"s3_secret_access_key": CANARY}),
        (("kubeflow", "defaults", "environment"), {"AWS_SECRET_ACCESS_KEY": CANARY}),
        (("kubeflow", "defaults", "environment"), [f"AWS_SECRET_ACCESS_KEY={CANARY}"]),
        (("kubeflow", "defaults", "environment"), {"AWS_SECRET_ACCESS_KEY": {"value": CANARY}}),
        (("kubeflow", "tasks", "StudentTrainer", "environment"), {"DB_PASSWORD": CANARY}),
        (("push", "password"), CANARY),
        (("kubeflow", "secrets"), {"AWS_SECRET_ACCESS_KEY": CANARY}),
    ],
)
def test_secrets_by_name_are_refused_without_showing_them(path: tuple[str, ...], value: Any) -> None:
    with pytest.raises(ConfigError) as error:
        validate(with_value(full(), path, value), "my.yaml")
    assert CANARY not in str(error.value)


OVERRIDES = [
    f"push.tracking_uri=https://ann:{CANARY}@host",
    f"execution.beam_args=[--s3_secret_access_key={CANARY}]",
    f"execution.beam_args=--s3_secret_access_key={CANARY}",
    f"execution.beam_args.s3_secret_access_key={CANARY}",
    f"kubeflow.defaults.environment={{HF_TOKEN: {CANARY}}}",
    f"kubeflow.defaults.environment.HF_TOKEN={CANARY}",
    f"kubeflow.defaults.environment=[{CANARY}",
    f"push.password={CANARY}",
    f"https://ann:{CANARY}@host",
    f"https://ann:{CANARY}@host=3",
    f"seed=*{CANARY}",
    f"seed=!{CANARY} x",
    f'seed="{CANARY}',
    f"seed={{a: {CANARY}",
]


@pytest.mark.parametrize("override", OVERRIDES)
def test_overrides_do_not_show_what_they_are_refused_for(
    override: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", "--config", "demo", "--set", override]) == 2
    said = "".join(capfd.readouterr())
    assert "refused: " in said and CANARY not in said


@pytest.mark.parametrize(
    "text",
    [
        f"push: {{tracking_uri: https://ann:{CANARY}@host\n",
        f"password: *{CANARY}\n",
        f"password: !{CANARY} x\n",
        f"password: '{CANARY}\n",
        f"a: b: {CANARY}\n",
        f"password: @{CANARY}\n",
        f"%{CANARY}\n---\n",
        f"\t{CANARY}: 1\n",
        f"https://ann:{CANARY}@host: 1\nhttps://ann:{CANARY}@host: 2\n",
        f"- {ADDRESSES[0]}\n",
        f"{CANARY}\n",
    ],
)
def test_a_file_that_is_no_yaml_does_not_show_its_lines(
    text: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "my.yaml"
    file.write_text(text)
    assert main(["validate", "--config", str(file)]) == 2
    said = "".join(capfd.readouterr())
    assert str(file) in said and CANARY not in said


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    "arguments",
    [
        ["validate", "--config", "{}"],
        ["run", "--config", "demo", "--set", "corpus.root={}"],
        ["compile", "--config", "demo", "--set", "distillation.teacher={{kind: tfhub, handle: '{}'}}"],
        ["submit", "none.yaml", "--host", "{}"],
        ["submit", "--config", "demo", "--host", "http://127.0.0.1:9", "--pipeline-root", "{}"],
        ["submit", "--config", "demo", "--host", "http://127.0.0.1:9", "--run-name", "{}"],
        ["submit", "--config", "demo", "--host", "http://127.0.0.1:9", "--param", "mlflow_uri={}"],
        ["submit", "--config", "demo", "--host", "http://127.0.0.1:9", "--param", "{}"],
        ["submit", "--config", "demo", "--host", "http://127.0.0.1:9", "--param",
         "teacher={{kind: tfhub, handle: '{}'}}"],
        ["status", "run", "--host", "{}"],
        ["noss", "run", "--model", "{}"],
        ["noss", "run", "--model", "random", "--teacher", "{}"],
        ["noss", "run", "--model", "random", "--set", "noss.root={}"],
    ],
)  # fmt: skip
def test_commands_refuse_secrets_without_showing_them(
    arguments: list[str],
    address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([argument.format(address) for argument in arguments]) == 2
    said = "".join(capfd.readouterr())
    assert "refused: " in said and CANARY not in said
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "arguments",
    [
        ["validate", "--config", "demo", f"--s3_secret_access_key={CANARY}"],
        ["status", "run", "--timeout", f"https://ann:{CANARY}@host"],
        [f"https://ann:{CANARY}@host"],
    ],
)
def test_a_wrong_option_does_not_show_its_secret(
    arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    said = "".join(capfd.readouterr())
    assert "error: " in said and CANARY not in said


def test_a_fault_that_nobody_foresaw_is_logged_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "log.txt").touch()
    monkeypatch.setattr("sys.argv", ["pipeline_runner.py", "report", "--tracking-uri", ADDRESSES[0]])
    said = unforeseen(RuntimeError(f"no answer from {ADDRESSES[1]}"), tmp_path)
    logged = (tmp_path / "log.txt").read_text()
    assert "no answer from https://host.invalid/x" in said and "report --tracking-uri" in logged
    assert CANARY not in said + logged


@pytest.fixture
def no_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command keeps aside in the environment is gone after the test."""
    for name in ("URI", "USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", "")
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}")


STORES = (
    f"http://ann:{CANARY}@127.0.0.1:9",
    f"http://ann:{CANARY}/#?x@127.0.0.1:9",
    f"http://127.0.0.1:9?token={CANARY}",
    f"postgresql://ann:{CANARY}@127.0.0.1:9/mlflow",
)


@pytest.mark.parametrize("by_environment", [True, False])
@pytest.mark.parametrize("store", STORES)
def test_a_store_is_named_without_its_password(
    store: str,
    by_environment: bool,
    no_store: None,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    if by_environment:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    option = [] if by_environment else ["--tracking-uri", store]
    assert main(["registry", "ls", *option]) in (1, 2)
    said = "".join(capfd.readouterr())
    assert "127.0.0.1" in said and CANARY not in said


@pytest.mark.parametrize("store", STORES)
def test_a_run_keeps_the_store_s_password_out_of_what_it_writes(
    store: str, tmp_path: Path, no_store: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    resolved = resolve(load_config("demo"), RunLayout(tmp_path))
    assert CANARY not in dump(resolved) + resolved.to_parameter()
    assert "127.0.0.1:9" in resolved.push.tracking_uri
    aside = {os.environ.get(f"MLFLOW_TRACKING_{name}", "") for name in ("PASSWORD", "TOKEN")}
    assert any(CANARY in value for value in aside)


@pytest.mark.parametrize("variable", ["TINYTRILL_DATA_ROOT", "TINYTRILL_TEACHER_ROOT"])
def test_roots_of_the_environment_are_refused_without_showing_their_secrets(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, ADDRESSES[0])
    with pytest.raises(ConfigError, match=variable) as error:
        resolve(load_config("demo"), RunLayout(tmp_path))
    assert CANARY not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        f"{{kind: tfhub, handle: 'https://ann:{CANARY}@host/x'}}",
        f"{{kind: tfhub, handle: '{CANARY}",
        f"https://ann:{CANARY}@host",
        f"{{kind: 'https://x?sig={CANARY}'}}",
    ],
)
def test_values_of_a_pod_are_refused_without_showing_them(text: str) -> None:
    for parse in (parse_teacher, lambda given: parse_device("device_pixel", given)):
        with pytest.raises(RunValueError) as error:
            parse(text)
        assert CANARY not in str(error.value)
