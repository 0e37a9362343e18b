"""All that a promotion goes by, changed one by one, of the version and of the champion: each is a refusal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from components.common.tracking import ledger
from components.common.tracking.names import (
    DEVICE_TAG,
    EVIDENCE_TAG,
    FILES_TAG,
    LEDGER_TAG,
    MLFLOW_FILES_TAG,
    PARENT_RUN_TAG,
    POINT_TAG,
    SHA256_TAG,
    VERDICT_SHA256_TAG,
)
from components.common.tracking.seal import seal_parameter
from pipeline.models.promotion.champion import look
from pipeline.models.promotion.checked import Refused
from pipeline.models.promotion.promote import promote, rollback
from pipeline.models.promotion.wanted import Promotion
from schemas.students import StudentSpec
from schemas.verdicts import Standing
from tests.pipeline.models.promotion.pushed import NAME, OTHER, SMALL, STRONG, TINY, WEAK, number
from tests.pipeline.models.promotion.test_promote import (
    Somebody,
    champion,
    changed,
    goals,
    make_champion,
    of_run,
    refused,
    stored,
)

# What MLflow writes to SQLite takes seconds.
pytestmark = pytest.mark.slow

Edit = Callable[[bytes], bytes]


def edited(text: bytes) -> bytes:
    """Still JSON, and the same values: only the hash tells."""
    return text + b"\n"


def without_goals(text: bytes) -> bytes:
    config = json.loads(text)
    config["gate"] |= {"goals": [], "host_may_bless": True, "required_tasks": []}
    return json.dumps(config).encode()


def worse_teacher(text: bytes) -> bytes:
    comparison = json.loads(text)
    (teacher,) = (model for model in comparison["models"] if model["kind"] == "teacher")
    teacher["mean"] = 0.1
    return json.dumps(comparison).encode()


RUN_FILES: dict[str, Edit] = {
    "config.json": without_goals,
    "verdict/noss/comparison.json": worse_teacher,
    "verdict/verdict.json": edited,
    "reports/host/latency_report.json": edited,
    "reports/teacher/noss_report.json": edited,
    "reports/distillation_set.json": edited,
}
VERSION_FILES = ("model.tflite", "model.json", "golden.npz", "MODEL_CARD.md", "NOTICE.txt")
TAGS = {
    PARENT_RUN_TAG: "",
    DEVICE_TAG: "phone",
    POINT_TAG: f"{TINY.candidate_id}/wave-float32",
    SHA256_TAG: "0" * 64,
    VERDICT_SHA256_TAG: "0" * 64,
    FILES_TAG: "{}",
    MLFLOW_FILES_TAG: "{}",
    EVIDENCE_TAG: "{}",
    Standing.TAG: '"quality":0.1',
}


def set_tag(client: Any, spec: StudentSpec, tag: str, value: str) -> None:
    client.set_model_version_tag(NAME, number(client, spec), tag, value)


def tags_of(client: Any, spec: StudentSpec) -> dict[str, str]:
    tags: dict[str, str] = client.get_model_version(NAME, number(client, spec)).tags
    return tags


def change_tag(client: Any, spec: StudentSpec, tag: str) -> None:
    value = TAGS[tag]
    if tag == PARENT_RUN_TAG:
        value = tags_of(client, OTHER)[PARENT_RUN_TAG]
    elif tag == Standing.TAG:
        standing = tags_of(client, spec)[tag]
        point = json.loads(standing)["point"]
        value = standing.replace(f'"quality":{point["quality"]}', value)
        assert value != standing
    set_tag(client, spec, tag, value)


@pytest.mark.parametrize("place", RUN_FILES)
def test_a_changed_file_of_the_versions_run_is_refused(registry: Any, place: str) -> None:
    path = of_run(registry, STRONG, place)
    with changed(path, RUN_FILES[place](path.read_bytes())):
        words = f"files: {place} of run .* is not the one that was recorded"
        refused(registry, STRONG, words, waive=["goals", "dominance"], **goals())
    make_champion(registry, STRONG)


def test_every_json_of_the_run_is_covered(registry: Any) -> None:
    """But what changes when the same verdict is told again: ids of ML Metadata."""
    top = of_run(registry, STRONG, ".")
    found = {path.relative_to(top).as_posix() for path in top.rglob("*.json")}
    evidence = json.loads(tags_of(registry, STRONG)[EVIDENCE_TAG])
    assert found - evidence.keys() == {"ml_metadata.json"}
    assert set(RUN_FILES) <= evidence.keys()


def test_a_file_of_the_run_that_is_gone_is_refused(registry: Any) -> None:
    path = of_run(registry, STRONG, "config.json")
    content = path.read_bytes()
    path.unlink()
    try:
        refused(registry, STRONG, "files: run .* has no config.json", config="demo")
    finally:
        path.write_bytes(content)


@pytest.mark.parametrize("name", VERSION_FILES)
def test_a_changed_file_of_the_version_is_refused(registry: Any, name: str) -> None:
    path = stored(registry, STRONG, name)
    with changed(path, edited(path.read_bytes())):
        refused(registry, STRONG, f"files: .*{name}", waive=["goals", "dominance"])


@pytest.mark.parametrize("tag", TAGS)
def test_a_changed_tag_of_the_version_is_refused(registry: Any, tag: str) -> None:
    wanted = Promotion(NAME, number(registry, STRONG), waive=["goals", "dominance"])
    change_tag(registry, STRONG, tag)
    with pytest.raises(Refused, match=r"not promoted:\n  (files|blessed): "):
        promote(registry, wanted, Somebody())
    assert champion(registry) == ""


@pytest.mark.parametrize("place", ["config.json", "verdict/noss/comparison.json"])
def test_a_file_changed_along_with_its_tag_is_refused(registry: Any, place: str) -> None:
    """Whoever may write files and tags cannot change the parameter that seals them."""
    path = of_run(registry, STRONG, place)
    other = RUN_FILES[place](path.read_bytes())
    evidence = json.loads(tags_of(registry, STRONG)[EVIDENCE_TAG])
    evidence[place] = hashlib.sha256(other).hexdigest()
    set_tag(registry, STRONG, EVIDENCE_TAG, json.dumps(evidence))
    with changed(path, other):
        refused(registry, STRONG, "files: the version's tags are not those that it was registered with")


@pytest.mark.parametrize("name", ["golden.npz", "NOTICE.txt"])
def test_a_file_of_the_version_changed_along_with_its_tag_is_refused(registry: Any, name: str) -> None:
    path = stored(registry, STRONG, name)
    other = edited(path.read_bytes())
    files = json.loads(tags_of(registry, STRONG)[FILES_TAG]) | {name: hashlib.sha256(other).hexdigest()}
    set_tag(registry, STRONG, FILES_TAG, json.dumps(files))
    with changed(path, other):
        refused(registry, STRONG, "files: the version's tags are not those that it was registered with")


def test_no_client_changes_the_seal(registry: Any) -> None:
    from mlflow.exceptions import MlflowException

    version = registry.get_model_version(NAME, number(registry, STRONG))
    model = registry.get_logged_model(version.source.removeprefix("models:/"))
    name = seal_parameter("host")
    with pytest.raises(MlflowException):
        registry.log_model_params(model.model_id, {name: "0" * 64})
    assert registry.get_logged_model(model.model_id).params[name] == model.params[name]


@pytest.mark.parametrize("tag", [tag for tag in TAGS if tag != SHA256_TAG])
def test_a_champion_whose_tags_were_changed_is_no_weaker_champion(registry: Any, tag: str) -> None:
    make_champion(registry, STRONG)
    change_tag(registry, STRONG, tag)
    refused(registry, WEAK, r"dominance: the figures of the champion, version \d, are inconsistent")
    against = goals("{metric: quality, kind: max_degradation, against: champion, limit: 0.5}")
    refused(registry, WEAK, r"goals: the figures of the champion, version \d, are inconsistent", **against)


def test_a_champion_is_not_weaker_by_a_file_of_its_run(registry: Any) -> None:
    make_champion(registry, STRONG)
    tags = tags_of(registry, OTHER)
    path = of_run(registry, STRONG, "verdict/verdict.json")
    with changed(path, edited(path.read_bytes())):
        refused(registry, OTHER, "dominance: the figures of the champion, .*verdict.json of run", waive=[])
        person = make_champion(registry, OTHER, waive=["dominance"])
    # What is not believed is not shown.
    assert {row.before for row in person.seen[0].rows} == {"-"}
    assert tags == {tag: tags_of(registry, OTHER)[tag] for tag in tags}


def test_a_champion_that_says_it_is_the_same_file_is_not_believed(registry: Any) -> None:
    make_champion(registry, STRONG)
    own, other = (
        json.loads(tags_of(registry, spec)[Standing.TAG])["point"]["sha256"] for spec in (WEAK, STRONG)
    )
    standing = tags_of(registry, STRONG)[Standing.TAG].replace(other, own)
    set_tag(registry, STRONG, Standing.TAG, standing)
    refused(registry, WEAK, "dominance: the figures of the champion")


# --- what the policy of today no longer asks -----------------------------------------------------


def test_other_axes_than_the_verdicts_are_refused(registry: Any) -> None:
    for axes in ("[{metric: quality}]", "[{metric: quality}, {metric: latency}, {metric: peak_mib}]"):
        wanted: dict[str, Any] = {"config": "demo", "overrides": [f"gate.axes={axes}"]}
        words = (
            "dominance: today's policy lets models compete on .*, the verdict was reached on latency, quality"
        )
        refused(registry, SMALL, words, **wanted)
    make_champion(registry, SMALL, waive=["dominance"], **wanted)


def test_demands_that_are_no_longer_made_are_written_down(registry: Any, tmp_path: Any) -> None:
    from components.common.frontier.settings import GateDemands
    from components.tflite_converter.settings import ConverterSettings
    from pipeline.models.promotion.demands import no_longer_made
    from pipeline.models.promotion.evidence import gather
    from pipeline.models.promotion.policy import Policy

    evidence, _ = gather(registry, registry.get_model_version(NAME, number(registry, SMALL)), tmp_path)

    def dropped(before: dict[str, Any], today: dict[str, Any]) -> list[str]:
        policies = [
            Policy(GateDemands.model_validate(gate), ConverterSettings(), "made up")
            for gate in (today, before)
        ]
        return no_longer_made(evidence, *policies)

    quality, size = {"metric": "quality", "limit": 0.74}, {"metric": "bytes", "limit": 10}
    for before, today, words in (
        ({"goals": [quality]}, {"goals": [quality]}, []),
        ({"goals": [quality]}, {"goals": [quality | {"limit": 0.8}, size]}, []),
        ({"goals": [quality]}, {"goals": [quality | {"limit": 0.7}]}, ["quality at least 0.74 (undecided)"]),
        ({"goals": [size]}, {"goals": [size | {"limit": 5}]}, []),
        ({"goals": [size]}, {}, ["file size at most 10 bytes (missed)"]),
        # One that was never asked of this file.
        ({"goals": [size | {"devices": ["phone"]}, size | {"input": "core"}]}, {}, []),
        ({"budgets": {"host": [{"milliseconds": 3}]}}, {"budgets": {"host": [{"milliseconds": 2}]}}, []),
        (
            {"budgets": {"host": [{"milliseconds": 3}]}},
            {"budgets": {"host": [{"milliseconds": 4}]}},
            ["budget: p95 latency at most 3 ms (missed)"],
        ),
        ({"required_tasks": ["emotion"]}, {}, ["required task emotion"]),
        ({}, {"host_may_bless": True}, ["limits of time are met by a device, not by the host"]),
    ):
        assert dropped(before, today) == [f"no longer demanded: {one}" for one in words]
    assert dropped({}, {}) == []


def test_the_ledger_says_what_was_no_longer_asked(registry: Any) -> None:
    make_champion(registry, SMALL, config="demo", overrides=["gate.host_may_bless=true"])
    (entry,) = look(registry, NAME).entries
    assert entry.waived == ["no longer demanded: limits of time are met by a device, not by the host"]
    assert entry.policy_sha256 != entry.judged_by_sha256
    assert len(entry.judged_by_sha256) == 64


# --- a ledger that others wrote into ---------------------------------------------------------------


def write(client: Any, name: str, value: str) -> None:
    client.log_param(client.get_registered_model(NAME).tags[LEDGER_TAG], name, value)


def test_foreign_parameters_are_told_and_passed_over(registry: Any) -> None:
    make_champion(registry, SMALL)
    for name in ("promotion.0002", "promotion.x", "settled.0003", "note"):
        write(registry, name, "\x1b[31mgarbage")
    person = make_champion(registry, TINY)
    (told,) = person.told
    assert "holds 4 parameters that are no part of it and are passed over: 'note', 'promotion.0002'" in told
    assert [entry.n for entry in look(registry, NAME).entries] == [1, 4]
    rollback(registry, NAME, "", Somebody())
    assert champion(registry) == number(registry, SMALL)


def forge(client: Any, spec: StudentSpec, **values: Any) -> None:
    """An entry that nobody's checks led to."""
    values = {"action": "promote", "version": number(client, spec), "by": "nobody", **values}
    ledger.append(client, NAME, look(client, NAME).next_entry(**values))


@pytest.mark.parametrize("command", ["promote", "rollback"])
@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "it was checked by a policy (sha256 none)"),
        ({"action": "rollback"}, "is not the champion before the present one"),
        ({"action": "undo"}, "was not champion before"),
        ({"waived": ["goals", "dominance"], "policy_sha256": "of the run"}, "dominance: tinytrill-host v"),
        ({"version": "99", "over": "of weak"}, "which it says was champion before, was not"),
    ],
)
def test_a_forged_entry_is_not_finished(
    registry: Any, command: str, values: dict[str, Any], words: str
) -> None:
    make_champion(registry, SMALL)
    make_champion(registry, STRONG)
    strong = number(registry, STRONG)
    policy = look(registry, NAME).entries[-1].policy_sha256
    given = {"of the run": policy, "of weak": number(registry, WEAK)}
    if "over" in values:
        registry.delete_registered_model_alias(NAME, "champion")
    forge(registry, WEAK, **{key: given.get(str(value), value) for key, value in values.items()})
    person = Somebody(answer=False)
    with pytest.raises(Refused):
        if command == "promote":
            promote(registry, Promotion(NAME, number(registry, TINY)), person)
        else:
            rollback(registry, NAME, "", person)
    assert any(
        "interrupted and taken back: nobody" in told and words in told.replace("\n", " ")
        for told in person.told
    ), person.told
    assert champion(registry) == strong
    assert look(registry, NAME).entries[-1].action == "undo"


def test_a_forged_entry_for_a_file_that_was_changed_is_not_finished(registry: Any) -> None:
    make_champion(registry, SMALL)
    policy = look(registry, NAME).entries[-1].policy_sha256
    forge(registry, STRONG, policy_sha256=policy)
    model = stored(registry, STRONG, "model.tflite")
    with changed(model, model.read_bytes() + b"!"):
        person = Somebody()
        with pytest.raises(Refused):
            promote(registry, Promotion(NAME, number(registry, STRONG)), person)
    assert "files: tinytrill-host" in person.told[0]
    assert champion(registry) == number(registry, SMALL)


def test_an_entry_that_its_checks_led_to_is_finished(registry: Any) -> None:
    make_champion(registry, SMALL)
    forge(registry, STRONG, policy_sha256=look(registry, NAME).entries[-1].policy_sha256)
    person = Somebody()
    assert promote(registry, Promotion(NAME, number(registry, STRONG)), person) is None
    assert "interrupted and finished now" in person.told[0]
    assert champion(registry) == number(registry, STRONG)
