"""The sweep: which students a run trains."""

from __future__ import annotations

from itertools import product
from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.settings import Settings
from schemas.students import Pooling, Size, StudentSpec


class StudentGrid(Settings):
    """The Cartesian product of the lists, and single candidates beside it."""

    sizes: tuple[Size, ...] = Field((), description="MobileNetV3 sizes of the grid.")
    widths: tuple[float, ...] = Field((), description="Width multipliers of the grid.")
    poolings: tuple[Pooling, ...] = Field(("gap",), description="Poolings of the grid: gap, flatten.")
    svd_ranks: tuple[int, ...] = Field((0,), description="Bottleneck ranks of the grid; 0: not compressed.")
    qat: tuple[bool, ...] = Field(
        (False,), description="Quantisation-aware training in the grid: true, false."
    )
    embedding_width: int = Field(2048, ge=8, le=16384, description="Embedding dimensions of the grid.")
    explicit: tuple[StudentSpec, ...] = Field(
        (), description="Candidates beside the grid, each with all its parameters."
    )
    max_candidates: int | Literal["all"] = Field(
        "all", description="Refuse a run that would train more candidates than this."
    )

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if bool(self.sizes) != bool(self.widths):
            raise ValueError("sizes and widths must both be given, or neither (for explicit candidates only)")
        candidates = self.expand()
        if not candidates:
            raise ValueError("no candidates: give sizes and widths, or explicit candidates")
        if self.max_candidates != "all" and len(candidates) > self.max_candidates:
            raise ValueError(f"{len(candidates)} candidates, but max_candidates is {self.max_candidates}")
        return self

    def expand(self) -> list[StudentSpec]:
        """All candidates, each once, in the order of the lists.

        Raises:
          ValueError: If a candidate's parameters are impossible, or one stands there twice.
        """
        grid = product(self.sizes, self.widths, self.poolings, self.svd_ranks, self.qat)
        candidates = [
            StudentSpec(
                size=size,
                width=width,
                pooling=pooling,
                svd_rank=rank,
                qat=qat,
                embedding_width=self.embedding_width,
            )
            for size, width, pooling, rank, qat in grid
        ] + list(self.explicit)
        seen: set[str] = set()
        for candidate in candidates:
            if candidate.candidate_id in seen:
                raise ValueError(f"candidate {candidate.candidate_id} is there twice")
            seen.add(candidate.candidate_id)
        return candidates
