from __future__ import annotations

import re
from typing import Any

import compose_spec
import pytest
import yaml
from sqlalchemy import make_url

from tests.infra.conftest import INFRA, tag_of
from tests.infra.manifests import containers, written

FILE = INFRA / "compose.yaml"
# ${NAME:-value} and ${NAME:?what to do}, the two forms that the file uses.
_VARIABLE = re.compile(r"\$\{(?P<name>\w+):(?P<kind>[-?])(?P<rest>[^}]*)\}")


def _filled(text: str) -> str:
    """As compose reads it: variables replaced."""
    return _VARIABLE.sub(lambda match: match["rest"] if match["kind"] == "-" else "x" * 16, text)


def _check(text: str) -> None:
    composed = compose_spec.PyCompose.from_yaml(_filled(text))
    composed.validate()
    composed.to_spec()


def _services() -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = yaml.safe_load(_filled(FILE.read_text("utf-8")))["services"]
    return services


def test_it_is_what_compose_knows() -> None:
    _check(FILE.read_text("utf-8"))


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("restart: unless", "restrat: unless", "restrat"),
        ("condition: service_healthy", "condition: service_well", "service_well"),
        ("mem_limit: 2g", "mem_limit: 2 quarts", "quarts"),
        ("127.0.0.1:${MLFLOW_PORT:-5000}:5000", "nowhere:5000:5000", "host ip"),
    ],
)
def test_what_compose_does_not_know_is_refused(right: str, wrong: str, message: str) -> None:
    text = FILE.read_text("utf-8")
    assert right in text
    with pytest.raises(ValueError, match=message):
        _check(text.replace(right, wrong, 1))


def test_every_variable_is_in_the_example_and_none_has_a_value_that_is_secret() -> None:
    used = {match["name"]: match["kind"] for match in _VARIABLE.finditer(FILE.read_text("utf-8"))}
    example = dict(
        line.split("=", 1)
        for line in (INFRA / ".env.example").read_text("utf-8").splitlines()
        if line and line[0] != "#"
    )
    assert used.keys() == example.keys()
    for name, value in example.items():
        secret = re.search("PASSWORD|SECRET|KEY", name)
        assert bool(value) != bool(secret), f"{name}={value}"
        # A secret that nobody gave stops the start, and is not empty.
        assert (used[name] == "?") or not secret
    ignored = (INFRA / ".gitignore").read_text("utf-8").split()
    assert ".env" in ignored


def test_ports_are_for_this_host_only() -> None:
    ports = [port for service in _services().values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_server_waits_for_what_it_needs_and_all_can_tell_whether_they_work() -> None:
    services = _services()
    waits = services["mlflow"]["depends_on"]
    assert waits == {name: {"condition": "service_healthy"} for name in services if name != "mlflow"}
    assert all("healthcheck" in services[name] for name in waits)
    # The server's own is in its image.
    context = INFRA / services["mlflow"]["build"]["context"]
    assert "HEALTHCHECK" in (context / "Dockerfile").read_text("utf-8")


def test_volumes_are_declared_and_outlive_containers() -> None:
    declared = yaml.safe_load(FILE.read_text("utf-8"))["volumes"]
    used = [volume.split(":")[0] for service in _services().values() for volume in service["volumes"]]
    assert sorted(used) == sorted(declared)


def test_the_server_finds_its_database_and_its_store() -> None:
    services = _services()
    environment = services["mlflow"]["environment"]
    postgres, objects = services[environment["PGHOST"]], services["objects"]
    assert environment["PGUSER"] == postgres["environment"]["POSTGRES_USER"]
    assert (
        make_url(environment["MLFLOW_BACKEND_STORE_URI"]).database == postgres["environment"]["POSTGRES_DB"]
    )
    port = objects["ports"][0].rpartition(":")[2]
    assert environment["MLFLOW_S3_ENDPOINT_URL"] == f"http://objects:{port}"
    assert environment["MLFLOW_ARTIFACTS_DESTINATION"].startswith(
        f"s3://{objects['environment']['S3_BUCKET']}/"
    )


def test_host_and_cluster_have_the_same_servers() -> None:
    cluster = {container["image"] for _, container in containers([manifest for _, manifest in written()])}
    for name, service in _services().items():
        assert service["image"] in cluster, f"{name}: {service['image']}"
        assert re.search(r"\d+\.\d+", tag_of(service["image"]))
    cluster_args = next(
        container["command"]
        for _, container in containers([manifest for _, manifest in written()])
        if container["image"] == _services()["objects"]["image"]
    )
    assert _services()["objects"]["command"] == cluster_args[1:]
