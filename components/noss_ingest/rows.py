"""One clip of a task, whatever source it was found in."""

from __future__ import annotations

from dataclasses import dataclass

from components.common.audio.places import printable

SPLITS = ("train", "validation", "test")


class SourceMissing(ValueError):
    """The files of a source are not there; the message says what was looked for."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class SourceError(ValueError):
    """The files of a source are there and malformed; the message has the place and what is accepted."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


@dataclass(frozen=True)
class TfdsClip:
    """Where TensorFlow Datasets keeps a clip.

    Attributes:
      data_dir: The folder of all prepared data sets.
      builder: Name of the builder, as in ``crema_d`` or ``a/config``.
      version: Version of the prepared data set.
      split: Split of the builder.
      index: Place of the clip in the split, in stored order, from 0.
    """

    data_dir: str
    builder: str
    version: str
    split: str
    index: int


@dataclass(frozen=True)
class TaskRow:
    """One clip of a task.

    Attributes:
      file: As the source names it; the clip's id is ``<task>/<file>``.
      path: The sound file, absolute and normalised; empty for a clip that TFDS keeps.
      label: The class.
      place: ``file:line``, or the folder it was found in, for messages.
      speaker_id: The speaker, or empty.
      split: train, validation or test; empty where the record's rule draws it.
      fold: The source's fold, or empty.
      sex: The speaker's, as the source writes it, or empty.
      age: The speaker's, as the source writes it, or empty.
      start_s: Where the clip begins in the file, in seconds.
      seconds: Its length in seconds; None: to the end of the file.
      tfds: Where TFDS keeps it; None for a clip that is a file.
    """

    file: str
    path: str
    label: str
    place: str
    speaker_id: str = ""
    split: str = ""
    fold: str = ""
    sex: str = ""
    age: str = ""
    start_s: float = 0.0
    seconds: float | None = None
    tfds: TfdsClip | None = None

    def __post_init__(self) -> None:
        """All but the path is written into records and reports, and a file's name may be no UTF-8."""
        for name in ("file", "place", "speaker_id"):
            text = getattr(self, name)
            if not text.isascii():
                object.__setattr__(self, name, printable(text))
