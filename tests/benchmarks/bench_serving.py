"""What serving adds to the bare invocations of a file, and what resampling costs, on this host.

    python -m tests.benchmarks.bench_serving [--rounds 15]

A student's files embed a clip of ten seconds, served and bare in turns, and the ratio is taken round by
round. Bare is what cannot be saved: the interpreter, fed with windows (or log-mels) that were cut before.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from components.common.modeling.litert import LiteRtModel
from components.common.modeling.student import build_deployed
from components.common.package.serving import SCRIPT
from components.tflite_converter.network import Network
from components.tflite_converter.settings import ConverterSettings
from tests.components.common.package.serving.conftest import HOP, SPEC, sound, write_pushed
from tests.components.student_trainer.conftest import write_distillation_set
from tests.students import mobilenet

SECONDS = 10
RATES = (8_000, 11_025, 22_050, 44_100, 44_101, 48_000)


def main() -> None:
    """Prints both answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    spec = importlib.util.spec_from_file_location("embedder", SCRIPT)
    assert spec and spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    with tempfile.TemporaryDirectory() as folder:
        _print_ratios(script, Path(folder), rounds)
    _print_resampling(script, rounds)


def _print_ratios(script: Any, folder: Path, rounds: int) -> None:
    write_distillation_set(folder / "windows", train=16, held_out=1)
    spec = mobilenet("small", 0.5, embedding_width=512)
    network = Network(build_deployed(spec, SPEC, 0), str(folder / "windows"), ConverterSettings())
    clip = sound(16_000 * SECONDS)
    windows = script.cut_windows(clip, SPEC.window_samples, HOP)
    heard = {"wave": windows, "core": script.FrontEnd(SPEC.model_dump()).log_mel(windows)}
    forms = {
        "an array": clip,
        "a list": clip.tolist(),
        "48 kHz": {"waveform": sound(480_000), "sample_rate": 48_000},
    }
    for kind, inputs in heard.items():
        content = network.file("wave-float32" if kind == "wave" else "core-float32")
        pushed, _ = write_pushed(folder / kind, kind, content)
        served = script.Embedder()
        served.load(str(pushed / "model.tflite"), str(pushed / "model.json"))
        bare = LiteRtModel(content)
        for name, form in forms.items():
            pairs = [
                (
                    _seconds(served.predict, None, form),
                    _seconds(bare.run_each, inputs),
                )
                for _ in range(rounds + 1)
            ][1:]
            ratio = statistics.median(ours / theirs for ours, theirs in pairs)
            ours, theirs = (1e3 * statistics.median(column) for column in zip(*pairs, strict=True))
            print(f"{kind}, {name:8} {ratio:5.2f} times the bare file ({ours:.1f} ms and {theirs:.1f} ms)")


def _print_resampling(script: Any, rounds: int) -> None:
    for rate in RATES:
        clip = sound(rate * SECONDS)
        first = _seconds(script.resample, clip, rate, 16_000)
        later = statistics.median(_seconds(script.resample, clip, rate, 16_000) for _ in range(rounds))
        print(f"{SECONDS} s at {rate:5} Hz: {1e3 * later:4.0f} ms, the first time {1e3 * first:4.0f} ms")


def _seconds(call: Callable[..., Any], *given: Any) -> float:
    began = time.perf_counter()
    call(*given)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
