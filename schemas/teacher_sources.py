"""Files behind a teacher that its description does not name one by one."""

from __future__ import annotations

import mmap
import re
from pathlib import Path

# What is read of a Hugging Face repository: never a pickle.
CHECKPOINT_FILES = (
    "config.json",
    "preprocessor_config.json",
    "model*.safetensors",
    "model.safetensors.index.json",
)

# A StringStringEntryProto with the key "location"; the length of its value follows.
_LOCATION = re.compile(rb"\x0a\x08location\x12")


def onnx_data_files(path: str | Path) -> list[Path]:
    """Files in which an ONNX model keeps weights outside its own, in the order of their names.

    A tensor with external data names its file under the key ``location``, relative to the model
    (onnx.proto, ``TensorProto.external_data``). The entries are found by their encoding, so that no more
    than the file is needed to know what belongs to it.
    """
    if not Path(path).stat().st_size:
        return []
    names = set()
    with Path(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for match in _LOCATION.finditer(content):
            length, start = _varint(content, match.end())
            names.add(content[start : start + length].decode("utf-8", errors="replace"))
    return [Path(path).parent / name for name in sorted(names)]


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


def _varint(content: mmap.mmap, at: int) -> tuple[int, int]:
    """A number in protobuf's encoding, seven bits a byte, and the place behind it."""
    value = shift = 0
    while True:
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
