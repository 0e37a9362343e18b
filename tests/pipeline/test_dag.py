"""Which node feeds which, where a configuration decides it."""

from __future__ import annotations

from pathlib import Path

from tfx.dsl.components.base.base_node import BaseNode

from pipeline.configuration.config import RunConfig
from pipeline.configuration.config_file import load_config
from pipeline.configuration.resolved import ResolvedRun
from pipeline.configuration.sources import DataDigests, resolve
from pipeline.dag import create_pipeline
from pipeline.local.layout import RunLayout
from schemas.teachers import TfliteTeacher
from tests.pipeline.wired_nodes import wired_nodes


def test_a_candidate_waits_for_the_one_it_starts_from(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path)
    plain = "tiny-w0.5-gap-e2048"
    config = resolve(
        load_config(
            "demo",
            [
                "students={sizes: [tiny], widths: [0.5], svd_ranks: [32, 0], share_training: true}",
                "training.epochs=8",
                "search=null",
            ],
        ),
        layout,
    )
    nodes = wired_nodes(config, layout)
    warm = nodes[f"StudentTrainer.{plain}-svd32-warm"]
    assert {node.id for node in warm.upstream_nodes} == {f"StudentTrainer.{plain}", "TeacherEmbedder"}
    assert {node.id for node in nodes[f"StudentTrainer.{plain}"].upstream_nodes} == {"TeacherEmbedder"}


def test_a_search_decides_after_short_trainings_and_every_candidate_waits_for_it(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path)
    grid = "students={sizes: [tiny], widths: [0.5, 1.0], poolings: [gap, flatten], svd_ranks: [0, 32]}"
    searched = ["search.budget=0.7", "training.epochs=8"]
    nodes = wired_nodes(resolve(load_config("demo", [grid, *searched]), layout), layout)
    networks = {f"tiny-w{width}-gap-e2048" for width in ("0.5", "1")}
    short = {f"ShortTraining.{name}" for name in networks}
    assert {node for node in nodes if node.startswith("ShortTraining")} == short
    assert {node.id for node in nodes["FrontierSearch"].upstream_nodes} == short
    for name in networks:
        assert {node.id for node in nodes[f"ShortTraining.{name}"].upstream_nodes} == {"TeacherEmbedder"}
        before = {"TeacherEmbedder", "FrontierSearch"}
        assert {node.id for node in nodes[f"StudentTrainer.{name}"].upstream_nodes} == before
        # Another pooling starts from the network, too.
        for other in (f"{name}-svd32-warm", f"{name.replace('gap', 'flatten')}-svd32-warm"):
            after = {node.id for node in nodes[f"StudentTrainer.{other}"].upstream_nodes}
            assert after == before | {f"StudentTrainer.{name}"}
    assert "FrontierSearch" in {node.id for node in nodes["FrontierGate"].upstream_nodes}


def test_a_search_times_the_networks_first_if_every_device_has_a_budget(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path)
    grid = "students={sizes: [tiny], widths: [0.5, 1.0], svd_ranks: [0, 32]}"

    def made(devices: str) -> dict[str, BaseNode]:
        settings = [grid, "search.budget=0.7", "gate.host_may_bless=true", f"latency.devices={devices}"]
        return wired_nodes(resolve(load_config("demo", settings), layout), layout)

    host, board = (
        "{backend: host, budgets: [{milliseconds: 8}]}",
        "{backend: micro, budgets: [{mega_macs: 4}]}",
    )
    nodes = made(f"{{host: {host}, board: {board}}}")
    networks = [f"tiny-w{width}-gap-e2048" for width in ("0.5", "1")]
    converted = {f"ShortConversion.{name}" for name in networks}
    assert {node.id for node in nodes["LatencyScreen.host"].upstream_nodes} == converted
    short = {f"ShortTraining.{name}" for name in networks}
    assert {node.id for node in nodes["FrontierSearch"].upstream_nodes} == {*short, "LatencyScreen.host"}
    # A board's budgets are counted; without budgets on one device nothing can be ruled out.
    for devices in (f"{{board: {board}}}", f"{{host: {{backend: host}}, other: {host}}}"):
        assert not [name for name in made(devices) if name.startswith(("LatencyScreen", "ShortConversion"))]


def test_another_front_end_runs_no_more_than_its_students_branch(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path)

    def made(own: str) -> dict[str, BaseNode]:
        tiny = "architecture: {name: mobilenet_v3, size: tiny, width: 0.5}"
        students = f"students={{explicit: [{{{tiny}}}, {{{tiny}, embedding_width: 64, front_end: {own}}}]}}"
        return wired_nodes(resolve(load_config("demo", [students, "search=null"]), layout), layout)

    before, after = made("{hop_samples: 256}"), made("{hop_samples: 320}")
    assert set(before) - set(after) == {
        f"{step}.tiny-w0.5-gap-e64-h16" for step in ("StudentTrainer", "TfliteConverter", "NossEvaluator")
    }
    # What takes from all candidates takes another artifact; of the configuration the verdict keeps a copy.
    changed = {name for name in set(before) & set(after) if _told(before[name]) != _told(after[name])}
    assert changed == {"FrontierGate", "FrontierPusher"}


def _told(node: BaseNode) -> dict[str, object]:
    return dict(node.exec_properties)


def test_students_are_measured_beside_the_teacher_and_all_are_compared(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path)
    settings = ["students={sizes: [tiny], widths: [0.5, 1.0]}", "training.epochs=2", "search=null"]
    reference = "evaluation.references=[{kind: tflite, name: other, stages: [{file: other.tflite}]}]"
    config = resolve(load_config("demo", [*settings, reference, f"teacher_root={tmp_path}/models"]), layout)
    # A reference's files are where the teacher's are.
    (other,) = config.evaluation.references
    assert isinstance(other, TfliteTeacher)
    assert other.stages[0].file == f"{tmp_path}/models/other.tflite"

    def made(config: RunConfig, digest: str = "") -> dict[str, BaseNode]:
        digests = DataDigests(references={"other": digest})
        return wired_nodes(config, layout, digests)

    nodes = made(config)
    students = {f"NossEvaluator.{spec.candidate_id}" for spec in config.students.expand()}
    for student in students:
        before = {node.id for node in nodes[student].upstream_nodes}
        converter = student.replace("NossEvaluator", "TfliteConverter")
        assert before == {"NossIngest", "NossEvaluator.teacher", converter}
    for name in ("other", "baselines"):
        # Which tasks decide was found with the teacher.
        before = {node.id for node in nodes[f"NossEvaluator.{name}"].upstream_nodes}
        assert before == {"NossIngest", "NossEvaluator.teacher"}
    measured = {node for node in nodes if node.startswith("NossEvaluator.")}
    assert measured == students | {f"NossEvaluator.{name}" for name in ("teacher", "baselines", "other")}
    assert {node.id for node in nodes["NossComparison"].upstream_nodes} == measured | {"NossIngest"}
    assert "NossComparison" in {node.id for node in nodes["FrontierGate"].upstream_nodes}

    # Another file of the reference is asked anew, and nobody else; without baselines there is no such node.
    changed = made(config, "another file")
    properties = {name for name in measured if changed[name].exec_properties != nodes[name].exec_properties}
    assert properties == {"NossEvaluator.other"}
    none = config.evaluation.model_copy(update={"baselines": ()})
    assert "NossEvaluator.baselines" not in made(config.model_copy(update={"evaluation": none}))


def test_each_device_is_timed_in_a_node_of_its_own_and_one_gate_judges_all(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path)

    def made(devices: str, **digests: str) -> dict[str, BaseNode]:
        settings = ["students={sizes: [tiny], widths: [0.5, 1.0]}", "training.epochs=2", "search=null"]
        config = resolve(load_config("demo", [*settings, f"latency.devices={{{devices}}}"]), layout)
        given = DataDigests(devices={"phone": digests.get("phone", "")}, registry=digests.get("registry", ""))
        return wired_nodes(config, layout, given)

    host, phone = "host: {backend: host}", "phone: {backend: adb, serial: a, benchmark_model: tool%s}"
    nodes = made(f"{host}, {phone % ''}")
    timed = {"LatencyBenchmark.host", "LatencyBenchmark.phone"}
    assert {node for node in nodes if node.startswith("LatencyBenchmark")} == timed
    for after in ("FrontierGate", "FrontierPusher"):
        assert timed < {node.id for node in nodes[after].upstream_nodes}
        assert {"latency_000", "latency_001"} < set(nodes[after].inputs)

    def changed(other: dict[str, BaseNode]) -> set[str]:
        return {
            name
            for name in other
            if name not in nodes or other[name].exec_properties != nodes[name].exec_properties
        }

    # The page and the store show the whole configuration; nothing else is done again for a budget.
    judged = {"FrontierGate", "FrontierPusher"}
    assert changed(made(f"{host}, {phone % ', budgets: [{milliseconds: 5}]'}")) == judged
    watch = "watch: {backend: adb, serial: b, benchmark_model: tool}"
    assert changed(made(f"{host}, {phone % ''}, {watch}")) == {"LatencyBenchmark.watch", *judged}
    assert changed(made(f"{host}, {phone % ', threads: 2'}")) == {"LatencyBenchmark.phone", *judged}
    assert changed(made(f"{host}, {phone % ''}", phone="another tool")) == {"LatencyBenchmark.phone"}
    assert changed(made(f"{host}, {phone % ''}", registry="a rival")) == {"FrontierGate"}


def test_statistics_stay_in_one_process(tmp_path: Path) -> None:
    run = ResolvedRun.of(load_config("demo", ["execution.beam_workers=2"]), RunLayout(tmp_path))
    nodes = {node.id: node for node in create_pipeline(run).components}
    # Of an option that is given twice Beam takes the last.
    kept = nodes["StatisticsGen.corpus"].executor_spec.beam_pipeline_args
    spread = nodes["AudioIngest"].executor_spec.beam_pipeline_args
    for option in ("--direct_num_workers=", "--direct_running_mode="):
        last = [arg for arg in kept if arg.startswith(option)][-1]
        other = [arg for arg in spread if arg.startswith(option)][-1]
        assert last != other
    assert "--direct_running_mode=in_memory" in kept
