"""``lineage``: where a model comes from and where it went; ``lineage sync``: what MLflow did not take."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands.shared import add_json, add_store, say, say_json
from schemas.plain_text import plain

if TYPE_CHECKING:
    from pipeline.models.lineage.find import Found

_HELP = """\
Follows a model back to the sound, the teacher, the code and the verdict, and forward to versions, aliases,
promotions and who serves it. ML Metadata and MLflow are put together; one of them alone is enough, and what
the other would have told is said. WHAT is

  NAME/3, NAME@alias     a registered version, with or without models:/ before it
  5b0c...                an MLflow run: a pipeline's, or a candidate's
  output/demo            a run's folder
  model.tflite           a file, found by its sha256
  sync                   sends what waits in the outbox of --output

  pipeline_runner.py lineage tinytrill-host@champion --draw champion.html
  pipeline_runner.py lineage model.tflite --output output/demo
  pipeline_runner.py lineage sync --output output/demo
"""
_SYNC = "sync"


def add(commands: Any) -> list[argparse.ArgumentParser]:
    """Adds the command; returns its parsers."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "lineage",
        help="follow a model back to the sound, and forward to who serves it",
        description=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", metavar="WHAT", help="a version, an MLflow run, a folder, a file, or sync")
    add_store(parser)
    add_json(parser)
    parser.add_argument(
        "--draw", type=Path, metavar="FILE", help="write the graph there: .html, a page, or .svg, a picture"
    )
    parser.add_argument("--clips", action="store_true", help="list the clips that the student learnt from")
    parser.set_defaults(command=_lineage)
    return [parser]


def _lineage(options: argparse.Namespace) -> int:
    if options.what == _SYNC:
        return _sync(options)
    from rich.console import Console

    from pipeline.configuration.config_file import ConfigError
    from pipeline.models.lineage.clips import clips_of
    from pipeline.models.lineage.find import Finder
    from pipeline.models.lineage.tell import print_ways

    if options.draw and options.draw.suffix not in (".html", ".svg"):
        raise ConfigError(f"--draw {options.draw}: the name must end in .html or .svg")
    with Finder(options.tracking_uri, options.output or _as_folder(options.what)) as finder:
        found = finder.find(options.what)
    clips = clips_of(found.graph) if options.clips else {}
    if options.draw:
        _draw(found, options.draw)
    if options.json:
        say_json(_as_json(found, clips))
        return 0
    print_ways(Console(), found)
    for split, names in clips.items():
        for name in names:
            say(plain(f"{split} {name}"))
    if options.draw:
        say(f"drawn: {options.draw}")
    return 0


def _as_folder(what: str) -> Path | None:
    """A run's folder, if that is what is asked about: its own store is asked then."""
    path = Path(what)
    return path if (path / "metadata.db").is_file() else None


def _draw(found: Found, path: Path) -> None:
    from pipeline.configuration.config_file import ConfigError
    from pipeline.models.lineage.page import render_page, render_picture

    if path.suffix == ".html":
        drawn = render_page(found.graph, found.focuses)
    elif found.focuses:
        drawn = render_picture(found.graph, found.focuses[0])
    else:
        raise ConfigError(f"--draw {path}: no file was judged, so there is no way to draw")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(drawn, encoding="utf-8")


def _as_json(found: Found, clips: dict[str, list[str]]) -> dict[str, Any]:
    """The graph of what was asked about; of a run as a whole, all of it."""
    from pipeline.models.lineage.chain import chain

    one = len(found.focuses) == 1
    graph = chain(found.graph, found.focuses[0]) if one else found.graph
    return {"asked": found.focuses, **graph.model_dump(mode="json"), **({"clips": clips} if clips else {})}


def _sync(options: argparse.Namespace) -> int:
    from components.common.tracking.stores import keep_credentials_aside
    from pipeline.configuration.config_file import ConfigError
    from pipeline.models.sync import sync

    if options.output is None:
        raise ConfigError("lineage sync needs --output, the run's folder whose outbox is to be sent")
    outcomes = sync(options.output, keep_credentials_aside(options.tracking_uri))
    for outcome in outcomes:
        if outcome.fault:
            say(f"{outcome.folder}: not sent: {outcome.fault}", sys.stderr)
        else:
            say(f"{outcome.run_name}: sent, MLflow run {outcome.parent_run_id}")
    if not outcomes:
        say(f"{options.output}: nothing waits to be sent")
    return 1 if any(outcome.fault for outcome in outcomes) else 0
