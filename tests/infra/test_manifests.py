from __future__ import annotations

import copy
import json
import re
import stat
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from sqlalchemy import make_url

import pipeline_runner
from pipeline.configuration.config_file import load_config
from pipeline.kubeflow.settings import KubeflowSettings
from tests.infra.conftest import INFRA, locked_versions, tag_of
from tests.infra.manifests import (
    KUBERNETES,
    KUSTOMIZATIONS,
    VERSIONS,
    Manifest,
    check,
    containers,
    copy_with_secrets,
    kustomized,
    pod_labels,
    pod_of,
    written,
)

ALL = [manifest for _, manifest in written()]
# Fields that name something.
_BY_NAME = {
    "secretKeyRef": "Secret",
    "secretRef": "Secret",
    "configMapKeyRef": "ConfigMap",
    "configMapRef": "ConfigMap",
    "configMap": "ConfigMap",
}
# Of other programs in the same namespace.
THEIRS = {
    ("ConfigMap", "kfp-launcher"),
    ("Secret", "mlpipeline-minio-artifact"),
}


@pytest.fixture(scope="module")
def with_secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_with_secrets(tmp_path_factory.mktemp("cluster") / "kubernetes")


@pytest.fixture(scope="module")
def made(with_secrets: Path) -> Mapping[str, list[Manifest]]:
    return {name: kustomized(with_secrets, name) for name in KUSTOMIZATIONS}


def _name(manifest: Manifest) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def _named(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    return next(one for one in manifests if (one["kind"], one["metadata"]["name"]) == (kind, name))


def _generated(kustomization: str) -> dict[tuple[str, str], set[str]]:
    """Keys of the ConfigMaps and Secrets that kustomize makes, read without kustomize."""
    data = yaml.safe_load((KUBERNETES / kustomization / "kustomization.yaml").read_text("utf-8"))
    found = {}
    for kind in ("ConfigMap", "Secret"):
        for entry in data.get(f"{kind[0].lower()}{kind[1:]}Generator", []):
            found[kind, entry["name"]] = {line.split("=")[0] for line in entry.get("literals", [])} | {
                line.split("=")[0].split("/")[-1] for line in entry.get("files", [])
            }
    return found


def _secret_keys(folder: Path) -> dict[str, set[str]]:
    data = yaml.safe_load((folder / "base" / "kustomization.yaml").read_text("utf-8"))
    return {
        entry["name"]: {
            line.split("=")[0]
            for file in entry["envs"]
            for line in (folder / "base" / file).read_text("utf-8").splitlines()
        }
        for entry in data["secretGenerator"]
    }


@pytest.mark.parametrize(("file", "manifest"), written(), ids=[f"{f}-{_name(m)}" for f, m in written()])
def test_manifests_are_what_kubernetes_knows(file: str, manifest: Manifest) -> None:
    check(manifest)


def test_an_unknown_field_and_a_wrong_type_are_refused() -> None:
    deployment = _named(ALL, "Deployment", "tinytrill-mlflow")
    unknown, wrong = copy.deepcopy(deployment), copy.deepcopy(deployment)
    unknown["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    wrong["spec"]["replicas"] = "one"
    for manifest, message in ((unknown, "readynessProbe"), (wrong, "'one' is not of type")):
        with pytest.raises(kubernetes_validate.ValidationError, match=message):
            check(manifest)


@pytest.mark.parametrize("kustomization", KUSTOMIZATIONS)
def test_what_kustomize_makes_of_them_is_what_kubernetes_knows(
    made: Mapping[str, list[Manifest]], kustomization: str
) -> None:
    names = [_name(manifest) for manifest in made[kustomization]]
    assert names and len(set(names)) == len(names)
    for manifest in made[kustomization]:
        check(manifest, VERSIONS[:1])
        assert manifest["metadata"]["namespace"] == "kubeflow", _name(manifest)
        assert manifest["metadata"]["labels"]["app.kubernetes.io/part-of"] == "tinytrill", _name(manifest)


def test_what_a_compiled_pipeline_names_is_there(with_secrets: Path) -> None:
    settings = KubeflowSettings()
    claims = {one["metadata"]["name"]: one["spec"] for one in ALL if one["kind"] == "PersistentVolumeClaim"}
    assert {settings.data.claim, settings.models.claim, settings.scratch.claim} == claims.keys()
    # Pods of one run are on several nodes, and all of them write checkpoints.
    assert all(claim["accessModes"] == ["ReadWriteMany"] for claim in claims.values())
    secrets = _secret_keys(with_secrets)
    for source in settings.secrets:
        assert source.keys.keys() <= secrets[source.name]
    maps = _generated("base")
    for source in settings.config_maps:
        assert source.keys.keys() <= maps["ConfigMap", source.name]
    assert settings.image in {container["image"] for _, container in containers(ALL)}


def test_the_address_that_runs_are_given_is_that_of_the_mlflow_service() -> None:
    base = yaml.safe_load((KUBERNETES / "base" / "kustomization.yaml").read_text("utf-8"))
    literal = base["configMapGenerator"][0]["literals"][0]
    service = _named(ALL, "Service", "tinytrill-mlflow")
    assert literal == f"MLFLOW_TRACKING_URI=http://tinytrill-mlflow:{service['spec']['ports'][0]['port']}"
    hosts = _environment(_mlflow())["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert "tinytrill-mlflow:*" in hosts


def test_every_name_that_a_manifest_uses_is_there(with_secrets: Path) -> None:
    kinds = ("ServiceAccount", "PersistentVolumeClaim", "Role", "Service")
    known = {(one["kind"], one["metadata"]["name"]) for one in ALL if one["kind"] in kinds}
    known |= _generated("base").keys() | _generated("schedule").keys() | THEIRS
    used = {reference for manifest in ALL for reference in _references(manifest)}
    assert len(used) > 10
    assert used <= known, sorted(used - known)
    keys = _secret_keys(with_secrets)
    for name, key in {pair for manifest in ALL for pair in _used_keys(manifest)}:
        assert key in keys[name], f"{name} has no {key}"
    # Nothing is made that nobody reads.
    assert set(keys) == {name for kind, name in used if kind == "Secret"} - {"mlpipeline-minio-artifact"} | {
        source.name for source in KubeflowSettings().secrets
    }


def _references(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, list):
        for entry in node:
            yield from _references(entry)
    if not isinstance(node, dict):
        return
    if "serviceAccountName" in node:
        yield "ServiceAccount", node["serviceAccountName"]
    if "serviceName" in node:
        yield "Service", node["serviceName"]
    if "claimName" in node:
        yield "PersistentVolumeClaim", node["claimName"]
    for key, kind in (
        ("secretKeyRef", "Secret"),
        ("configMapKeyRef", "ConfigMap"),
        ("configMap", "ConfigMap"),
    ):
        if key in node:
            yield kind, node[key]["name"]
    if "roleRef" in node:
        yield "Role", node["roleRef"]["name"]
        yield from (("ServiceAccount", subject["name"]) for subject in node["subjects"])
    if "resourceNames" in node:
        kind = {"secrets": "Secret", "configmaps": "ConfigMap"}[node["resources"][0]]
        yield from ((kind, name) for name in node["resourceNames"])
    for value in node.values():
        yield from _references(value)


def _used_keys(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, list):
        for entry in node:
            yield from _used_keys(entry)
    elif isinstance(node, dict):
        if "secretKeyRef" in node:
            yield node["secretKeyRef"]["name"], node["secretKeyRef"]["key"]
        for value in node.values():
            yield from _used_keys(value)


@pytest.mark.parametrize(
    ("manifest", "container"), containers(ALL), ids=[f"{_name(m)}-{c['name']}" for m, c in containers(ALL)]
)
def test_containers_are_pinned_bounded_and_without_rights(manifest: Manifest, container: Manifest) -> None:
    assert re.search(r"\d+\.\d+", tag_of(container["image"])), (
        f"{container['image']} can become another image"
    )
    pod = pod_of(manifest)
    assert pod is not None
    resources = container["resources"]
    assert {"cpu", "memory"} <= resources["requests"].keys()
    assert "memory" in resources["limits"]
    common, own = pod["securityContext"], container["securityContext"]
    assert common["runAsNonRoot"] is True
    assert common["seccompProfile"] == {"type": "RuntimeDefault"}
    assert common.get("runAsUser", own.get("runAsUser")) > 0
    assert own["allowPrivilegeEscalation"] is False
    assert own["capabilities"] == {"drop": ["ALL"]}
    # None of them speaks to the cluster; a run's pods do, and Kubeflow makes those.
    assert pod["automountServiceAccountToken"] is False
    mounts = [mount["name"] for mount in container.get("volumeMounts", [])]
    claims = [claim["metadata"]["name"] for claim in manifest["spec"].get("volumeClaimTemplates", [])]
    assert set(mounts) <= {volume["name"] for volume in pod.get("volumes", [])} | set(claims)
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        action = container.get(probe, {}).get("httpGet") or container.get(probe, {}).get("tcpSocket")
        if action:
            assert action["port"] in {port["name"] for port in container["ports"]}
    # The others end by themselves, or are ended by who works in them.
    if manifest["kind"] in ("Deployment", "StatefulSet"):
        assert "livenessProbe" in container


def test_services_and_policies_choose_pods_that_there_are() -> None:
    pods = [pod_labels(one) for one in ALL if one["kind"] in ("Deployment", "StatefulSet")]
    ports = {port["name"] for _, container in containers(ALL) for port in container.get("ports", [])}
    for manifest in ALL:
        if manifest["kind"] == "Service":
            assert any(manifest["spec"]["selector"].items() <= labels.items() for labels in pods), _name(
                manifest
            )
            assert {port["targetPort"] for port in manifest["spec"]["ports"]} <= ports
        if manifest["kind"] == "NetworkPolicy":
            wanted = _names_in(manifest)
            assert wanted and wanted <= {labels["app.kubernetes.io/name"] for labels in pods}, _name(manifest)
            chosen = {port["port"] for rule in manifest["spec"]["ingress"] for port in rule.get("ports", [])}
            assert chosen <= ports
    guarded = {
        name
        for one in ALL
        if one["kind"] == "NetworkPolicy"
        for name in _names_in(one["spec"]["podSelector"])
    }
    assert guarded == {labels["app.kubernetes.io/name"] for labels in pods}, "a pod takes calls from anybody"


def _names_in(node: Any) -> set[str]:
    text = json.dumps(node)
    return set(re.findall(r'"app.kubernetes.io/name": "([^"]+)"', text)) | {
        name
        for values in re.findall(r'"app.kubernetes.io/name", "operator": "In", "values": \[([^\]]+)\]', text)
        for name in re.findall(r'"([^"]+)"', values)
    }


def test_the_account_of_runs_may_do_what_is_listed_and_no_more() -> None:
    rules = _named(ALL, "Role", "tinytrill-runner")["rules"]
    assert "*" not in json.dumps(rules)
    for rule in rules:
        if {"secrets", "configmaps"} & set(rule["resources"]):
            assert rule["verbs"] == ["get"] and rule["resourceNames"]
        else:
            assert rule["apiGroups"] == ["argoproj.io"]
    granted = {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}
    # Argo: "the minimum for the executor to function".
    assert {("workflowtaskresults", "create"), ("workflowtaskresults", "patch")} <= granted
    assert not [verb for resource, verb in granted if resource == "pods"]
    # Each rule says what it is for, just above it.
    text = (KUBERNETES / "base" / "runner.yaml").read_text("utf-8").splitlines()
    for number, line in enumerate(text):
        if line.strip().startswith("- apiGroups"):
            assert text[number - 1].strip().startswith("#"), f"runner.yaml:{number + 1}: no reason is given"


def _mlflow() -> Manifest:
    container: Manifest = pod_of(_named(ALL, "Deployment", "tinytrill-mlflow"))["containers"][0]  # type: ignore[index]
    return container


def _environment(container: Manifest) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in container.get("env", []) if "value" in entry}


def test_the_server_finds_its_database_and_its_store() -> None:
    environment = _environment(_mlflow())
    uri = make_url(environment["MLFLOW_BACKEND_STORE_URI"])
    # SQLAlchemy's default for PostgreSQL is a driver that the image does not have.
    assert f"{uri.get_driver_name()}-binary" in locked_versions(INFRA / "mlflow" / "requirements.lock")
    assert uri.host is None and uri.password is None
    postgres = _environment(_container("tinytrill-postgres"))
    assert (environment["PGUSER"], uri.database) == (postgres["POSTGRES_USER"], postgres["POSTGRES_DB"])
    assert environment["PGHOST"] == _named(ALL, "Service", "tinytrill-postgres")["metadata"]["name"]
    objects = _named(ALL, "Service", "tinytrill-objects")["spec"]["ports"][0]["port"]
    assert environment["MLFLOW_S3_ENDPOINT_URL"] == f"http://tinytrill-objects:{objects}"
    bucket = _environment(_container("tinytrill-objects"))["S3_BUCKET"]
    assert environment["MLFLOW_ARTIFACTS_DESTINATION"].startswith(f"s3://{bucket}/")


def _container(name: str) -> Manifest:
    container: Manifest = pod_of(_named(ALL, "StatefulSet", name))["containers"][0]  # type: ignore[index]
    return container


def test_elsewhere_kept_stores_take_the_place_of_ours(made: Mapping[str, list[Manifest]]) -> None:
    names = {_name(manifest) for manifest in made["overlays/managed"]}
    gone = {_name(manifest) for manifest in made["base"]} - names
    assert gone == {
        f"{kind}/tinytrill-{part}"
        for kind in ("StatefulSet", "Service", "NetworkPolicy")
        for part in ("postgres", "objects")
    }
    deployment = _named(made["overlays/managed"], "Deployment", "tinytrill-mlflow")
    values = _environment(deployment["spec"]["template"]["spec"]["containers"][0])
    assert values["PGHOST"] == "postgres.example.com"
    assert "tinytrill-objects" not in json.dumps(values)


def test_one_node_asks_for_no_shared_volumes(made: Mapping[str, list[Manifest]]) -> None:
    claims = [one for one in made["overlays/single-node"] if one["kind"] == "PersistentVolumeClaim"]
    assert len(claims) == 3
    assert all(claim["spec"]["accessModes"] == ["ReadWriteOnce"] for claim in claims)


def test_a_registry_that_asks_for_a_login_is_asked_with_one_secret_everywhere() -> None:
    secrets = [{"name": "tinytrill-registry"}]
    ours = [manifest for manifest, one in containers(ALL) if one["image"].startswith("tinytrill")]
    assert len(ours) > 3
    for manifest in ours:
        pod = pod_of(manifest)
        assert pod is not None and pod["imagePullSecrets"] == secrets, _name(manifest)
    # The pods of tasks are Kubeflow's: they have it of their account.
    assert _named(ALL, "ServiceAccount", "tinytrill-runner")["imagePullSecrets"] == secrets


def test_the_volumes_are_given_to_the_user_of_the_image() -> None:
    settings = KubeflowSettings()
    pod = pod_of(_named(ALL, "Job", "tinytrill-volumes"))
    assert pod is not None
    container = pod["containers"][0]
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"] == 1000
    claims = {one["name"]: one["persistentVolumeClaim"]["claimName"] for one in pod["volumes"]}
    mounted = {one["mountPath"]: claims[one["name"]] for one in container["volumeMounts"]}
    volumes = (settings.data, settings.models, settings.scratch)
    assert mounted == {volume.path: volume.claim for volume in volumes}
    # It fails if tasks could not write there, or not read here.
    assert settings.scratch.path in container["command"][-1].partition("mkdir")[2]
    dockerfile = (INFRA / "docker" / "Dockerfile").read_text("utf-8")
    assert "USER 1000:1000" in dockerfile


def test_what_is_started_each_week_can_be_started() -> None:
    cronjob = _named(ALL, "CronJob", "tinytrill-weekly")
    pod = pod_of(cronjob)
    assert pod is not None
    container = pod["containers"][0]
    assert container["command"][:2] == ["python", "pipeline_runner.py"]
    options = pipeline_runner._parser().parse_args([*container["command"][2:], *container["args"]])
    assert options.wait and options.service_account == "tinytrill-runner"
    folder, _, file = options.config.rpartition("/")
    assert folder in {mount["mountPath"] for mount in container["volumeMounts"]}
    assert file in _generated("schedule")["ConfigMap", "tinytrill-schedule"]
    assert load_config(KUBERNETES / "schedule" / file).students.expand()
    variables = _environment(container)
    # Whichever namespace it is in.
    assert variables["KF_PIPELINES_ENDPOINT"] == "http://ml-pipeline-ui.kubeflow"
    token = pod["volumes"][[volume["name"] for volume in pod["volumes"]].index("token")]
    projected = token["projected"]["sources"][0]["serviceAccountToken"]
    assert projected["audience"] == "pipelines.kubeflow.org"
    assert variables["KF_PIPELINES_SA_TOKEN_PATH"].endswith(f"/kubeflow/pipelines/{projected['path']}")
    # A second try, or a run beside a run, would train everything twice.
    assert cronjob["spec"]["concurrencyPolicy"] == "Forbid"
    assert cronjob["spec"]["jobTemplate"]["spec"]["backoffLimit"] == 0


def test_secrets_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    script, folder = KUBERNETES / "secrets.sh", tmp_path / "secrets"
    first = subprocess.run([script, folder], capture_output=True, text=True, check=True).stdout
    texts = {file.name: file.read_text("utf-8") for file in folder.iterdir()}
    assert first.count("made ") == len(texts) == 3
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in folder.iterdir())
    values = [line.split("=")[1] for text in texts.values() for line in text.splitlines()]
    random = [value for value in values if re.fullmatch(r"[0-9a-f]{48}", value)]
    assert len(random) == len(set(random)) == len(values) - 1 == 5
    assert not any(value in first for value in random)
    again = subprocess.run([script, folder], capture_output=True, text=True, check=True).stdout
    assert again.count("kept ") == 3
    assert {file.name: file.read_text("utf-8") for file in folder.iterdir()} == texts


def test_no_password_is_written_down() -> None:
    for manifest in ALL:
        assert manifest["kind"] != "Secret", _name(manifest)
    secret = re.compile(r"password|secret|token|access_key", re.IGNORECASE)
    for manifest, container in containers(ALL):
        for name, value in _environment(container).items():
            assert not secret.search(name) or value.startswith("/var/run/secrets/"), (
                f"{_name(manifest)}: {name}"
            )
            assert not re.search(r"://[^/]*:[^/]*@", value), f"{_name(manifest)}: {name}"
