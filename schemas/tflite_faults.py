"""What a converter's report says of a file that cannot be true."""

from __future__ import annotations

from collections import Counter

from schemas import faults
from schemas.tflite_reports import Parity, TfliteReport, TfliteVariant


def variant_faults(variant: TfliteVariant, report: TfliteReport) -> list[str]:
    """What the report says of an accepted file that cannot be true; empty if it can.

    Args:
      variant: One of the report's.
      report: Of its candidate.
    """
    if found := faults.malformed(variant):
        return found
    found = [f"it is called accepted, with a reason against it: {variant.reason}"] if variant.reason else []
    if report.failure:
        found.append(f"its candidate is reported to have failed: {report.failure}")
    if Counter(one.name for one in report.variants)[variant.name] > 1:
        found.append("it is reported more than once")
    if variant.name != f"{variant.input}-{variant.precision}":
        found.append(f"its name is not that of a {variant.input} file of precision {variant.precision}")
    found += faults.not_above_zero({"bytes": variant.bytes, "parameters": report.parameters})
    found += faults.no_sha256("sha256", variant.sha256)
    if not variant.file:
        found.append("it has no file")
    if not variant.inputs or not variant.outputs:
        found.append(f"{len(variant.inputs)} inputs and {len(variant.outputs)} outputs")
    for heard in variant.behaviour:
        if not heard.finite or not 0 <= heard.norm < float("inf"):
            found.append(f"its answer to {heard.sound} is not finite: norm {heard.norm}")
    return found


def parity_faults(parity: Parity | None) -> list[str]:
    """Why the agreement with the Keras student shows nothing; empty if it shows something."""
    if parity is None or parity.n < 1:
        return ["the file was not compared with its student"]
    names = ("cosine_mean", "cosine_min", "centred_cosine")
    figures = {name: getattr(parity, name) for name in names}
    low, high = -1 - faults.ROUNDING, 1 + faults.ROUNDING
    wrong = [f"{name} = {value}" for name, value in figures.items() if not low <= value <= high]
    if wrong:
        return [f"no cosine: {', '.join(wrong)}"]
    apart = {"max_abs_difference": parity.max_abs_difference}
    found = faults.not_finite(apart) or faults.below_zero(apart)
    if parity.cosine_min > parity.cosine_mean + faults.ROUNDING:
        found.append(f"cosine_min {parity.cosine_min:.6g} is above cosine_mean {parity.cosine_mean:.6g}")
    return found
