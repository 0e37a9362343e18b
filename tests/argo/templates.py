"""The templates that are the same for every pipeline: drivers, and what executes containers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

DAG_DRIVER = "system-dag-driver"
# Parameters of a task that may be tried again, without their prefix ``retry-``.
RETRY = ("max-count", "backoff-duration", "backoff-factor", "backoff-max-duration")
_REGISTRY = "ghcr.io/kubeflow"
_VERSION = "2.16.1"
# Folders that the launcher copies object stores' artifacts to, and those that Python wants to write to.
_SCRATCH = {
    "gcs-scratch": "/gcs",
    "s3-scratch": "/s3",
    "minio-scratch": "/minio",
    "dot-local-scratch": "/.local",
    "dot-cache-scratch": "/.cache",
    "dot-config-scratch": "/.config",
}
_SERVERS = (
    *("--ml_pipeline_server_address", "ml-pipeline.kubeflow.svc.cluster.local"),
    *("--ml_pipeline_server_port", "8887"),
    *("--mlmd_server_address", "metadata-grpc-service.kubeflow.svc.cluster.local"),
    *("--mlmd_server_port", "8080"),
)
# What a default installation sets: PIPELINE_LOG_LEVEL and PUBLISH_LOGS.
_INSTALLATION = ("--log_level", "1", "--publish_logs", "true")
_SECURITY = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def placeholder(scope: str, name: str) -> str:
    """A reference to a parameter in Argo's language."""
    return f"{{{{{scope}.parameters.{name}}}}}"


def values(given: Mapping[str, str]) -> list[dict[str, Any]]:
    """Parameters with their values."""
    return [{"name": name, "value": value} for name, value in given.items()]


def parameters(*names: str, **defaults: str) -> list[dict[str, Any]]:
    """Parameters that a template takes; those with a default have underscores for hyphens here."""
    return [
        *({"name": name} for name in names),
        *({"name": name.replace("_", "-"), "default": value} for name, value in defaults.items()),
    ]


def _input(name: str) -> str:
    return placeholder("inputs", name)


def _driver(pipeline: str, kind: str, told: Iterable[str], made: Iterable[str]) -> dict[str, Any]:
    return {
        "image": f"{_REGISTRY}/kfp-driver:{_VERSION}",
        "command": ["driver"],
        "args": [
            *("--type", kind),
            *("--pipeline_name", pipeline),
            *("--run_id", "{{workflow.uid}}"),
            *("--run_name", "{{workflow.name}}"),
            *("--run_display_name", ""),
            *("--dag_execution_id", _input("parent-dag-id")),
            *(part for name in told for part in (f"--{name.replace('-', '_')}", _input(name))),
            *("--iteration_index", _input("iteration-index")),
            *(
                part
                for name in made
                for part in (
                    f"--{name.replace('-', '_')}_path",
                    f"{{{{outputs.parameters.{name}.path}}}}",
                )
            ),
            *("--http_proxy", "", "--https_proxy", "", "--no_proxy", ""),
            *_SERVERS,
            *_INSTALLATION,
        ],
        "env": values(dict.fromkeys(("http_proxy", "https_proxy", "no_proxy"), "")),
        "resources": {
            "limits": {"cpu": "500m", "memory": "512Mi"},
            "requests": {"cpu": "100m", "memory": "64Mi"},
        },
        "securityContext": _SECURITY,
    }


def _output(name: str, default: str | None) -> dict[str, Any]:
    source: dict[str, Any] = {"path": f"/tmp/outputs/{name}"}
    return {"name": name, "valueFrom": source if default is None else {**source, "default": default}}


def dag_driver(pipeline: str) -> dict[str, Any]:
    """What resolves the inputs of a graph."""
    return {
        "inputs": {
            "parameters": parameters(
                "component",
                runtime_config="",
                task="",
                task_name="",
                parent_dag_id="0",
                iteration_index="-1",
                driver_type="DAG",
            )
        },
        "outputs": {
            "parameters": [
                _output("execution-id", None),
                _output("iteration-count", "0"),
                _output("condition", "true"),
            ]
        },
        "container": _driver(
            pipeline,
            _input("driver-type"),
            ("component", "task", "task-name", "runtime-config"),
            ("execution-id", "iteration-count", "condition"),
        ),
    }


def container_driver(pipeline: str) -> dict[str, Any]:
    """What resolves the inputs of a container, and looks them up in the cache."""
    return {
        "inputs": {
            "parameters": parameters(
                *("component", "task", "container", "task-name", "parent-dag-id"),
                iteration_index="-1",
                kubernetes_config="",
            )
        },
        "outputs": {
            "parameters": [
                _output("pod-spec-patch", ""),
                {**_output("cached-decision", "false"), "default": "false"},
                _output("condition", "true"),
            ]
        },
        "container": _driver(
            pipeline,
            "CONTAINER",
            ("component", "task", "task-name", "container", "kubernetes-config"),
            ("cached-decision", "pod-spec-patch", "condition"),
        ),
    }


def executor(retry: bool, metadata: tuple[int, int] | None) -> tuple[str, dict[str, dict[str, Any]]]:
    """What executes a container.

    Args:
      retry: Whether it may be tried again.
      metadata: How many annotations and labels its pods are given; none: none.

    Returns:
      The name of the template, and it and what it calls by name.
    """
    prefix = "retry-" if retry else ""
    more: list[str] = []
    labelled: dict[str, Any] = {}
    if metadata is not None:
        annotations, labels = metadata
        prefix = f"metadata-{annotations}-{labels}-{prefix}"
        for kind, count in (("annotation", annotations), ("label", labels)):
            ends = [f"-{number}" for number in range(1, count + 1)] if count > 1 else [""] * count
            pairs = [(f"pod-metadata-{kind}-key{end}", f"pod-metadata-{kind}-val{end}") for end in ends]
            more += [name for pair in pairs for name in pair]
            if pairs:
                labelled[f"{kind}s"] = {_input(key): _input(value) for key, value in pairs}
    retries = [f"retry-{name}" for name in RETRY] if retry else []
    outer, inner = f"{prefix}system-container-executor", f"{prefix}system-container-impl"
    called = {
        "name": "executor",
        "template": inner,
        "arguments": {
            "parameters": values({name: _input(name) for name in ("pod-spec-patch", *more, *retries)})
        },
        "when": f"{_input('cached-decision')} != true",
    }
    taken = [
        *parameters("pod-spec-patch", cached_decision="false"),
        *parameters(*more),
        *({"name": name, "default": "0"} for name in retries),
    ]
    implementation = {
        "inputs": {"parameters": parameters("pod-spec-patch", *more, *retries)},
        "podSpecPatch": _input("pod-spec-patch"),
        "volumes": [{"name": name, "emptyDir": {}} for name in ("kfp-launcher", *_SCRATCH)],
        "initContainers": [_launcher()],
        "container": _placeholder_container(),
    }
    if labelled:
        implementation["metadata"] = labelled
    if retry:
        limit, duration, factor, longest = (_input(name) for name in retries)
        implementation["retryStrategy"] = {
            "limit": limit,
            "backoff": {"duration": duration, "factor": factor, "maxDuration": longest},
        }
    return outer, {
        outer: {"inputs": {"parameters": taken}, "dag": {"tasks": [called]}},
        inner: implementation,
    }


def _launcher() -> dict[str, Any]:
    return {
        "name": "kfp-launcher",
        "image": f"{_REGISTRY}/kfp-launcher:{_VERSION}",
        "command": ["launcher-v2"],
        "args": ["--copy", "/kfp-launcher/launch", *_INSTALLATION],
        "volumeMounts": [{"name": "kfp-launcher", "mountPath": "/kfp-launcher"}],
        "resources": {"limits": {"cpu": "500m", "memory": "128Mi"}, "requests": {"cpu": "100m"}},
        "securityContext": _SECURITY,
    }


def _placeholder_container() -> dict[str, Any]:
    """The pod's patch says image and command."""
    return {
        "image": "gcr.io/ml-pipeline/should-be-overridden-during-runtime",
        "command": ["should-be-overridden-during-runtime"],
        "volumeMounts": [
            {"name": name, "mountPath": path}
            for name, path in {"kfp-launcher": "/kfp-launcher", **_SCRATCH}.items()
        ],
        "envFrom": [{"configMapRef": {"name": "metadata-grpc-configmap", "optional": True}}],
        "env": [
            {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
            for name, path in (
                ("KFP_POD_NAME", "metadata.name"),
                ("KFP_POD_UID", "metadata.uid"),
                ("NAMESPACE", "metadata.namespace"),
            )
        ],
    }
