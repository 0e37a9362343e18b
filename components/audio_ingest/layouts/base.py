"""What a layout owes: which clips a file holds, and their sound."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from components.common.audio.errors import AudioError, Reason
from components.common.audio.places import FoundFile, printable

UNKNOWN_START = -1

# A member is held in memory while it is decoded, and one of this size is not a clip of a few seconds.
MOST_BYTES = 1 << 30


# What compressed bytes may unpack to. Sound hardly shrinks; what shrinks more is made to fill the memory.
_UNPACKS_ANYWAY, _MOST_RATIO = 64 << 20, 20


def allowance(compressed: int) -> int:
    """Bytes that so many compressed bytes may unpack to."""
    return max(_UNPACKS_ANYWAY, _MOST_RATIO * compressed)


class LayoutError(ValueError):
    """A file that does not follow its layout at all; the message has the file and what is accepted."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


@dataclass(frozen=True)
class Entry:
    """A clip that lies in a corpus.

    Attributes:
      ytid: The video it is from.
      start_ms: Where in the video it begins, in milliseconds; ``UNKNOWN_START`` if its name does not say.
      member: What it is called in its container, or the file's own name.
      position: Where in its container it begins: a byte of a tar, a row of a parquet file.
      size: Its bytes in the container; 0 if they are unknown beforehand.
      flaw: Why it must not be read, or None.
    """

    ytid: str
    start_ms: int
    member: str
    position: int = 0
    size: int = 0
    flaw: Reason | None = None


@dataclass
class Strays:
    """What lies in a corpus and is not a clip of its layout.

    Attributes:
      counts: How many, by what is wrong.
      examples: The first few of each.
    """

    MOST: ClassVar[int] = 3

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, what: str, example: str, number: int = 1) -> None:
        """Counts something."""
        self.counts[what] = self.counts.get(what, 0) + number
        known = self.examples.setdefault(what, [])
        if len(known) < self.MOST:
            known.append(printable(example))

    def merge(self, other: Strays) -> None:
        """Counts what another part of the corpus holds."""
        for what, number in other.counts.items():
            examples = other.examples.get(what, [])
            self.add(what, examples[0] if examples else "", number)
            known = self.examples[what]
            known.extend(examples[1 : 1 + self.MOST - len(known)])


class Layout(ABC):
    """One form in which published copies of AudioSet lie on disk."""

    name: ClassVar[str]
    form: ClassVar[str]
    """How its files are named, for people."""
    extensions: ClassVar[frozenset[str]]
    """Ends of the names of the files that it is made of, in lower case."""


class FileLayout(Layout):
    """Each clip is a file; its name says which."""

    @abstractmethod
    def parse(self, stem: str) -> tuple[str, int] | None:
        """Video and start in milliseconds of a name without its extension, or None if it is none of ours."""


class ContainerLayout(Layout):
    """A file holds many clips and is read from front to back."""

    @abstractmethod
    def check(self, path: str) -> str:
        """Looks into a container.

        Returns:
          An example of what it holds, or "" if it is none of this layout.

        Raises:
          LayoutError: If it cannot be read, or holds something else in a way that should be said.
        """

    @abstractmethod
    def entries(self, container: FoundFile, strays: Strays) -> Iterator[Entry]:
        """The clips of a container in their order; what is not a clip is counted in ``strays``."""

    @abstractmethod
    def read(self, path: str, places: Sequence[tuple[int, int]]) -> Iterator[bytes | AudioError]:
        """The encoded sound of some clips of a container, which is opened once and read forwards.

        Args:
          path: The container.
          places: Position and size of each clip, ascending.
        """
