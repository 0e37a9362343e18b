"""Executor of the TfliteConverter: one student in, its proven TFLite variants out."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.tflite_converter.settings import ConverterSettings, VariantName, split_name
from schemas.reports import TfliteReport, TfliteVariant

MODEL_KEY = "model"
WINDOWS_KEY = "windows"
VARIANTS_KEY = "variants"
SETTINGS = "settings"
CODE_DIGEST = "code_digest"

NOTHING_TO_QUANTISE = "no float weights are left to quantise: the file would be the float32 one again"

_log = logging.getLogger("tinytrill.tflite_converter")


class Executor(base_executor.BaseExecutor):
    """Converts a student and writes ``variants.json``, the files and their golden vectors."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Makes every variant the settings ask for; a refused one stays in the report with its reason.

        Raises:
          ValueError: If the student cannot be read, or the held-out windows do not fit it.
        """
        convert_student(
            model_uri=artifact_utils.get_single_uri(input_dict[MODEL_KEY]),
            windows_uri=artifact_utils.get_single_uri(input_dict[WINDOWS_KEY]),
            output_uri=artifact_utils.get_single_uri(output_dict[VARIANTS_KEY]),
            settings=ConverterSettings.from_parameter(exec_properties[SETTINGS]),
        )


def convert_student(
    model_uri: str, windows_uri: str, output_uri: str, settings: ConverterSettings
) -> TfliteReport:
    """Reads a student, makes its variants in ``output_uri`` and reports on them."""
    from components.modeling.student import load_student
    from components.tflite_converter.proof import Proof
    from schemas.reports import StudentInfo

    try:
        info = StudentInfo.load(model_uri)
        student = load_student(model_uri)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"the student in {model_uri} cannot be read: {error}") from error
    proof = Proof.prepare(student, windows_uri, settings)
    folder = Path(output_uri)
    folder.mkdir(parents=True, exist_ok=True)

    contents = make_files(student, settings)
    variants: list[TfliteVariant] = []
    for name in settings.variants:
        content = contents[name]
        if isinstance(content, bytes):
            variant = _proven(name, content, proof, folder)
        else:
            variant = _refused(name, str(content))
        _log.info("%s %s: %s", info.candidate_id, name, _summary(variant))
        variants.append(variant)
    report = TfliteReport(
        candidate_id=info.candidate_id,
        spec=info.spec,
        front_end=info.front_end,
        parameters=info.parameters,
        variants=variants,
    )
    report.save(output_uri)
    return report


def make_files(student: Any, settings: ConverterSettings) -> Mapping[VariantName, bytes | Exception]:
    """Converts a student once an input, and derives the dynamic-range file from the float file."""
    from components.modeling import frontend
    from components.tflite_converter.conversion import ConversionRefused, convert
    from components.tflite_converter.dynamic_range import quantise

    converted: dict[str, bytes | Exception] = {}
    files: dict[VariantName, bytes | Exception] = {}
    for name in settings.variants:
        kind, precision = split_name(name)
        if kind not in converted:
            try:
                converted[kind] = convert(student, kind)
            except ConversionRefused as error:
                converted[kind] = error
        content = converted[kind]
        if precision == "dynamic" and isinstance(content, bytes):
            smaller = quantise(content, settings.min_quantised_elements, frontend.NAME)
            content = smaller if smaller != content else ConversionRefused(NOTHING_TO_QUANTISE)
        files[name] = content
    return files


def _proven(name: VariantName, content: bytes, proof: Any, folder: Path) -> TfliteVariant:
    from components.modeling import flatbuffer
    from components.tflite_converter.proof import Evidence

    kind, precision = split_name(name)
    file, golden = f"{name}.tflite", f"{name}.golden.npz"
    (folder / file).write_bytes(content)
    model = flatbuffer.parse(content)
    try:
        evidence = proof.of(content, kind, precision, folder / golden)
    except (ValueError, RuntimeError) as error:
        evidence, golden = Evidence(None, [], f"LiteRT does not run the file: {error}"), ""
    return TfliteVariant(
        name=name,
        input=kind,
        precision=precision,
        file=file,
        golden=golden,
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        inputs=flatbuffer.inputs(model),
        outputs=flatbuffer.outputs(model),
        operators=flatbuffer.operators(model),
        int8_tensors=flatbuffer.int8_weights(model),
        parity=evidence.parity,
        behaviour=evidence.behaviour,
        accepted=not evidence.refusal,
        reason=evidence.refusal,
    )


def _refused(name: VariantName, reason: str) -> TfliteVariant:
    """A variant of which there is no file."""
    kind, precision = split_name(name)
    return TfliteVariant(
        name=name,
        input=kind,
        precision=precision,
        file="",
        golden="",
        sha256="",
        bytes=0,
        inputs=[],
        outputs=[],
        operators={},
        int8_tensors=[],
        parity=None,
        behaviour=[],
        accepted=False,
        reason=reason,
    )


def _summary(variant: TfliteVariant) -> str:
    size = f"{variant.bytes / 2**20:.2f} MiB" if variant.file else "no file"
    agreement = f", cosine {variant.parity.cosine_mean:.5f}" if variant.parity else ""
    return f"{size}{agreement}, " + ("accepted" if variant.accepted else f"refused: {variant.reason}")
