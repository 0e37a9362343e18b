"""The comparison as one HTML page that needs no other file."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

from components.common.reporting.templates import environment
from components.noss_comparison.rows import (
    METRIC_NAMES,
    PAPER_TITLE,
    columns,
    conditions,
    excludes_zero,
    paper_rows,
    published,
    rows,
)
from schemas.comparison_reports import NossComparison, PairedDifference

TEMPLATE = "page.html.j2"
SLICES_SHOWN = 40


def render(comparison: NossComparison, picture: bytes) -> str:
    """The page's HTML.

    Args:
      comparison: What it tells of.
      picture: The heat map, embedded so that the page needs no other file.
    """
    pages = environment(Path(__file__).parent, {"figure": _figure, "signed": _signed})
    pages.tests["web_address"] = _is_web_address
    all_rows = rows(comparison)
    return pages.get_template(TEMPLATE).render(
        comparison=comparison,
        columns=columns(comparison),
        rows=all_rows,
        variants=sum(not row.is_best_variant for row in all_rows),
        faithful=any(model.fidelity for model in comparison.models),
        conditions=conditions(comparison.models),
        published=published(comparison),
        paper_rows=paper_rows(comparison),
        paper_title=PAPER_TITLE,
        metric_names=METRIC_NAMES,
        pairs=_pairs(comparison),
        paired=_paired(comparison),
        told_apart=sum(excludes_zero(pair.low, pair.high) for pair in comparison.between_students),
        excludes_zero=excludes_zero,
        slices_shown=SLICES_SHOWN,
        picture=base64.b64encode(picture).decode("ascii"),
    )


def _pairs(comparison: NossComparison) -> Mapping[tuple[str, str], PairedDifference]:
    """The differences by the two models."""
    return {(pair.model, pair.against): pair for pair in comparison.between_students}


def _paired(comparison: NossComparison) -> list[str]:
    """The candidates that were compared in pairs, the best one first."""
    return list({name: None for pair in comparison.between_students for name in (pair.model, pair.against)})


def _figure(value: float) -> str:
    return f"{value:.3f}"


def _signed(value: float) -> str:
    return f"{value:+.3f}"


def _is_web_address(address: str) -> bool:
    """Whether an address may become a link: a record's page comes from a file that a user wrote."""
    return address.startswith(("https://", "http://"))
