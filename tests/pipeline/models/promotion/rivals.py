"""One of two processes that promote at once, again and again; see test_two_processes.py.

python -m tests.pipeline.models.promotion.rivals URI NAME OWN_NUMBER ROUNDS VERSION...

It says on its output where it is, and goes on when it is told to.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from components.common.tracking.stores import open_client
from pipeline.models.promotion.checked import Refused
from pipeline.models.promotion.promote import promote
from pipeline.models.promotion.wanted import Promotion, Proposal


class Rival:
    """Says yes when the other is as far: both have passed every check then.

    Attributes:
      told: What was amiss.
    """

    def __init__(self) -> None:
        self.told: list[str] = []

    def tell(self, words: str) -> None:
        """Remembers it."""
        self.told.append(words)

    def agrees(self, proposal: Proposal) -> bool:
        """Waits for the other."""
        meet(at="asked")
        return True


def meet(**said: Any) -> None:
    """Says where it is, and waits until it is told to go on."""
    print(json.dumps(said), flush=True)
    sys.stdin.readline()


def main() -> None:
    """Promotes a version that is not champion, round by round, and says what became of it."""
    uri, name, own, rounds, *versions = sys.argv[1:]
    client = open_client(uri)
    for number in range(int(rounds)):
        champion = str(client.get_registered_model(name).aliases.get("champion", ""))
        others = [version for version in versions if version != champion]
        meet(at="chosen")
        wanted = Promotion(name, others[int(own)], why=f"round {number}", waive=["goals", "dominance"])
        rival = Rival()
        said: dict[str, Any] = {}
        try:
            entry = promote(client, wanted, rival)
            said = {"won": entry.n if entry else 0}
        except Refused as refused:
            said = {"refused": str(refused)}
        meet(at="done", wanted=wanted.version, told=rival.told, **said)


if __name__ == "__main__":
    main()
