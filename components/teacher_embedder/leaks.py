"""Sounds that quality is measured on, and which clips of the corpus are them.

A student that has learnt from the very sound it is tested on, or from another recording of it, is measured
too well. Such clips are left out, counted and listed. Tested is the test split, and of a task that is
measured by folds, its own or those of speakers, every clip.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from components.common.audio.acoustic_fingerprint import FingerprintIndex, Pcm
from components.common.audio.record_sum import RecordSum, digest_of
from components.common.store.shards import iterate_examples, list_shards
from schemas.ingest_reports import QuarantinedClip
from schemas.records import Clip, NossClip

SPLIT, FURTHER_SPLITS = "test", ("train", "validation")
EXACT, NEAR = "noss_exact", "noss_near"

# Measured on 612 real clips of a corpus against 366 of seven tasks, no two of which are the same sound: the
# most alike parts differ in 31 % of the bits. Copies at another gain or rate, in MP3, Opus or Vorbis, cut,
# shifted or within another sound mostly differ in less than 20 %.
_MAX_BIT_ERRORS = 0.25
_MIN_SECONDS = 1.5


@dataclass(frozen=True)
class HeldOutSounds:
    """The sounds that the tasks test, to be looked up.

    Attributes:
      names: Clip ids.
      exact: Place in ``names`` by the digest of the samples.
      lengths: How many samples they have; others need not be digested.
      index: Their fingerprints; None if there are no sounds.
      digest: Of all sounds.
    """

    names: list[str] = field(default_factory=list)
    exact: dict[str, int] = field(default_factory=dict)
    lengths: frozenset[int] = frozenset()
    index: FingerprintIndex | None = None
    digest: str = ""

    @classmethod
    def of(cls, examples_uri: str, min_test_speakers: int) -> HeldOutSounds:
        """Reads what is ever tested of NOSS examples.

        Args:
          examples_uri: Folder of the examples.
          min_test_speakers: A task with known speakers, but fewer of them in test, is measured by folds of
            speakers, as the evaluator's setting of that name says.
        """
        names: list[str] = []
        exact: dict[str, int] = {}
        lengths: set[int] = set()
        records = RecordSum()

        def sounds() -> Iterable[Pcm]:
            for clip in _tested(examples_uri, min_test_speakers):
                core = _without_silence(clip.audio)
                key = _digest(core)
                if not len(core) or key in exact:
                    continue
                exact[key] = len(names)
                names.append(clip.clip_id)
                lengths.add(len(core))
                records.add(SPLIT, core.tobytes())
                yield clip.audio

        index = FingerprintIndex.of(sounds())
        return cls(names, exact, frozenset(lengths), index, digest_of([records.text]))

    def save(self, folder: str | Path) -> str:
        """Writes the sounds for the workers.

        Returns:
          The file that :meth:`open` takes.
        """
        assert self.index is not None
        path = Path(folder) / ".held_out.json"
        self.index.save(path.with_suffix(".npz"))
        facts = {
            "names": self.names, "exact": self.exact, "lengths": sorted(self.lengths), "digest": self.digest
        }  # fmt: skip
        path.write_text(json.dumps(facts), encoding="utf-8")
        return str(path)

    @classmethod
    def open(cls, path: str) -> HeldOutSounds:
        """Reads what :meth:`save` wrote; without a path nothing is held out."""
        if not path:
            return cls()
        facts = json.loads(Path(path).read_text(encoding="utf-8"))
        index = FingerprintIndex.load(Path(path).with_suffix(".npz"))
        return cls(facts["names"], facts["exact"], frozenset(facts["lengths"]), index, facts["digest"])

    @staticmethod
    def remove(path: str) -> None:
        """Deletes what :meth:`save` wrote, if anything."""
        if path:
            Path(path).unlink()
            Path(path).with_suffix(".npz").unlink()

    def leaves_out(self, clip: Clip, source: str) -> QuarantinedClip | None:
        """Why a clip must not be learnt from; None if it may.

        Args:
          clip: Of the corpus.
          source: Where it stands, for the list.
        """
        if self.index is None or not self.names:
            return None
        core = _without_silence(clip.audio)
        if len(core) in self.lengths and (number := self.exact.get(_digest(core))) is not None:
            return _left_out(clip, source, EXACT, f"the same samples as {self.names[number]}")
        match = self.index.find(clip.audio, _MAX_BIT_ERRORS, _MIN_SECONDS)
        if match is None:
            return None
        return _left_out(
            clip,
            source,
            NEAR,
            f"sounds like {self.names[match.number]}: {match.seconds:.1f} s, "
            f"{match.bit_errors:.0%} of the fingerprint differ",
        )


def _tested(examples_uri: str, min_test_speakers: int) -> Iterator[NossClip]:
    """All clips of the test splits, then the other clips of tasks that are measured by folds."""
    speakers: dict[str, set[str]] = defaultdict(set)
    by_folds: set[str] = set()
    for record in iterate_examples(list_shards(examples_uri, SPLIT)):
        clip = NossClip.from_example(record)
        speakers[clip.task].add(clip.speaker_id)
        if clip.group:
            by_folds.add(clip.task)
        yield clip
    by_folds |= {task for task, known in speakers.items() if 0 < len(known - {""}) < min_test_speakers}
    for split in FURTHER_SPLITS if by_folds else ():
        for record in iterate_examples(list_shards(examples_uri, split)):
            clip = NossClip.from_example(record)
            if clip.task in by_folds or clip.group:
                yield clip


def _left_out(clip: Clip, source: str, reason: str, detail: str) -> QuarantinedClip:
    return QuarantinedClip(clip_id=clip.clip_id, source=Path(source).name, reason=reason, detail=detail)


def _without_silence(audio: Pcm) -> Pcm:
    """What is left when digital silence before and after is cut off, so that padding does not count."""
    sounding = np.flatnonzero(audio)
    return audio[sounding[0] : sounding[-1] + 1] if len(sounding) else audio[:0]


def _digest(audio: Pcm) -> str:
    return hashlib.blake2b(audio.tobytes(), digest_size=16).hexdigest()
