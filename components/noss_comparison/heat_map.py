"""The comparison as a heat map: models by tasks, the colour says how far from the teacher."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from components.noss_comparison.rows import Row, columns, rows
from schemas.comparison_reports import NossComparison

# Both tell their ends apart for every common kind of colour blindness.
DIFFERENCE_COLOURS = "RdBu"
SCORE_COLOURS = "cividis"

_ROW_INCHES, _COLUMN_INCHES, _LETTER_INCHES = 0.30, 0.68, 0.082
_MARGIN_INCHES, _FOOT_INCHES, _BAR_INCHES, _LEAST_BAR_INCHES = 0.6, 0.75, 1.5, 1.4
_LEAST_WIDTH_INCHES = 7.0
# Before the mean, in columns: it is not a task.
_GAP = 0.25
_LONGEST_NAME = 44
# Smaller differences are noise: they must not fill the scale.
_LEAST_SCALE = 0.02
_DARK, _LIGHT = "#1c2430", "#ffffff"


def render(comparison: NossComparison) -> bytes:
    """The heat map as PNG: see :func:`draw`."""
    stream = io.BytesIO()
    # No software version or date: the same comparison gives the same bytes.
    draw(comparison).canvas.print_png(stream, metadata={"Software": None})
    return stream.getvalue()


def draw(comparison: NossComparison) -> Any:
    """The heat map as a figure: references, teacher, then each candidate by its best variant.

    The candidates are those that were compared in pairs. Where there is no teacher, the colour is the score.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = _shown(comparison)
    tasks = columns(comparison)
    names = [_shortened(row.model.name) for row in shown]
    labels = [_shortened(task.task) + (" *" if task.synthetic else "") for task in tasks] + ["mean"]
    values = np.array([[*(cell.result.value for cell in row.cells), row.model.mean] for row in shown])
    colours, norm, what = _colouring(comparison, shown)

    left = _MARGIN_INCHES + _LETTER_INCHES * max(map(len, names))
    top = 0.85 + 0.6 * _LETTER_INCHES * max(map(len, labels))
    across, down = _COLUMN_INCHES * (len(labels) + _GAP), _ROW_INCHES * len(shown)
    width = max(left + across + _BAR_INCHES, _LEAST_WIDTH_INCHES)
    height = top + down + _FOOT_INCHES
    with matplotlib.rc_context({"font.family": "DejaVu Sans", "font.size": 9}):
        figure = Figure(figsize=(width, height), dpi=130)
        FigureCanvasAgg(figure)
        panel = figure.add_axes((left / width, _FOOT_INCHES / height, across / width, down / height))
        mesh = _paint(panel, values, colours, norm, shown)
        _name(panel, names, labels, shown)
        _bar(figure, panel, mesh, what, _BAR_INCHES / width)
        _write(figure, comparison, height)
    return figure


def _shown(comparison: NossComparison) -> list[Row]:
    students_left = comparison.paired_candidates
    shown = []
    for row in rows(comparison):
        if row.model.kind == "student":
            if not row.is_best_variant or not students_left:
                continue
            students_left -= 1
        shown.append(row)
    return shown


def _colouring(comparison: NossComparison, shown: Sequence[Row]) -> tuple[Any, Any, str]:
    """What is coloured ``(models, tasks + 1)``, its norm, and its name."""
    from matplotlib.colors import Normalize

    if not comparison.against_teacher:
        scores = np.array([[*(cell.result.score for cell in row.cells), row.model.mean] for row in shown])
        return scores, Normalize(0, 1), "score"
    differences = np.array(
        [
            [
                *(cell.difference[0] if cell.difference else 0.0 for cell in row.cells),
                row.against_teacher.difference if row.against_teacher else 0.0,
            ]
            for row in shown
        ]
    )
    # Students set the scale: a control far below them would leave them all the same colour.
    students = [row.model.kind == "student" for row in shown]
    reach = max(np.abs(differences[students] if any(students) else differences).max(), _LEAST_SCALE)
    # The darkest tenth of the scale stays empty: there no number is easy to read.
    return differences, Normalize(-1.1 * reach, 1.1 * reach), "difference to the teacher"


def _paint(panel: Any, values: Any, colours: Any, norm: Any, shown: Sequence[Row]) -> Any:
    from matplotlib import colormaps

    colour_map = colormaps[DIFFERENCE_COLOURS if norm.vmin < 0 else SCORE_COLOURS]
    count = values.shape[1] - 1
    edges = np.concatenate([np.arange(count + 1), [count + _GAP, count + _GAP + 1]])
    padded = np.ma.masked_invalid(np.insert(colours, count, np.nan, axis=1))
    mesh = panel.pcolormesh(
        edges, np.arange(len(shown) + 1), padded, cmap=colour_map, norm=norm,
        edgecolors="white", linewidth=1.0,
    )  # fmt: skip
    for i, row in enumerate(shown):
        sure = [*(cell.sure for cell in row.cells), row.sure]
        for j, value in enumerate(values[i]):
            red, green, blue, _ = colour_map(norm(colours[i, j]))
            light = 0.299 * red + 0.587 * green + 0.114 * blue > 0.55
            panel.text(
                j + 0.5 + _GAP * (j == count), i + 0.5, f"{value:.3f}",
                ha="center", va="center", fontsize=8.5,
                fontweight="bold" if sure[j] else "normal", color=_DARK if light else _LIGHT,
            )  # fmt: skip
    panel.set_ylim(len(shown), 0)
    return mesh


def _name(panel: Any, names: Sequence[str], labels: Sequence[str], shown: Sequence[Row]) -> None:
    count = len(labels) - 1
    panel.set_xticks(
        [*(np.arange(count) + 0.5), count + _GAP + 0.5], labels, rotation=40, ha="left", va="bottom"
    )
    panel.set_yticks(np.arange(len(names)) + 0.5, names)
    panel.xaxis.tick_top()
    panel.tick_params(length=0, pad=5)
    for spine in panel.spines.values():
        spine.set_visible(False)
    for label, row in zip(panel.get_yticklabels(), shown, strict=True):
        label.set_parse_math(False)
        label.set_fontweight("bold" if row.model.kind == "teacher" else "normal")
        label.set_color(_DARK if row.model.kind in ("teacher", "student") else "#5a6675")
    for label in panel.get_xticklabels():
        label.set_parse_math(False)
        label.set_rotation_mode("anchor")
    others = sum(row.model.kind != "student" for row in shown)
    if 0 < others < len(shown):
        panel.axhline(others, color=_DARK, linewidth=1.6)


def _bar(figure: Any, panel: Any, mesh: Any, what: str, room: float) -> None:
    place = panel.get_position()
    inch = 1 / figure.get_figheight()
    tall = min(max(place.height, _LEAST_BAR_INCHES * inch), 3.2 * inch)
    bottom = max(place.y1 - tall, place.y0)
    axes = figure.add_axes((place.x1 + 0.17 * room, bottom, 0.11 * room, tall))
    bar = figure.colorbar(mesh, cax=axes, extend="both" if mesh.norm.vmin < 0 else "neither")
    bar.set_label(what, fontsize=8)
    bar.outline.set_visible(False)
    axes.tick_params(length=2)


def _write(figure: Any, comparison: NossComparison, height: float) -> None:
    tasks = len(comparison.tasks)
    title = f"NOSS on {tasks} task{'s' if tasks != 1 else ''}"
    figure.text(0.02, 1 - 0.28 / height, title, fontsize=13, fontweight="bold", va="center")
    if comparison.synthetic:
        figure.text(
            0.02, 1 - 0.55 / height, "SYNTHETIC SOUND *", color="#b91c1c", fontweight="bold", va="center"
        )  # fmt: skip
    notes = ["each candidate by its best variant"] if comparison.candidates else []
    if comparison.candidates > comparison.paired_candidates:
        notes = [f"the best {comparison.paired_candidates} of {comparison.candidates} candidates"]
    if comparison.against_teacher:
        notes.append("bold: differs from the teacher, paired 95 % interval")
    if lower := [column.task for column in columns(comparison) if column.arrow == "↓"]:
        notes.append(f"lower values are better on {', '.join(lower)}")
    figure.text(
        0.02, 0.32 / height, "; ".join(notes), fontsize=8.5, color="#5a6675", va="center", parse_math=False
    )


def _shortened(name: str) -> str:
    """A name in one line that is not too long; the ends of long names are what tells them apart."""
    name = "".join(letter if letter.isprintable() else "?" for letter in " ".join(name.split()))
    if len(name) <= _LONGEST_NAME:
        return name
    half = (_LONGEST_NAME - 1) // 2
    return f"{name[:half]}…{name[-half:]}"
