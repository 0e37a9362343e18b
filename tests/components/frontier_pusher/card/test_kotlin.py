"""The Kotlin of the card is compiled, and run on a model that a test can foretell: see ``stand_ins``."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.frontier_pusher.card import write_card
from schemas.push_reports import ModelDescription
from schemas.tensors import TensorInfo
from tests.components.frontier_pusher.card.descriptions import FRONT_END, code_blocks, make_description
from tests.components.frontier_pusher.card.stand_ins import SOURCES
from tests.kotlin.compiler import compile_kotlin, run_kotlin

pytestmark = pytest.mark.slow

LOG_MELS = FRONT_END.frames * FRONT_END.mels
GIVEN = TensorInfo(name="log_mel", shape=[1, 4, 2], dtype="int8", scale=0.5, zero_point=3)
FOUND = TensorInfo(name="embedding", shape=[1, 2], dtype="int8", scale=0.25, zero_point=-1)
MAIN = """
import com.google.ai.edge.litert.StandIn

fun main() {
    val context = android.content.Context()
    StandIn.answer = { given, answer ->
        val values = given[0].readFloat()
        answer[0].writeFloat(floatArrayOf(values.size.toFloat(), values.first(), values.last()))
    }
    val embedder = wave.Embedder(context)
    wave.listen(wave.openMicrophone(), embedder) { println("wave ${it.joinToString()}") }
    try { embedder.embed(FloatArray(3)) } catch (error: IllegalArgumentException) { println(error.message) }
    embedder.close()
    println("closed ${StandIn.closed}")
    core.listen(core.openMicrophone(), core.Embedder(context)) { println("core ${it.joinToString()}") }

    StandIn.answer = { given, answer -> answer[0].writeInt8(given[0].readInt8().copyOf(2)) }
    val values = FloatArray(8) { if (it == 0) 0.74f else -500f }
    println("codes ${codes.Embedder(context).embed(values).joinToString()}")

    // One more for each chunk in both states.
    StandIn.buffers = 3
    StandIn.answer = { given, answer ->
        val state = given.drop(1).map { it.readFloat() }
        require(state.map { it.size } == listOf(4680, 240))
        answer[0].writeFloat(floatArrayOf(given[0].readFloat().last(), state[0][0], state[1][0]))
        state.forEachIndexed { i, old -> answer[i + 1].writeFloat(FloatArray(old.size) { old[it] + i + 1 }) }
    }
    val streaming = stream.StreamingEmbedder(context)
    repeat(2) {
        stream.listen(stream.openMicrophone(), streaming) { start, found ->
            println("stream $start ${found.joinToString()}")
        }
    }
    try {
        streaming.feed(floatArrayOf(0f, Float.NaN)) { _, _ -> }
    } catch (error: IllegalArgumentException) { println(error.message) }
}
"""


def in_package(name: str, description: ModelDescription) -> dict[str, str]:
    """The Kotlin of a card, each block a file of its own in one package."""
    blocks = code_blocks(write_card(description), "kotlin")
    assert len(blocks) == 2
    if name in ("core", "codes"):
        blocks.append(f"fun logMel(window: FloatArray) = FloatArray({LOG_MELS}) {{ window[0] }}\n")
    return {f"{name}{number}.kt": f"package {name}\n{block}" for number, block in enumerate(blocks)}


def test_the_kotlin_of_the_card_compiles_and_does_what_it_says(tmp_path: Path) -> None:
    sources = dict(SOURCES) | {"Main.kt": MAIN}
    for kind in ("wave", "core", "stream"):
        sources |= in_package(kind, make_description(kind))
    sources |= in_package(
        "codes", make_description("core", precision="int8io", inputs=[GIVEN], outputs=[FOUND])
    )
    lines = run_kotlin(compile_kotlin(sources, tmp_path), "MainKt")
    window, hop = FRONT_END.window_samples, FRONT_END.frames * FRONT_END.hop_samples
    # 40,000 samples hold two windows of 15,600, 15,360 apart.
    first = [start for start in range(0, 40_000, hop) if start + window <= 40_000]
    assert len(first) == 2
    expected = [f"wave {window}.0, {start}.0, {start + window - 1}.0" for start in first]
    expected += [f"3 values, the model takes {window}", "closed 3"]
    expected += [f"core {LOG_MELS}.0, {start}.0, {start}.0" for start in first]
    # 0.74 / 0.5 rounds to 1, code 4; -500 is less than any code, so -128.
    # Out: 0.25 * (4 + 1), 0.25 * (-128 + 1).
    expected += ["codes 1.25, -31.75"]
    # With 3,600 zeros in front the fifth chunk of 3,840 ends where the first window does; then one a chunk.
    # Before chunk k (from 1) one state is k - 1 and the other 2 (k - 1). A second recording begins anew.
    heard = [
        f"stream {(3840 * k - 19_200) / 16_000} {3840 * k - 3600 - 1}.0, {k - 1}.0, {2 * (k - 1)}.0"
        for k in range(5, 43_600 // 3840 + 1)
    ]
    assert len(heard) == 7
    expected += [*heard, *heard, "sample 1 is NaN"]
    assert lines == expected
