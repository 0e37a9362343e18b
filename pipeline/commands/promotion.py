"""``promote`` and ``rollback``: who is champion."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from pipeline.commands.shared import add_set, add_store, say
from schemas.plain_text import plain

if TYPE_CHECKING:
    from pipeline.models.promotion.wanted import Proposal

_PROMOTE_HELP = """\
Makes a registered version the champion of its device, if it passes every check:

  files      every file has the recorded sha256; model.tflite is the file that the run's verdict judged
  blessed    that verdict blesses it for the device
  goals      its figures meet today's goals and budgets: of --config, else of the run's own configuration
  parity     LiteRT answers its golden vectors, within the floor of the conversion
  dominance  the present champion does not beat it, and their figures compare

Shows the champion before and after, and asks. What was champion becomes 'previous'.

  pipeline_runner.py promote tinytrill-host 3 --config real_audio --why "better at emotion"
  pipeline_runner.py promote tinytrill-pixel @candidate --output output/real_audio --yes
"""
_ROLLBACK_HELP = """\
Makes the champion before the present one champion again; the next rollback goes one further back. Its files
and its parity are checked.
"""
_EXIT_CODES = """\
exit codes:
  0  the version is champion
  1  MLflow does not respond as expected
  2  refused: the message names each check that failed, or who was first; the champion stays as it is
"""


def add(commands: Any) -> list[argparse.ArgumentParser]:
    """Adds the commands; returns their parsers."""
    raw = argparse.RawDescriptionHelpFormatter
    promote = commands.add_parser(
        "promote",
        help="make a registered version champion",
        description=_PROMOTE_HELP,
        epilog=_EXIT_CODES,
        formatter_class=raw,
    )
    promote.add_argument("name", metavar="NAME", help="the registered model")
    promote.add_argument("version", metavar="VERSION", help="its number, or @alias as in @candidate")
    promote.add_argument("--to", default="champion", choices=["champion"], help="what it becomes")
    promote.add_argument(
        "--config",
        default="",
        metavar="FILE",
        help="today's policy: sections gate, conversion and latency.devices (default: that of the run)",
    )
    add_set(promote, "gate.host_may_bless=true")
    promote.add_argument(
        "--waive",
        action="append",
        default=[],
        choices=["goals", "dominance"],
        help="promote though this check fails; the ledger says so; may be given again",
    )
    promote.set_defaults(command=_promote)

    rollback = commands.add_parser(
        "rollback",
        help="make the champion before champion again",
        description=_ROLLBACK_HELP,
        epilog=_EXIT_CODES,
        formatter_class=raw,
    )
    rollback.add_argument("name", metavar="NAME", help="the registered model")
    rollback.set_defaults(command=_rollback)

    for command in (promote, rollback):
        command.add_argument("--why", default="", metavar="TEXT", help="for the ledger")
        command.add_argument("--yes", action="store_true", help="do not ask")
        add_store(command)
    return [promote, rollback]


class _Terminal:
    """The person at the terminal; see :class:`pipeline.models.promotion.promote.Person`."""

    def __init__(self, yes: bool) -> None:
        self._yes = yes

    def tell(self, words: str) -> None:
        """Warns, before anything is asked."""
        say(f"WARNING: {words}", sys.stderr)

    def agrees(self, proposal: Proposal) -> bool:
        """Shows all, and asks unless it was said before.

        Raises:
          Refused: If there is no terminal to ask for confirmation.
        """
        from pipeline.models.promotion.checked import Refused

        _show(proposal)
        if self._yes:
            return True
        if not sys.stdin.isatty():
            raise Refused(
                f"the champion of {proposal.name} stays as it is: there is no terminal to ask for "
                "confirmation; say --yes"
            )
        try:
            answer = input(plain(f"make version {proposal.version} champion of {proposal.name}? [y/N] "))
        except EOFError:
            return False
        return answer.strip().lower() in ("y", "yes")


def _promote(options: argparse.Namespace) -> int:
    from pipeline.models.promotion.promote import promote
    from pipeline.models.promotion.wanted import Promotion
    from pipeline.models.stores import opened

    wanted = Promotion(
        name=options.name,
        version=options.version,
        config=options.config,
        overrides=options.set,
        why=options.why,
        waive=options.waive,
    )
    with opened(options.tracking_uri, options.output) as client:
        entry = promote(client, wanted, _Terminal(options.yes))
    if entry is None:
        say(f"{options.name} version {options.version} is champion already")
    else:
        say(f"{options.name} version {entry.version} is champion{_over(entry.over)}")
    return 0


def _rollback(options: argparse.Namespace) -> int:
    from pipeline.models.promotion.promote import rollback
    from pipeline.models.stores import opened

    with opened(options.tracking_uri, options.output) as client:
        entry = rollback(client, options.name, options.why, _Terminal(options.yes))
    say(f"{options.name} version {entry.version} is champion again{_over(entry.over)}")
    return 0


def _show(proposal: Proposal) -> None:
    from rich.console import Console

    from pipeline.models.promotion.table import draw
    from pipeline.terminal.rich_text import tell

    console = Console()
    now = f"champion v{proposal.champion}" if proposal.champion else "no champion"
    if proposal.rows:
        draw(console, proposal.name, (now, f"v{proposal.version}"), proposal.rows)
    for check in proposal.checks:
        mark = "passed" if check.passed else "WAIVED"
        tell(console, plain(f"{check.name + ':':11}{mark}: {check.words}"))
    for words in proposal.waived:
        if words not in {check.name for check in proposal.checks}:
            tell(console, plain(f"{'policy:':11}{words}"))
    tell(console, plain(f"policy: {proposal.policy.source} (sha256 {proposal.policy.sha256[:12]})"))


def _over(champion: str) -> str:
    return f", in place of version {champion}" if champion else ""
