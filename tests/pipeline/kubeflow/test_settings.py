"""Settings of a cluster: which of them a task gets, and what is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from pipeline.configuration.config import RunConfig
from pipeline.configuration.config_file import load_config
from pipeline.kubeflow.settings import Accelerator, KubeflowSettings, TaskSettings


def test_a_node_goes_before_its_component_and_that_before_the_defaults() -> None:
    kubeflow = KubeflowSettings(
        defaults=TaskSettings(cpu="1", memory="4Gi", retries=2, environment={"A": "default"}),
        tasks={
            "LatencyBenchmark": TaskSettings(cpu="2", retries=0, environment={"A": "component"}),
            "LatencyBenchmark.pixel": TaskSettings(cpu="3", node_selector={"usb": "pixel"}),
        },
    )
    pixel, other = kubeflow.of("LatencyBenchmark.pixel"), kubeflow.of("LatencyBenchmark.host")
    assert (pixel.cpu, pixel.memory, pixel.node_selector) == ("3", "4Gi", {"usb": "pixel"})
    # Zero is a value: it is not looked for below.
    assert (pixel.retries, other.retries) == (0, 0)
    assert (other.cpu, other.memory, other.node_selector) == ("2", "4Gi", None)
    assert other.environment == {"A": "component"}
    assert kubeflow.of("StudentTrainer.tiny") == kubeflow.defaults


def test_what_would_be_refused_again_is_not_retried_unless_somebody_says_so() -> None:
    kubeflow = KubeflowSettings()
    assert [kubeflow.of(name).retries for name in ("OpenRun", "CloseRun", "FrontierPusher")] == [0, 0, 2]
    own = KubeflowSettings(tasks={"OpenRun": TaskSettings(retries=1)})
    assert own.of("OpenRun").retries == 1


def test_false_and_empty_are_values_of_their_own() -> None:
    below = TaskSettings(cache=True, tolerations=({"key": "gpu"},), accelerator=Accelerator())
    above = TaskSettings(cache=False, tolerations=())
    assert above.over(below) == TaskSettings(cache=False, tolerations=(), accelerator=Accelerator())


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"defaults": {"memory": "4 GB"}}, "defaults.memory"),
        ({"tasks": {"StudentTrainer": {"cpu": "two"}}}, "tasks.StudentTrainer.cpu"),
        ({"tasks": {"StudentTrainer": {"retries": 21}}}, "tasks.StudentTrainer.retries"),
        ({"tasks": {"StudentTrainer": {"retry_factor": 1.5}}}, "tasks.StudentTrainer.retry_factor"),
        ({"tasks": {"StudentTrainer": {"environment": {"NO-DASH": ""}}}}, "environment"),
        ({"image": "UPPER/image"}, "image"),
        ({"data": {"claim": "Not_a_name", "path": "/data"}}, "data.claim"),
        ({"data": {"claim": "", "path": "data"}}, "data.path"),
        ({"parallel_candidates": 0}, "parallel_candidates"),
        ({"parallel_candidates": 21}, "parallel_candidates"),
        ({"bundle_candidates": 12}, "bundle_candidates"),
        ({"gpu": 1}, "gpu"),
    ],
)
def test_a_refusal_names_the_place(given: dict[str, object], place: str) -> None:
    with pytest.raises(ValidationError) as caught:
        KubeflowSettings.model_validate(given)
    assert place in ".".join(str(part) for part in caught.value.errors()[0]["loc"])


@pytest.mark.parametrize(
    ("toleration", "message"),
    [
        ({"operator": "Exists", "value": "a"}, "'Exists' takes no value, got 'a'"),
        ({"value": "a"}, "'Equal' needs the taint's key"),
        ({"key": "gpu", "seconds": 5}, "seconds has a meaning only with effect 'NoExecute'"),
    ],
)
def test_a_toleration_that_tolerates_nothing_is_refused(toleration: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TaskSettings.model_validate({"tolerations": [toleration]})


def test_how_a_cluster_runs_it_is_no_part_of_what_is_asked_for() -> None:
    def asked(*overrides: str) -> str:
        config: RunConfig = load_config("demo", overrides)
        return config.request()

    assert asked() == asked("kubeflow.defaults.cpu='8'", "kubeflow.parallel_candidates=2")
    assert asked() != asked("seed=21")
