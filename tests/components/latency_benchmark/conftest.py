"""Small TFLite files and the reports that speak of them; no TensorFlow."""

from __future__ import annotations

import hashlib
from pathlib import Path

from components.latency_benchmark.reference import reference_model
from schemas.students import FrontEndSpec, StudentSpec
from schemas.tensors import TensorInfo
from schemas.tflite_reports import TfliteReport, TfliteVariant


def write_variants(folder: Path, candidate_id: str, files: dict[str, bytes]) -> str:
    """Writes a ``TfliteVariants`` folder; variants called ``wave-...`` hear sound, all others log-mels."""
    folder.mkdir(parents=True)
    variants = []
    for name, content in files.items():
        (folder / f"{name}.tflite").write_bytes(content)
        wave = name.startswith("wave-")
        hears = TensorInfo(
            name="waveform" if wave else "log_mel",
            shape=[1, 15_600] if wave else [1, 96, 64],
            dtype="float32",
        )
        variants.append(
            TfliteVariant(
                name=name,
                input="wave" if wave else "core",
                precision="float32",
                file=f"{name}.tflite",
                golden="",
                sha256=hashlib.sha256(content).hexdigest(),
                bytes=len(content),
                inputs=[hears],
                outputs=[],
                operators={},
                int8_tensors=[],
                parity=None,
                behaviour=[],
                accepted=True,
            )
        )
    TfliteReport(
        candidate_id=candidate_id,
        spec=StudentSpec(),
        front_end=FrontEndSpec(),
        parameters=1,
        variants=variants,
    ).save(str(folder))
    return str(folder)


def model_file() -> bytes:
    """A file that LiteRT runs in a fraction of a millisecond."""
    return reference_model()
