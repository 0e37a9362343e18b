"""Reading a compiled pipeline, and the values of its run-time parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline.kubeflow.faults import Refused
from pipeline.kubeflow.package import Package, parameter_values, read_package


@pytest.fixture(scope="module")
def package(small: Path) -> Package:
    return read_package(small)


def test_values_get_the_types_of_the_parameters(package: Package) -> None:
    given = ["count=3", "rate=1", "quick=False", "data_root=/a=b", 'names=["x"]', 'limits={"a": [1]}']
    assert parameter_values(package, given) == {
        "count": 3,
        "rate": 1.0,
        "quick": False,
        "data_root": "/a=b",
        "names": ["x"],
        "limits": {"a": [1]},
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("count=3.5", r"--param count: '3.5' is refused; accepted: a whole number"),
        ("rate=nan", r"'nan' is refused; accepted: a number"),
        ("quick=yes", r"accepted: true or false"),
        ("names=a", r"accepted: a JSON list"),
        ('limits=["a"]', r"accepted: a JSON object"),
        ("data_rot=/a", r"no such parameter; did you mean data_root\? \(known: count, data_root, limits"),
        ("data_root", r"must have the form NAME=VALUE"),
        ("count=4", r"--param count is given twice"),
    ],
)
def test_each_fault_says_what_is_accepted(package: Package, given: str, message: str) -> None:
    others = [] if given == "count=3.5" else ["count=3"]
    with pytest.raises(Refused, match=message):
        parameter_values(package, [*others, given])


def test_all_faults_are_told_at_once(package: Package) -> None:
    with pytest.raises(Refused) as caught:
        parameter_values(package, ["rate=x", "other=1"])
    told = str(caught.value).splitlines()
    assert [line.strip().partition(":")[0] for line in told] == [
        "run-time parameters",
        "--param rate",
        "--param other",
        "the parameter count has no default",
    ]


def test_a_parameter_takes_only_its_literals(package: Package) -> None:
    one_of = json_format.MessageToDict(
        pipeline_spec_pb2.ComponentInputsSpec.ParameterSpec(
            parameter_type=3, literals=[{"string_value": "cpu"}]
        )
    )
    root = {"inputDefinitions": {"parameters": {"base": one_of}}}
    limited = Package("small", package.pipeline | {"root": root}, {})

    assert parameter_values(limited, ["base=cpu"]) == {"base": "cpu"}
    with pytest.raises(Refused, match='accepted: one of "cpu"'):
        parameter_values(limited, ["base=gpu"])


def test_saved_it_is_the_same_with_the_platforms_part(package: Package, tmp_path: Path) -> None:
    package.save(tmp_path / "again.yaml")
    again = read_package(tmp_path / "again.yaml")
    assert (again.pipeline, again.platform) == (package.pipeline, package.platform)
    assert "tinytrill-mlflow" in str(again.platform)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schemaVersion": "2.0.0"}, r"has the schema '2.0.0'"),
        ({"root": {}}, r"or no tasks"),
        ({"colour": 1}, r"is not a pipeline: .*colour"),
    ],
)
def test_other_schemas_are_refused(
    package: Package, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    file = tmp_path / "other.yaml"
    file.write_text(yaml.safe_dump(package.pipeline | change))
    with pytest.raises(Refused, match=message + ".*accepted: a pipeline of schema 2.1.0"):
        read_package(file)


@pytest.mark.parametrize("text", ["", "a: [", "- 1", "a: 1\n---\nb: 2\n---\nc: 3"])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "other.yaml"
    file.write_text(text)
    with pytest.raises(Refused, match=r"other.yaml (is not YAML|holds no pipeline)"):
        read_package(file)
    with pytest.raises(Refused, match=r"absent.yaml cannot be read: No such file"):
        read_package(tmp_path / "absent.yaml")
    with pytest.raises(Refused, match=r"ends with .yaml or .yml"):
        read_package(tmp_path / "pipeline.json")
