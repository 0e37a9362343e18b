"""How a run ends whose gate is closed: after everything else is done, and never as a success."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from schemas.push_reports import PushedModel
from schemas.verdicts import Verdict


class GateClosed(RuntimeError):
    """Nothing may be pushed for some device; the message says for which, why, and what was pushed anyway.

    Attributes:
      folder: Copy of the pusher's output, which TFX removes with the failed node.
    """

    def __init__(self, verdict: Verdict, models: Sequence[PushedModel], folder: Path) -> None:
        """Words the message.

        Args:
          verdict: The gate's decision.
          models: What was pushed for the devices whose gate is open.
          folder: Copy of the pusher's output.
        """
        reasons = verdict.closed or [f"nothing is blessed: {verdict.summary}"]
        pushed = [f"{model.point_id} for {', '.join(model.devices)}" for model in models]
        super().__init__(
            "the gate is closed:\n"
            + "".join(f"  {reason}\n" for reason in reasons)
            + f"pushed anyway: {'; '.join(pushed) if pushed else 'nothing'}"
        )
        self.folder = folder


def is_closed(verdict: Verdict) -> bool:
    """Whether the run must fail: a device's gate is closed, or nothing at all is blessed."""
    return bool(verdict.closed) or not verdict.blessed
