"""Files behind a teacher that its description does not name one by one."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

# What is read of a Hugging Face repository: never a pickle.
CHECKPOINT_FILES = (
    "config.json",
    "preprocessor_config.json",
    "model*.safetensors",
    "model.safetensors.index.json",
)

# Messages of onnx.proto on the way to tensors: for each the fields that hold further messages.
_MESSAGES = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse",
    },
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}  # fmt: skip
_DEEPEST = 64
_LONGEST_VARINT = 10


def onnx_data_files(path: str | Path) -> list[Path]:
    """Files in which an ONNX model keeps weights outside its own, in the order of their names.

    A tensor with external data names its file under the key ``location``, relative to the model
    (onnx.proto, ``TensorProto.external_data``). Only messages that lead to tensors are read; weights inside
    the file are stepped over.

    Raises:
      ValueError: If the file is not what protobuf writes, or a location leads out of the model's folder: by
        ``..``, as an absolute path or through a link.
    """
    if not Path(path).stat().st_size:
        return []
    with Path(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            names = set(_locations(content, 0, len(content), "model", 0))
        except _Malformed as error:
            raise ValueError(f"{path} is not a whole ONNX file: {error}") from None
    folder = Path(path).parent
    for name in sorted(names):
        if "\0" in name or not (folder / name).resolve().is_relative_to(folder.resolve()):
            raise ValueError(
                f"{path} keeps weights in {name!r}, which lies outside of its folder; accepted: files "
                f"inside {folder}: save the model with its weights beside it"
            )
    return [folder / name for name in sorted(names)]


def cached_snapshot(repo: str, revision: str) -> Path | None:
    """Folder in which huggingface_hub's cache holds a repository at a revision; nothing is downloaded."""
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(repo, "config.json", revision=revision)
    return Path(config).parent if isinstance(config, str) else None


def holds_checkpoint(folder: Path) -> bool:
    """Whether a folder has a ``config.json`` and weights as safetensors."""
    return (folder / "config.json").is_file() and any(folder.glob("model*.safetensors"))


def how_to_download(repo: str, revision: str) -> str:
    """The command that brings a repository into the cache, and what to do without a network."""
    return (
        f"get it by `hf download {repo} --revision {revision} --include '*.json' "
        "--include 'model*.safetensors'` or allow it by `download: true`; without a network, run the "
        "command elsewhere with `--local-dir <folder>`, and give that folder as `path` in place of `repo`"
    )


class _Malformed(Exception):
    """Bytes that protobuf does not write."""


def _locations(content: mmap.mmap, at: int, end: int, message: str, depth: int) -> Iterator[str]:
    """Values of ``location`` below a message that lies from ``at`` to ``end``."""
    if depth > _DEEPEST:
        raise _Malformed(f"at byte {at} messages lie more than {_DEEPEST} deep in each other")
    inner = _MESSAGES[message]
    for field, start, stop in _fields(content, at, end):
        if field not in inner:
            continue
        if inner[field] != "entry":
            yield from _locations(content, start, stop, inner[field], depth + 1)
            continue
        entry = {key: content[first:last] for key, first, last in _fields(content, start, stop)}
        if entry.get(1) == b"location":
            yield entry.get(2, b"").decode("utf-8", errors="surrogateescape")


def _fields(content: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Fields of a message that have a length: number, first byte and the byte behind the last."""
    while at < end:
        begin = at
        key, at = _varint(content, at, end)
        field, wire_type = key >> 3, key & 7
        if not field or wire_type not in (0, 1, 2, 5):
            raise _Malformed(f"there is no field at byte {begin}")
        if wire_type == 0:
            _, at = _varint(content, at, end)
            continue
        length = {1: 8, 5: 4}.get(wire_type, 0)
        if wire_type == 2:
            length, at = _varint(content, at, end)
        if length > end - at:
            raise _Malformed(f"the field at byte {begin} is {length} bytes long, {end - at} are left")
        if wire_type == 2:
            yield field, at, at + length
        at += length


def _varint(content: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    """A number in protobuf's encoding, seven bits a byte and at most ten bytes, and the place behind it."""
    value = 0
    for place in range(at, min(at + _LONGEST_VARINT, end)):
        byte = content[place]
        value |= (byte & 0x7F) << 7 * (place - at)
        if byte < 0x80:
            return value, place + 1
    raise _Malformed(f"the number at byte {at} does not end")
