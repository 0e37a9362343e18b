"""Whether the file still answers as it did when it was converted, and well enough for today's floor."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from components.common.modeling.stream_model import open_variant
from components.tflite_converter import checks
from components.tflite_converter.settings import ConverterSettings
from pipeline.models.promotion.checked import Checked
from pipeline.terminal.progress import terminal
from schemas.push_reports import ModelDescription


def check_parity(folder: Path, description: ModelDescription, conversion: ConverterSettings) -> Checked:
    """Runs ``model.tflite`` on the golden vectors by LiteRT; asks the figures of its conversion too.

    Args:
      folder: Of the version's files.
      description: Of the version.
      conversion: Whose floor holds.
    """
    floor = conversion.floor(description.precision)
    try:
        with np.load(folder / "golden.npz", allow_pickle=False) as golden:
            inputs, expected = golden[checks.GOLDEN_INPUT], golden[checks.GOLDEN_EMBEDDING]
        # LiteRT says on standard error what it runs with.
        with terminal(Path(os.devnull), verbose=False):
            answers = checks.embed(open_variant(folder / "model.tflite", description.input), inputs)
        found = checks.parity(answers, expected)
    except (ValueError, KeyError, OSError, RuntimeError) as error:
        return Checked("parity", False, f"LiteRT does not run the file on its golden vectors: {error}")
    here = checks.refusal(floor, found, [])
    then = checks.refusal(floor, description.parity, []) if description.parity else "it was not measured"
    faults = [f"golden vectors: {here}"] if here else []
    faults += [f"when it was converted: {then}"] if then else []
    if faults or found is None:
        return Checked("parity", False, "; ".join(faults))
    return Checked("parity", True, f"least cosine {found.cosine_min:.6f} on {found.n} golden vectors")
