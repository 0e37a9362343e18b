"""What the tasks of a run tell each other besides artifacts: names of parameters."""

from __future__ import annotations

# Of the pusher: why the gate is closed; empty if it is open.
CLOSED = "closed"
# Of the run's first task: the runs in which shares of candidates were last written down as failed, as JSON.
FAILURES = "failures"
# Of a share of candidates: which they are, as JSON, and the run in which it last failed.
STUDENTS, FAILED_IN = "students", "failed_in"
