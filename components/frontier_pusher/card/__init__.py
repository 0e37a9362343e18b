"""What people read beside a pushed model: its card, and a program that uses it."""

from __future__ import annotations

from components.frontier_pusher.card.write import write_card, write_example

__all__ = ["write_card", "write_example"]
