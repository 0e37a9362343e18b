"""``pull``: a registered version's files, for those who build something with them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands.shared import add_store, say
from schemas.plain_text import plain

if TYPE_CHECKING:
    from pipeline.models.registry.pull import Pulled

_HELP = """\
Fetches the files of a registered version into a folder: model.tflite, its golden vectors, description, card,
example, notice and SHA256SUMS. Each is verified against the sha256 that was registered; the folder is there
as a whole or not at all, and an earlier pull in it is replaced.

  pipeline_runner.py pull tinytrill-pixel@champion app/model --for "watch-app 3.2"
"""
_EXIT_CODES = """\
exit codes:
  0  the files are there
  1  MLflow does not respond as expected
  2  refused: there is no such version, a file is not the one that was registered, or the folder is in use
"""


def add(commands: Any) -> list[argparse.ArgumentParser]:
    """Adds the command; returns its parser."""
    parser = commands.add_parser(
        "pull",
        help="fetch and verify the files of a registered version",
        description=_HELP,
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", metavar="NAME@ALIAS", help="a registered version; also NAME/3")
    parser.add_argument("folder", metavar="DIR", type=Path, help="new, empty, or an earlier pull")
    parser.add_argument(
        "--for",
        dest="served",
        default="",
        metavar="WHAT",
        help="what it is for, as 'watch-app 3.2': recorded at the version, and shown by 'lineage'",
    )
    parser.add_argument(
        "--with-heads",
        action="store_true",
        help="also the registered heads on this student, put together with it in DIR.heads",
    )
    add_store(parser)
    parser.set_defaults(command=_pull)
    return [parser]


def _heads(client: Any, pulled: Pulled) -> dict[str, Path]:
    from components.common.package.folders import MODEL_FILE
    from pipeline.heads.registry import pull_heads

    folder = pulled.folder
    target = folder.with_name(f"{folder.name}.heads")
    return pull_heads(client, folder / MODEL_FILE, pulled.description.sha256, target)


def _pull(options: argparse.Namespace) -> int:
    from pipeline.models.registry.files import Tampered
    from pipeline.models.registry.pull import pull
    from pipeline.models.stores import opened

    try:
        with opened(options.tracking_uri, options.output) as client:
            pulled = pull(client, options.what, options.folder, options.served)
            heads = _heads(client, pulled) if options.with_heads else {}
    except Tampered as error:
        say(f"refused: {error}", sys.stderr)
        return 2
    aliases = f" ({', '.join(pulled.aliases)})" if pulled.aliases else ""
    say(f"{pulled.version}{aliases}: {pulled.description.point_id}, {len(pulled.files)} files, all verified")
    for name, digest in pulled.files.items():
        say(f"  {digest[:12]}  {pulled.folder / name}")
    for name, file in heads.items():
        say(f"  {name}: {file}")
    if pulled.description.synthetic:
        say("its quality was measured on synthetic sound: it says nothing of real recordings")
    if pulled.served:
        say(plain(f"recorded at the version: for {pulled.served}"))
    return 0
