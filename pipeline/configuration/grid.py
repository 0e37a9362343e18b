"""The sweep: which students a run trains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, Literal, Self

from pydantic import Field, PositiveInt, PrivateAttr, model_validator

from components.common.modeling.architectures.mobilenet_v3 import MobileNetV3, Size
from schemas.settings import Settings
from schemas.students import FrontEndSpec, Pooling, Qat, StudentFrontEnd, StudentSpec


class StudentGrid(Settings):
    """The Cartesian product of the lists, and single candidates beside it."""

    sizes: tuple[Size, ...] = Field((), description="MobileNetV3 sizes of the grid.")
    widths: tuple[float, ...] = Field((), description="Width multipliers of the grid.")
    poolings: tuple[Pooling, ...] = Field(("gap",), description="Poolings of the grid: gap, flatten.")
    svd_ranks: tuple[int, ...] = Field((0,), description="Bottleneck ranks of the grid; 0: not compressed.")
    qat: tuple[Qat, ...] = Field(
        ("none",), description="Quantisation-aware training in the grid: none, bottleneck, network."
    )
    statistics_skip: tuple[bool, ...] = Field(
        (False,), description="Log-mel statistics beside the pooled features in the grid: false, true."
    )
    mels: tuple[PositiveInt, ...] = Field(
        (), description="Mel bands in the grid; empty: those of the front end."
    )
    hop_samples: tuple[PositiveInt, ...] = Field(
        (), description="Samples between frames in the grid (160: 10 ms); empty: as the front end says."
    )
    embedding_width: int = Field(2048, ge=8, le=16384, description="Embedding dimensions of the grid.")
    share_training: bool = Field(
        False,
        description="Each compressed candidate of the grid starts from the trained weights of its "
        "uncompressed sibling, which the grid must hold.",
    )
    explicit: tuple[StudentSpec, ...] = Field(
        (), description="Candidates beside the grid, each with all its parameters."
    )
    max_candidates: int | Literal["all"] = Field(
        "all", description="Refuse a run that would train more candidates than this."
    )

    _candidates: tuple[StudentSpec, ...] = PrivateAttr(())
    _searched: bool = PrivateAttr(False)

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if bool(self.sizes) != bool(self.widths):
            raise ValueError("sizes and widths must both be given, or neither (for explicit candidates only)")
        if (self.mels or self.hop_samples) and not self.sizes:
            raise ValueError("mels and hop_samples are axes of a grid: give sizes and widths, too")
        # The names of students with a front end of their own depend on the run's.
        if not (self.mels or self.hop_samples or any(one.front_end for one in self.explicit)):
            self._candidates = tuple(self._expand(None))
        return self

    def behind(self, front_end: FrontEndSpec, searched: bool = False) -> Self:
        """The same students in a run with this front end, from which only what differs is named.

        Args:
          front_end: Of the run.
          searched: Whether a search chooses among them: then all students of a network start from its first.

        Raises:
          ValueError: If candidates are there twice, too many, or start from what is not there; of a search,
            if a network has no student that the others can start from.
        """
        grid = self.model_copy()
        grid._searched = searched
        grid._candidates = tuple(grid._expand(front_end))
        return grid

    def expand(self) -> list[StudentSpec]:
        """All candidates, each once: a candidate comes after the one it starts from."""
        return list(self._candidates or self._expand(None))

    def _expand(self, run: FrontEndSpec | None) -> list[StudentSpec]:
        candidates: dict[str, StudentSpec] = {}
        for candidate in [*self._grid(run), *(_named_in(one, run) for one in self.explicit)]:
            if candidate.candidate_id in candidates:
                raise ValueError(f"candidate {candidate.candidate_id} is there twice")
            candidates[candidate.candidate_id] = candidate
        if self._searched:
            candidates = {one.candidate_id: one for one in share_networks(list(candidates.values()))}
        if not candidates:
            raise ValueError("no candidates: give sizes and widths, or explicit candidates")
        if self.max_candidates != "all" and len(candidates) > self.max_candidates:
            raise ValueError(f"{len(candidates)} candidates, but max_candidates is {self.max_candidates}")
        return _in_order_of_training(candidates)

    def _grid(self, run: FrontEndSpec | None) -> Iterator[StudentSpec]:
        front_ends = [
            StudentFrontEnd(mels=mels, hop_samples=hop)
            for mels, hop in product(self.mels or (None,), self.hop_samples or (None,))
        ]
        axes = product(
            self.sizes,
            self.widths,
            front_ends,
            self.poolings,
            self.statistics_skip,
            self.svd_ranks,
            self.qat,
        )
        for size, width, front_end, pooling, skip, rank, qat in axes:
            plain = StudentSpec(
                architecture=MobileNetV3(size=size, width=width),
                pooling=pooling,
                embedding_width=self.embedding_width,
                statistics_skip=skip,
                front_end=front_end if front_end.given else None,
            )
            plain = _named_in(plain, run)
            compressed: dict[str, Any] = {"svd_rank": rank, "qat": qat}
            if self.share_training and (rank or qat != "none"):
                compressed["warm_start"] = plain.candidate_id
            yield plain.model_copy(update=compressed)


def families(candidates: Sequence[StudentSpec]) -> dict[str, list[StudentSpec]]:
    """Students by the candidate that they start from, at any remove; that one comes first."""
    found: dict[str, list[StudentSpec]] = {}
    head: dict[str, str] = {}
    for one in candidates:
        head[one.candidate_id] = head[one.warm_start] if one.warm_start else one.candidate_id
        found.setdefault(head[one.candidate_id], []).append(one)
    return found


def share_networks(candidates: Sequence[StudentSpec]) -> list[StudentSpec]:
    """The same candidates, of which all of one network start from its first uncompressed one.

    Raises:
      ValueError: If a network has none, or a candidate starts from another one than that.
    """
    firsts: dict[str, StudentSpec] = {}
    for one in candidates:
        if not (one.low_rank or one.qat != "none" or one.sparsity or one.warm_start):
            firsts.setdefault(_network(one), one)
    shared = []
    for one in candidates:
        first = firsts.get(_network(one))
        if first is None:
            raise ValueError(
                f"search: {one.candidate_id} has no uncompressed student of its network to start from; add "
                "one (svd_ranks: [0, ...], qat: [none, ...])"
            )
        if one.warm_start and one.warm_start != first.candidate_id:
            raise ValueError(
                f"search: {one.candidate_id} starts from {one.warm_start}; accepted: {first.candidate_id}, "
                "which all students of its network start from"
            )
        start = "" if one is first else first.candidate_id
        shared.append(one.model_copy(update={"warm_start": start}))
    return shared


def _network(student: StudentSpec) -> str:
    """What students that share a trained network have in common: all but what follows or joins its maps."""
    has_token = student.pooling == "token"
    shared = (student.architecture.label, has_token, student.front_end and student.front_end.label)
    return str(shared)


def _named_in(student: StudentSpec, run: FrontEndSpec | None) -> StudentSpec:
    """A student whose own front end says only what the run's does not."""
    if run is None or student.front_end is None:
        return student
    return student.model_copy(update={"front_end": student.front_end.differing_from(run)})


def _in_order_of_training(candidates: dict[str, StudentSpec]) -> list[StudentSpec]:
    """The order given, but for candidates that must wait for the one they start from."""
    ordered: dict[str, StudentSpec] = {}
    waiting = list(candidates.values())
    while waiting:
        ready = [each for each in waiting if not each.warm_start or each.warm_start in ordered]
        if not ready:
            first = waiting[0]
            known = (
                "starts from itself, by way of others" if first.warm_start in candidates else "is not there"
            )
            raise ValueError(
                f"{first.candidate_id}: warm_start {first.warm_start!r} {known}; candidates: "
                + ", ".join(candidates)
            )
        ordered.update((each.candidate_id, each) for each in ready)
        waiting = [each for each in waiting if each.candidate_id not in ordered]
    return list(ordered.values())
