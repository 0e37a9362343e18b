"""The verdict as one self-contained HTML page."""

from components.frontier_gate.page.material import Material
from components.frontier_gate.page.render import render, write

__all__ = ["Material", "render", "write"]
