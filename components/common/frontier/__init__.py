"""The rules of the frontier: axes, margins, dominance, goals; the gate and promotion apply the same."""
