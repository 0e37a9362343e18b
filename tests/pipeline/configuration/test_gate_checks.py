"""Demands that could never be met are refused with the configuration, not after hours of training."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipeline.configuration.config_file import ConfigError, dump, load_config, validate
from pipeline.configuration.sources import resolve
from pipeline.local.layout import RunLayout

PHONE = "phone: {backend: adb, serial: a, benchmark_model: tool"
BOARD = "latency.devices={host: {backend: host}, board: {backend: micro, budgets: [{arena_kib: 256}]}}"
BOTH = f"latency.devices={{host: {{backend: host}}, {PHONE}}}}}"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["gate.goals=[{metric: bytes, limit: 1e6, devices: [phnoe]}]", BOTH],
            r"gate\.goals\.0\.devices: 'phnoe' is none of latency\.devices: host, phone",
        ),
        (["gate.budgets={phone: [{milliseconds: 3}]}", BOTH], r"gate\.budgets: unknown key"),
        (["gate.required_tasks=[word]"], r"required_tasks\.0: 'word' is none of the tasks: language, sp"),
        (["gate.required_tasks=[keyword]", "noss.tasks=[language]"], r"'keyword' is none .*: language$"),
        (["gate.axes=[{metric: quality, task: word}]"], r"gate\.axes\.0\.task: 'word' is none of the tasks"),
        (
            ["gate.goals=[{metric: quality, task: word, limit: 0.5}]"],
            r"gate\.goals\.0\.task: 'word' is none of the tasks",
        ),
        (
            ["gate.goals=[{metric: quality, kind: max_degradation, against: logmell, limit: 0.1}]"],
            r"against: nothing is called 'logmell'; accepted: teacher, champion, logmel, mfcc, random, or",
        ),
        (
            ["gate.goals=[{metric: bytes, kind: max_degradation, against: logmel, limit: 9}]"],
            r"gate\.goals\.0: bytes against 'logmel' cannot be judged, since it has no latency or size",
        ),
        (
            ["gate.goals=[{metric: quality, task: keyword, slice: {feature: class, value: go}, limit: 0.1}]"],
            r"gate\.goals\.0\.slice: .* set evaluation\.tfma\.results to 'all' \(it is 'best'\)",
        ),
        (
            ["latency.devices={host: {backend: host, budgets: [{milliseconds: 3}]}}"],
            r"latency\.devices\.host\.budgets: a host's figures cannot .* set gate\.host_may_bless to true",
        ),
        (
            ["gate.goals=[{metric: real_time_factor, limit: 1}]", BOTH],
            r"gate\.goals\.0: real_time_factor on the host \(host\) decides nothing",
        ),
        (
            ["gate.goals=[{metric: latency, limit: 5}]", "gate.host_may_bless=true", BOARD],
            r"gate\.goals\.0: latency cannot be told of board, which measures no time; name other devices",
        ),
        (
            ["gate.goals=[{metric: arena_kib, limit: 200}]", BOARD],
            r"gate\.goals\.0: arena_kib cannot be told of host, which is no board; name other devices",
        ),
    ],
)
def test_a_demand_that_cannot_be_met_is_refused(overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config("demo", overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        ["gate.goals=[{metric: latency, limit: 5, devices: [phone]}]", BOTH],
        ["gate.goals=[{metric: latency, limit: 5}]", "gate.host_may_bless=true"],
        ["gate.goals=[{metric: latency_ratio, limit: 5}]"],
        [
            "gate.goals=[{metric: quality, task: keyword, slice: {feature: class, value: go}, limit: 0.1}]",
            "evaluation.tfma.results=all",
        ],
        [
            "gate.goals=[{metric: bytes, kind: min_improvement, relative: true, limit: 0.1, "
            "against: tiny-w0.5-gap-e256/wave-float32}]"
        ],
        # Another host's time is compared with, as a share; no limit in milliseconds is claimed to be kept.
        [
            "gate.goals=[{metric: latency, kind: max_degradation, relative: true, limit: 0.1, "
            "against: champion}]"
        ],
        ["gate.goals=[{metric: quality, kind: min_improvement, against: mfcc, limit: 0.1}]"],
        ["gate.goals=[{metric: mega_macs, limit: 5, devices: [board]}]", BOARD],
        ["gate.goals=[{metric: flash_kib, limit: 1024}]", BOARD],
    ],
)
def test_a_demand_that_can_be_met_is_accepted(overrides: list[str]) -> None:
    assert len(load_config("demo", overrides).gate.goals) == 1


def test_tasks_that_are_known_only_when_sound_is_looked_for_are_not_refused() -> None:
    assert load_config("real_audio", ["gate.required_tasks=[mine]"]).gate.required_tasks == ("mine",)


def test_all_faults_are_told_one_a_line() -> None:
    with pytest.raises(ConfigError) as error:
        load_config("demo", ["gate.required_tasks=[a, b]"])
    assert [line.strip() for line in str(error.value).splitlines()[2:]] == [
        "gate.required_tasks.1: 'b' is none of the tasks: language, speaker, keyword"
    ]


def test_a_resolved_configuration_reads_back() -> None:
    config = load_config("demo", [f"latency.devices={{{PHONE}, budgets: [{{milliseconds: 5}}]}}}}"])
    resolved = resolve(config, RunLayout(Path("run")))
    assert validate(yaml.safe_load(dump(resolved)), "dump") == resolved
