"""Large grids: shared among containers, and within the limits of a cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.configuration.config import RunConfig
from pipeline.configuration.config_file import load_config
from schemas.students import FrontEndSpec, StudentSpec
from tests.pipeline.kubeflow.specifications import check, option, placed_tasks

pytestmark = pytest.mark.slow

# The two factorised ones start from the plain one.
WARM = (
    "students={sizes: [tiny], widths: [0.5, 1.0], svd_ranks: [32, 16, 0], share_training: true}",
    "training.epochs=8",
    "search=null",
)
# Open-run, 2 ingests, 2 x 3 validation, embedder, 2 evaluators, benchmark, comparison, gate, pusher, its end.
OTHERS = 17


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
        self.tasks = placed_tasks(self.specification)
        self.shares: dict[str, dict[int, dict[str, Any]]] = {
            name: {int(number): one for number, one in json.loads(given["runtimeValue"]["constant"]).items()}
            for name, placed in self.tasks.items()
            if (given := placed.given.get("students"))
        }


@pytest.fixture(scope="module")
def grid() -> Compiled:
    return Compiled(load_config("frill144"))


def test_the_whole_grid_stays_within_a_clusters_limits(grid: Compiled) -> None:
    assert len(grid.ids) == 144
    check(grid.specification, grid.platform)
    assert grid.size.tasks == len(grid.tasks) == 16 + OTHERS
    assert grid.size.graph < 128 * 1024
    assert grid.size.pod < 128 * 1024
    assert grid.size.workflow < 1024 * 1024


@pytest.mark.parametrize(
    ("overrides", "shares"),
    [
        ([], 8),
        (
            [
                "latency.devices={phone: {backend: host, budgets: [{milliseconds: 8}]}}",
                "gate.host_may_bless=true",
            ],
            4,
        ),
    ],
    ids=["searched", "searched within budgets"],
)
def test_a_searched_grid_stays_within_a_clusters_limits(overrides: list[str], shares: int) -> None:
    compiled = Compiled(load_config("frill144", ["search.budget=0.1", *overrides]))
    check(compiled.specification, compiled.platform)
    networks = 18
    timed = networks + 1 if overrides else 0
    assert len(compiled.shares) == shares
    assert compiled.size.tasks == shares + networks + timed + 1 + OTHERS
    assert compiled.size.graph < 128 * 1024
    assert compiled.size.pod < 128 * 1024
    assert compiled.size.workflow < 1024 * 1024


def test_containers_share_the_grid_evenly_and_one_component(grid: Compiled) -> None:
    assert list(grid.shares) == [f"candidates-{number:02d}" for number in range(1, 17)]
    assert sorted(number for share in grid.shares.values() for number in share) == list(range(144))
    assert {len(share) for share in grid.shares.values()} == {9}
    assert len({grid.tasks[name].task["componentRef"]["name"] for name in grid.shares}) == 1


def test_those_who_take_from_all_candidates_take_an_artifact_a_share(grid: Compiled) -> None:
    wanted = {
        "latency-benchmark-host": {"variants": "variants"},
        "noss-comparison": {"noss": "report"},
        "frontier-gate": {"noss": "report", "student": "model", "variants": "variants"},
        "frontier-pusher": {"noss": "report", "student": "model", "variants": "variants"},
    }
    for name, roles in wanted.items():
        task = grid.tasks[name]
        for place, share in enumerate(grid.shares):
            for role, key in roles.items():
                assert task.artifacts[f"{role}_{place:03d}"] == {
                    "taskOutputArtifact": {"producerTask": share, "outputArtifactKey": key}
                }
        assert f"{next(iter(roles))}_{len(grid.shares):03d}" not in task.artifacts
        assert option(grid.specification, task, "--shares") == ",".join(sorted(roles))
        # The types of what is in the shares are told with the others.
        assert set(roles) <= set(json.loads(option(grid.specification, task, "--types")))


def test_a_student_goes_with_the_one_that_it_starts_from() -> None:
    warm = Compiled(load_config("demo", WARM))
    check(warm.specification, warm.platform)
    assert len(warm.ids) == 6
    families = [[warm.ids[number] for number in share] for share in warm.shares.values()]
    assert len(families) == 2
    for plain, *others in families:
        assert "svd" not in plain
        assert len(others) == 2
        assert all(one.endswith("-warm") for one in others)
    # The container has the model itself: no artifact is handed on for it.
    for name in warm.shares:
        assert "start" not in warm.tasks[name].artifacts


def test_front_ends_differ_between_students_whose_steps_are_shared() -> None:
    own = "students={sizes: [tiny], widths: [0.5], mels: [40, 64], hop_samples: [160, 320]}"
    compiled = Compiled(load_config("demo", [own, "search=null", "kubeflow.parallel_candidates=2"]))
    told = {
        number: StudentSpec.model_validate(one)
        for share in compiled.shares.values()
        for number, one in share.items()
    }
    assert len(compiled.shares) == 2
    assert [told[number].candidate_id for number in range(4)] == compiled.ids
    found = {
        (hears.mels, hears.frames) for hears in (one.front_end_in(FrontEndSpec()) for one in told.values())
    }
    assert found == {(40, 96), (40, 48), (64, 96), (64, 48)}


def test_the_command_writes_the_grid_and_tells_its_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pipeline_runner import main

    target = tmp_path / "out" / "grid.yaml"
    assert main(["compile", "--config", "frill144", "--set", "students.sizes=[tiny]", "-o", str(target)]) == 0
    assert target.stat().st_size > 50_000
    assert f"{target}: {16 + OTHERS} containers, specification" in capsys.readouterr().out
