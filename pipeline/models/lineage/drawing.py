"""Where the cards of a way stand in the picture, and how their words are broken into lines."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.models.lineage.cards import COLUMNS, Card, Way
from pipeline.models.lineage.stages import TITLES

WIDTH, HEIGHT = 206, 152
GAP_X, GAP_Y = 32, 26
MARGIN, HEAD = 24, 40
FONT, TITLE_FONT, LINE = 15, 16, 20
_ROOM = WIDTH - 20
_MOST_LINES = 6
_BULGE = 24
_ELLIPSIS = "…"

# Widths of DejaVu Sans, the widest of the fonts that are asked for, in em.
_NARROW, _WIDE, _USUAL, _LARGE = 0.36, 0.95, 0.61, 0.69


@dataclass(frozen=True)
class Place:
    """A card in the picture; lengths in units of the picture.

    Attributes:
      title: Its lines.
      lines: What stands below, broken.
    """

    card: Card
    x: float
    y: float
    title: list[str]
    lines: list[str]
    footer: str

    @property
    def middle(self) -> float:
        """Height of its middle."""
        return self.y + HEIGHT / 2


@dataclass(frozen=True)
class Arrow:
    """What leads from card to card.

    Attributes:
      path: As SVG has it.
      kind: way, side or ghost.
    """

    path: str
    kind: str


@dataclass(frozen=True)
class Drawing:
    """A way as it is drawn."""

    way: Way
    width: float
    height: float
    columns: list[tuple[float, str]]
    places: list[Place]
    arrows: list[Arrow]


def draw(way: Way) -> Drawing:
    """Places cards and arrows."""
    top = min(card.lane for card in way.cards)
    rows = max(card.lane for card in way.cards) - top + 1
    places = {card.id: _place(card, top) for card in way.cards}
    arrows = [_arrow(places[source], places[target]) for source, target in way.links]
    return Drawing(
        way,
        width=2 * MARGIN + len(COLUMNS) * WIDTH + (len(COLUMNS) - 1) * GAP_X,
        height=HEAD + rows * (HEIGHT + GAP_Y) + MARGIN / 2,
        columns=[(_x(index), TITLES[stage]) for index, stage in enumerate(COLUMNS)],
        places=list(places.values()),
        # The way itself lies on top.
        arrows=sorted(arrows, key=lambda arrow: arrow.kind == "way"),
    )


def broken(text: str, room: float, font: float, most: int) -> list[str]:
    """A text in lines that fit, broken after spaces, hyphens and slashes; what does not fit ends in '…'.

    Args:
      text: One line.
      room: Width of a line.
      font: Size of the font, in the same unit.
      most: Lines at most, at least 1.
    """
    lines, line = [], ""
    for piece in _pieces(text, room, font):
        if line and length(line + piece.rstrip(), font) > room:
            lines.append(line.rstrip())
            line = ""
        line += piece
    lines.append(line.rstrip())
    if len(lines) <= most:
        return lines
    last = lines[most - 1]
    while last and length(last + _ELLIPSIS, font) > room:
        last = last[:-1]
    return [*lines[: most - 1], last + _ELLIPSIS]


def length(text: str, font: float) -> float:
    """Width of a text, rather too large than too small."""
    return font * sum(
        _NARROW
        if one in " .,:;'|!ijl()[]/-"
        else _WIDE
        if one in "mwMW@%…" or ord(one) > 0x2E7F
        else _LARGE
        if one.isupper()
        else _USUAL
        for one in text
    )


def _pieces(text: str, room: float, font: float) -> list[str]:
    pieces: list[str] = [""]
    for one in text:
        if length(pieces[-1] + one, font) > room:
            pieces.append("")
        pieces[-1] += one
        if one in " -/":
            pieces.append("")
    return [piece for piece in pieces if piece]


def _place(card: Card, top: int) -> Place:
    title = broken(card.title, _ROOM, TITLE_FONT * 1.06, 3)
    room = _MOST_LINES - len(title) - bool(card.footer)
    lines: list[str] = []
    for line in card.lines:
        if len(lines) < room:
            lines += broken(line, _ROOM, FONT, min(2, room - len(lines)))
    y = HEAD + MARGIN / 2 + (card.lane - top) * (HEIGHT + GAP_Y)
    footer = broken(card.footer, _ROOM, FONT, 1)[0]
    return Place(card, _x(COLUMNS.index(card.stage)), y, title, lines, footer)


def _x(column: int) -> float:
    return MARGIN + column * (WIDTH + GAP_X)


def _arrow(source: Place, target: Place) -> Arrow:
    kind = "side"
    if target.card.tone == "ghost":
        kind = "ghost"
    elif source.card.lane == target.card.lane == 0:
        kind = "way"
    if source.x < target.x:
        start, end = source.x + WIDTH, target.x
        bend = GAP_X * 0.8
        return Arrow(
            f"M{start:g},{source.middle:g} C{start + bend:g},{source.middle:g} "
            f"{end - bend:g},{target.middle:g} {end:g},{target.middle:g}",
            kind,
        )
    near = abs(source.card.lane - target.card.lane) == 1
    if source.x == target.x and near:
        x = source.x + WIDTH / 2
        down = target.y > source.y
        start, end = (source.y + HEIGHT, target.y) if down else (source.y, target.y + HEIGHT)
        return Arrow(f"M{x:g},{start:g} L{x:g},{end:g}", kind)
    x, out = source.x, source.x - _BULGE
    return Arrow(
        f"M{x:g},{source.middle:g} C{out:g},{source.middle:g} {out:g},{target.middle:g} "
        f"{target.x:g},{target.middle:g}",
        kind,
    )
