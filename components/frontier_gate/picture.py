"""The frontier as a picture: a row of panels a device, a panel an input."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.frontier_gate.labels import write_names
from components.frontier_gate.panel import PANEL_TITLES, WARNING_COLOUR, draw_panel
from schemas.devices import Budget
from schemas.tensors import VariantInput
from schemas.verdicts import Verdict

NOTE_COLOUR = "#6b7785"


def draw(verdict: Verdict, folder: str | Path, budgets: Mapping[str, Sequence[Budget]] | None = None) -> Path:
    """Writes ``frontier.png`` into ``folder``; ``budgets``: by device, as in the gate's settings."""
    path = Path(folder) / Verdict.PICTURE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(render(verdict, budgets))
    return path


def render(verdict: Verdict, budgets: Mapping[str, Sequence[Budget]] | None = None) -> bytes:
    """The picture as PNG; the same verdict gives the same bytes."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    judged = {point.input for device in verdict.devices for point in device.points}
    kinds: list[VariantInput] = [kind for kind in PANEL_TITLES if kind in judged] or ["wave"]
    rows = len(verdict.devices)
    with matplotlib.rc_context({"font.family": "DejaVu Sans", "font.size": 10, "axes.titlesize": 10}):
        figure = Figure(figsize=(1.2 + 6.4 * len(kinds), 1.3 + 4.7 * rows), dpi=160, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        grid = figure.subplots(rows, len(kinds), sharey=True, squeeze=False)
        panels = [
            (panel, kind, device)
            for row, device in zip(grid, verdict.devices, strict=True)
            for panel, kind in zip(row, kinds, strict=True)
        ]
        drawn = [
            draw_panel(panel, kind, device, verdict, (budgets or {}).get(device.device, ()))
            for panel, kind, device in panels
        ]
        for row in grid:
            row[0].set_ylabel("mean NOSS test score")
        synthetic = "  (synthetic sound)" if verdict.synthetic else ""
        figure.suptitle(f"TinyTrill frontier: {verdict.run_name}{synthetic}", fontsize=13, fontweight="bold")
        handles = _legend([panel for panel, _, _ in panels])
        if handles:
            figure.legend(
                handles.values(),
                handles.keys(),
                loc="outside lower center",
                ncols=4 * len(kinds),
                frameon=False,
                fontsize=9,
                handlelength=1.6,
            )
        figure.draw_without_rendering()
        # What is written now takes no part in the layout, by which its place was chosen.
        figure.set_layout_engine("none")
        for (panel, _, _), content in zip(panels, drawn, strict=True):
            without = write_names(panel, content.names, content.marks, content.lines, canvas)
            if without:
                _stamp(panel, f"no room for {without} more names", NOTE_COLOUR, level=0.07)
            if content.marks and verdict.synthetic:
                _stamp(panel, "SYNTHETIC SOUND", WARNING_COLOUR)
        stream = io.BytesIO()
        # No software version or date, or the bytes would differ.
        canvas.print_png(stream, metadata={"Software": None})
    return stream.getvalue()


def _legend(panels: Sequence[Any]) -> dict[str, Any]:
    """Handles by label, of all panels."""
    entries: dict[str, Any] = {}
    for panel in panels:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    return entries


def _stamp(panel: Any, words: str, colour: str, level: float = 0.02) -> None:
    panel.text(
        0.985,
        level,
        words,
        transform=panel.transAxes,
        ha="right",
        va="bottom",
        fontsize=8,
        fontweight="bold",
        color=colour,
        alpha=0.75,
    )
