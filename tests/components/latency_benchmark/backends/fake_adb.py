"""An ``adb`` for tests: a folder is the device, its shell is this machine's.

What is pushed lands in ``<FAKE_PHONE>/disk``, so that it is really there, run and removed. Commands for the
device run in a real shell with ``/data`` and ``/sys`` moved to that folder and with a PATH on which
``getprop``, ``dumpsys``, ``taskset``, ``pkill`` and ``sleep`` replay what the phone says. ``plan.txt`` tells
which phone it is and what goes wrong, ``commands.txt`` records what was asked, both as Python values: a test
calls this program a dozen times, so it imports next to nothing.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Plan = dict[str, Any]

PHONE = os.environ["FAKE_PHONE"]
DISK = f"{PHONE}/disk"
AWAY = f"{PHONE}/away"
TMP = "data/local/tmp"
MOVED = ("/data/", "/sys/")

GONE = {
    "not found": "error: device '{serial}' not found",
    "offline": "error: device offline",
    "closed": "error: closed",
    "protocol fault": "error: protocol fault (couldn't read status): Connection reset by peer",
    "no devices": "error: no devices/emulators found",
    "unauthorized": "error: device unauthorized.\nThis adb server's $ADB_VENDOR_KEYS is not set",
}


def main(arguments: list[str]) -> int:
    with open(f"{PHONE}/plan.txt") as file:
        plan = eval(file.read())
    with open(f"{PHONE}/commands.txt", "a") as log:
        log.write(f"{arguments!r}\n")
    if arguments == ["devices"]:
        return devices(plan)
    if arguments[:2] != ["-s", plan["serial"]]:
        return fail(f"error: device '{arguments[1]}' not found")
    if arguments[2] == "wait-for-device":
        return wait()
    if plan["state"] != "device":
        return fail(GONE[plan["state"]])
    if os.path.exists(AWAY):
        return fail(GONE["not found"].format(serial=plan["serial"]))
    fault = next_fault(plan, arguments)
    if fault == "hang":
        hang()
    if fault in GONE:
        leave(plan)
        return fail(GONE[fault].format(serial=plan["serial"]))
    if arguments[2] == "push":
        return push(arguments[3], f"{DISK}{arguments[4]}", fault, plan)
    if arguments[2] == "shell":
        return shell(arguments[3], fault, plan)
    return fail(f"adb: unknown command {arguments[2]}")


def devices(plan: Plan) -> int:
    print("List of devices attached")
    listed = dict(plan["others"])
    if plan["state"] != "absent" and not os.path.exists(AWAY):
        listed[plan["serial"]] = plan["state"]
    for serial, state in listed.items():
        print(f"{serial}\t{state}")
    print()
    return 0


def wait() -> int:
    """The device is back at the wait that the plan tells; one before that does not end."""
    if os.path.exists(AWAY):
        left = number_in(AWAY) - 1
        write(AWAY, str(left).encode())
        if left:
            hang()
        os.remove(AWAY)
    return 0


def hang() -> None:
    import signal

    signal.pause()


def next_fault(plan: Plan, arguments: list[str]) -> str:
    """Faults come at the n-th command for the device, or at the first whose text contains something."""
    number = number_in(f"{PHONE}/counter") + 1
    write(f"{PHONE}/counter", str(number).encode())
    for place, fault in enumerate(plan["faults"]):
        done = f"{PHONE}/fault-{place}"
        here = fault["at"] == number if "at" in fault else fault["match"] in arguments[-1]
        if here and not (os.path.exists(done) and fault.get("once", True)):
            write(done, b"")
            return str(fault["do"])
    return ""


def leave(plan: Plan) -> None:
    write(AWAY, str(plan["returns_after"]).encode())
    if plan["wiped"]:
        os.rename(f"{DISK}/{TMP}", f"{PHONE}/wiped")
        os.mkdir(f"{DISK}/{TMP}")


def push(local: str, remote: str, fault: str, plan: Plan) -> int:
    with open(local, "rb") as file:
        content = file.read()
    if fault in ("full", "cut"):
        write(remote, content[: len(content) // 2])
    if fault == "full":
        return fail(f"adb: error: failed to copy '{local}': remote write failed: No space left on device")
    if fault == "cut":
        leave(plan)
        return fail(f"adb: error: failed to read copy response: EOF ({local})")
    write(remote, content[:-1] + b"?" if fault == "damage" else content)
    print(f"{local}: 1 file pushed, 0 skipped.")
    return 0


def shell(command: str, fault: str, plan: Plan) -> int:
    for folder in MOVED:
        command = command.replace(folder, f"{DISK}{folder}")
    environment = {"PATH": f"{PHONE}/bin:/usr/bin:/bin", "FAKE_PHONE": PHONE, "HOME": "/data/of/the/phone"}
    console = os.dup(1)
    said = os.open(f"{PHONE}/said", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    code = os.spawnve(os.P_WAIT, "/bin/sh", ["/bin/sh", "-c", command], environment)
    os.dup2(console, 1)
    os.lseek(said, 0, os.SEEK_SET)
    with open(said, encoding="utf-8") as file:
        output = file.read().replace(DISK, "")
    if plan["old_android"]:
        output = output.replace("\n", "\r\r\n")
    if fault == "cut":
        leave(plan)
        output = output[: len(output) // 2]
    sys.stdout.write(output)
    return 255 if fault == "cut" else 0 if plan["old_android"] else code


def number_in(path: str) -> int:
    if not os.path.exists(path):
        return 0
    with open(path) as file:
        return int(file.read())


def write(path: str, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)


def fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
