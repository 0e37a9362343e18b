"""Large grids: their candidates in groups, what they made in bundles, and the limits of a cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.configuration.config import RunConfig
from pipeline.configuration.config_file import load_config
from tests.pipeline.kubeflow.specifications import check, containers, most_at_once, option, upstream

pytestmark = pytest.mark.slow

# Three in groups of one; the two factorised ones start from the plain one.
WARM = (
    "students={sizes: [tiny], widths: [0.5], svd_ranks: [32, 16, 0], share_training: true}",
    "training.epochs=8",
    "kubeflow.bundle_candidates=1",
    "kubeflow.parallel_candidates=2",
)


class Compiled:
    """A specification and what it was compiled from."""

    def __init__(self, config: RunConfig) -> None:
        from pipeline.kubeflow.compile import compile_specification

        compiled = compile_specification(config)
        self.specification, self.platform, self.size = (
            compiled.specification,
            compiled.platform,
            compiled.size,
        )
        self.ids = [one.candidate_id for one in config.students.expand()]
        self.root: dict[str, Any] = self.specification["root"]["dag"]["tasks"]
        self.groups = sorted(name for name in self.root if name.startswith("candidates-"))

    def graph(self, group: str) -> dict[str, Any]:
        """The component of a group."""
        found: dict[str, Any] = self.specification["components"][self.root[group]["componentRef"]["name"]]
        return found

    def constants(self, group: str) -> dict[str, Any]:
        """Values of a group's own parameters."""
        given = self.root[group]["inputs"]["parameters"]
        return {name: one["runtimeValue"]["constant"] for name, one in given.items() if "runtimeValue" in one}


@pytest.fixture(scope="module")
def grid() -> Compiled:
    return Compiled(load_config("frill144"))


@pytest.fixture(scope="module")
def warm() -> Compiled:
    return Compiled(load_config("demo", WARM))


def test_the_whole_grid_stays_within_a_clusters_limits(grid: Compiled) -> None:
    assert len(grid.ids) == 144
    check(grid.specification, grid.platform)
    # 144 x 3 steps, 12 bundles; open-run, 2 ingests, 2 x 3 validation, embedder, 2 evaluators, benchmark,
    # comparison, gate, pusher.
    assert grid.size.tasks == len(containers(grid.specification)) == 144 * 3 + 12 + 16
    # Argo refuses 1 MiB, and Linux arguments of 128 KiB.
    assert grid.size.workflow + grid.size.state < 1024 * 1024
    assert grid.size.command < 128 * 1024


def test_groups_share_one_graph_and_say_who_is_in_them(grid: Compiled) -> None:
    assert len(grid.groups) == 12
    assert (grid.groups[0], grid.groups[-1]) == ("candidates-001-to-012", "candidates-133-to-144")
    assert len({grid.root[group]["componentRef"]["name"] for group in grid.groups}) == 1
    said = []
    for number, group in enumerate(grid.groups):
        constants = grid.constants(group)
        assert constants["first"] == 12 * number
        said += [constants[f"candidate_{place:02d}"] for place in range(1, 13)]
    assert said == grid.ids


def test_each_place_of_a_group_trains_the_student_that_it_says(grid: Compiled) -> None:
    specs = {one.candidate_id: one.to_parameter() for one in load_config("frill144").students.expand()}
    for group in grid.groups:
        constants = grid.constants(group)
        for place in range(1, 13):
            label = f"candidate_{place:02d}"
            assert constants[f"{label}_StudentTrainer_spec"] == specs[constants[label]]


def test_bundles_reach_every_task_that_takes_from_all_candidates(grid: Compiled) -> None:
    wanted = {
        "latency-benchmark-host": {"variants": "variants"},
        "noss-comparison": {"noss": "report"},
        "frontier-gate": {"noss": "report", "student": "model", "variants": "variants"},
        "frontier-pusher": {"noss": "report", "student": "model", "variants": "variants"},
    }
    assert {
        name for name, task in grid.root.items() if "bundle_000" in task["inputs"].get("artifacts", {})
    } == (set(wanted))
    placed = containers(grid.specification)
    for name, roles in wanted.items():
        task = placed[(name,)]
        for number, group in enumerate(grid.groups):
            assert task.artifacts[f"bundle_{number:03d}"] == {
                "taskOutputArtifact": {"producerTask": group, "outputArtifactKey": "bundle"}
            }
        assert not [key for key in task.artifacts if key.startswith(("variants_", "student_"))]
        assert json.loads(option(grid.specification, task, "--bundled")) == roles
        # The types of what is in the bundles are told with the others.
        assert set(roles) <= set(json.loads(option(grid.specification, task, "--types")))


def test_a_bundle_takes_what_each_of_its_candidates_made(grid: Compiled) -> None:
    graph = grid.graph(grid.groups[0])
    (bundle,) = (
        name for name in graph["dag"]["tasks"] if not name.startswith("candidate-0") and "bundle" in name
    )
    artifacts = graph["dag"]["tasks"][bundle]["inputs"]["artifacts"]
    assert artifacts == {
        f"{key}_{place:03d}": {
            "taskOutputArtifact": {"producerTask": f"candidate-{place + 1:02d}", "outputArtifactKey": key}
        }
        for place in range(12)
        for key in ("model", "report", "variants")
    }
    placed = containers(grid.specification)[(grid.groups[0], bundle)]
    assert option(grid.specification, placed, "--candidates") == "12"


def test_groups_run_in_lanes_too(grid: Compiled, warm: Compiled) -> None:
    # 16 at the same time hold one group of 12, and within it all.
    assert most_at_once(grid.root, set(grid.groups)) == 1
    within = grid.graph(grid.groups[0])["dag"]["tasks"]
    assert most_at_once(within, {name for name in within if name.startswith("candidate-0")}) == 9
    # 2 at the same time are two groups of one.
    assert warm.groups == ["candidates-001-to-001", "candidates-002-to-002", "candidates-003-to-003"]


def test_a_student_starts_from_one_of_another_group(warm: Compiled) -> None:
    check(warm.specification, warm.platform)
    origin = {warm.constants(group)["candidate_01"]: group for group in warm.groups}
    plain = next(one for one in warm.ids if "svd" not in one)
    ones = [one for one in warm.ids if one.endswith("-warm")]
    assert len(ones) == 2
    number = warm.ids.index(plain)
    for one in ones:
        group = origin[one]
        assert warm.root[group]["inputs"]["artifacts"]["start"] == {
            "taskOutputArtifact": {"producerTask": origin[plain], "outputArtifactKey": f"model_{number:03d}"}
        }
        assert origin[plain] in upstream(warm.root, group)
        candidate = warm.graph(group)["dag"]["tasks"]["candidate-01"]
        assert candidate["inputs"]["artifacts"]["start"] == {"componentInputArtifact": "start"}
    selectors = warm.graph(origin[plain])["dag"]["outputs"]["artifacts"]
    assert set(selectors) == {"bundle", f"model_{number:03d}"}
    assert selectors[f"model_{number:03d}"]["artifactSelectors"] == [
        {"producerSubtask": "candidate-01", "outputArtifactKey": "model"}
    ]


def test_the_command_writes_the_grid_and_tells_its_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipeline_runner import main

    target = tmp_path / "out" / "grid.yaml"
    assert main(["compile", "--config", "frill144", "--set", "students.sizes=[tiny]", "-o", str(target)]) == 0
    assert target.stat().st_size > 50_000
    # 48 candidates in 4 bundles.
    assert f"{target}: {48 * 3 + 4 + 16} containers, specification" in capsys.readouterr().out
