"""Executor of the TfliteConverter: one student in, its proven TFLite variants out."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from components.common.tfx.executors import TaskExecutor
from components.tflite_converter.component import TfliteConverter
from components.tflite_converter.settings import ConverterSettings, VariantName, split_name
from schemas.settings import UnreadableReport
from schemas.student_reports import StudentInfo
from schemas.tflite_reports import TfliteReport, TfliteVariant

if TYPE_CHECKING:
    from components.common.modeling.student import Student
    from components.tflite_converter.network import Network
    from components.tflite_converter.proof import Proof


_log = logging.getLogger("tinytrill.tflite_converter")


class Executor(TaskExecutor[TfliteConverter]):
    """Converts a student and writes ``variants.json``, the files and their golden vectors."""

    def run(self, task: TfliteConverter) -> None:
        """Makes every variant the settings ask for; a refused one stays in the report with its reason.

        A student whose description cannot be read has no report, and whoever looks for one leaves the
        candidate out: it must not cost the run's other candidates.

        Raises:
          ValueError: If the held-out windows do not fit the student.
        """
        try:
            convert_student(
                model_uri=task.model.uri,
                windows_uri=task.windows.uri,
                output_uri=task.variants.uri,
                settings=task.settings,
                seed=task.seed,
            )
        except UnreadableReport as error:
            _log.warning("a candidate is left out, and the gate will refuse it: %s", error)


def convert_student(
    model_uri: str, windows_uri: str, output_uri: str, settings: ConverterSettings, seed: int = 0
) -> TfliteReport:
    """Reads a student, makes its variants in ``output_uri`` and reports on them.

    The seed chooses windows, and makes the noise that the files are asked about.

    A candidate whose training failed, or whose weights cannot be read, has a report that says so, without
    variants.

    Raises:
      UnreadableReport: If the student's description cannot be read.
      ValueError: If the held-out windows do not fit the student.
    """
    try:
        info = StudentInfo.load(model_uri)
    except UnreadableReport as error:
        raise UnreadableReport(f"the student in {model_uri} cannot be read: {error}") from error
    import tf_keras as keras

    from components.common.modeling.student import load_student
    from components.common.store.arrays import UnreadableWeights

    # Keras numbers layers over the whole process, and their names are in the file: the same student must give
    # the same bytes whatever was built before it.
    keras.backend.clear_session()
    folder = Path(output_uri)
    folder.mkdir(parents=True, exist_ok=True)
    failure, variants = info.failure, []
    if not failure:
        try:
            variants = _variants(load_student(model_uri), windows_uri, folder, settings, seed)
        except UnreadableWeights as error:
            failure = f"the student cannot be read: {error}"
            _log.warning("%s: %s", info.candidate_id, failure)
    report = TfliteReport(
        candidate_id=info.candidate_id,
        failure=failure,
        left_out=info.left_out,
        spec=info.spec,
        front_end=info.front_end,
        parameters=info.parameters,
        total_steps=info.total_steps,
        variants=variants,
    )
    for variant in report.variants:
        _log.info("%s %s: %s", info.candidate_id, variant.name, _summary(variant))
    report.save(output_uri)
    return report


def _variants(
    student: Student, windows_uri: str, folder: Path, settings: ConverterSettings, seed: int
) -> list[TfliteVariant]:
    from components.tflite_converter.network import Network
    from components.tflite_converter.proof import Proof

    proof = Proof.prepare(student, windows_uri, settings, seed)
    network = Network(student, windows_uri, settings, seed)
    return [_variant(name, network, proof, folder) for name in settings.variants]


def _variant(name: VariantName, network: Network, proof: Proof, folder: Path) -> TfliteVariant:
    from components.common.modeling import flatbuffer
    from components.tflite_converter.conversion import ConversionRefused
    from components.tflite_converter.proof import Evidence

    kind, precision = split_name(name)
    try:
        content = network.file(name)
    except ConversionRefused as refusal:
        return _refused(name, str(refusal))
    file, golden = f"{name}.tflite", f"{name}.golden.npz"
    (folder / file).write_bytes(content)
    model = flatbuffer.parse(content)
    try:
        evidence = proof.of(content, kind, precision, folder / golden)
        layers = network.noise(precision, proof.report_patches)
    except (ValueError, RuntimeError) as error:
        evidence, golden, layers = Evidence(None, [], f"LiteRT does not run the file: {error}"), "", []
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
        layers=layers,
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
    parity = variant.parity
    agreement = f", cosine {parity.cosine_mean:.5f}, centred {parity.centred_cosine:.5f}" if parity else ""
    worst = min(variant.layers, key=lambda layer: layer.snr_db, default=None)
    noise = ""
    if worst:
        layer = worst.name.rpartition(";")[2]
        noise = f", noisiest layer {layer} ({worst.operator}, {worst.snr_db:.1f} dB)"
    verdict = "accepted" if variant.accepted else f"refused: {variant.reason}"
    return f"{size}{agreement}{noise}, {verdict}"
