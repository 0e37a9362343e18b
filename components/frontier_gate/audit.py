"""Whether a search can be trusted: one candidate that it would have left out was trained all the same."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from schemas.noss_reports import NossReport
from schemas.search_reports import SearchReport
from schemas.student_reports import StudentInfo

# Trained candidates that a line needs; with fewer its interval holds everything.
LEAST = 4
# Below it, what the search goes by says little of what decides.
ORDERED = 0.7
_LEVEL = 0.95


def audited(
    search: SearchReport, students: Sequence[StudentInfo], noss: Sequence[NossReport] = ()
) -> SearchReport:
    """The search with what came of its audit, and whether it goes by what the tasks want.

    What trained candidates explain of their held-out targets is a line over what was expected of them; the
    audited one should lie in its interval for a new observation. Above it, the search may have left better
    candidates out. Tasks are asked for their validation scores: test clips decide nothing.

    Args:
      search: The decision.
      students: Reports of the trainings, of those left out too.
      noss: Reports of the students' scores.
    """
    known = {one.candidate_id: one.expected for one in search.candidates if one.expected is not None}
    agreement = _rank_correlation(known, noss)
    told = _audit(search, known, students)
    if agreement is not None and agreement < ORDERED:
        told["audit_result"] += (
            " What is expected of candidates hardly orders them as the tasks do: over those trained, "
            f"its rank correlation with their validation scores is {agreement:.2f}."
        )
    return search.model_copy(update=told | {"rank_correlation": agreement})


def _audit(
    search: SearchReport, expected: Mapping[str, float], students: Sequence[StudentInfo]
) -> dict[str, Any]:
    known = [
        (one.candidate_id, expected[one.candidate_id], one.target_variance_explained)
        for one in students
        if not one.failure and one.candidate_id in expected
    ]
    control = next((one for one in known if one[0] == search.audit), None)
    others = [one for one in known if one[0] != search.audit]
    if not search.audit:
        return {"audit_result": "No candidate could be audited within the budget."}
    if control is None:
        return {"audit_result": f"The training of {search.audit}, drawn for the audit, failed."}
    x, y = (np.array(column, dtype=np.float64) for column in list(zip(*others, strict=True))[1:] or ((), ()))
    if len(x) < LEAST or np.ptp(x) == 0:
        words = f"{len(x)} trained candidates are too few to audit the search with ({LEAST} at least)."
        return {"audit_result": words}
    name, promised, reached = control
    line = stats.linregress(x, y)
    middle = line.intercept + line.slope * promised
    spread = np.sqrt(np.square(y - line.intercept - line.slope * x).sum() / (len(x) - 2))
    spread *= np.sqrt(1 + 1 / len(x) + (promised - x.mean()) ** 2 / np.square(x - x.mean()).sum())
    reach = float(stats.t.ppf(0.5 + _LEVEL / 2, len(x) - 2)) * spread
    where = "within" if abs(reached - middle) <= reach else "above" if reached > middle else "below"
    words = (
        f"Audit: {name}, which would have been left out, explains {reached:.3f} of its held-out targets' "
        f"variance, {where} the {middle - reach:.3f} to {middle + reach:.3f} that the {len(x)} other trained "
        "candidates let expect (95 %)."
    )
    return {
        "audit_result": words,
        "audit_deviation": (reached - middle) / reach if reach else None,
        "audit_failed": where == "above",
    }


def _rank_correlation(expected: Mapping[str, float], noss: Sequence[NossReport]) -> float | None:
    """Of expectations and the best file's validation scores, over trained candidates; None: too few."""
    scores: dict[str, float] = {}
    for result in (result for report in noss for result in report.results if result.deciding):
        mean = statistics.fmean(task.validation for task in result.deciding)
        scores[result.model] = max(mean, scores.get(result.model, mean))
    pairs = [(expected[name], score) for name, score in scores.items() if name in expected]
    promised, reached = zip(*pairs, strict=True) if pairs else ((), ())
    if len(set(promised)) < LEAST or len(set(reached)) < LEAST:
        return None
    return float(stats.spearmanr(promised, reached).statistic)
