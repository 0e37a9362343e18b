"""The tables that benchmark_model prints with ``--enable_op_profiling``.

Only the tables ``Run Order`` list every operator. Newer versions list the operators inside a delegate in that
table; older ones in a table of their own, beside one row for the delegate as a whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from schemas.latency_reports import OperatorTime

_REGULAR = "Operator-wise Profiling Info"
_INSIDE = "Delegate internal:"
_TABLE = re.compile(r"=+ Run Order =+\n(.*?)(?=\n\s*\n|\n=====|\Z)", re.DOTALL)
_ROW = re.compile(
    r"^\s*(?P<operator>\S.*?)\s+(?:[\d.]+\s+)?[\d.]+\s+(?P<avg_ms>[\d.]+)\s+[\d.]+%\s+[\d.]+%\s+[\d.]+\s+"
    r"(?P<calls>\d+)\s+(?P<name>\S.*?)\s*$",
    re.MULTILINE,
)
_NAME = re.compile(r"^\[(.*)\](?::\d+)?$")


@dataclass(frozen=True)
class _Row:
    operator: str
    name: str
    calls: int
    mean_us: float


def operators(output: str) -> list[OperatorTime]:
    """The operators of a profiled run, dearest first; empty where no table was printed."""
    _, _, regular = output.rpartition(_REGULAR)
    graph, _, inside = regular.partition(_INSIDE)
    inner = _rows(inside)
    rows = [row for row in _rows(graph) if not (inner and "delegate" in row.operator.lower())] + inner
    total = sum(row.mean_us for row in rows)
    times = [
        OperatorTime(
            name=row.name,
            operator=row.operator,
            count=row.calls,
            mean_us=row.mean_us,
            share=row.mean_us / total if total else 0.0,
        )
        for row in rows
    ]
    return sorted(times, key=lambda time: -time.mean_us)


def _rows(text: str) -> list[_Row]:
    """Rows of all tables; the average is that of one call.

    Of the names that the converter strung into one the first is the result's. What was called in no
    invocation, as preparing the tensors, is left out; old versions tell no calls.
    """
    found = [row for table in _TABLE.finditer(text) for row in _ROW.finditer(table.group(1))]
    told = any(int(row["calls"]) for row in found)
    rows = []
    for row in found:
        calls = int(row["calls"]) if told else 1
        if calls:
            named = _NAME.match(row["name"])
            rows.append(
                _Row(
                    row["operator"],
                    (named.group(1) if named else row["name"]).split(";")[0],
                    calls,
                    float(row["avg_ms"]) * 1e3 * calls,
                )
            )
    return rows
