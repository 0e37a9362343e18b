"""Artifacts of several candidates: each is given to who takes them by the candidate's number."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.kubeflow.container_task import GivenArtifact, TaskError
from infra.kubeflow.shares import one_a_candidate, place_of


def share(folder: Path, *names: str) -> GivenArtifact:
    """A share's artifact with one file a candidate."""
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "file").write_text(name)
    return GivenArtifact(str(folder), name="41", metadata={"display_name": "variants"})


def test_each_candidate_has_its_own_artifact_whichever_share_it_was_in(tmp_path: Path) -> None:
    latency = GivenArtifact(str(tmp_path / "latency"))
    inputs = {
        "variants_000": share(tmp_path / "first", "000", "002"),
        "variants_001": share(tmp_path / "second", "001", "143"),
        "latency_000": latency,
    }
    found = one_a_candidate(inputs, {"variants"})
    assert set(found) == {"variants_000", "variants_001", "variants_002", "variants_143", "latency_000"}
    for number in (0, 1, 2, 143):
        given = found[f"variants_{number:03d}"]
        assert (Path(given.uri) / "file").read_text() == f"{number:03d}"
        # What the metadata store calls it leads to the share's.
        assert (given.name, given.metadata) == ("41", {"display_name": "variants"})
    assert found["latency_000"] is latency


def test_where_a_candidate_writes_is_where_it_is_looked_for(tmp_path: Path) -> None:
    made = GivenArtifact(str(tmp_path / "made"))
    Path(place_of(made, 7).uri).mkdir(parents=True)
    assert set(one_a_candidate({"noss_000": made}, {"noss"})) == {"noss_007"}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), r"variants_000 holds no candidate's artifact: .*made"),
        (("000", "model"), "variants_000 holds model; accepted: candidates' numbers, as 007"),
    ],
)
def test_what_holds_no_candidates_is_refused(tmp_path: Path, names: tuple[str, ...], message: str) -> None:
    with pytest.raises(TaskError, match=message):
        one_a_candidate({"variants_000": share(tmp_path / "made", *names)}, {"variants"})
