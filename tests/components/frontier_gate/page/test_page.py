"""The whole page: every case is told, nothing is executed that a name says, and it stays light."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.common.frontier.settings import GateDemands, Goal
from components.frontier_gate import page
from components.frontier_gate.page.layer_names import plain_layer, plain_operator
from components.frontier_gate.page.standing import standing_points
from schemas.comparison_reports import NossComparison, PairedDifference
from schemas.devices import Budget
from schemas.noss_reports import NossReport
from schemas.plain_text import plain
from schemas.search_reports import CandidatePlace, SearchReport
from schemas.verdicts import Verdict
from tests.components.frontier_gate.made_up import frill_run, material_of, registered, verdict_on
from tests.components.frontier_gate.page.outline import read
from tests.components.frontier_gate.page.pages import data_of, html_of, page_of, points_of, rows
from tests.made_up_runs import Made, demo_run, make_result, make_run
from tests.students import mobilenet

HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>&\"'"
MOST_BYTES = 3_000_000


def test_a_run_on_two_devices() -> None:
    settings = GateDemands(goals=(Goal(metric="quality", limit=0.65),))
    verdict = verdict_on(demo_run(devices={"pixel": 2.0, "host": 1.0}), settings)
    outline = page_of(demo_run(devices={"pixel": 2.0, "host": 1.0}), settings)
    (header,) = outline.all("header")
    for device in verdict.devices:
        section = outline.by_id(f"device-{device.device}")
        marks = [mark for mark in section.all("g", classes="mark") if "data-point" in mark.attributes]
        assert sorted(mark.attributes["data-point"] for mark in marks) == sorted(
            point.point_id for point in device.points
        )
        blessed = {mark.attributes["data-point"] for mark in marks if "blessed" in mark.classes}
        assert blessed == {point.point_id for point in device.blessed} != set()
        assert len(rows(outline, f"points-{device.device}")) == len(device.points) == 32
        (card,) = [card for card in header.all("article") if card.attributes["data-device"] == device.device]
        assert f"{len(device.blessed)} files blessed" in card.text
        fastest = min(device.blessed, key=lambda point: point.cost)
        assert fastest.candidate_id in card.text and "quality at least 0.65 (met by" in card.text
    assert "device latency, p50 in ms" in outline.by_id("chart-pixel-wave").text
    assert "host latency (not a device)" in outline.by_id("chart-host-core").text
    assert "host latency (not a device)" in header.text
    assert header.text.startswith("made up TinyTrill frontier synthetic sound")


def test_a_student_that_learnt_nothing_is_marked_at_the_top() -> None:
    run = demo_run()
    assert "learnt next to nothing" not in page_of(run).text
    run.students[1] = run.students[1].model_copy(update={"target_variance_explained": 0.0012})
    (header,) = page_of(run).all("header")
    (notice,) = header.all("div", classes="notice")
    assert notice.text.startswith(
        f"{run.students[1].candidate_id} learnt next to nothing: it explains 0.1% of"
    )


def test_training_is_told_with_what_the_weights_started_from() -> None:
    parent = mobilenet()
    child = mobilenet(svd_rank=8).model_copy(update={"warm_start": parent.candidate_id})
    outline = page_of(make_run({parent: [Made(0.75, 5.0)], child: [Made(0.76, 4.0)]}))
    steps = {row.split(" wave-float32")[0]: row for row in rows(outline, "points-host")}
    assert " 600 " in steps[parent.candidate_id] and " 1,000 " in steps[child.candidate_id]
    training = outline.by_id("training").text
    assert training.count("explains 45.0% after 600 steps") == 2
    assert training.count("(1,000 with those it started from)") == 1


def test_a_search_is_told_at_the_top_and_every_candidate_has_a_place() -> None:
    assert "Searched" not in page_of(demo_run()).text
    places = [
        CandidatePlace(
            candidate_id=name, chosen=chosen, why=why, mega_macs=macs, cost=0.02, expected=expected
        )
        for name, chosen, why, macs, expected in (
            ("tiny", True, "promises a place", 1.7, 0.4),
            ("poor", False, f"too {HOSTILE}", 3.1, 0.3),
            ("lost", False, "failed", 9, None),
        )
    ]
    search = SearchReport(
        budget=0.1, short=0.01, chosen=0.05, grid_giga_macs=1.2, candidates=places,
        audit_result="Audit: above.", audit_failed=True,
    )  # fmt: skip
    outline = page_of(demo_run(), search=search)
    (header,) = outline.all("header")
    (notice,) = header.all("div", classes="notice")
    assert notice.text == f"{search.summary} This search cannot be trusted: Audit: above."
    assert "1 of 3 candidates were trained, for 6.0%" in search.summary
    assert [row.split()[0] for row in rows(outline, "left-out")] == ["poor", "lost"]
    assert "not known" in rows(outline, "left-out")[1] and HOSTILE in rows(outline, "left-out")[0]
    assert [row.split()[0] for row in rows(outline, "searched")] == ["tiny"]
    chart = outline.by_id("chart-search")
    # What promises nothing known has no spot.
    assert len(chart.all("circle", classes="hollow")) == len(chart.all("circle", classes="searched")) == 1


def test_students_below_a_baseline_are_the_first_thing_said() -> None:
    run = make_run({mobilenet(): [Made(0.60, 3.0), Made(0.80, 5.0, "wave-dynamic")]}, baseline=0.7)
    (header,) = page_of(run).all("header")
    (floor,) = header.all("p", classes="floor")
    assert header.text.startswith(f"made up {floor.text} TinyTrill frontier")
    assert floor.text.startswith("1 of 2 blessed files lies below a baseline:")
    assert "0.700 (logmel), these files 0.600." in floor.text
    good = make_run({mobilenet(): [Made(0.71, 3.0)]}, baseline=0.7)
    assert not page_of(good).all(classes="floor")


def test_the_page_begins_with_the_file_to_ship_and_its_place_among_baselines() -> None:
    best, small = mobilenet(), mobilenet("tiny")
    run = make_run({best: [Made(0.80, 5.0)], small: [Made(0.65, 2.0)]}, baseline=0.7, teacher=0.85)
    outline = page_of(run)
    answer = outline.by_id("answer").all("p", classes="ship")
    assert [one.attributes["data-ship"] for one in answer] == [f"{best.candidate_id}/wave-float32"]
    assert answer[0].text.startswith(f"Ship {best.candidate_id}/wave-float32 on host : the best quality")
    (header,) = outline.all("header")
    text = " ".join(header.text.split())
    assert text.index("Ship ") < text.index("Blessed: 2 files for host.")
    assert [row.split(" 0.")[0] for row in rows(outline, "choices-host")] == [
        "teacher",
        f"{best.candidate_id} wave-float32 ship this",
        "logmel baseline",
        f"{small.candidate_id} wave-float32 ▼",
    ]
    # The frontier in full is in the same order.
    found = [point.quality for point in standing_points(verdict_on(run).devices[0])]
    assert found == sorted(found, reverse=True)


def test_where_the_gate_is_closed_the_answer_is_nothing_and_what_came_closest() -> None:
    goals = GateDemands(goals=(Goal(metric="quality", limit=0.9),))
    outline = page_of(make_run({mobilenet(): [Made(0.80, 5.0)]}), goals)
    (closed,) = outline.all("div", classes="closed")
    assert closed.text.startswith("Ship nothing on host. The gate is closed for host: nothing is pushed.")
    assert f"Closest is {mobilenet().candidate_id}/wave-float32, which does not meet the goal:" in closed.text
    assert "answer" not in [node.attributes.get("id") for node in outline]
    assert "ship this" not in outline.text


@pytest.mark.parametrize(
    "tensor, operator, layer, words",
    [
        (
            "network/core/block_7_project_bn/FusedBatchNormV3;network/core/block_7_project_conv/Conv2D1",
            "CONV_2D", "block_7_project_conv", "convolution",
        ),
        (
            "network/core/b_2_depthwise_activation/Relu;network/core/b_2_depthwise_bn/FusedBatchNormV3;"
            "network/core/b_2_depthwise_conv/depthwise1",
            "DEPTHWISE_CONV_2D", "b_2_depthwise_conv", "depthwise convolution",
        ),
        (
            "network/core/conv_2_activation/mul_1;;network/core/conv_2_activation/Relu6",
            "HARD_SWISH", "conv_2_activation", "hard swish",
        ),
        (
            "network/core/bottleneck/quant_dense/MatMul;network/core/bottleneck/quant_dense/BiasAdd",
            "FULLY_CONNECTED", "bottleneck/quant_dense", "dense",
        ),
        ("embedding", "DEQUANTIZE", "embedding", "to float"),
        (";", "MUL", ";", "product"),
    ],
)  # fmt: skip
def test_layers_and_operators_have_plain_names(tensor: str, operator: str, layer: str, words: str) -> None:
    assert (plain_layer(tensor), plain_operator(operator)) == (layer, words)


def test_each_quantised_file_tells_what_it_lost_against_its_float_file() -> None:
    run = make_run({mobilenet(): [Made(0.75, 5.0), Made(0.60, 3.0, "wave-dynamic")]})
    material = material_of(run, verdict_on(run))
    name = f"{run.converted[0].candidate_id}/wave-dynamic"
    loss = PairedDifference(
        model=name, against="its float file", difference=-0.15, low=-0.2, high=-0.1, tasks={}
    )
    for given, told in (([], "not measured"), ([loss], "-0.150-0.200 to -0.100")):
        comparison = material.comparison.model_copy(update={"against_float": given})
        outline = read(page.render(replace(material, comparison=comparison), b"a picture", b"a heat map"))
        (row,) = rows(outline, "quantisation")
        assert told.replace("-0.150", "-0.150 ").strip() in row.replace("  ", " ")


def test_all_ids_are_unique_and_references_lead_somewhere() -> None:
    outline = page_of(demo_run(devices={"pixel": 2.0, "host": 1.0}))
    ids = [node.attributes["id"] for node in outline if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    for node in outline:
        for name in ("aria-labelledby", "aria-controls"):
            assert node.attributes.get(name, ids[0]) in ids
        if node.attributes.get("href", "").startswith("#"):
            assert node.attributes["href"][1:] in ids


def test_the_page_needs_no_other_file_but_the_links() -> None:
    html = html_of(demo_run())
    assert not re.search(r"@import|url\(|https?://", html)
    addresses = [
        node.attributes[name] for node in read(html) for name in ("src", "href") if name in node.attributes
    ]
    outside = {address for address in addresses if not address.startswith(("data:", "#"))}
    assert outside == {Verdict.LINKS, f"{Verdict.BENCHMARK}/table.html"}


def test_without_the_script_tables_and_charts_are_there() -> None:
    outline = page_of(demo_run())
    (panel,) = [
        figure for figure in outline.all("figure") if figure.attributes.get("id") == "chart-host-wave"
    ]
    assert panel.all("path", classes="curve")[0].attributes["d"].startswith("M")
    assert {"teacher", "baseline"} <= {
        kind for line in panel.all("line", classes="level") for kind in line.classes
    }
    assert all(
        mark.attributes["style"].startswith("transform:translate(") for mark in panel.all("g", classes="mark")
    )
    named = [mark for mark in panel.all("g", classes="mark") if mark.all("text")]
    assert [mark.attributes["tabindex"] for mark in named].count("0") == 1
    assert all("score 0." in mark.attributes["aria-label"] for mark in named)
    assert rows(outline, "frontier-host") and rows(outline, "figures-host") and rows(outline, "sessions-host")


def test_the_script_reads_what_the_tables_say() -> None:
    run, settings = demo_run(), GateDemands(goals=(Goal(metric="quality", limit=0.65),))
    verdict = verdict_on(run, settings)
    data = data_of(page_of(run, settings))
    device = data["devices"]["host"]
    records = [dict(zip(device["fields"], row, strict=True)) for row in device["points"]]
    for point, record in zip(verdict.devices[0].points, records, strict=True):
        assert record["id"] == point.point_id and record["status"] == (
            "blessed" if point.blessed else "frontier" if point.on_frontier else "beaten"
        )
        assert record["quality"] == pytest.approx(point.quality, rel=1e-4)
        assert record["latency_high"] == pytest.approx(point.latency_high_ms, rel=1e-4)
        assert record["mib"] == pytest.approx(point.bytes / 2**20, rel=1e-4)
        assert record["task:speaker"] == pytest.approx(point.tasks["speaker"], rel=1e-4)
        assert record["frontier"] is point.on_frontier and record["parameters"] == point.parameters
        assert bool(record["number"]) is (point.on_frontier or point.blessed)
    for factor, level in (("size", "tiny"), ("precision", "dynamic")):
        place = [one["name"] for one in data["factors"]].index(factor)
        levels = data["factors"][place]["levels"]
        has = {record["id"] for record in records if levels[record["levels"][place]] == level}
        assert has == {record["id"] for record in records if level in record["id"]} != set()
    axis = device["charts"]["wave"]["x"]["latency"]
    assert axis["log"] and axis["low"] < min(
        record["latency"] for record in records if record["input"] == "wave"
    )


def test_a_closed_gate_is_said_first_with_its_reasons() -> None:
    settings = GateDemands(budgets={"host": (Budget(percentile="p90", milliseconds=3),)})
    outline = page_of(demo_run(devices={"pixel": 2.0, "host": 1.0}), settings)
    (header,) = outline.all("header")
    (box,) = header.all(classes="closed")
    assert "The gate is closed for host" in box.text and "p90 latency at most 3 ms" in box.text
    assert "Nothing is pushed for host." in header.text and "files for pixel" in header.text
    assert not [m for m in outline.by_id("device-host").all("g", classes="mark blessed")]
    assert [m for m in outline.by_id("device-pixel").all("g", classes="mark blessed")]
    assert "gate closed" in outline.by_id("title-host").text
    assert "None of them is blessed: the gate is closed." in outline.by_id("device-host").text
    assert not page_of(demo_run()).all(classes="closed")


def test_nothing_meets_the_goals() -> None:
    outline = page_of(demo_run(), GateDemands(goals=(Goal(metric="quality", limit=0.99),)))
    assert "nothing pushed" in outline.all("article")[0].text
    assert "quality at least 0.99 0 of 32" in outline.by_id("device-host").text
    assert len(rows(outline, "frontier-host")) == len([p for p in points_of(demo_run()) if p.on_frontier])


def test_the_whole_frontier_and_what_the_goals_leave() -> None:
    # Quality has no interval. Only the best student's float files keep to it. The dynamic wave file, too near
    # to be told apart in quality but faster, beats the float one.
    limit = max(point.quality for point in points_of(demo_run(doubt=0))) - 0.0005
    settings = GateDemands(goals=(Goal(metric="quality", limit=limit),))
    (device,) = verdict_on(demo_run(doubt=0), settings).devices
    outline = page_of(demo_run(doubt=0), settings)
    section = outline.by_id("device-host").text
    whole = [point for point in device.points if point.on_frontier]
    kept = [point for point in whole if point.blessed]
    instead = [point for point in device.blessed if not point.on_frontier]
    assert (len(kept), len(instead)) == (1, 1) and len(whole) > 1
    assert f"{len(whole)} of 32 files stand on the whole frontier" in section
    assert "1 of them is blessed, and so is 1 more that nothing beats but what misses a goal." in section
    assert len(rows(outline, "frontier-host")) == len(whole) + len(instead)
    assert outline.by_id("chart-host-wave").all("path", classes="feasible")[0].attributes["d"]


def test_a_beaten_champion_is_said_at_the_top() -> None:
    run = demo_run()
    best, *others = points_of(run)
    unbeaten = registered(others[0]).model_copy(update={"beaten_by": [], "version": "4", "aliases": []})
    elsewhere = registered(others[1], competes=False).model_copy(update={"version": "2"})
    outline = page_of(run, None, {"registered": [registered(best), unbeaten, elsewhere]})
    (notice,) = outline.all("header")[0].all(classes="notice")
    assert notice.text == f"tinytrill-host v3 (champion) is now beaten on host (wave) by {best.point_id}."
    hollow = outline.by_id("chart-host-wave").all("g", classes="mark registered")
    assert [mark.attributes["data-registered"] for mark in hollow] == [
        "tinytrill-host v3 (champion)",
        "tinytrill-host v4",
    ]
    beaten, stands, stranger = rows(outline, "registered-host")
    assert f"beaten by {best.point_id}" in beaten and "unbeaten" in stands
    assert "does not compete: measured on another machine" in stranger
    records = data_of(outline)["devices"]["host"]["registered"]
    assert [record["frontier"] for record in records] == [False, True, False]
    assert not page_of(run).all(classes="notice")


def test_without_baselines_students_and_benchmark() -> None:
    run = demo_run(baseline=None, synthetic=False)
    run.students, run.noss = [], [report.model_copy(update={"results": []}) for report in run.noss]
    outline = page_of(run)
    assert "baseline" not in outline.all("header")[0].text
    assert "synthetic sound" not in outline.text and "Training" not in outline.text
    assert "no NOSS result" in rows(outline, "refused-host")[0]


def test_names_and_reasons_are_text_only() -> None:
    run = demo_run()
    point, *others = points_of(run)
    evil = point.model_copy(update={"point_id": HOSTILE, "candidate_id": HOSTILE, "reasons": [HOSTILE]})
    machine = run.latencies[0].machine.model_copy(update={"name": HOSTILE, "ambient": HOSTILE})
    rival = registered(evil).model_copy(update={"registered_model": HOSTILE, "run_name": HOSTILE})
    changes: dict[str, Any] = {
        "points": [evil, *others],
        "registered": [rival],
        "closed": [HOSTILE],
        "machine": machine,
        "summary": HOSTILE,
    }
    html = html_of(run, None, changes, run_name=HOSTILE)
    assert "<img src=x" not in html and "<script>alert" not in html
    outline = read(html)
    assert len(outline.all("script")) == 3
    assert not [node for node in outline if "onerror" in node.attributes]
    assert outline.all("h1")[0].text == HOSTILE
    assert data_of(outline)["devices"]["host"]["points"][0][0] == HOSTILE
    assert HOSTILE in [mark.attributes.get("data-point") for mark in outline.all("g", classes="mark")]


def test_the_page_is_written_beside_the_pictures(tmp_path: Path) -> None:
    (tmp_path / Verdict.PICTURE).write_bytes(b"a picture")
    (tmp_path / Verdict.BENCHMARK).mkdir()
    (tmp_path / Verdict.BENCHMARK / NossComparison.HEAT_MAP).write_bytes(b"a heat map")
    run = demo_run()
    path = page.write(material_of(run, verdict_on(run)), tmp_path)
    assert path == tmp_path / Verdict.PAGE
    assert path.read_text(encoding="utf-8") == html_of(run)


def test_1152_points_stay_light() -> None:
    run = frill_run()
    html = html_of(run, GateDemands(goals=(Goal(metric="quality", limit=0.65),)))
    assert len(html.encode()) < MOST_BYTES * 0.6
    outline = read(html)
    assert len(outline.all("g", classes="mark")) == len(rows(outline, "points-host")) == 1152
    crowd = outline.by_id("chart-host-wave").all("svg", classes="crowd")[0]
    assert not [mark for mark in crowd.all("g", classes="mark beaten") if mark.all("path")]


def test_candidates_by_their_best_variant_beside_the_baselines() -> None:
    student = mobilenet("tiny")
    made = [Made(0.52, 1.0), Made(0.55, 1.0, "wave-dynamic"), Made(0.51, 1.0, "core-float32")]
    run = make_run({student: made}, baseline=0.6)
    run.baselines.append(NossReport(protocol="", results=[make_result("older", 0.5, kind="reference")]))
    table = page_of(run).by_id("tasks").all("tbody")[0]
    below = {
        row.all("th")[0].text: ["below" in cell.classes for cell in row.all("td")] for row in table.all("tr")
    }
    assert below == {
        "logmel baseline": [False] * 4,
        "older reference": [False] * 4,
        "teacher teacher": [False] * 4,
        f"{student.candidate_id} wave-dynamic": [True] * 4,
    }


def test_names_show_in_the_order_they_have() -> None:
    """No override of the direction of writing and no control character reaches page or script."""
    backwards = "evil\u202etxt.exe\u2066\x1b[31m\u200f"
    shown = r"evil\u202etxt.exe\u2066\x1b[31m\u200f"
    run = demo_run()
    point, *others = points_of(run)
    evil = point.model_copy(update={"point_id": backwards, "candidate_id": backwards, "reasons": [backwards]})
    machine = run.latencies[0].machine.model_copy(update={"name": backwards, "ambient": backwards})
    rival = registered(evil).model_copy(update={"registered_model": backwards})
    changes: dict[str, Any] = {
        "points": [evil, *others], "registered": [rival], "closed": [backwards], "machine": machine,
    }  # fmt: skip
    html = html_of(run, None, changes, run_name=backwards)
    assert not [one for one in html if one not in "\n\t" and plain(one) != one]
    outline = read(html)
    assert outline.all("h1")[0].text == shown
    told = data_of(outline)
    assert not [one for one in str(told) if plain(one) != one]
    # A mark and its data still find each other.
    assert told["devices"]["host"]["points"][0][0] == shown
    assert shown in [mark.attributes.get("data-point") for mark in outline.all("g", classes="mark")]
    assert told["devices"]["host"]["registered"][0]["name"].startswith(shown)
