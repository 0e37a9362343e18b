from __future__ import annotations

import runpy
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import REPOSITORY
from tests.kotlin.compiler import compile_kotlin, run_kotlin

FOLDER = REPOSITORY / "docs" / "on_device"
PROGRAM = """
#include <iostream>
#include "nearest_class_mean.hpp"

int main() {
  size_t clips, asked, dimensions;
  std::cin >> clips >> asked >> dimensions;
  NearestClassMean head;
  for (size_t n = 0; n < clips + asked; ++n) {
    std::string label;
    std::cin >> label;
    NearestClassMean::Embedding embedding(dimensions);
    for (float& value : embedding) std::cin >> value;
    if (n < clips) {
      head.learn(label, embedding);
      continue;
    }
    std::cout << head.nearest(embedding).value() << ' ' << head.nearest(embedding, 0.999).value_or("none");
    for (const auto& [name, score] : head.scores(embedding)) std::cout << ' ' << name << ' ' << score;
    std::cout << std::endl;
  }
  try {
    head.learn("null", NearestClassMean::Embedding(dimensions, 0.0f));
  } catch (const std::invalid_argument& error) {
    std::cout << error.what() << std::endl;
  }
}
"""


KOTLIN = """
fun main() {
    fun words() = readln().split(" ")
    fun numbers(words: List<String>) = FloatArray(words.size) { words[it].toFloat() }
    val (clips, asked, dimensions) = words().map { it.toInt() }
    val head = NearestClassMean()
    repeat(clips) { val given = words(); head.learn(given[0], numbers(given.drop(1))) }
    repeat(asked) {
        val embedding = numbers(words().drop(1))
        val scores = head.scores(embedding).flatMap { (name, score) -> listOf(name, score.toString()) }
        val certain = head.nearest(embedding, 0.999) ?: "none"
        println("${head.nearest(embedding)} $certain ${scores.joinToString(" ")}")
    }
    try {
        head.learn("null", FloatArray(dimensions))
    } catch (error: IllegalArgumentException) {
        println(error.message)
    }
}
"""


@pytest.fixture(scope="module")
def python_head() -> Any:
    return runpy.run_path(str(FOLDER / "nearest_class_mean.py"))["NearestClassMean"]


def clips(count: int, seed: int) -> list[tuple[str, np.ndarray]]:
    """Embeddings of three classes, whose lengths say nothing."""
    generator = np.random.default_rng(seed)
    labels = [("a", "b", "c")[index % 3] for index in range(count)]
    centres = {"a": [4, 1, 0, 0], "b": [0, 4, 1, 0], "c": [-4, 0, 0, 1]}
    return [
        (label, (np.array(centres[label]) + generator.normal(0, 0.5, 4)) * generator.uniform(0.1, 10))
        for label in labels
    ]


def test_it_learns_from_a_few_clips(python_head: Any) -> None:
    head = python_head()
    assert head.nearest([1.0, 0.0]) is None
    head.learn("right", [3.0, 0.0])
    head.learn("up", [0.0, 1.0])
    head.learn("up", [1.0, 1.0])
    # By hand: the mean of (0, 1) and (1, 1)/sqrt(2) has the angle 67.5 degrees.
    assert head.scores([0.0, 7.0])["up"] == pytest.approx(np.cos(np.radians(22.5)))
    assert head.scores([0.0, 7.0])["right"] == pytest.approx(0)
    assert head.nearest([2.0, 0.1]) == "right"
    assert head.nearest([-1.0, -1.0], least=0.0) is None
    with pytest.raises(ValueError, match="3 dimensions; accepted: 2, as before"):
        head.learn("up", [1.0, 1.0, 1.0])
    for bad in ([0.0, 0.0], [float("nan"), 1.0], [float("inf"), 1.0]):
        with pytest.raises(ValueError, match="accepted: finite, and not null"):
            head.learn("up", bad)


def agrees(python_head: Any, ask: Callable[[str], list[str]]) -> None:
    """Holds a program that reads clips and embeddings to be judged against the template in Python."""
    learnt, asked = clips(12, 0), clips(30, 1)
    lines = [f"{len(learnt)} {len(asked)} 4"]
    lines += [f"{label} {' '.join(map(str, values.astype(np.float32)))}" for label, values in learnt + asked]
    *answers, refusal = ask("\n".join(lines) + "\n")
    assert "not null" in refusal or "is null" in refusal
    head = python_head()
    for label, values in learnt:
        head.learn(label, values.astype(np.float32).tolist())
    right = 0
    for (label, values), answer in zip(asked, answers, strict=True):
        embedding = values.astype(np.float32).tolist()
        nearest, certain, *scores = answer.split()
        assert nearest == head.nearest(embedding)
        assert certain == (head.nearest(embedding, 0.999) or "none")
        told = dict(zip(scores[::2], map(float, scores[1::2]), strict=True))
        assert told == pytest.approx(head.scores(embedding), abs=1e-4)
        right += nearest == label
    assert right > 27


@pytest.mark.slow
def test_cpp_says_what_python_says(python_head: Any, tmp_path: Path) -> None:
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        pytest.skip("no C++ compiler is here")
    (tmp_path / "main.cpp").write_text(PROGRAM)
    program = tmp_path / "main"
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", f"-I{FOLDER}"]
    subprocess.run([compiler, *flags, tmp_path / "main.cpp", "-o", program], check=True)

    def ask(given: str) -> list[str]:
        done = subprocess.run([program], input=given, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    agrees(python_head, ask)


@pytest.mark.slow
def test_kotlin_says_what_python_says(python_head: Any, tmp_path: Path) -> None:
    head = "NearestClassMean.kt"
    classes = compile_kotlin({head: (FOLDER / head).read_text("utf-8"), "Main.kt": KOTLIN}, tmp_path)
    agrees(python_head, lambda given: run_kotlin(classes, "MainKt", given))
