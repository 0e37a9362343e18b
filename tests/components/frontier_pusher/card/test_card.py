"""What a card says, and what it must not say."""

from __future__ import annotations

import re

import pytest

from components.common.reporting.markdown import plain
from components.frontier_pusher.card import write_card, write_example
from components.frontier_pusher.notice import write_notice
from schemas.noss_reports import RobustnessResult
from schemas.push_reports import Cost, Licences
from schemas.tensors import TensorInfo
from schemas.verdicts import GoalResult, ReferenceQuality
from tests.components.frontier_pusher.card.descriptions import code_blocks, make_description

HOST = "host computer, not a device"


def section(card: str, title: str) -> str:
    """A section of a card, by its heading."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", card, re.DOTALL | re.MULTILINE)
    assert found, f"no section {title}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of all table lines but headings' rules."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("| ---")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@pytest.mark.parametrize("kind", ["wave", "core"])
def test_code_names_the_tensors_of_the_file(kind: str) -> None:
    card = write_card(make_description(kind))
    name, shape, count = {
        "wave": ("waveform", "[1, 15600]", 15_600),
        "core": ("log_mel", "[1, 96, 64]", 6144),
    }[kind]
    assert f"| Input | `{name}`, float32 {shape}" in card
    assert "| Output | `embedding`, float32 [1, 8] |" in card
    (kotlin, microphone), cpp = code_blocks(card, "kotlin"), code_blocks(card, "cpp")
    assert f"require(given.size == {count})" in kotlin and f"// [0]: {name} {shape}" in kotlin
    assert ("logMel(window)" in microphone) == (kind == "core")
    assert "FloatArray(15600)" in microphone and "window.size - 15360" in microphone
    assert f'"{name}", &tensor' in cpp[0] and f"kInput = {count};" in cpp[0]
    assert len(cpp) == (2 if kind == "core" else 1)
    assert ("### Front end" in card) == (kind == "core")
    for code in (kotlin, microphone, *cpp):
        assert all(code.count(one) == code.count(other) for one, other in ("{}", "()", "[]"))


def test_a_stream_tells_its_state() -> None:
    card = write_card(make_description("stream"))
    assert (
        "| Input | `samples`, float32 [1, 3840]: waveform, mono, in [-1, 1], the next chunk of a stream |"
        in card
    )
    assert "| Input | `state_frames`, float32 [1, 72, 65]: [state](#contract)" in card
    assert "| Output | `next_state_samples`, float32 [1, 240]: the same state after the chunk |" in card
    assert f"| Latency, **{HOST}** | 5.00 ms a chunk (" in card
    contract = section(card, "How to use it")
    assert "**Chunk**: 3840 samples (0.24 s)" in contract
    assert "2 tensors, state_frames [1, 72, 65], state_samples [1, 240], and nothing else" in contract
    # 15,600 samples are full with the fifth chunk; 3,600 zeros make the fifth end where the window does.
    assert "embeddings of the first 4 chunks" in contract and "puts 3600 zeros in front" in contract
    assert "keep the last" not in contract
    (kotlin, microphone), (cpp,) = code_blocks(card, "kotlin"), code_blocks(card, "cpp")
    for code in (kotlin, microphone, cpp):
        assert all(code.count(one) == code.count(other) for one, other in ("{}", "()", "[]"))
    assert "inputs[1].writeFloat(FloatArray(4680)) // state_frames [1, 72, 65]" in kotlin
    assert "inputs[2].writeFloat(FloatArray(240)) // state_samples [1, 240]" in kotlin
    assert "inputs[1].writeFloat(outputs[1].readFloat())" in kotlin
    assert "inputs[2].writeFloat(outputs[2].readFloat())" in kotlin
    assert "outputs[0].readFloat())" in kotlin and "waiting = 3600" in kotlin


def test_states_come_after_the_moments_of_a_stream() -> None:
    made = make_description("stream")
    frames = TensorInfo(name="frames", shape=[1, 3, 8], dtype="float32")
    card = write_card(made.model_copy(update={"outputs": [made.outputs[0], frames, *made.outputs[1:]]}))
    kotlin, _ = code_blocks(card, "kotlin")
    assert "inputs[1].writeFloat(outputs[2].readFloat())" in kotlin
    assert "inputs[2].writeFloat(outputs[3].readFloat())" in kotlin


def test_every_fence_is_closed_and_every_anchor_is_there() -> None:
    for kind in ("wave", "core", "stream"):
        card = write_card(make_description(kind))
        fences = re.findall(r"^```(\w*)$", card, re.MULTILINE)
        assert all(fences[0::2]) and not any(fences[1::2])
        assert card.count("```") == len(fences)
        headings = re.findall(r"^##+ (.+)$", card, re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
        assert set(re.findall(r"\]\(#([^)]*)\)", card)) <= anchors


def test_a_host_is_never_called_a_device() -> None:
    card = write_card(make_description(devices={"host": 1.0}))
    speed = section(card, "Speed and size")
    assert "**No device was timed.**" in speed
    assert f"| `host`, **{HOST}** |" in speed and f"- `host`: **{HOST}**; Test CPU" in speed
    assert f"| Latency, **{HOST}** | 5.00 ms" in card
    assert "Its latency on a device is unknown" in section(card, "Limits")
    assert "Latency, device" not in card and "`host`, device" not in card and "`host`: device" not in card


def test_latency_carries_its_interval_conditions_and_invocations() -> None:
    card = write_card(make_description(devices={"host": 1.0, "pixel": 3.0}))
    speed = section(card, "Speed and size")
    row = next(row for row in rows(speed) if row[0].startswith("`pixel`"))
    # Three times 5 ms, half a per cent of spread to each side; 15 ms of 0.96 s is 0.0156.
    assert row[:2] == ["`pixel`, device", "15.0 [14.8, 15.2] (median)"]
    assert row[5:] == ["0.0156", "2.00", "5.95", "750 in 3 sessions"]
    assert (
        "- `pixel`: device; Test Phone, Test SoC; Android 15; benchmark_model, XNNPACK, 1 thread, any core."
        in speed
    )
    assert "No device was timed" not in card


def test_quality_carries_intervals_clips_and_guessing() -> None:
    quality = section(write_card(make_description()), "Quality")
    row = next(row for row in rows(quality) if row[0] == "speaker")
    task = make_description().quality.tasks[1]
    assert row == [
        *("speaker", "accuracy", f"0.750 [{task.low:.3f}, {task.high:.3f}]", "not told"),
        f"{task.chance:.3f}",
        *(f"{task.n_test}", f"{task.n_speakers_test}", f"{task.n_classes}", "recorded"),
    ]
    assert "| **mean of scores** | | **0.750** [0.730, 0.770] |" in quality
    assert "on 16 windows: mean cosine 0.99990, least 0.99900" in quality


def test_synthetic_sound_is_said_loudly() -> None:
    loud = write_card(make_description(synthetic=True))
    assert loud.count("SYNTHETIC SOUND") == 2
    assert "it says nothing about real recordings" in loud.split("## ")[0]
    assert "synthetic" not in write_card(make_description()).lower().replace("synthesised", "")
    assert "| **synthetic** |" in section(loud, "Quality")
    assert "**The sound that judged it was synthesised**" in section(loud, "Limits")


def test_missing_licences_are_missing() -> None:
    card = write_card(make_description())
    licences = section(card, "Licences")
    stated = {row[1]: row[2] for row in rows(licences)[1:]}
    assert stated == {
        "a made-up teacher": "Apache-2.0",
        "made-up corpus": "CC-BY-4.0",
        "language": "CC0-1.0",
        "speaker": "**not stated**",
        "keyword": "**not stated**",
    }
    assert "| Licences | **2 of 5 are not stated**" in card
    nothing = write_card(make_description(licences=Licences()))
    assert "| Licences | **5 of 5 are not stated**" in nothing
    assert "| sources not named | **not stated** |" in nothing
    everything = Licences(
        teacher="A", corpus={"b": "B"}, tasks=dict.fromkeys(("language", "speaker", "keyword"), "C")
    )
    assert "| Licences | all 5 are stated" in write_card(make_description(licences=everything))


def test_words_of_others_stay_words() -> None:
    evil = "x|y <script>alert(1)</script>\n## Not a heading `code` [a](http://b)"
    card = write_card(
        make_description(
            teacher=evil, run_name=evil, licences=Licences(teacher=evil, corpus={evil: evil}, tasks={})
        )
    )
    assert "<script>" not in card and "## Not a heading" not in card.replace("x&#124;y", "").split("\n## ")[0]
    assert not re.search(r"^## Not", card, re.MULTILINE) and "[a](http" not in card
    assert all(len(row) == 3 for row in rows(section(card, "Licences")))


def test_a_task_no_better_than_guessing_is_a_limit() -> None:
    description = make_description()
    tasks = list(description.quality.tasks)
    tasks[0] = tasks[0].model_copy(update={"low": 0.15, "chance": 0.2})
    tasks[1] = tasks[1].model_copy(
        update={"metric": "equal_error_rate", "value": 0.3, "low": 0.25, "high": 0.35, "chance": 0.5}
    )
    card = write_card(
        description.model_copy(update={"quality": description.quality.model_copy(update={"tasks": tasks})})
    )
    limits = section(card, "Limits")
    assert "language: not shown to be better than guessing" in limits
    assert "speaker: not shown" not in limits and "keyword: not shown" not in limits
    assert "| speaker | equal error rate (lower is better) |" in card
    assert "An error rate enters the mean as 1 minus itself." in card


@pytest.mark.parametrize(("explained", "marked"), [(0.0004, True), (-0.2, True), (0.4, False), (None, False)])
def test_a_student_that_learnt_nothing_says_so(explained: float | None, marked: bool) -> None:
    limits = section(write_card(make_description(target_variance_explained=explained)), "Limits")
    assert ("learnt next to nothing of its teacher" in limits) == marked
    assert marked == (f"explains {explained or 0:.1%} of the variance" in limits)


def test_steps_of_the_training_are_told_where_they_are_known() -> None:
    card = write_card(make_description(target_variance_explained=0.6, total_steps=1584))
    assert "| Training | 1,584 optimiser steps; explains 60.0 % of the variance" in card
    assert "| Training |" not in write_card(make_description())


def test_robustness_and_goals_where_there_are_any() -> None:
    description = make_description()
    plain = write_card(description)
    assert "Its robustness to noise, reverberation and codecs was not measured." in plain
    noisy = description.quality.model_copy(
        update={
            "robustness": [RobustnessResult(condition="noise 10 dB", mean=0.7, change=-0.05, tasks={}, n=60)]
        }
    )
    point = description.blessings[0].point.model_copy(
        update={"goals": [GoalResult(goal="at most 4 MiB", value=0.95, limit=4.0, met=True)]}
    )
    card = write_card(
        description.model_copy(
            update={
                "quality": noisy,
                "blessings": [description.blessings[0].model_copy(update={"point": point})],
            }
        )
    )
    assert "| noise 10 dB | 0.700 | -0.050 | 60 |" in card
    assert "was not measured" not in section(card, "Limits")
    assert "- `host`: at most 4 MiB: 0.950" in card


def test_a_file_with_frames_tells_them() -> None:
    outputs = [
        TensorInfo(name="embedding", shape=[1, 8], dtype="float32"),
        TensorInfo(name="frames", shape=[1, 3, 8], dtype="float32"),
    ]
    card = write_card(make_description(outputs=outputs))
    assert "| Output | `frames`, float32 [1, 3, 8]: one embedding for each moment" in card
    assert "the same call gives `frames`" in card


@pytest.mark.parametrize("write", [write_card, write_example])
def test_other_types_than_float32_are_refused(write: object) -> None:
    assert callable(write)
    description = make_description(inputs=[TensorInfo(name="waveform", shape=[1, 15600], dtype="int8")])
    with pytest.raises(
        ValueError, match="waveform is int8; a card can be written for float32, and for int8 with a scale"
    ):
        write(description)


def test_neither_card_nor_notice_names_folders_of_the_machine_that_made_them() -> None:
    place = "/data/ann/private-sound"
    description = make_description(
        teacher=f"{place}/teachers/trill",
        licences=Licences(
            teacher=f"see {place}/LICENSE", corpus={f"{place}/corpus": f"file://{place}/terms.txt"}
        ),
    )
    for text in (write_card(description), write_notice(description)):
        assert "/home" not in text and "private-sound" not in text
        assert "trill" in text and "corpus" in text and "terms.txt" in text


def test_a_file_below_a_baseline_says_so_before_anything_else() -> None:
    description = make_description(synthetic=True)
    assert "BELOW A BASELINE" not in write_card(description)
    floor = ReferenceQuality(model="log|mel", kind="baseline", quality=0.912, low=0.9, high=0.92)
    card = write_card(description.model_copy(update={"baselines_above": [floor]}))
    title, first = [line for line in card.splitlines() if line][:2]
    assert title.startswith("# ") and first.startswith("> **BELOW A BASELINE.**")
    quality = description.blessings[0].point.quality
    assert f"Its mean score is {quality:.3f}; simple statistics" in first
    assert f"0.912 ({plain('log|mel')})" in first


def test_the_card_tells_what_it_is_held_against_and_what_it_took() -> None:
    teacher = ReferenceQuality(model="big", kind="teacher", quality=0.81, low=0.79, high=0.83)
    floor = ReferenceQuality(model="logmel", kind="baseline", quality=0.61, low=0.59, high=0.63)
    description = make_description(
        recommended_on=["host"],
        answers=["Ship small/wave-float32 on host: the best quality."],
        references=[teacher, floor],
        teacher_tasks={"language": 0.9},
        costs=[
            Cost(stage="the teacher's answers", hours=0.5),
            Cost(stage="training of this student", hours=2.0, cpu_hours=3.5),
        ],
    )
    card = write_card(description)
    assert "| Choice | **the file to ship** on `host`, says its run |" in card
    assert "which itself scores 0.810 |" in card and "| Baselines | logmel 0.610 (" in card
    assert (
        "| Cost | the teacher's answers: 30 min; training of this student: 2 h (3.5 h of processor time); "
        "energy not measured |"
    ) in card
    quality = section(card, "Quality")
    by_task = {row[0]: row for row in rows(quality)}
    assert by_task["language"][3] == "0.900" and by_task["speaker"][3] == "not told"
    assert "] | 0.810 [0.790, 0.830] | | | | | |" in quality
    assert ["logmel", "baseline", "0.610 [0.590, 0.630]"] in rows(quality)
    assert "- Ship small/wave-float32 on host: the best quality." in quality
    origin = section(card, "Where it comes from")
    assert "| Cost: the teacher's answers | 30 min of wall time; processor time not measured |" in origin
    other = write_card(description.model_copy(update={"recommended_on": []}))
    assert "| Choice | not the file that its run says to ship" in other


def test_a_card_of_before_costs_were_kept_says_that_they_are_not_known() -> None:
    card = write_card(make_description())
    assert "| Cost | not known |" in card and "| Choice |" not in card and "| Baselines |" not in card


def test_a_board_has_memory_and_arithmetic_and_no_latency() -> None:
    text = write_card(make_description("core", devices={"board": 1.0}))
    assert (
        "| Memory on a board | 200 KiB tensor arena, 977 KiB flash, 5.00 million multiply-accumulates" in text
    )
    assert "| `board`, Test Board | TensorFlow Lite Micro 0.1 | 200 | 977 | 5.00 |" in text
    assert "How long a board takes was not measured" in text
    assert "Its latency is unknown: memory and arithmetic were counted" in text
    for absent in ("Timed on", "| Latency", "No device was timed", "None", "none ms"):
        assert absent not in text, absent


def test_a_board_beside_a_phone_leaves_the_phone_its_latency() -> None:
    text = write_card(make_description("core", devices={"board": 1.0, "pixel": 1.0}))
    assert "| Latency, device | 5.00 ms a window" in text
    assert "Latency holds for the devices" in text
    assert text.count("| `board`, ") == 1


def test_a_stream_file_on_a_board_is_counted_by_the_chunk() -> None:
    answer = "Ship small/stream-float32 on board: the best quality; 200 KiB arena."
    card = write_card(
        make_description(
            "stream", devices={"board": 1.0, "pixel": 1.0}, recommended_on=["board"], answers=[answer]
        )
    )
    assert "5.00 million multiply-accumulates a chunk; time not measured, `board` |" in card
    assert "| Latency, device | 5.00 ms a chunk" in card
    assert "| Input | `state_frames`, float32" in card and ", scale " not in card
    assert f"- {answer}" in section(card, "Quality")
    assert "| Choice | **the file to ship** on `board`, says its run |" in card
    assert "None" not in card
