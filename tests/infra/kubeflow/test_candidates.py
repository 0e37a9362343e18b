"""Candidates in one container: finished steps, attempts, and what a failed candidate leaves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from infra.kubeflow.attempts import Attempts, failures_noted
from infra.kubeflow.candidates import Share, main
from infra.kubeflow.container_task import ContainerTask
from infra.kubeflow.finished_steps import FinishedSteps
from infra.kubeflow.run_context import keep
from pipeline.kubeflow.candidates import divide
from schemas.distillation_reports import DistillationSetInfo
from schemas.run_context import Provenance, RunContext
from schemas.student_reports import StudentInfo
from schemas.students import FrontEndSpec, StudentFrontEnd, StudentSpec
from schemas.tflite_reports import TfliteReport
from tests.infra.kubeflow.executor_inputs import executor_input, folder_of, given, told
from tests.infra.kubeflow.small_steps import Died, described
from tests.students import mobilenet

pytestmark = pytest.mark.slow

PLAIN = StudentSpec.model_validate(
    {"architecture": {"name": "mobilenet_v3", "size": "tiny", "width": 0.5}, "embedding_width": 8}
)
OTHER = PLAIN.model_copy(update={"embedding_width": 16, "front_end": StudentFrontEnd(mels=40)})
WARM = PLAIN.model_copy(update={"svd_rank": 4, "warm_start": PLAIN.candidate_id})
ALL = {0: PLAIN, 7: OTHER, 8: WARM}
ATTEMPTS = 2


class Pod:
    """Containers of one task, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("windows", "examples"):
            folder_of(folder, name).mkdir(parents=True)
        (folder_of(folder, "windows") / DistillationSetInfo.FILE).write_text("{}")
        (folder / "endings").mkdir()

    def opened(self, run_id: str = "run") -> None:
        """The run's first task shares a folder with this one."""
        context = RunContext(
            run_key=run_id,
            run_name="demo",
            tracking_uri="",
            experiment="e",
            provenance=Provenance(code_version="c"),
        )
        keep(context, self.folder / "shared", run_id)

    def ends(self, step: str, student: StudentSpec, *how: str) -> None:
        (self.folder / "endings" / f"{step}.{student.candidate_id}").write_text("\n".join(how))

    def start(
        self, run_id: str = "run", students: dict[int, StudentSpec] | None = None, **settings: str
    ) -> int:
        """Runs a container of the task with nothing of an earlier pod; its exit code."""
        shutil.rmtree(folder_of(self.folder, "made"), ignore_errors=True)
        (self.folder / "executed").write_text("")
        listed = {number: one.model_dump(mode="json") for number, one in (students or ALL).items()}
        task = executor_input(
            self.folder,
            {"windows": given("windows"), "examples": given("examples")},
            ("model", "variants", "report"),
            {"students": json.dumps(listed), "failed_in": ""},
        )
        return main(
            [
                *("--steps", described(**settings)),
                *("--task", task),
                *("--run-id", run_id),
                *("--run-folder", str(self.folder / "shared")),
                *("--values", ""),
                *("--attempts", str(ATTEMPTS)),
            ]
        )

    @property
    def executed(self) -> list[str]:
        """Steps that the last container executed, with their candidates."""
        return (self.folder / "executed").read_text().splitlines()

    def said(self, number: int) -> str:
        """What the evaluation of a candidate said."""
        return (folder_of(self.folder, "made/report") / f"{number:03d}" / "said").read_text()

    def model(self, number: int) -> StudentInfo:
        return StudentInfo.load(folder_of(self.folder, "made/model") / f"{number:03d}")

    def variants(self, number: int) -> TfliteReport:
        return TfliteReport.load(folder_of(self.folder, "made/variants") / f"{number:03d}")

    @property
    def noted(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(failures_noted(self.folder / "shared"))
        return found


@pytest.fixture
def pod(launcher: Path, monkeypatch: pytest.MonkeyPatch) -> Pod:
    made = Pod(launcher)
    made.opened()

    def loaded(uri: str) -> Any:
        return SimpleNamespace(target_dim=4)

    monkeypatch.setattr(DistillationSetInfo, "load", loaded)
    return made


def steps(*students: StudentSpec) -> list[str]:
    return [f"{step} {one.candidate_id}" for one in students for step in ("train", "convert", "evaluate")]


def test_every_candidate_goes_through_all_steps_and_has_a_folder_in_each_artifact(pod: Pod) -> None:
    assert pod.start() == 0
    assert pod.executed == steps(PLAIN, OTHER, WARM)
    assert pod.said(0) == f"{PLAIN.candidate_id};{{}}{{}}"
    assert pod.said(7) == f"{OTHER.candidate_id};{{}}{{}}"
    # It starts from the one before.
    assert pod.said(8) == f"{PLAIN.candidate_id};{WARM.candidate_id};{{}}{{}}"
    assert pod.model(8).candidate_id == WARM.candidate_id
    assert set(told(pod.folder)["artifacts"]) == {"model", "variants", "report"}
    assert pod.noted == {}


def test_a_container_that_is_ended_goes_on_behind_the_last_finished_step(pod: Pod) -> None:
    pod.ends("convert", OTHER, "die")
    with pytest.raises(Died):
        pod.start()
    assert pod.start() == 0
    assert pod.executed == [*steps(OTHER)[1:], *steps(WARM)]
    assert pod.said(0) == f"{PLAIN.candidate_id};{{}}{{}}"
    assert pod.said(7) == f"{OTHER.candidate_id};{{}}{{}}"


def test_a_later_run_does_again_only_what_depends_on_what_changed(pod: Pod) -> None:
    assert pod.start() == 0
    pod.opened("later")
    assert pod.start("later", evaluate="[1]") == 0
    assert pod.executed == [f"evaluate {one.candidate_id}" for one in ALL.values()]
    assert pod.said(0).endswith("[1]")
    assert pod.start("later", convert="[2]") == 0
    assert [one.split()[0] for one in pod.executed] == ["convert", "evaluate"] * 3
    # What a candidate starts from is part of what it is.
    assert pod.start("later", {0: PLAIN, 8: WARM}, train="[3]") == 0
    assert pod.executed == steps(PLAIN, WARM)


@pytest.mark.parametrize("step", ["train", "convert", "evaluate"])
def test_a_candidate_that_fails_in_all_attempts_is_written_down_and_the_others_go_on(
    pod: Pod, step: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pod.ends(step, OTHER, *["fail"] * ATTEMPTS)
    # It is tried again, as any task.
    assert pod.start() == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"failed: Candidates: no luck with {OTHER.candidate_id}"
    )
    assert pod.start() == 0
    nodes = {"train": "StudentTrainer", "convert": "TfliteConverter", "evaluate": "NossEvaluator"}
    reason = f"{nodes[step]}: no luck with {OTHER.candidate_id}"
    assert pod.said(7) == f"nothing: {reason}{{}}"
    assert pod.variants(7).failure == reason
    assert pod.model(7).failure == (reason if step == "train" else "")
    if step == "train":
        assert pod.model(7).front_end == pod.variants(7).front_end == FrontEndSpec(mels=40)
    assert pod.said(0) == f"{PLAIN.candidate_id};{{}}{{}}"
    assert pod.said(8) == f"{PLAIN.candidate_id};{WARM.candidate_id};{{}}{{}}"
    assert set(told(pod.folder)["artifacts"]) == {"model", "variants", "report"}
    # The cache must not give this for an answer: the next run's first task tells.
    assert pod.noted == {PLAIN.candidate_id: "run"}
    pod.opened("later")
    assert pod.start("later") == 0
    assert pod.said(7) == f"{OTHER.candidate_id};{{}}{{}}"
    assert pod.noted == {}


def test_what_starts_from_a_failed_candidate_fails_with_it(pod: Pod) -> None:
    pod.ends("train", PLAIN, *["fail"] * ATTEMPTS)
    assert pod.start() == 1
    assert pod.start() == 0
    assert "nothing to start from: StudentTrainer: no luck" in pod.said(8)
    assert pod.said(7) == f"{OTHER.candidate_id};{{}}{{}}"


def test_a_candidate_that_no_container_outlives_is_written_down_without_another_attempt(pod: Pod) -> None:
    pod.ends("train", OTHER, *["die"] * ATTEMPTS)
    for _ in range(ATTEMPTS):
        with pytest.raises(Died):
            pod.start()
    assert pod.start() == 0
    assert "train " + OTHER.candidate_id not in pod.executed
    assert pod.model(7).failure == (
        "StudentTrainer: the container was ended 2 times while it did this, most likely for want of memory: "
        "see kubeflow.tasks.StudentTrainer.memory_limit"
    )
    assert pod.said(8).startswith(f"{PLAIN.candidate_id};{WARM.candidate_id};")
    # Whatever ends a container later, the reason stays.
    assert pod.start() == 0
    assert "the container was ended 2 times" in pod.said(7)


def test_attempts_at_one_candidate_are_none_at_the_others(pod: Pod) -> None:
    pod.ends("train", PLAIN, "fail")
    pod.ends("convert", OTHER, "fail")
    pod.ends("evaluate", WARM, "fail")
    assert [pod.start() for _ in range(4)] == [1, 1, 1, 0]
    assert pod.noted == {}


def test_without_a_shared_folder_the_first_failure_is_the_last(
    pod: Pod, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod.ends("convert", OTHER, "fail")
    assert pod.start("another run, whose first task wrote elsewhere") == 0
    assert "no luck" in pod.said(7)
    assert not (pod.folder / "shared" / "steps").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda task: task["inputs"]["parameterValues"].pop("students"),
        lambda task: task["inputs"]["parameterValues"].update(students="{}"),
        lambda task: task["inputs"]["parameterValues"].update(students='{"0": {"width": 1}}'),
        lambda task: task["inputs"]["parameterValues"].update(students="[]"),
    ],
)
def test_what_are_no_candidates_is_refused(
    pod: Pod, change: Callable[[Any], object], capsys: pytest.CaptureFixture[str]
) -> None:
    task = json.loads(executor_input(pod.folder, {}, ("model",), {"students": "{}"}))
    change(task)
    options = ("--run-id", "run", "--run-folder", str(pod.folder / "shared"), "--values", "")
    assert main(["--steps", described(), "--task", json.dumps(task), *options]) == 2
    assert "parameter students holds no candidates by their numbers" in capsys.readouterr().err


def test_a_student_comes_after_the_one_it_starts_from_whatever_their_numbers() -> None:
    first = mobilenet("tiny", 0.25)
    rest = [mobilenet("tiny", 0.25, svd_rank=rank, warm_start=first.candidate_id) for rank in range(4, 16)]
    (planned,) = divide([first, *rest], most=4)
    told = cast(ContainerTask, SimpleNamespace(parameters=planned.parameters))
    share = Share(told, [], FinishedSteps(None), Attempts(None, 1))
    assert list(share._students.values()) == [first, *rest]
    assert share.name == planned.name == first.candidate_id
