"""Promotion and rollback of pushed versions: each check by name, and what happens to the champion."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.common.frontier.settings import GateDemands
from components.common.tracking.names import (
    EVIDENCE_TAG,
    FILES_TAG,
    PARENT_RUN_TAG,
    SHA256_TAG,
    VERDICT_SHA256_TAG,
)
from components.common.tracking.seal import seal, seal_parameter
from pipeline.configuration.config_file import ConfigError
from pipeline.models.promotion.champion import POLICY_TAG, WAIVED_TAG, look
from pipeline.models.promotion.checked import Refused
from pipeline.models.promotion.evidence import gather
from pipeline.models.promotion.goals import check_demands
from pipeline.models.promotion.promote import promote, rollback
from pipeline.models.promotion.wanted import Promotion, Proposal
from schemas.students import StudentSpec
from schemas.verdicts import Standing
from tests.pipeline.models.promotion.conftest import FlawedClient, Killed, kill_at, nothing, once_at
from tests.pipeline.models.promotion.pushed import CORE, NAME, OTHER, SMALL, STRONG, TINY, WEAK, number

# What MLflow writes to SQLite takes seconds.
pytestmark = pytest.mark.slow


class Somebody:
    """Who is asked.

    Attributes:
      told: What was amiss.
      seen: What was shown.
    """

    def __init__(self, answer: bool = True, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.told: list[str] = []
        self.seen: list[Proposal] = []
        self._answer, self._meanwhile = answer, meanwhile

    def tell(self, words: str) -> None:
        self.told.append(words)

    def agrees(self, proposal: Proposal) -> bool:
        self.seen.append(proposal)
        self._meanwhile()
        return self._answer


def make_champion(
    client: Any,
    spec: StudentSpec,
    variant: str = "wave-float32",
    person: Somebody | None = None,
    **wanted: Any,
) -> Somebody:
    """Promotes a student's file; returns who was asked."""
    person = person or Somebody()
    promote(client, Promotion(NAME, number(client, spec, variant), **wanted), person)
    return person


def champion(client: Any) -> str:
    return str(client.get_registered_model(NAME).aliases.get("champion", ""))


def goals(*texts: str) -> dict[str, Any]:
    return {"config": "demo", "overrides": [f"gate.goals=[{', '.join(texts)}]"]}


def test_a_version_that_passes_becomes_champion_and_is_written_down(registry: Any) -> None:
    person = make_champion(registry, SMALL, why="the first")
    (seen,) = person.seen
    assert [check.name for check in seen.checks] == ["files", "blessed", "goals", "parity", "dominance"]
    assert all(check.passed for check in seen.checks)
    assert (seen.champion, seen.waived, person.told) == ("", [], [])
    assert champion(registry) == number(registry, SMALL)
    (entry,) = look(registry, NAME).entries
    assert (entry.action, entry.over, entry.why, entry.waived) == ("promote", "", "the first", [])
    assert list(entry.checks) == ["files", "blessed", "goals", "parity", "dominance"]
    tags = registry.get_model_version(NAME, entry.version).tags
    assert tags[POLICY_TAG] == entry.policy_sha256 == seen.policy.sha256
    assert len(entry.policy_sha256) == 64


def test_the_next_champion_is_shown_beside_the_present_one(registry: Any) -> None:
    make_champion(registry, SMALL)
    (seen,) = make_champion(registry, STRONG).seen
    table = {row.figure: row for row in seen.rows}
    # 0.75 +- 0.02 and 0.80 +- 0.02: the intervals do not touch. 5 ms and 4.5 ms, +- 1 %.
    assert table["NOSS mean"].before == "0.75 (0.73 to 0.77)"
    assert table["NOSS mean"].after == "0.8 (0.78 to 0.82)"
    assert table["NOSS mean"].difference == "+0.05"
    assert table["p50 (ms)"].difference == "-0.5 (-10.0%)"
    assert table["  speaker"].difference == "+0.05"
    names = registry.get_registered_model(NAME).aliases
    assert str(names["champion"]) == number(registry, STRONG)
    assert str(names["previous"]) == number(registry, SMALL)


def test_who_says_no_changes_nothing(registry: Any) -> None:
    with pytest.raises(Refused, match="stays as it is: not confirmed"):
        make_champion(registry, SMALL, person=Somebody(answer=False))
    assert champion(registry) == ""
    assert look(registry, NAME).entries == []


def test_what_is_champion_already_is_left(registry: Any) -> None:
    make_champion(registry, SMALL)
    person = make_champion(registry, SMALL)
    assert person.seen == []
    assert len(look(registry, NAME).entries) == 1


def test_an_alias_names_a_version_too(registry: Any) -> None:
    entry = promote(registry, Promotion(NAME, "@candidate"), Somebody())
    assert entry is not None
    assert entry.version == str(registry.get_model_version_by_alias(NAME, "candidate").version)


@pytest.mark.parametrize(
    ("name", "version", "words"),
    [
        (NAME, "99", f"{NAME} has no version 99; there are v6"),
        (NAME, "@nobody", f"{NAME} has no alias 'nobody'"),
        ("tinytrill-moon", "1", "no registered model 'tinytrill-moon'; there are tinytrill-host"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(registry: Any, name: str, version: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        promote(registry, Promotion(name, version), Somebody())


# --- files and blessing ------------------------------------------------------------------------


@contextmanager
def changed(path: Path, content: bytes) -> Iterator[None]:
    """A stored file with other content for a while: the store is shared with other tests."""
    before = path.read_bytes()
    path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(before)


def stored(client: Any, spec: StudentSpec, file: str) -> Path:
    """A file of a version where the store keeps it."""
    version = client.get_model_version(NAME, number(client, spec))
    location: str = client.get_logged_model(version.source.removeprefix("models:/")).artifact_location
    return Path(location.removeprefix("file://")) / "artifacts" / file


def of_run(client: Any, spec: StudentSpec, file: str) -> Path:
    """A file of the pipeline's run where the store keeps it."""
    run_id = client.get_model_version(NAME, number(client, spec)).tags[PARENT_RUN_TAG]
    return Path(client.get_run(run_id).info.artifact_uri.removeprefix("file://")) / file


def reseal(client: Any, spec: StudentSpec) -> None:
    """Records a version's run anew as it is now, in the database itself: no client of MLflow can do that."""
    version = client.get_model_version(NAME, number(client, spec))
    evidence = json.loads(version.tags[EVIDENCE_TAG])
    for place in evidence:
        evidence[place] = hashlib.sha256(of_run(client, spec, place).read_bytes()).hexdigest()
    tags = {EVIDENCE_TAG: json.dumps(evidence), VERDICT_SHA256_TAG: evidence["verdict/verdict.json"]}
    for tag, value in tags.items():
        client.set_model_version_tag(NAME, version.version, tag, value)
    with sqlite3.connect(client.tracking_uri.removeprefix("sqlite:///")) as database:
        database.execute(
            "update logged_model_params set param_value = ? where model_id = ? and param_key = ?",
            (
                seal(NAME, {**version.tags, **tags}),
                version.source.removeprefix("models:/"),
                seal_parameter("host"),
            ),
        )


def refused(client: Any, spec: StudentSpec, words: str, **wanted: Any) -> None:
    """A promotion that is refused without anything having happened."""
    person, before = Somebody(), champion(client)
    with pytest.raises(Refused, match=words):
        make_champion(client, spec, person=person, **wanted)
    assert person.seen == []
    assert champion(client) == before


def test_a_tampered_file_is_refused_and_cannot_be_waived(registry: Any) -> None:
    model = stored(registry, SMALL, "model.tflite")
    with changed(model, model.read_bytes() + b"!"):
        refused(registry, SMALL, r"not promoted:\n  files: .*model.tflite", waive=["goals", "dominance"])
    make_champion(registry, SMALL)


def test_a_file_changed_along_with_its_tags_is_not_the_one_that_was_judged(registry: Any) -> None:
    """Whoever may write tags and files still cannot change what the verdict judged."""
    model, card = (stored(registry, SMALL, name) for name in ("model.tflite", "model.json"))
    other = model.read_bytes() + b"!"
    sha256 = hashlib.sha256(other).hexdigest()
    described = json.loads(card.read_text())
    described["sha256"] = sha256
    version = registry.get_model_version(NAME, number(registry, SMALL))
    files = json.loads(version.tags[FILES_TAG])
    text = json.dumps(described).encode()
    files |= {"model.tflite": sha256, "model.json": hashlib.sha256(text).hexdigest()}
    registry.set_model_version_tag(NAME, version.version, FILES_TAG, json.dumps(files))
    registry.set_model_version_tag(NAME, version.version, SHA256_TAG, sha256)
    with changed(model, other), changed(card, text):
        refused(
            registry, SMALL, rf"files: model.tflite has sha256 {sha256}, but the verdict of run .* judged"
        )


def test_another_verdict_is_refused(registry: Any) -> None:
    verdict = of_run(registry, SMALL, "verdict/verdict.json")
    with changed(verdict, verdict.read_bytes() + b" "):
        refused(registry, SMALL, "files: verdict/verdict.json of run .* is not the one that was recorded")


def test_other_figures_in_the_tags_are_refused(registry: Any) -> None:
    version = registry.get_model_version(NAME, number(registry, WEAK))
    better = version.tags[Standing.TAG].replace('"quality":0.72', '"quality":0.99')
    assert better != version.tags[Standing.TAG]
    registry.set_model_version_tag(NAME, version.version, Standing.TAG, better)
    refused(registry, WEAK, "files: the figures in the version's tag tinytrill.standing are not those")


def test_a_comparison_of_other_tasks_is_refused(registry: Any) -> None:
    comparison = of_run(registry, SMALL, "verdict/noss/comparison.json")
    other = comparison.read_bytes().replace(b'"protocol": "logistic', b'"protocol": "other')
    assert other != comparison.read_bytes()
    with changed(comparison, other):
        reseal(registry, SMALL)
        refused(
            registry, SMALL, "files: verdict/noss/comparison.json of run .* is not of the verdict's tasks"
        )
    with changed(comparison, b"{}"):
        reseal(registry, SMALL)
        refused(registry, SMALL, "files: verdict/noss/comparison.json of run .* cannot be read")


@pytest.mark.parametrize("tag", [PARENT_RUN_TAG, VERDICT_SHA256_TAG, EVIDENCE_TAG])
def test_a_version_without_its_tags_was_registered_by_hand(registry: Any, tag: str) -> None:
    registry.delete_model_version_tag(NAME, number(registry, SMALL), tag)
    refused(registry, SMALL, f"files: the version has no tag {tag}: no")


def test_a_point_that_the_verdict_does_not_bless_is_refused(registry: Any) -> None:
    path = of_run(registry, SMALL, "verdict/verdict.json")
    other = path.read_bytes().replace(b'"blessed": true', b'"blessed": false')
    version = number(registry, SMALL)
    standing = registry.get_model_version(NAME, version).tags[Standing.TAG]
    registry.set_model_version_tag(
        NAME, version, Standing.TAG, standing.replace('"blessed":true', '"blessed":false')
    )
    with changed(path, other):
        reseal(registry, SMALL)
        refused(
            registry, SMALL, "blessed: the verdict of run .* does not bless small-w1-gap-e64/wave-float32"
        )


def test_a_run_that_is_gone_is_named(registry: Any) -> None:
    registry.set_model_version_tag(NAME, number(registry, SMALL), PARENT_RUN_TAG, "0" * 32)
    refused(registry, SMALL, "files: MLflow has no run 0000")


# --- goals -------------------------------------------------------------------------------------


def test_todays_goals_hold_not_those_of_the_run(registry: Any) -> None:
    demand = goals("{metric: quality, limit: 0.73}")
    refused(registry, TINY, r"goals: misses: quality at least 0.73 \(it has 0.7\)", **demand)
    make_champion(registry, SMALL, **demand)


def test_a_goal_that_noise_leaves_open_is_undecided_as_it_is_in_the_gate(registry: Any) -> None:
    # Its interval is 0.02 wide either way: at the one-sided bound it has 0.733.
    demand = goals("{metric: quality, limit: 0.74}")
    words = r"goals: undecided: quality at least 0.74 \(more test clips would help: it has 0.75, .* is 0.7332"
    refused(registry, SMALL, words, **demand)


def test_every_kind_of_goal_is_asked(registry: Any, tmp_path: Path) -> None:
    evidence, _ = gather(registry, registry.get_model_version(NAME, number(registry, SMALL)), tmp_path)
    other = f"{TINY.candidate_id}/wave-float32"
    demands: list[tuple[dict[str, Any], str]] = [
        (
            {"goals": [{"metric": "quality", "kind": "max_degradation", "limit": 0.04}]},
            "misses: quality at most 0.04 worse than that of the teacher: at least 0.76, it has 0.8 (it has ",
        ),
        # The made-up tasks lie at -0.05, 0 and +0.05 around the mean.
        (
            {"goals": [{"metric": "quality", "task": "language", "limit": 0.71}]},
            "misses: language score at least 0.71 (it has 0.7)",
        ),
        (
            {"goals": [{"metric": "bytes", "kind": "min_improvement", "against": other, "limit": 10}]},
            f"misses: file size at least 10 bytes better than that of {other}",
        ),
        (
            {"goals": [{"metric": "latency", "limit": 6}]},
            "figures of the host cannot show that a device keeps to: p50 latency at most 6 ms",
        ),
        (
            {"goals": [{"metric": "latency", "limit": 4}], "host_may_bless": True},
            "misses: p50 latency at most 4 ms (it has 5)",
        ),
        # p95 is 1.2 times the median.
        (
            {"budgets": {"host": [{"milliseconds": 5.5}]}, "host_may_bless": True},
            "misses: budget: p95 latency at most 5.5 ms (it has 6)",
        ),
        ({"required_tasks": ["emotion"]}, "required tasks were not evaluated: emotion; there are language"),
        ({"goals": [{"metric": "bytes", "limit": 1, "devices": ["phone"]}]}, ""),
        ({"budgets": {"phone": [{"milliseconds": 0.1}]}}, ""),
    ]
    for settings, words in demands:
        found = check_demands(evidence, GateDemands.model_validate(settings), None)
        assert found.passed == (not words), found
        assert found.words.startswith(words)


def test_a_goal_against_the_champion_is_held_against_the_present_one(registry: Any) -> None:
    demand = goals("{metric: quality, kind: min_improvement, against: champion, limit: 0.06}")
    make_champion(registry, SMALL, **demand)
    refused(
        registry,
        STRONG,
        "goals: misses: quality at least 0.06 better than that of tinytrill-host v",
        **demand,
    )


def test_a_goal_against_a_champion_that_does_not_compare_is_not_met(registry: Any) -> None:
    demand = goals("{metric: bytes, kind: max_degradation, against: champion, limit: 1000000}")
    make_champion(registry, SMALL)
    refused(registry, OTHER, "goals: misses: file size .* do not compare: ", waive=["dominance"], **demand)
    registry.set_model_version_tag(NAME, number(registry, SMALL), Standing.TAG, "{}")
    refused(
        registry, STRONG, r"goals: the champion, version \d, has no figures", waive=["dominance"], **demand
    )


def test_the_budgets_of_todays_configuration_are_demands(registry: Any) -> None:
    devices = "latency.devices={host: {backend: host, budgets: [{milliseconds: 3}]}}"
    wanted: dict[str, Any] = {"config": "demo", "overrides": [devices, "gate.host_may_bless=true"]}
    refused(registry, SMALL, r"goals: misses: budget: p95 latency at most 3 ms \(it has 6\)", **wanted)
    make_champion(registry, TINY, **wanted)


def test_waived_goals_are_written_down(registry: Any) -> None:
    make_champion(registry, TINY, waive=["goals"], **goals("{metric: quality, limit: 0.74}"))
    (entry,) = look(registry, NAME).entries
    assert entry.waived == ["goals"]
    assert entry.checks["goals"].startswith("failed: misses: quality at least 0.74")
    assert registry.get_model_version(NAME, entry.version).tags[WAIVED_TAG] == "goals"


def test_the_policys_hash_changes_with_what_it_demands(registry: Any) -> None:
    (first,) = make_champion(registry, SMALL, **goals("{metric: quality, limit: 0.5}")).seen
    (second,) = make_champion(registry, STRONG, **goals("{metric: quality, limit: 0.6}")).seen
    assert first.policy.sha256 != second.policy.sha256
    assert first.policy.source == "--config demo"


def test_a_policy_that_does_not_know_the_device_is_refused(registry: Any) -> None:
    wanted: dict[str, Any] = {"config": "demo", "overrides": ["latency.devices={phone: {backend: host}}"]}
    with pytest.raises(ConfigError, match=r"latency.devices has no 'host', .* there are phone"):
        make_champion(registry, SMALL, **wanted)


def test_overrides_need_a_configuration(registry: Any) -> None:
    with pytest.raises(ConfigError, match="--set changes what --config says"):
        make_champion(registry, SMALL, overrides=["gate.goals=[]"])


def test_a_run_whose_configuration_is_of_another_release_asks_for_one(registry: Any) -> None:
    config = of_run(registry, SMALL, "config.json")
    with changed(config, b'{"latency": {}, "gate": {"no_such_key": 1}, "conversion": {}}'):
        reseal(registry, SMALL)
        with pytest.raises(ConfigError, match=r"cannot be read by this release.*no_such_key.*--config"):
            make_champion(registry, SMALL)
        make_champion(registry, SMALL, config="demo")
    (entry,) = look(registry, NAME).entries
    assert entry.waived == ["unknown demands: the configuration of its run cannot be read by this release"]


# --- parity ------------------------------------------------------------------------------------


def test_a_floor_that_the_conversion_did_not_reach_is_refused(registry: Any) -> None:
    floor = "conversion.float32_floor={cosine_mean: 0.99999, cosine_min: 0.9}"
    refused(
        registry,
        SMALL,
        "parity: when it was converted: mean cosine to the student 0.999900 is below 0.99999",
        config="demo",
        overrides=[floor],
        waive=["goals", "dominance"],
    )


def test_a_file_that_answers_its_golden_vectors_otherwise_is_refused(tmp_path: Path, registry: Any) -> None:
    from components.tflite_converter.settings import ConverterSettings
    from pipeline.models.promotion.parity import check_parity
    from schemas.push_reports import ModelDescription

    for name in ("model.tflite", "model.json", "golden.npz"):
        (tmp_path / name).write_bytes(stored(registry, SMALL, name).read_bytes())
    description = ModelDescription.load(tmp_path)
    assert check_parity(tmp_path, description, ConverterSettings()).passed
    with np.load(tmp_path / "golden.npz") as golden:
        inputs, embedding = golden["input"], golden["embedding"]
    np.savez(tmp_path / "golden.npz", input=inputs, embedding=-embedding)
    found = check_parity(tmp_path, description, ConverterSettings())
    assert not found.passed
    assert found.words.startswith("golden vectors: mean cosine")
    (tmp_path / "model.tflite").write_bytes(b"TFL3 nothing")
    assert "LiteRT does not run the file" in check_parity(tmp_path, description, ConverterSettings()).words
    unmeasured = description.model_copy(update={"parity": None})
    assert not check_parity(tmp_path, unmeasured, ConverterSettings()).passed


# --- dominance ---------------------------------------------------------------------------------


def test_what_the_champion_beats_is_refused_unless_waived(registry: Any) -> None:
    make_champion(registry, STRONG)
    words = r"dominance: tinytrill-host v\d \(.*champion.*\) beats it \(margins: quality"
    refused(registry, WEAK, words)
    refused(registry, WEAK, words, waive=["goals"])
    make_champion(registry, WEAK, waive=["dominance"])
    assert look(registry, NAME).entries[-1].waived == ["dominance"]


def test_what_is_better_in_something_is_not_beaten(registry: Any) -> None:
    make_champion(registry, STRONG)
    make_champion(registry, TINY)
    assert champion(registry) == number(registry, TINY)


def test_figures_that_do_not_compare_are_refused_unless_waived(registry: Any) -> None:
    make_champion(registry, SMALL)
    refused(
        registry, OTHER, "dominance: its figures do not compare with .*: measured against another reference"
    )
    make_champion(registry, OTHER, waive=["dominance"])


def test_models_of_another_input_do_not_compare(registry: Any) -> None:
    make_champion(registry, SMALL)
    refused(
        registry,
        SMALL,
        "dominance: .* do not compare .*: it takes waveforms, .* log-mel patches",
        variant=CORE,
    )


def test_a_champion_without_figures_does_not_compare(registry: Any) -> None:
    make_champion(registry, SMALL)
    registry.set_model_version_tag(NAME, number(registry, SMALL), Standing.TAG, "{}")
    refused(registry, STRONG, r"dominance: the champion, version \d, has no figures that can be read")


def test_all_that_fails_is_told_at_once(registry: Any) -> None:
    make_champion(registry, STRONG)
    refused(
        registry,
        WEAK,
        r"not promoted:\n  goals: misses.*\n  dominance: tinytrill-host v",
        **goals("{metric: quality, limit: 0.74}"),
    )


# --- what happens meanwhile --------------------------------------------------------------------


def test_a_version_deleted_while_one_is_asked_is_refused(registry: Any) -> None:
    version = number(registry, STRONG)
    make_champion(registry, SMALL)
    person = Somebody(meanwhile=lambda: registry.delete_model_version(NAME, version))
    with pytest.raises(Refused, match=f"version {version} was deleted meanwhile"):
        make_champion(registry, STRONG, person=person)
    assert champion(registry) == number(registry, SMALL)
    assert len(look(registry, NAME).entries) == 1


def test_a_version_deleted_between_the_checks_and_the_alias_is_refused(registry: Any) -> None:
    version = number(registry, STRONG)
    make_champion(registry, SMALL)
    delete = once_at("set_registered_model_alias", lambda: registry.delete_model_version(NAME, version))
    with pytest.raises(Refused, match=f"version {version} .* was deleted while it was promoted; champion is"):
        promote(FlawedClient(registry, delete, nothing), Promotion(NAME, version), Somebody())
    assert champion(registry) == number(registry, SMALL)
    assert [entry.action for entry in look(registry, NAME).entries] == ["promote", "promote", "undo"]


def test_another_promotion_while_one_is_asked_wins_and_is_told(registry: Any) -> None:
    make_champion(registry, SMALL)
    other = Somebody(meanwhile=lambda: make_champion(registry, TINY, why="in haste"))
    with pytest.raises(Refused, match=r"overtaken: meanwhile .* promoted version .*in haste.*decide again"):
        make_champion(registry, STRONG, person=other)
    assert champion(registry) == number(registry, TINY)


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_promotion_killed_at_any_call_is_finished_by_the_same_command_again(
    registry: Any, lost: str
) -> None:
    """Before a call: the store knows nothing of it. After: the store has done it."""
    make_champion(registry, SMALL)
    finished = []
    for when in count():
        spec = (TINY, SMALL)[when % 2]
        wanted, before = Promotion(NAME, number(registry, spec), waive=["dominance"]), champion(registry)
        kill = kill_at(when)
        flawed = FlawedClient(registry, *((kill, nothing) if lost == "before" else (nothing, kill)))
        try:
            promote(flawed, wanted, Somebody())
        except Killed:
            pass
        else:
            break
        assert champion(registry) in (before, wanted.version)
        finished.append(promote(registry, wanted, Somebody()) is None)
        assert champion(registry) == wanted.version
        assert str(registry.get_registered_model(NAME).aliases["previous"]) == before
        state = look(registry, NAME)
        assert state.warnings == []
        # Once, whatever was killed.
        assert [entry.version for entry in state.entries[when + 1 :]] == [wanted.version]
    # Once the entry stands there the next command has only to finish it.
    assert finished == sorted(finished)
    assert (finished[0], finished[-1]) == (False, True)


def test_a_champion_moved_by_hand_while_one_is_asked_is_told(registry: Any) -> None:
    make_champion(registry, SMALL)
    weak = number(registry, WEAK)
    person = Somebody(meanwhile=lambda: registry.set_registered_model_alias(NAME, "champion", weak))
    with pytest.raises(Refused, match=f"another than you were shown: it was moved to version {weak} by hand"):
        make_champion(registry, STRONG, person=person)
    assert champion(registry) == weak


def test_a_champion_moved_by_hand_before_is_told_and_competed_with(registry: Any) -> None:
    make_champion(registry, SMALL)
    strong = number(registry, STRONG)
    registry.set_registered_model_alias(NAME, "champion", strong)
    refused(registry, WEAK, "dominance: tinytrill-host v")
    person = make_champion(registry, TINY)
    assert person.told == [
        f"the alias 'champion' was moved to version {strong} by hand: the ledger says version "
        f"{number(registry, SMALL)}"
    ]
    assert look(registry, NAME).entries[-1].over == strong


def test_too_many_words_are_refused(registry: Any) -> None:
    with pytest.raises(ConfigError, match="--why has 1001 characters; accepted: 1000"):
        make_champion(registry, SMALL, why="x" * 1001)


# --- rollback ----------------------------------------------------------------------------------


def test_rollback_goes_back_step_by_step(registry: Any) -> None:
    for spec in (WEAK, SMALL, STRONG):
        make_champion(registry, spec)
    person = Somebody()
    entry = rollback(registry, NAME, "it stutters", person)
    assert (entry.action, entry.version, entry.over, entry.why) == (
        "rollback",
        number(registry, SMALL),
        number(registry, STRONG),
        "it stutters",
    )
    assert [check.name for check in person.seen[0].checks] == ["files", "blessed", "parity"]
    rollback(registry, NAME, "", Somebody())
    assert champion(registry) == number(registry, WEAK)
    with pytest.raises(Refused, match="has no champion before the present one"):
        rollback(registry, NAME, "", Somebody())


def test_rollback_checks_files(registry: Any) -> None:
    make_champion(registry, SMALL)
    make_champion(registry, STRONG)
    model = stored(registry, SMALL, "model.tflite")
    with changed(model, b"TFL3"), pytest.raises(Refused, match=r"not rolled back to version .*\n  files: "):
        rollback(registry, NAME, "", Somebody())
    assert champion(registry) == number(registry, STRONG)


def test_rollback_passes_over_what_was_deleted(registry: Any) -> None:
    for spec in (WEAK, SMALL, STRONG):
        make_champion(registry, spec)
    registry.delete_model_version(NAME, number(registry, SMALL))
    rollback(registry, NAME, "", Somebody())
    assert champion(registry) == number(registry, WEAK)


def test_rollback_to_a_run_of_another_release_takes_the_default_floors(registry: Any) -> None:
    make_champion(registry, SMALL)
    make_champion(registry, STRONG)
    person = Somebody()
    with changed(of_run(registry, SMALL, "config.json"), b"{}"):
        reseal(registry, SMALL)
        rollback(registry, NAME, "", person)
    assert person.told[0].startswith("the default floors of parity hold: the configuration stored with run")
    assert champion(registry) == number(registry, SMALL)


def test_rollback_does_not_guess_after_a_change_by_hand(registry: Any) -> None:
    make_champion(registry, SMALL)
    make_champion(registry, STRONG)
    registry.set_registered_model_alias(NAME, "champion", number(registry, TINY))
    with pytest.raises(
        Refused, match=r"by hand.*goes by the ledger\. Accepted: promote tinytrill-host VERSION"
    ):
        rollback(registry, NAME, "", Somebody())
    assert champion(registry) == number(registry, TINY)
