"""The files to be timed: the accepted variants of all candidates, checked against their reports."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from components.latency_benchmark.backends.base import ModelUnderTest
from components.latency_benchmark.sounds import write_input
from schemas.settings import UnreadableReport
from schemas.tflite_reports import TfliteReport, TfliteVariant


@dataclass
class Found:
    """Files that can be timed, and the reasons for those that cannot."""

    models: list[ModelUnderTest] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


def find(variant_uris: Sequence[str], folder: Path, seed: int) -> Found:
    """Reads the reports of ``TfliteVariants`` artifacts and checks each accepted file.

    Args:
      variant_uris: Folders of the artifacts.
      folder: Where inputs are written.
      seed: Of the inputs.

    Raises:
      ValueError: If two candidates have the same id: their figures could not be told apart.
    """
    found = Found()
    seen: dict[str, str] = {}
    for number, uri in enumerate(variant_uris, start=1):
        try:
            report = TfliteReport.load(uri)
        except UnreadableReport as error:
            found.failures[f"candidate {number}"] = str(error)
            continue
        if report.candidate_id in seen:
            raise ValueError(
                f"candidate {report.candidate_id} is in {seen[report.candidate_id]} and in {uri}"
            )
        seen[report.candidate_id] = uri
        for variant in report.accepted:
            path = Path(uri) / variant.file
            try:
                check_file(path, variant)
                found.models.append(
                    ModelUnderTest(
                        candidate_id=report.candidate_id,
                        variant=variant.name,
                        input=variant.input,
                        path=path,
                        input_path=write_input(variant.inputs[0], folder, seed),
                        sha256=variant.sha256,
                        bytes=variant.bytes,
                        sound_seconds=variant.sound_seconds(report.front_end),
                        golden=Path(uri) / variant.golden if variant.golden else None,
                    )
                )
            except (OSError, ValueError) as error:
                found.failures[f"{report.candidate_id}/{variant.name}"] = str(error)
    return found


def check_file(path: Path, variant: TfliteVariant) -> None:
    """Makes sure that the file is the one its report speaks of.

    Raises:
      ValueError: If its sha256 is another.
    """
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    if sha256 != variant.sha256:
        raise ValueError(f"{path.name} has sha256 {sha256}, its report says {variant.sha256}")
