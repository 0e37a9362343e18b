"""Whether a search can be trusted: one candidate that it would have left out was trained all the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from schemas.search_reports import SearchReport
from schemas.student_reports import StudentInfo

# Trained candidates that a line needs; with fewer its interval holds everything.
LEAST = 4
_LEVEL = 0.95


def audited(search: SearchReport, students: Sequence[StudentInfo]) -> SearchReport:
    """The search with what came of its audit.

    What trained candidates explain of their held-out targets is a line over what was expected of them; the
    audited one should lie in its interval for a new observation. Above it, the search may have left better
    candidates out.

    Args:
      search: The decision.
      students: Reports of the trainings, of those left out too.
    """
    expected = {one.candidate_id: one.expected for one in search.candidates}
    known = [
        (one.candidate_id, expected[one.candidate_id] or 0.0, one.target_variance_explained)
        for one in students
        if not one.failure and expected.get(one.candidate_id) is not None
    ]
    control = next((one for one in known if one[0] == search.audit), None)
    others = [one for one in known if one[0] != search.audit]
    if not search.audit:
        return search.model_copy(update={"audit_result": "No candidate could be audited within the budget."})
    if control is None:
        words = f"The training of {search.audit}, drawn for the audit, failed."
        return search.model_copy(update={"audit_result": words})
    x, y = (np.array(column, dtype=np.float64) for column in list(zip(*others, strict=True))[1:] or ((), ()))
    if len(x) < LEAST or np.ptp(x) == 0:
        words = f"{len(x)} trained candidates are too few to audit the search with ({LEAST} at least)."
        return search.model_copy(update={"audit_result": words})
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
    return search.model_copy(update={"audit_result": words, "audit_failed": where == "above"})
