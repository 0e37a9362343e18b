"""Graphs of candidates, and of groups of them, on made-up tasks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pipeline.kubeflow.candidates import Candidate, add_candidates, values_of
from pipeline.kubeflow.groups import BundleTask, Group, GroupGraph, bundle_part, divide, group_graph
from pipeline.kubeflow.settings import TaskSettings
from pipeline.kubeflow.specification import Specification
from pipeline.kubeflow.tasks import Source
from tests.pipeline.kubeflow.made_up_branches import KUBEFLOW, WINDOWS, candidate, converter, step, trainer
from tests.pipeline.kubeflow.specifications import order

IMAGE = "pipelinechannel--image"


def constants(values: dict[str, Any]) -> dict[str, Any]:
    return {name: one["runtimeValue"]["constant"] for name, one in values.items()}


def test_candidates_that_differ_in_values_share_a_graph_that_takes_the_values() -> None:
    specification = Specification()
    one, two = candidate("one"), candidate("two")
    components = add_candidates(specification, [one, two])
    assert components == {"one": "comp-candidate", "two": "comp-candidate"}
    graph = specification.component("comp-candidate")
    # What all have in common stays inside.
    assert set(graph["inputDefinitions"]["parameters"]) == {"StudentTrainer_spec", IMAGE}
    assert graph["dag"]["tasks"]["student-trainer"]["inputs"]["parameters"]["seed"] == {
        "runtimeValue": {"constant": 20}
    }
    assert constants(values_of(one, graph)) == {"StudentTrainer_spec": "spec of one"}
    assert constants(values_of(two, graph)) == {"StudentTrainer_spec": "spec of two"}
    assert graph["dag"]["tasks"]["tflite-converter"]["inputs"]["artifacts"] == {
        "model": {"taskOutputArtifact": {"producerTask": "student-trainer", "outputArtifactKey": "model"}},
        "windows": {"componentInputArtifact": "windows"},
    }
    assert set(graph["outputDefinitions"]["artifacts"]) == {"model", "variants"}


def test_a_number_that_differs_stays_a_number() -> None:
    specification = Specification()
    candidates = [candidate("one", epochs=3), candidate("two", epochs=4)]
    add_candidates(specification, candidates)
    graph = specification.component("comp-candidate")
    assert graph["inputDefinitions"]["parameters"]["StudentTrainer_epochs"] == {
        "parameterType": "NUMBER_INTEGER"
    }
    assert constants(values_of(candidates[1], graph))["StudentTrainer_epochs"] == 4


def test_one_that_starts_from_another_has_a_graph_of_its_own() -> None:
    specification = Specification()
    plain, warm = candidate("plain"), candidate("warm", start="plain")
    components = add_candidates(specification, [plain, warm])
    assert len(set(components.values())) == 2
    assert warm.outside == {"windows": WINDOWS, "start": Source("StudentTrainer.plain", "model")}
    assert plain.outside == {"windows": WINDOWS}
    assert "start" in specification.component(components["warm"])["inputDefinitions"]["artifacts"]


def test_what_comes_from_within_and_what_from_outside_makes_another_graph() -> None:
    specification = Specification()
    plain = candidate("plain")
    borrowing = Candidate("borrowing", (step(trainer("borrowing")), step(converter("borrowing", of="plain"))))
    components = add_candidates(specification, [plain, borrowing])
    graphs = [specification.component(components[name]) for name in ("plain", "borrowing")]
    assert ["model" in graph["inputDefinitions"]["artifacts"] for graph in graphs] == [False, True]


def test_steps_that_call_different_things_the_same_are_refused() -> None:
    steps = candidate("one").steps
    other = replace(steps[1].task, inputs={"windows": Source("Another", "windows")})
    with pytest.raises(ValueError, match=r"StudentTrainer\.one: another step takes another 'windows'"):
        Candidate("one", (steps[0], replace(steps[1], task=other)))


@pytest.mark.parametrize(("count", "sizes"), [(1, []), (24, []), (25, [12, 12, 1]), (36, [12, 12, 12])])
def test_only_grids_of_more_than_two_groups_are_divided(count: int, sizes: list[int]) -> None:
    ids = [f"c{number}" for number in range(count)]
    groups = divide(ids, 12)
    assert [len(group.candidate_ids) for group in groups] == sizes
    if groups:
        assert [one for group in groups for one in group.candidate_ids] == ids
        assert [group.first for group in groups] == [0, 12, 24]
        assert groups[0].node_id == "Candidates.001-to-012"


def grouped(
    members: list[Candidate], lanes: int = 8, exported: dict[str, dict[str, str]] | None = None
) -> GroupGraph:
    specification = Specification()
    components = add_candidates(specification, members)
    return group_graph(
        Group("Candidates.013-to-015", 12, [one.candidate_id for one in members]),
        members,
        components,
        {name: specification.component(name) for name in components.values()},
        BundleTask("candidate-bundle", "comp-bundle", IMAGE, TaskSettings(), cache=True),
        lanes,
        lambda one: (exported or {}).get(one, {}),
    )


def test_a_group_says_who_is_in_it_and_bundles_what_they_made() -> None:
    group = grouped([candidate("one"), candidate("two")])
    assert constants(dict(group.values)) == {
        "first": 12,
        "candidate_01": "one",
        "candidate_01_StudentTrainer_spec": "spec of one",
        "candidate_02": "two",
        "candidate_02_StudentTrainer_spec": "spec of two",
    }
    assert group.sources == {"windows": WINDOWS}
    tasks = group.component["dag"]["tasks"]
    assert tasks["candidate-02"]["inputs"]["parameters"] == {
        "StudentTrainer_spec": {"componentInputParameter": "candidate_02_StudentTrainer_spec"},
        IMAGE: {"componentInputParameter": IMAGE},
    }
    assert tasks["candidate-bundle"]["inputs"]["artifacts"] == {
        f"{key}_{place:03d}": {
            "taskOutputArtifact": {"producerTask": f"candidate-{place + 1:02d}", "outputArtifactKey": key}
        }
        for key in ("model", "variants")
        for place in range(2)
    }
    assert set(group.component["outputDefinitions"]["artifacts"]) == {"bundle"}
    # What the run gives is handed on.
    assert set(group.component["inputDefinitions"]["parameters"]) == {*group.values, IMAGE}


def test_groups_of_one_size_differ_in_values_only() -> None:
    first = grouped([candidate("one"), candidate("two")])
    second = grouped([candidate("three"), candidate("four")])
    assert first.component == second.component
    assert first.values != second.values


def test_a_start_within_the_group_and_one_outside() -> None:
    members = [
        candidate("plain"),
        candidate("inner", start="plain"),
        candidate("outer", start="far"),
        candidate("other", start="farther"),
    ]
    group = grouped(members)
    tasks = group.component["dag"]["tasks"]
    assert tasks["candidate-02"]["inputs"]["artifacts"]["start"] == {
        "taskOutputArtifact": {"producerTask": "candidate-01", "outputArtifactKey": "model"}
    }
    # Two that are called the same are two inputs of the group.
    assert group.sources == {
        "windows": WINDOWS,
        "start": Source("StudentTrainer.far", "model"),
        "start_2": Source("StudentTrainer.farther", "model"),
    }
    assert tasks["candidate-03"]["inputs"]["artifacts"]["start"] == {"componentInputArtifact": "start"}
    assert tasks["candidate-04"]["inputs"]["artifacts"]["start"] == {"componentInputArtifact": "start_2"}
    order(tasks)


def test_what_other_groups_start_from_is_exported() -> None:
    group = grouped([candidate("one"), candidate("two")], exported={"two": {"model_013": "model"}})
    outputs = group.component["dag"]["outputs"]["artifacts"]
    assert outputs["model_013"]["artifactSelectors"] == [
        {"producerSubtask": "candidate-02", "outputArtifactKey": "model"}
    ]
    assert group.component["outputDefinitions"]["artifacts"]["model_013"]["artifactType"]["schemaTitle"] == (
        "schemas.StudentModel"
    )


def test_fewer_lanes_than_members_make_members_wait() -> None:
    tasks = grouped([candidate(name) for name in ("one", "two", "three")], lanes=2).component["dag"]["tasks"]
    assert tasks["candidate-03"]["dependentTasks"] == ["candidate-01"]
    assert "dependentTasks" not in tasks["candidate-02"]


def test_a_bundles_task_has_an_input_for_each_artifact_and_pods_of_its_own() -> None:
    settings = KUBEFLOW.model_copy(update={"tasks": {"CandidateBundle": TaskSettings(cpu="7")}})
    part = bundle_part(settings, candidate("one"), 2, IMAGE)
    assert set(part.component["inputDefinitions"]["artifacts"]) == {
        "model_000",
        "model_001",
        "variants_000",
        "variants_001",
    }
    assert part.component["inputDefinitions"]["parameters"]["first"] == {"parameterType": "NUMBER_INTEGER"}
    assert part.executor["container"]["resources"]["resourceCpuRequest"] == "7"
    assert part.executor["container"]["args"][-2:] == ["--candidates", "2"]
