"""How a Kubeflow cluster runs the pipeline: image, volumes, secrets, and what each task gets."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schemas.settings import Settings

Quantity = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$")]
KubernetesName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]
Folder = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._/-]*[A-Za-z0-9._-]$")]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Accelerator(Settings):
    """Accelerators of one kind."""

    type: str = Field("nvidia.com/gpu", min_length=1, description="As the node's device plug-in names it.")
    count: int = Field(1, ge=1, le=16, description="How many.")


class Toleration(Settings):
    """A taint that a task's pod may be scheduled in spite of."""

    key: str = Field("", description="Of the taint; empty with operator 'Exists': any.")
    operator: Literal["Equal", "Exists"] = Field("Equal", description="How key and value are compared.")
    value: str = Field("", description="Of the taint, with operator 'Equal'.")
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = Field(
        "", description="Of the taint; empty: any."
    )
    seconds: int | None = Field(
        None, ge=0, description="With effect 'NoExecute': how long the pod may stay; unset: for ever."
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.operator == "Exists" and self.value:
            raise ValueError(f"operator 'Exists' takes no value, got {self.value!r}")
        if self.operator == "Equal" and not self.key:
            raise ValueError("operator 'Equal' needs the taint's key")
        if self.seconds is not None and self.effect != "NoExecute":
            raise ValueError("seconds has a meaning only with effect 'NoExecute'")
        return self


class TaskSettings(Settings):
    """What a task's pod gets; what is unset is as in ``kubeflow.defaults``, else as the cluster decides."""

    cpu: Quantity | None = Field(None, description="Processors asked for, as '2' or '500m'.")
    cpu_limit: Quantity | None = Field(None, description="Most processors.")
    memory: Quantity | None = Field(None, description="Memory asked for, as '4Gi'.")
    memory_limit: Quantity | None = Field(None, description="Most memory; more ends the pod.")
    accelerator: Accelerator | None = Field(None, description="Accelerators; unset: none.")
    node_selector: dict[str, str] | None = Field(None, description="Labels that the node must have.")
    tolerations: tuple[Toleration, ...] | None = Field(None, description="Taints that do not matter.")
    retries: int | None = Field(None, ge=0, le=20, description="Times to try a failed task again.")
    retry_seconds: int | None = Field(None, ge=0, description="Before the first of them.")
    retry_factor: int | None = Field(
        None, ge=1, le=10, description="By which the wait grows each time; Argo takes whole numbers only."
    )
    timeout_seconds: int | None = Field(None, ge=1, description="Longest time of one try; unset: no limit.")
    cache: bool | None = Field(
        None, description="Answer the task from Kubeflow's cache; execution.cache off switches all off."
    )
    environment: dict[Variable, str] | None = Field(None, description="Environment variables.")

    def over(self, below: TaskSettings) -> TaskSettings:
        """These settings, and where one is unset, that of ``below``."""
        return TaskSettings(
            **{
                name: getattr(below, name) if value is None else value
                for name, value in ((name, getattr(self, name)) for name in type(self).model_fields)
            }
        )


class Volume(Settings):
    """A folder of the pods that lies outside them."""

    claim: KubernetesName | Literal[""] = Field(
        description="PersistentVolumeClaim; empty: a folder of the pod's own, which goes with it."
    )
    path: Folder = Field(description="Where the pods find it.")
    sub_path: str = Field("", description="Folder within the claim; empty: the whole.")


class EnvironmentSource(Settings):
    """Keys of a Secret or a ConfigMap as environment variables."""

    name: KubernetesName = Field(description="Of the Secret or ConfigMap.")
    keys: dict[str, Variable] = Field(min_length=1, description="Environment variable by key.")
    optional: bool = Field(True, description="Whether pods start without it.")


_MLFLOW = "tinytrill-mlflow"
OPEN_RUN, CLOSE_RUN = "OpenRun", "CloseRun"
# What they refuse, and a closed gate, is the same the next time: Argo tries any failure again.
NOT_RETRIED = (OPEN_RUN, CLOSE_RUN)
# What a search does with its networks needs what the same needs for students.
_LIKE = {
    "ShortTraining": "StudentTrainer",
    "ShortConversion": "StudentTrainer",
    "LatencyScreen": "LatencyBenchmark",
}


class KubeflowSettings(Settings):
    """Settings of ``compile`` and of what it compiles; a local run does not look at them."""

    image: str = Field(
        "tinytrill:0.1.0",
        pattern=r"^[a-z0-9][a-zA-Z0-9./:@_-]*$",
        description="Container image of all tasks (infra/docker); default of the parameter 'image'.",
    )
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = Field(
        "IfNotPresent", description="When nodes fetch the image."
    )
    image_pull_secrets: tuple[KubernetesName, ...] = Field((), description="Secrets to fetch it with.")
    data: Volume = Field(
        Volume(claim="tinytrill-data", path="/data"),
        description="Sound, and what devices need. Its path is the default of the parameter 'data_root'.",
    )
    models: Volume = Field(
        Volume(claim="tinytrill-models", path="/models"),
        description="Teachers. Its path is the default of the parameter 'teacher_root'.",
    )
    scratch: Volume = Field(
        Volume(claim="tinytrill-scratch", path="/scratch"),
        description="What outlives a task that is killed: checkpoints, finished shards, the outbox of what "
        "MLflow did not take, pushed versions. All pods write to it.",
    )
    secrets: tuple[EnvironmentSource, ...] = Field(
        (
            EnvironmentSource(
                name=_MLFLOW,
                keys={name: name for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")},
            ),
        ),
        description="Secrets that all tasks have in their environment.",
    )
    config_maps: tuple[EnvironmentSource, ...] = Field(
        (EnvironmentSource(name=_MLFLOW, keys={"MLFLOW_TRACKING_URI": "MLFLOW_TRACKING_URI"}),),
        description="ConfigMaps that all tasks have in their environment.",
    )
    defaults: TaskSettings = Field(
        TaskSettings(
            cpu="1",
            memory="4Gi",
            memory_limit="16Gi",
            retries=2,
            retry_seconds=60,
            retry_factor=2,
            cache=True,
        ),
        description="For all tasks.",
    )
    tasks: dict[str, TaskSettings] = Field(
        default_factory=dict,
        description="For some: by component, as 'StudentTrainer', or by node, as 'LatencyBenchmark.pixel'; "
        "the node's come before the component's. 'StudentTrainer' is what the pods of candidates get, which "
        "also convert and evaluate, and of a search's 'ShortTraining' and "
        "'ShortConversion'; 'OpenRun' and 'CloseRun' are the "
        "compiler's own.",
    )
    parallel_candidates: int = Field(
        16,
        ge=1,
        le=20,
        description="Most candidates that are trained, converted and measured at the same time, each in a "
        "container; half as many with a search, a quarter where it times networks first. More share these "
        "containers, one candidate after the other. The gate is given three artifacts by each container, and "
        "Argo takes 128 KiB of what a task is given.",
    )
    pod_labels: dict[str, str] = Field(default_factory=dict, description="Labels of all pods.")
    pod_annotations: dict[str, str] = Field(
        default_factory=lambda: {"sidecar.istio.io/inject": "false"},
        description="Annotations of all pods; a service mesh's sidecar would keep finished pods alive.",
    )

    def of(self, node_id: str) -> TaskSettings:
        """What a node gets: its own settings over its component's over the defaults."""
        component = node_id.partition(".")[0]
        names = dict.fromkeys((node_id, component, _LIKE.get(component, component)))
        own = [self.tasks[name] for name in names if name in self.tasks]
        settings = self.defaults
        if component in NOT_RETRIED:
            settings = settings.model_copy(update={"retries": 0})
        for more in reversed(own):
            settings = more.over(settings)
        return settings
