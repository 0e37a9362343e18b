"""What a configuration says to the gate: the settings of the rules that it shares with promotion."""

from __future__ import annotations

from components.common.frontier.settings import AxisSettings, GateSettings, Goal

__all__ = ["AxisSettings", "GateSettings", "Goal"]
