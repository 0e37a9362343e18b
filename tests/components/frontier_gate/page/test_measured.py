"""What the page tells of a device, its sessions and its figures, however little there is."""

from __future__ import annotations

from typing import Any

from components.frontier_gate import page
from schemas.verdicts import Effect
from tests.components.frontier_gate.made_up import material_of, verdict_on
from tests.components.frontier_gate.page.outline import read
from tests.components.frontier_gate.page.pages import change, data_of, page_of, rows
from tests.made_up_runs import demo_run


def test_a_device_that_could_not_be_reached() -> None:
    run = demo_run(devices={"pixel": 2.0, "host": 1.0})
    machine = run.latencies[0].machine.model_copy(update={"name": "not reached"})
    lost = "no device 'emulator-5554' after 3 attempts"
    change(run, machine=machine, reference=None, measurements=[], conditions=[], failure=lost)
    outline = page_of(run)
    section = outline.by_id("device-pixel")
    assert lost in outline.all("header")[0].text and lost in section.text
    assert (
        "No file has both figures, so there is no chart." in section.text and "There is none." in section.text
    )
    assert not section.all("figure") and outline.by_id("device-host").all("figure")
    assert data_of(outline)["devices"]["pixel"]["points"] == []


def test_invalid_and_missing_measurements_and_their_sessions() -> None:
    run = demo_run()
    first, second, *others = run.latencies[0].measurements
    invalid = first.model_copy(
        update={"valid": False, "reasons": ["sessions disagree by 23 %"], "attempts": 3, "disagreement": 0.23}
    )
    hot = (
        run.latencies[0]
        .conditions[1]
        .model_copy(
            update={
                "throttled": True,
                "reasons": ["the device throttled"],
                "temperatures_c": {"soc": (41.0, 66.5)},
                "reference_ms": None,
                "drift": 1.31,
            }
        )
    )
    conditions = [run.latencies[0].conditions[0], hot]
    change(run, measurements=[invalid, *others], failures={second.key: "killed"}, conditions=conditions)
    outline = page_of(run)
    assert rows(outline, "invalid-host") == [
        f"{first.candidate_id} {first.variant} 0.750 3 23.0% sessions disagree by 23 %"
    ]
    assert rows(outline, "failures-host") == [f"{second.key} killed"]
    assert first.key in rows(outline, "refused-host")[0] and second.key in rows(outline, "refused-host")[1]
    cold, warm = rows(outline, "sessions-host")
    assert cold.endswith("1.000 not readable not readable")
    assert "none 1.310 yes soc 41.0 → 66.5 the device throttled" in warm


def test_figures_of_the_frontier_and_where_their_time_goes() -> None:
    run = demo_run()
    measurements = [
        measured.model_copy(update={"front_end_ms": 0.5, "front_end_low_ms": 0.4, "front_end_high_ms": 0.6})
        if measured.input == "wave"
        else measured
        for measured in run.latencies[0].measurements
    ]
    outline = page_of(change(run, measurements=measurements))
    wave = next(row for row in rows(outline, "figures-host") if "wave-" in row)
    assert "0.500 0.400 \N{EN DASH} 0.600" in wave and "750" in wave
    assert not any(
        "0.400 \N{EN DASH} 0.600" in row for row in rows(outline, "figures-host") if "core-" in row
    )
    operators = outline.by_id("operators-host")
    bar = operators.all("span", classes="stack")[0]
    assert bar.attributes["aria-label"] == "CONV_2D 50.0%, DEPTHWISE_CONV_2D 30.0%, FULLY_CONNECTED 20.0%"
    assert [part.attributes["style"] for part in bar.all("i")] == [
        "width:50.0%",
        "width:30.0%",
        "width:20.0%",
    ]
    assert "bottleneck FULLY_CONNECTED" in operators.text


def test_a_device_that_tells_little() -> None:
    run = demo_run(devices={"pixel": 1.0})
    little: dict[str, Any] = {
        "p50_ms": None,
        "p90_ms": None,
        "p95_ms": None,
        "p99_ms": None,
        "peak_mib": None,
    }
    measurements = [
        measured.model_copy(update={**little, "statistic": "mean", "operators": [], "sound_seconds": 0.0})
        for measured in run.latencies[0].measurements
    ]
    untold: dict[str, Any] = {"temperatures_c": {}, "throttled": None}
    conditions = [one.model_copy(update=untold) for one in run.latencies[0].conditions]
    change(run, measurements=measurements, conditions=conditions)
    outline = page_of(run)
    section = outline.by_id("device-pixel")
    assert "device latency, mean in ms a window" in section.text
    assert "Where the time goes" not in section.text and "Sessions apart" in section.text
    assert "none none none none" in rows(outline, "figures-pixel")[0]
    (chart,) = [data_of(outline)["devices"]["pixel"]["charts"]["wave"]]
    assert {"p90", "peak", "rtf"}.isdisjoint(chart["x"]) and "latency" in chart["x"]


def test_effects_with_and_without() -> None:
    run = demo_run()
    fields = {"input": "wave", "factor": "architecture.width", "level": "2.0", "against": "1.0", "points": 8}
    effects = [
        Effect.model_validate({**fields, "metric": metric, "effect": value, "low": low, "high": high, **more})
        for metric, value, low, high, more in (
            ("quality", 0.02, -0.01, 0.05, {"students": 4, "confounded": ["qat"]}),
            ("latency", 2.5, 2.25, 12.75, {"students": 4}),
        )
    ]
    outline = page_of(run, None, {"effects": effects})
    assert rows(outline, "effects-host-wave") == [
        "width: 2.0 in place of 1.0 +0.020 -0.010 to +0.050 2.500 times 2.250 to 12.8 4 8 points qat"
    ]
    quality, latency = outline.by_id("effects-host-wave").all("svg")
    assert quality.classes == {"dot"} and latency.classes == {"dot", "worse"}
    told = "wave. Strongest clear effects: width 2.0 in place of 1.0: latency 2.500 times (2.250 to 12.8)."
    assert told in outline.by_id("device-host").text
    none = page_of(run, None, {"effects": []}).by_id("device-host").text
    assert "Nothing can be said: no hyper-parameter" in none and "Strongest" not in none
    unsure = page_of(run, None, {"effects": effects[:1]}).by_id("device-host").text
    assert "No effect can be told from none." in unsure


def test_a_failed_candidate_and_a_report_without_its_device() -> None:
    run = demo_run()
    verdict = verdict_on(run)
    stranger = verdict.devices[0].model_copy(update={"device": "elsewhere", "points": [], "closed": ["lost"]})
    both = verdict.model_copy(update={"devices": [*verdict.devices, stranger]})
    outline = read(page.render(material_of(run, both), b"", b""))
    assert "There is no latency report of this device." in outline.by_id("device-elsewhere").text
