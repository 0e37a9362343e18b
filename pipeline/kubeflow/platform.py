"""What Kubernetes itself is told of a task: volumes, secrets, nodes, time limits.

TFX writes none of this; the form is that of ``kfp-kubernetes``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2 as kubernetes
from kfp.pipeline_spec import pipeline_spec_pb2

from pipeline.kubeflow.settings import EnvironmentSource, KubeflowSettings, TaskSettings, Volume


def platform_specification(
    kubeflow: KubeflowSettings, executors: Mapping[str, TaskSettings]
) -> dict[str, Any]:
    """The second document of a compiled pipeline.

    Args:
      kubeflow: What all pods get.
      executors: What each executor's pods get, by its label.
    """
    made = {
        label: json_format.MessageToDict(_executor(kubeflow, settings))
        for label, settings in sorted(executors.items())
    }
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": made}}}}


def _executor(kubeflow: KubeflowSettings, settings: TaskSettings) -> kubernetes.KubernetesExecutorConfig:
    config = kubernetes.KubernetesExecutorConfig(
        image_pull_policy=kubeflow.image_pull_policy,
        image_pull_secret=[
            kubernetes.ImagePullSecret(secret_name=name, secret_name_parameter=_constant(name))
            for name in kubeflow.image_pull_secrets
        ],
        secret_as_env=[
            kubernetes.SecretAsEnv(
                secret_name=source.name,
                secret_name_parameter=_constant(source.name),
                key_to_env=[
                    kubernetes.SecretAsEnv.SecretKeyToEnvMap(secret_key=key, env_var=variable)
                    for key, variable in source.keys.items()
                ],
                optional=source.optional,
            )
            for source in kubeflow.secrets
        ],
        config_map_as_env=[_config_map(source) for source in kubeflow.config_maps],
    )
    _mount(config, [kubeflow.data, kubeflow.models, kubeflow.scratch])
    if settings.node_selector:
        config.node_selector.labels.update(settings.node_selector)
    for one in settings.tolerations or ():
        toleration = config.tolerations.add(
            key=one.key, operator=one.operator, value=one.value, effect=one.effect
        )
        if one.seconds is not None:
            toleration.toleration_seconds = one.seconds
    if settings.timeout_seconds:
        config.active_deadline_seconds = settings.timeout_seconds
    if kubeflow.pod_labels or kubeflow.pod_annotations:
        config.pod_metadata.labels.update(kubeflow.pod_labels)
        config.pod_metadata.annotations.update(kubeflow.pod_annotations)
    return config


def _config_map(source: EnvironmentSource) -> kubernetes.ConfigMapAsEnv:
    return kubernetes.ConfigMapAsEnv(
        config_map_name=source.name,
        config_map_name_parameter=_constant(source.name),
        key_to_env=[
            kubernetes.ConfigMapAsEnv.ConfigMapKeyToEnvMap(config_map_key=key, env_var=variable)
            for key, variable in source.keys.items()
        ],
        optional=source.optional,
    )


def _mount(config: kubernetes.KubernetesExecutorConfig, volumes: list[Volume]) -> None:
    for number, volume in enumerate(volumes):
        if volume.claim:
            config.pvc_mount.add(
                constant=volume.claim,
                pvc_name_parameter=_constant(volume.claim),
                mount_path=volume.path,
                sub_path=volume.sub_path,
            )
        else:
            config.empty_dir_mounts.add(volume_name=f"folder-{number}", mount_path=volume.path)


def _constant(value: str) -> pipeline_spec_pb2.TaskInputsSpec.InputParameterSpec:
    spec = pipeline_spec_pb2.TaskInputsSpec.InputParameterSpec()
    spec.runtime_value.constant.string_value = value
    return spec
