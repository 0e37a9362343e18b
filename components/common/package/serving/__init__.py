"""Code that travels with a registered model; it imports nothing of this project."""

from __future__ import annotations

from pathlib import Path

SCRIPT = str(Path(__file__).parent / "embedder.py")
STREAMING = Path(__file__).parent / "streaming.py"
