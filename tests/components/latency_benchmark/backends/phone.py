"""A phone for tests: what the fake ``adb`` beside this file plays."""

from __future__ import annotations

import ast
import shutil
import sys
from pathlib import Path
from typing import Any

from schemas.devices import AdbDevice

RECORDINGS = Path(__file__).with_name("recordings")
SERIAL = "R58N1234ABC"
FOLDER = "/data/local/tmp/tinytrill"

# What is pushed as benchmark_model: it replays a recording, and writes down what it was given.
_TOOL = """#!/bin/sh
[ "$1" = --help ] && { cat "$FAKE_PHONE/help.txt"; exit 1; }
for argument in "$@"; do
  printf '%s\\n' "$argument" >> "$FAKE_PHONE/given.txt"
  case "$argument" in
    --graph=*) [ -f "${argument#*=}" ] || { echo "ERROR: Failed to load model ${argument#*=}"; exit 1; } ;;
    --input_layer_value_files=*)
      first="${argument#*:}"
      cp "${first%%,*}" "$FAKE_PHONE/heard.bin" || exit 134 ;;
    --enable_op_profiling=true) profile=1 ;;
  esac
done
cat "$FAKE_PHONE/${profile:+profile_}run.txt"
[ -f "$FAKE_PHONE/signal" ] && kill "-$(cat "$FAKE_PHONE/signal")" $$
exit "$(cat "$FAKE_PHONE/exit" 2>/dev/null || echo 0)"
"""
_BIN = {
    "getprop": """
if [ -z "$1" ]; then cat "$FAKE_PHONE/getprop.txt"; exit; fi
sed -n "s/^\\[$1\\]: \\[\\(.*\\)\\]$/\\1/p" "$FAKE_PHONE/getprop.txt"
""",
    "dumpsys": 'cat "$FAKE_PHONE/$1.txt" 2>/dev/null || echo "Can\'t find service: $1"',
    "taskset": 'echo "$1" > "$FAKE_PHONE/mask"; shift; exec "$@"',
    "pkill": 'echo "$*" >> "$FAKE_PHONE/killed.txt"',
    # Time passes: the phone cools down to what lies ready, if anything does.
    "sleep": """
echo "$1" >> "$FAKE_PHONE/slept.txt"
mv "$FAKE_PHONE/cooler.txt" "$FAKE_PHONE/battery.txt" 2>/dev/null
""",
}


class Phone:
    """Makes the phone's folder, and the ``adb`` that finds it; a test changes what it says and what fails."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "phone"
        self.tmp = self.folder / "disk/data/local/tmp"
        self.tmp.mkdir(parents=True)
        self.adb = _script(folder / "host" / "adb", self._adb())
        self.tool = _script(folder / "host" / "benchmark_model", _TOOL)
        for name, body in _BIN.items():
            _script(self.folder / "bin" / name, f"#!/bin/sh\n{body}\n")
        self.says("help.txt", "help_2024.txt")
        self.says("run.txt", "run_2024_xnnpack.txt")
        self.says("profile_run.txt", "profile_2024.txt")
        self.says("getprop.txt", "getprop.txt")
        self.says("battery.txt", "battery_31.txt")
        self.says("thermalservice.txt", "thermalservice_cool.txt")
        self._plan: dict[str, Any] = {
            "serial": SERIAL,
            "state": "device",
            "others": {},
            "faults": [],
            "returns_after": 1,
            "wiped": False,
            "old_android": False,
        }
        self.is_(**{})

    def is_(self, **plan: Any) -> None:
        """Changes the plan that the fake ``adb`` reads."""
        self._plan.update(plan)
        (self.folder / "plan.txt").write_text(repr(self._plan))

    def says(self, name: str, recording: str) -> None:
        """Lays a recording ready as what the phone says."""
        shutil.copyfile(RECORDINGS / recording, self.folder / name)

    def comes_back(self) -> None:
        """Ends a disconnect without anybody's waiting."""
        (self.folder / "away").unlink()

    def device(self, **settings: Any) -> AdbDevice:
        """As the configuration would name it."""
        return AdbDevice(
            **{
                "serial": SERIAL,
                "adb": str(self.adb),
                "benchmark_model": str(self.tool),
                "reconnect_s": 0.5,
                **settings,
            }
        )

    def asked(self) -> list[list[str]]:
        """Every call of ``adb``."""
        return [ast.literal_eval(line) for line in self._lines("commands.txt")]

    def pushed(self) -> list[str]:
        """Names of the files pushed, in order."""
        return [Path(call[-1]).name for call in self.asked() if "push" in call]

    def given(self) -> list[str]:
        """What benchmark_model was given, all runs together."""
        return self._lines("given.txt")

    def killed(self) -> list[str]:
        """What ``pkill`` was given."""
        return self._lines("killed.txt")

    def slept(self) -> list[str]:
        """What ``sleep`` was given."""
        return self._lines("slept.txt")

    def files(self) -> list[str]:
        """Everything under /data/local/tmp."""
        return sorted(str(path.relative_to(self.tmp)) for path in self.tmp.rglob("*"))

    def _lines(self, name: str) -> list[str]:
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def _adb(self) -> str:
        program = Path(__file__).with_name("fake_adb.py")
        return f'#!/bin/sh\nFAKE_PHONE={self.folder} exec {sys.executable} -I -S {program} "$@"\n'


def _script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path
