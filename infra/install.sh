#!/usr/bin/env bash
# Makes a virtual environment that holds exactly the hash-pinned lock.
# usage: infra/install.sh PYTHON VENV LOCK
# Called again, it installs only what differs; pip's own settings (PIP_*, pip.conf) are honoured.
set -euo pipefail

python=$1 venv=$2 lock=$3

fail() {
    printf 'error: %s\n' "$@" >&2
    exit 1
}

is_3_11() {
    "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null
}

if ! command -v "$python" >/dev/null; then
    fail "TinyTrill needs Python 3.11, but no '${python:-python3.11}' was found." \
        "Install Python 3.11, or name it: make demo PYTHON=/path/to/python3.11"
fi
if ! is_3_11 "$python"; then
    fail "TinyTrill needs Python 3.11, but '$python' is $("$python" --version 2>&1)." \
        "Install Python 3.11, or name it: make demo PYTHON=/path/to/python3.11"
fi

if ! command -v "${CXX:-c++}" >/dev/null; then
    fail "One locked package (pyfarmhash, which TFX needs) has no wheel, and no C++ compiler '${CXX:-c++}' was found." \
        "Install one (Debian and Ubuntu: build-essential), or name it: CXX=/path/to/compiler make demo"
fi

if ! is_3_11 "$venv/bin/python"; then
    "$python" -m venv --clear "$venv" ||
        fail "'$python -m venv' failed; Debian and Ubuntu have it in the package python3.11-venv."
fi

# The installer is pinned by the same lock.
installer=$(mktemp)
trap 'rm -f "$installer"' EXIT
awk '/^[^ #]/ { wanted = /^uv==/ } wanted' "$lock" >"$installer"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$installer"

# uv is fast but does not know pip's settings: where the packages come from a mirror that only pip knows, pip installs them.
# Bytecode is compiled now, as pip does: without it TensorFlow takes three times as long to load, in each process again
# where PYTHONDONTWRITEBYTECODE is set.
if ! "$venv/bin/python" -m uv pip sync --compile-bytecode --no-config --system-certs --require-hashes --python "$venv/bin/python" "$lock"; then
    printf 'uv could not install the lock; trying pip, with its own index settings.\n' >&2
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-deps --require-hashes -r "$lock"
fi
