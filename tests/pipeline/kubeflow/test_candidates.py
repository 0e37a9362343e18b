"""How candidates are dealt out to containers, and what those are told, on made-up tasks."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pipeline.kubeflow.candidates import Steps, divide
from pipeline.kubeflow.tasks import Source
from schemas.students import StudentSpec
from tests.pipeline.kubeflow.made_up_branches import WINDOWS, started, students, tasks_of


def steps(given: list[StudentSpec]) -> Steps:
    return Steps.of(tasks_of(given), [one.candidate_id for one in given])


@pytest.mark.parametrize(
    ("count", "most", "sizes"),
    [
        (1, 16, [1]),
        (3, 16, [1, 1, 1]),
        (16, 16, [1] * 16),
        (17, 16, [2, *[1] * 15]),
        (144, 16, [9] * 16),
        (3, 1, [3]),
    ],
)
def test_a_candidate_has_a_container_of_its_own_while_there_are_enough(
    count: int, most: int, sizes: list[int]
) -> None:
    given = students(count)
    shares = divide(given, most)
    assert [len(share.students) for share in shares] == sizes
    dealt = {number: one for share in shares for number, one in share.students.items()}
    assert dealt == dict(enumerate(given))


def test_what_starts_from_another_is_behind_it_in_the_same_container() -> None:
    plain, second, third = students(3)
    chain = started(plain)
    # A chain of three, in the order in which a grid puts them.
    given = [plain, second, chain, started(chain, rank=2), third]
    first, *others = divide(given, 16)
    assert list(first.students) == [0, 2, 3]
    assert [list(share.students) for share in others] == [[1], [4]]
    assert first.node_id == "Candidates.01"
    assert others[0].node_id == f"Candidate.{second.candidate_id}"
    # However few containers there are.
    assert [list(share.students) for share in divide(given, 2)] == [[0, 2, 3, 4], [1]]


def test_a_share_is_told_as_data(tmp_path: object) -> None:
    given = students(5)
    _, share = divide(given, 2)
    told = json.loads(share.parameters["students"])
    assert {int(number): StudentSpec.model_validate(one) for number, one in told.items()} == {
        1: given[1],
        3: given[3],
    }
    assert share.name == given[1].candidate_id


def test_the_steps_of_all_candidates_are_one_command() -> None:
    plain, other = students(2)
    one, two = steps([plain, other]), steps([other, started(other)])
    command = one.command("/scratch/run", ["data_root"], attempts=3)
    assert command == two.command("/scratch/run", ["data_root"], attempts=3)
    assert command.module == "infra.kubeflow.candidates"
    options = dict(zip(command.arguments[::2], command.arguments[1::2], strict=True))
    assert (options["--task"], options["--run-folder"]) == ("{{$}}", "/scratch/run")
    assert (options["--values"], options["--attempts"]) == ("data_root", "3")
    told = json.loads(options["--steps"])
    assert [step["node"] for step in told] == ["StudentTrainer", "TfliteConverter", "NossEvaluator"]
    # What differs among candidates is not in the command; what is an integer stays one.
    assert (told[0]["own"], told[0]["parameters"]) == (["spec"], {"seed": 20})
    assert told[0]["inputs"] == {"windows": "schemas.DistillationSet", "start": "schemas.StudentModel"}
    assert told[2]["inputs"] == {"variants": "schemas.TfliteVariants", "examples": "tfx.Examples"}


def test_a_container_takes_what_no_step_makes_and_hands_on_what_each_makes() -> None:
    plain = students(1)[0]
    for one in (steps([plain]), steps([plain, started(plain)])):
        assert one.inputs == {"windows": WINDOWS, "examples": Source("NossIngest", "examples")}
        assert one.input_types == {"windows": "schemas.DistillationSet", "examples": "tfx.Examples"}
        assert one.outputs == {
            "model": "schemas.StudentModel",
            "variants": "schemas.TfliteVariants",
            "report": "schemas.NossReport",
        }


def test_candidates_that_differ_in_more_than_their_description_are_refused() -> None:
    given = students(2)
    tasks = tasks_of(given)
    odd = f"TfliteConverter.{given[1].candidate_id}"
    tasks[odd] = replace(tasks[odd], parameters={"settings": "{1}"})
    with pytest.raises(ValueError, match=rf"StudentTrainer\.{given[1].candidate_id} is not as the other"):
        Steps.of(tasks, [one.candidate_id for one in given])


def test_a_step_that_waits_for_a_fingerprint_is_refused() -> None:
    given = students(1)
    tasks = tasks_of(given)
    name = f"NossEvaluator.{given[0].candidate_id}"
    tasks[name] = replace(tasks[name], digests={"data_digest": "digest_noss"})
    with pytest.raises(ValueError, match=r"NossEvaluator\..* waits for data_digest: candidates cannot"):
        Steps.of(tasks, [given[0].candidate_id])
