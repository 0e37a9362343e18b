"""The pusher's construction."""

from __future__ import annotations

import pytest
from tfx import types

import schemas
from components.frontier_pusher.component import FrontierPusher
from components.frontier_pusher.settings import PusherSettings


def make(students: int = 2) -> FrontierPusher:
    def channels(kind: type[types.Artifact], count: int = 2) -> list[types.Channel]:
        return [types.Channel(type=kind) for _ in range(count)]

    return FrontierPusher(
        verdict=types.Channel(type=schemas.FrontierVerdict),
        variants=channels(schemas.TfliteVariants),
        students=channels(schemas.StudentModel, students),
        noss=channels(schemas.NossReport),
        latency=channels(schemas.LatencyReport),
        teacher=types.Channel(type=schemas.NossReport),
        windows=types.Channel(type=schemas.DistillationSet),
        sources=channels(schemas.IngestReport),
        settings=PusherSettings(destination="pushed"),
        run_name="test",
    )


def test_construct() -> None:
    pusher = make()
    assert pusher.outputs["pushed"].type is schemas.PushedFrontier
    assert sorted(pusher.inputs) == [
        *(
            "latency_000",
            "latency_001",
            "noss_000",
            "noss_001",
            "source_000",
            "source_001",
            "student_000",
            "student_001",
        ),
        *("teacher", "variants_000", "variants_001", "verdict", "windows"),
    ]
    assert PusherSettings.from_parameter(pusher.exec_properties["settings"]).destination == "pushed"


def test_construct_needs_one_of_each() -> None:
    with pytest.raises(ValueError, match="2 variants, 1 students, 2 NOSS reports"):
        make(students=1)


@pytest.mark.parametrize("alias", ["champion", "previous", "latest", "1", "a:b"])
def test_aliases_that_are_not_a_runs_are_refused(alias: str) -> None:
    with pytest.raises(ValueError, match="alias"):
        PusherSettings(alias=alias)
