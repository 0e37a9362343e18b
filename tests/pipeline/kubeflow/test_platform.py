"""What Kubernetes is told, read back by the protocol buffers of kfp-kubernetes."""

from __future__ import annotations

from typing import Any

from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2 as kubernetes
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline.kubeflow.platform import platform_specification
from pipeline.kubeflow.settings import KubeflowSettings, TaskSettings


def told(kubeflow: KubeflowSettings, settings: TaskSettings) -> Any:
    document = platform_specification(kubeflow, {"exec-a": settings})
    json_format.ParseDict(document, pipeline_spec_pb2.PlatformSpec())
    (executor,) = document["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values()
    return json_format.ParseDict(executor, kubernetes.KubernetesExecutorConfig())


def constant(parameter: Any) -> str:
    value: str = parameter.runtime_value.constant.string_value
    return value


def test_volumes_are_claims_or_folders_of_the_pods_own() -> None:
    kubeflow = KubeflowSettings.model_validate(
        {
            "data": {"claim": "sound", "path": "/data", "sub_path": "audioset"},
            "scratch": {"claim": "", "path": "/scratch"},
        }
    )
    config = told(kubeflow, TaskSettings())
    mounts = [(one.constant, constant(one.pvc_name_parameter), one.mount_path) for one in config.pvc_mount]
    assert mounts == [
        ("sound", "sound", "/data"),
        ("tinytrill-models", "tinytrill-models", "/models"),
    ]
    assert [one.sub_path for one in config.pvc_mount] == ["audioset", ""]
    (own,) = config.empty_dir_mounts
    assert (own.volume_name, own.mount_path) == ("folder-2", "/scratch")


def test_secrets_and_config_maps_come_into_the_environment_by_key() -> None:
    kubeflow = KubeflowSettings.model_validate(
        {
            "image_pull_secrets": ["registry"],
            "image_pull_policy": "Always",
            "secrets": [{"name": "hub", "keys": {"token": "HF_TOKEN"}, "optional": False}],
            "config_maps": [{"name": "mlflow", "keys": {"uri": "MLFLOW_TRACKING_URI"}, "optional": False}],
        }
    )
    config = told(kubeflow, TaskSettings())
    (secret,), (config_map,), (pull,) = (
        config.secret_as_env,
        config.config_map_as_env,
        config.image_pull_secret,
    )
    assert (secret.secret_name, constant(secret.secret_name_parameter)) == ("hub", "hub")
    assert [(one.secret_key, one.env_var) for one in secret.key_to_env] == [("token", "HF_TOKEN")]
    assert (secret.optional, config_map.optional) == (False, False)
    assert (config_map.config_map_name, constant(config_map.config_map_name_parameter)) == (
        "mlflow",
        "mlflow",
    )
    assert [(one.config_map_key, one.env_var) for one in config_map.key_to_env] == [
        ("uri", "MLFLOW_TRACKING_URI")
    ]
    assert (pull.secret_name, constant(pull.secret_name_parameter)) == ("registry", "registry")
    assert config.image_pull_policy == "Always"
    # Without credentials or an address of MLflow, pods start all the same.
    default = told(KubeflowSettings(), TaskSettings())
    assert default.secret_as_env[0].optional
    assert default.config_map_as_env[0].optional


def test_nodes_time_and_labels() -> None:
    settings = TaskSettings.model_validate(
        {
            "node_selector": {"gpu": "a100"},
            "tolerations": [
                {"key": "gpu", "value": "yes", "effect": "NoSchedule"},
                {"operator": "Exists", "effect": "NoExecute", "seconds": 60},
            ],
            "timeout_seconds": 3600,
        }
    )
    config = told(KubeflowSettings(pod_labels={"team": "speech"}), settings)
    assert dict(config.node_selector.labels) == {"gpu": "a100"}
    first, second = config.tolerations
    assert (first.key, first.operator, first.value, first.effect) == ("gpu", "Equal", "yes", "NoSchedule")
    assert not first.HasField("toleration_seconds")
    assert (second.key, second.operator, second.effect, second.toleration_seconds) == (
        "",
        "Exists",
        "NoExecute",
        60,
    )
    assert config.active_deadline_seconds == 3600
    assert dict(config.pod_metadata.labels) == {"team": "speech"}
    assert dict(config.pod_metadata.annotations) == {"sidecar.istio.io/inject": "false"}


def test_what_is_unset_is_not_told() -> None:
    config = told(KubeflowSettings(pod_annotations={}), TaskSettings())
    assert not config.HasField("node_selector")
    assert not config.tolerations
    assert not config.active_deadline_seconds
    assert not config.HasField("pod_metadata")
