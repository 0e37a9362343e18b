"""What people read beside a pushed model: its card, and a program that uses it."""

from __future__ import annotations

from components.frontier_pusher.card.write import write_card, write_example

CARD_FILE = "MODEL_CARD.md"
EXAMPLE_FILE = "example.py"

__all__ = ["CARD_FILE", "EXAMPLE_FILE", "write_card", "write_example"]
