"""Which candidates a search trains, and why not the others."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from schemas.settings import Report, ReportFile

LEFT_OUT = "left out by the search"


class CandidatePlace(Report):
    """One candidate of the grid in a search."""

    candidate_id: str
    chosen: bool = Field(description="Whether it is trained to the end.")
    why: str = Field(description="What spoke for or against it.")
    mega_macs: float = Field(description="Multiply-accumulates of a window, in millions.")
    cost: float = Field(
        description="Of training it as this search would, as a share of training every candidate in full."
    )
    fits: bool = Field(
        True, description="Whether a device may take it within its budgets, as far as is known beforehand."
    )
    expected: float | None = Field(
        description="Share of the held-out targets' variance that it explains after a short training, or "
        "would with its network's features; none: the short training failed."
    )


class SearchReport(ReportFile):
    """The plan of a search after its short trainings.

    Costs are multiply-accumulates of training, as shares of what training every candidate in full and from
    scratch would take.
    """

    FILE: ClassVar[str] = "search.json"

    budget: float = Field(description="What may be spent.")
    short: float = Field(description="What the short trainings of all networks and their screens took.")
    chosen: float = Field(description="What the trainings of the chosen candidates take.")
    audit: str = Field(
        "", description="The candidate that was not chosen and is trained all the same; empty: none."
    )
    audit_result: str = Field(
        "",
        description="How it came out beside what was expected of it; empty before the verdict, or if none.",
    )
    audit_deviation: float | None = Field(
        None,
        description="How far the audited candidate came out above what was expected of it, in half widths of "
        "the expectation's 95 % interval; none: that cannot be told.",
    )
    rank_correlation: float | None = Field(
        None,
        description="Spearman's, of what was expected of the trained candidates and their NOSS validation "
        "scores; none: too few are trained.",
    )
    audit_failed: bool = Field(
        False, description="Whether it came out better than could be expected: the choice cannot be trusted."
    )
    grid_giga_macs: float = Field(
        description="Multiply-accumulates of a window, in billions, of all candidates together."
    )
    candidates: list[CandidatePlace] = Field(description="All of the grid, in its order.")

    @property
    def trained(self) -> list[CandidatePlace]:
        """Candidates that are trained."""
        return [one for one in self.candidates if one.chosen]

    @property
    def untrained(self) -> list[CandidatePlace]:
        """Candidates that are not, what promises most first."""
        left = (one for one in self.candidates if not one.chosen)
        return sorted(left, key=lambda one: -(one.expected or 0.0))

    @property
    def summary(self) -> str:
        """What was searched, in a sentence."""
        return (
            f"Searched, not exhaustive: {len(self.trained)} of {len(self.candidates)} candidates were "
            f"trained, for {self.spent:.1%} of the multiply-accumulates that all of them in full would take "
            f"(budget {self.budget:.1%})."
        )

    @property
    def spent(self) -> float:
        """What the search takes altogether."""
        return self.short + self.chosen

    def left_out(self, candidate_id: str) -> str:
        """Why a candidate is not trained; empty if it is, or the search does not know it."""
        found = next((one for one in self.candidates if one.candidate_id == candidate_id), None)
        return "" if found is None or found.chosen else f"{LEFT_OUT}: {found.why}"
