"""A configuration's whole grid: each student built, converted in every variant, compared with Keras.

    python -m tests.benchmarks.student_grid [--config trillsson] [--only small-w2] [--table FILE]

Weights are random; batch normalisation and quantisers take their ranges from made-up windows, as a training
would leave them. A line a student: parameters, seconds, and for each file its size in MiB and the least
cosine to the Keras network over windows that it was not calibrated on.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import get_args

import tf_keras as keras

from components.common.modeling.frontend import LogMel
from components.common.modeling.litert import LiteRtModel
from components.common.modeling.student import Student, build_deployed
from components.student_trainer.phase_transitions import enter_phase
from components.tflite_converter.checks import Array, embed, parity
from components.tflite_converter.conversion import ConversionRefused
from components.tflite_converter.network import Network
from components.tflite_converter.settings import ConverterSettings, VariantName, split_name
from components.tflite_converter.windows import HELD_OUT, TRAINING, draw_windows
from pipeline.configuration.config_file import load_config
from schemas.students import FrontEndSpec, StudentSpec
from tests.components.student_trainer.conftest import write_distillation_set

CALIBRATION, COMPARED = 8, 2
SETTINGS = ConverterSettings(variants=get_args(VariantName), representative_windows=CALIBRATION)


def main() -> None:
    """Prints the table and, at the end, what failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", default="", help="candidates whose id begins so")
    parser.add_argument("--table", type=Path, help="also write the lines to this file")
    parser.add_argument("--config", default="frill144", help="configuration that names the students")
    options = parser.parse_args()
    config = load_config(options.config)
    grid = config.students.expand()
    chosen = [spec for spec in grid if spec.candidate_id.startswith(options.only)]
    faults: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        windows = write_distillation_set(Path(folder), CALIBRATION, COMPARED, config.front_end)
        for number, spec in enumerate(chosen, start=1):
            line, found = _examine(spec, spec.front_end_in(config.front_end), windows)
            faults += found
            text = f"{number:3d}/{len(chosen)} {line}"
            print(text, flush=True)
            if options.table:
                with options.table.open("a", encoding="utf-8") as file:
                    file.write(text + "\n")
    print(f"{len(chosen)} students, {len(SETTINGS.variants)} variants each, {len(faults)} faults")
    print("\n".join(faults))


def _examine(spec: StudentSpec, front_end: FrontEndSpec, windows: str) -> tuple[str, list[str]]:
    """The table's line of one student, and what is wrong with it."""
    began = time.perf_counter()
    waves = draw_windows(windows, TRAINING, CALIBRATION, front_end.window_samples, seed=0)
    student = _settled(spec, front_end, LogMel(front_end)(waves).numpy())
    waves = draw_windows(windows, HELD_OUT, COMPARED, front_end.window_samples, seed=0)
    heard = {"wave": waves, "core": LogMel(front_end)(waves).numpy()}
    expected = student.core(heard["core"], training=False).numpy()
    network = Network(student, windows, SETTINGS)
    cells, faults = [], []
    for name in SETTINGS.variants:
        kind, precision = split_name(name)
        try:
            content = network.file(name)
        except ConversionRefused as error:
            faults.append(f"{spec.candidate_id} {name}: {error}")
            continue
        agreement = parity(embed(LiteRtModel(content), heard[kind]), expected)
        least = agreement.cosine_min if agreement else float("nan")
        if not least >= SETTINGS.floor(precision).cosine_min:
            faults.append(f"{spec.candidate_id} {name}: least cosine {least:.5f}")
        cells.append(f"{name} {len(content) / 2**20:.2f} {least:.5f}")
    parameters = student.parameters
    keras.backend.clear_session()
    seconds = time.perf_counter() - began
    return f"{spec.candidate_id:36} {parameters:>11,} {seconds:5.1f} s  " + ", ".join(cells), faults


def _settled(spec: StudentSpec, front_end: FrontEndSpec, patches: Array) -> Student:
    """A student of random weights whose moving averages and quantisers' ranges have arrived."""
    plain = build_deployed(spec.model_copy(update={"qat": "none"}), front_end, spec.svd_rank)
    for layer in plain.features.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.3
    for _ in range(4):
        plain.core(patches, training=True)
    student = replace(plain, spec=spec)
    return enter_phase(student, "qat", spec.svd_rank, 0, [patches]) if spec.qat != "none" else student


if __name__ == "__main__":
    main()
