"""TFLite Model Metadata: what MediaPipe's ``AudioClassifier`` reads of a file before it takes it.

A flatbuffer of its own (https://ai.google.dev/edge/litert/models/metadata, ``metadata_schema.fbs``) in a
buffer of the model, and the files that it names in a zip behind the model. Nothing in it depends on the time
or the place, so the same model and labels give the same bytes; the model's own part is written by
:mod:`components.common.modeling.flatbuffer`, which keeps constants aligned.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from components.common.modeling import flatbuffer
from schemas.head_reports import Sigmoid

ENTRY = "TFLITE_METADATA"
IDENTIFIER = b"M001"
LABELS_FILE = "labels.txt"
CALIBRATION_FILE = "score_calibration.txt"
# The first parser that knows audio properties.
MIN_PARSER_VERSION = "1.3.0"

_EPOCH = (1980, 1, 1, 0, 0, 0)
# Numbers of the schema: members of the unions ContentProperties and ProcessUnitOptions, and of the
# enumerations AssociatedFileType and ScoreTransformationType.
_FEATURE_PROPERTIES, _AUDIO_PROPERTIES = 1, 4
_SCORE_CALIBRATION_OPTIONS = 2
_TENSOR_AXIS_LABELS, _TENSOR_AXIS_SCORE_CALIBRATION = 2, 4
_INVERSE_LOGISTIC = 2


@dataclass(frozen=True)
class Words:
    """What the metadata tell people.

    Attributes:
      name: Of the classifier.
      description: In a line.
      licence: Empty: not stated.
    """

    name: str
    description: str
    licence: str = ""


def annotate(
    content: bytes,
    labels: Sequence[str],
    sample_rate: int,
    words: Words,
    sigmoids: Sequence[Sigmoid] = (),
) -> bytes:
    """Writes metadata into a classifier's file, and its labels behind it.

    Args:
      content: A file with one input, mono sound, whose first output is a score a label.
      labels: In the order of the scores.
      sample_rate: Of the sound in Hz.
      words: For people.
      sigmoids: Of the logit of each score, by which MediaPipe calibrates it; empty: it does not.

    Returns:
      The annotated file; :func:`strip` gives ``content`` back.

    Raises:
      ValueError: If the labels do not fit the scores or a line, the sigmoids not the labels, or the file
        cannot be given back.
    """
    model = flatbuffer.parse(content)
    outputs = flatbuffer.outputs(model)
    if outputs[0].shape[-1] != len(labels):
        raise ValueError(f"{len(labels)} labels for {outputs[0].shape[-1]} scores")
    if sigmoids and len(sigmoids) != len(labels):
        raise ValueError(f"{len(sigmoids)} sigmoids for {len(labels)} labels")
    for label in labels:
        if not label or label != label.strip() or len(label.splitlines()) != 1:
            raise ValueError(f"label {label!r} is no line of text; accepted: words without line breaks")
    if any(flatbuffer.text(entry.name) == ENTRY for entry in model.metadata or []):
        raise ValueError("the file has metadata already; accepted: a bare file")
    inputs = [one.name for one in flatbuffer.inputs(model)]
    written = _metadata(inputs, [one.name for one in outputs], sample_rate, words, bool(sigmoids))
    number = flatbuffer.add_constant(model, np.frombuffer(written, np.uint8))
    model.metadata = [*(model.metadata or []), schema.MetadataT(name=ENTRY.encode(), buffer=number)]
    files = {LABELS_FILE: "\n".join(labels) + "\n"}
    if sigmoids:
        # Scale, slope, offset; no line end after the last, which would be one sigmoid more.
        files[CALIBRATION_FILE] = "\n".join(f"1,{one.slope:.9g},{one.offset:.9g}" for one in sigmoids)
    annotated = _with_files(flatbuffer.serialize(model), files)
    if strip(annotated) != content:
        raise ValueError("the file is not as this project writes files, so it could not be given back")
    return annotated


def strip(annotated: bytes) -> bytes:
    """The bare file of an annotated one.

    Raises:
      ValueError: If it has no metadata, or they are not the last that was written.
    """
    model = flatbuffer.parse(annotated)
    entries = [entry for entry in model.metadata or [] if flatbuffer.text(entry.name) == ENTRY]
    if len(entries) != 1 or entries[0].buffer != len(model.buffers) - 1:
        raise ValueError(f"no metadata that were written last: {len(entries)} entries {ENTRY}")
    model.metadata.remove(entries[0])
    model.buffers.pop()
    return flatbuffer.serialize(model)


def labels_of(annotated: bytes) -> list[str]:
    """The labels that an annotated file carries.

    Raises:
      ValueError: If it carries none.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(annotated)) as archive:
            return archive.read(LABELS_FILE).decode().splitlines()
    except (zipfile.BadZipFile, KeyError) as error:
        raise ValueError(f"no {LABELS_FILE} behind the file: {error}") from error


def _with_files(content: bytes, files: dict[str, str]) -> bytes:
    """A file with others in a zip behind it: stored, because a reader maps them as they are."""
    place = io.BytesIO(content)
    with zipfile.ZipFile(place, "a", zipfile.ZIP_STORED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), text.encode())
    return place.getvalue()


def _metadata(
    inputs: Sequence[str], outputs: Sequence[str], sample_rate: int, words: Words, calibrated: bool
) -> bytes:
    """The flatbuffer ``ModelMetadata``."""
    builder = flatbuffers.Builder(1024)
    files = [_file(builder, LABELS_FILE, "One label a line, as many as scores.", _TENSOR_AXIS_LABELS)]
    of_scores = {}
    if calibrated:
        text = "Scale, slope and offset of a sigmoid a line, as many as scores."
        files.append(_file(builder, CALIBRATION_FILE, text, _TENSOR_AXIS_SCORE_CALIBRATION))
        options = _table(builder, 2, bytes_={0: _INVERSE_LOGISTIC})
        unit = _table(builder, 2, {1: options}, {0: _SCORE_CALIBRATION_OPTIONS})
        of_scores[4] = _vector(builder, [unit])
    of_scores[6] = _vector(builder, files)
    told = [
        _tensor(builder, name, _FEATURE_PROPERTIES, _table(builder, 0), of_scores if number == 0 else {})
        for number, name in enumerate(outputs)
    ]
    builder.StartObject(2)
    builder.PrependUint32Slot(0, sample_rate, 0)
    builder.PrependUint32Slot(1, 1, 0)
    sound = builder.EndObject()
    heard = [_tensor(builder, name, _AUDIO_PROPERTIES, sound, {}) for name in inputs]
    graph = _table(builder, 9, {2: _vector(builder, heard), 3: _vector(builder, told)})
    texts = {0: words.name, 1: words.description, 5: words.licence, 7: MIN_PARSER_VERSION}
    fields = {number: _text(builder, text) for number, text in texts.items() if text}
    builder.Finish(_table(builder, 8, {3: _vector(builder, [graph]), **fields}), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def _tensor(
    builder: flatbuffers.Builder, name: str, kind: int, properties: int, more: Mapping[int, int]
) -> int:
    content = _table(builder, 3, {1: properties}, {0: kind})
    return _table(builder, 7, {0: _text(builder, name), 3: content, **more})


def _file(builder: flatbuffers.Builder, name: str, description: str, kind: int) -> int:
    return _table(builder, 5, {0: _text(builder, name), 1: _text(builder, description)}, {2: kind})


def _table(
    builder: flatbuffers.Builder,
    size: int,
    fields: dict[int, int] | None = None,
    bytes_: dict[int, int] | None = None,
) -> int:
    """A table whose fields are other objects, or single bytes; returns where it is."""
    builder.StartObject(size)
    for slot, offset in sorted((fields or {}).items()):
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, value in sorted((bytes_ or {}).items()):
        builder.PrependInt8Slot(slot, value, 0)
    place: int = builder.EndObject()
    return place


def _vector(builder: flatbuffers.Builder, offsets: Sequence[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    place: int = builder.EndVector()
    return place


def _text(builder: flatbuffers.Builder, text: str) -> int:
    place: int = builder.CreateString(text)
    return place
