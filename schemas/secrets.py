"""What may not be shown: users and passwords in addresses, keys and tokens in options, variables and queries.

A configuration that holds such a thing is refused (:func:`find_secrets`), and whatever is shown, stored or
told goes through :func:`redact`. Both know secrets by their place (the user part of an address, a parameter
of a query, an option or a variable whose name says so) and a few by their form.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

HIDDEN = "***"
ADVICE = (
    "a secret does not belong here, because configurations are stored and shown; give it by the environment "
    "(AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, GOOGLE_APPLICATION_CREDENTIALS, HF_TOKEN, "
    "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD), by ~/.aws or ~/.netrc, and to pods by a "
    "Kubernetes Secret (kubeflow.secrets)"
)

# An address up to the next white space, quotation mark or bracket.
# Names have a longest length here: without one, a long text without blanks takes the square of its time.
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]{0,30}://[^\s\"'`<>]+", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]{0,30}://", re.IGNORECASE)
_PARAMETER = re.compile(r"(?P<before>[?&;#])(?P<name>[^=&;#?\s\"'<>]+)=(?P<value>[^&;#\s\"'<>]+)")
_VALUE = r"(?P<value>\"[^\"]*\"|'[^']*'|[^\s\"',;&}\])]+)"
# --name=value, NAME=value, "name": "value"; a colon without quotation marks is prose.
_ASSIGNMENT = re.compile(
    rf"(?<![\w$])(?P<name>-{{0,2}}[A-Za-z][\w.-]{{0,80}})(?:\s*=\s*|[\"']\s*[=:]\s*){_VALUE}"
)
_COLON = re.compile(rf"(?P<name>[A-Za-z][\w.-]{{0,80}})\s*:\s*{_VALUE}")
_OPTION = re.compile(rf"(?P<name>--[A-Za-z][\w.-]{{0,80}})(?:\s+|[\"']\s*,\s*){_VALUE}")
# An absolute path of two parts or more; the path of an address on the web is none.
_PATH = re.compile(r"(?<![\w:/.~-])(?:file://)?~?/(?:[^/\s\"'<>]+/)+(?P<name>[^/\s\"'<>]*)")
# Secrets that look like nothing else.
_FORMS = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"  # Amazon's key ids
    r"|\bgh[opsur]_[A-Za-z0-9]{30,}\b|\bgithub_pat_\w{30,255}"
    r"|\bhf_[A-Za-z0-9]{30,}\b"
    r"|\bAIza[\w-]{35}"
    r"|\bxox[abprs]-[\w-]{10,}"
    r"|\bya29\.[\w-]{20,}"
    r"|\beyJ[\w-]{10,2000}\.[\w-]{10,}\.[\w-]*"  # JSON web tokens
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|$)",
    re.DOTALL,
)

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
# A name that has one of these words is a secret's.
_SECRET = re.compile(
    r"secrets?|passwords?|passwd|passwort|pwd|passphrase|passcode|token|credentials?|authorization|bearer|cookie"
    r"|sas|sig|signature|apikey"
)
# The same, where the words are written as one.
_JOINED = re.compile(
    r"secret|connectionstring|passw(?:or)?d|passphrase|(?:api|access|account|auth|private|shared|secret)key"
    r"|(?:access|api|auth|bearer|id|refresh|sas|security|session)token$"
)
_PUBLIC_KEYS = frozenset(("kms", "public", "partition", "sort", "primary", "foreign", "host"))
# What a name ends with that says where a secret lies, or of which kind it is, but not the secret.
_PLACES = re.compile(r"files?|paths?|dir|folder|ur[li]|endpoint|names?|type|ttl|expiry|lifetime|scopes?")
# The values of these may be files.
_FILES = frozenset(("credential", "credentials", "ssl", "tls"))
# Of MLflow: replaced however short, since these are passed on to it by this program.
_ALWAYS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
_SHORTEST = 6


class Credentials(NamedTuple):
    """An address and what it said of its user.

    Attributes:
      address: Without the secrets.
      username: Unquoted; empty: none was given.
      password: As ``username``.
      token: Of the query, as ``username``.
    """

    address: str
    username: str = ""
    password: str = ""
    token: str = ""


class Found(NamedTuple):
    """A secret in a configuration: where it stands and what it is, never what it says."""

    place: str
    what: str


def is_secret_name(name: str) -> bool:
    """Whether an option, a variable or a parameter of this name holds a secret.

    Names of places (``..._FILE``, ``..._PATH``) do not, nor do keys that are no secrets (``kms_key``).
    """
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words or _PLACES.fullmatch(words[-1]) or name in ("PWD", "OLDPWD"):
        return False
    if any(_SECRET.fullmatch(word) for word in words) or _JOINED.search("".join(words)):
        return True
    return "key" in words and _PUBLIC_KEYS.isdisjoint(words)


def split_credentials(address: str) -> Credentials:
    """Takes user, password and token out of an address, passwords with ``/``, ``#`` or ``?`` included."""
    scheme = _SCHEME.match(address)
    if scheme is None:
        return Credentials(address)
    user, rest = _user_part(address[scheme.end() :])
    name, _, password = user.partition(":")
    tokens = []

    def drop(match: re.Match[str]) -> str:
        if not is_secret_name(unquote(match["name"])):
            return match[0]
        if "token" in match["name"].lower():
            tokens.append(unquote(match["value"]))
        return match["before"]

    # What is left of a query without its secrets has no empty parts.
    rest = re.sub(r"([?&;#])[&;]+", r"\1", _PARAMETER.sub(drop, rest)).rstrip("?&;#") if "=" in rest else rest
    return Credentials(scheme[0] + rest, unquote(name), unquote(password), tokens[0] if tokens else "")


def _user_part(rest: str) -> tuple[str, str]:
    """User and password of what follows ``scheme://``, and the rest.

    By the rule an ``@`` after the first ``/``, ``?`` or ``#`` belongs to the path. People write passwords as
    they are, so that one is taken for the end of a password if a colon stands before it.
    """
    before, at, after = rest.rpartition("@")
    if not at or rest.startswith("/"):
        return "", rest
    plain = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in plain and ":" not in before.partition("@")[2]:
        user, _, host = plain.rpartition("@")
        return user, host + rest[len(plain) :]
    return (before, after) if ":" in before else ("", rest)


def redact(text: object) -> str:
    """Text that may be shown: addresses without users and passwords, other secrets as ``***``.

    Values of environment variables whose names say that they are secrets are hidden wherever they stand.
    """
    shown = str(text)
    shown = _ADDRESS.sub(lambda match: _shown_address(match[0]), shown)
    shown = _PARAMETER.sub(_hide, shown)
    shown = _ASSIGNMENT.sub(_hide, shown)
    shown = _OPTION.sub(_hide, shown)
    shown = _FORMS.sub(HIDDEN, shown)
    for name, value in os.environ.items():
        if (len(value) >= _SHORTEST and is_secret_name(name)) or (value and name in _ALWAYS):
            shown = shown.replace(value, HIDDEN)
    return shown


def _shown_address(address: str) -> str:
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{_user_part(rest)[1]}"


def _hide(match: re.Match[str]) -> str:
    if not _holds_secret(unquote(match["name"]), match["value"]):
        return match[0]
    start, end = match.span("value")
    return match[0][: start - match.start()] + HIDDEN + match[0][end - match.start() :]


def without_folders(text: str) -> str:
    """Text in which an absolute path is the name of its file only: it says nothing of a machine's folders."""
    return _PATH.sub(lambda match: match["name"], text)


def find_secrets(value: Any, place: str = "") -> Iterator[Found]:
    """The secrets of a configuration, or of a part of it, as it was read.

    Args:
      value: Mappings, lists and plain values.
      place: Of the value, as in ``execution.beam_args``.
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            name = _place(place, key)
            yield from _in_text(str(key), place)
            if _is_free(place) and _holds_secret(str(key), str(inner)):
                yield Found(name, f"{key} is the name of a secret")
            else:
                yield from find_secrets(inner, name)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for index, inner in enumerate(value):
            before = value[index - 1] if index else ""
            if isinstance(before, str) and _is_option(before) and not str(inner).startswith("--"):
                yield Found(_place(place, index), f"the value of {before} is a secret")
            else:
                yield from find_secrets(inner, _place(place, index))
    elif isinstance(value, str):
        yield from _in_text(value, place)


def _place(place: str, part: object) -> str:
    return f"{place}.{part}" if place else str(part)


def _is_free(place: str) -> bool:
    """Whether the keys at a place are names of a user's own choice for variables."""
    return place.rpartition(".")[2] == "environment"


def _holds_secret(name: str, value: str) -> bool:
    words = {word.lower() for word in _WORDS.findall(name)}
    is_place = value.strip("\"'").startswith(("/", "~/")) and not _FILES.isdisjoint(words)
    return is_secret_name(name) and not is_place


def _is_option(text: str) -> bool:
    return bool(re.fullmatch(r"--[A-Za-z][\w.-]*", text)) and is_secret_name(text)


def _in_text(text: str, place: str) -> Iterator[Found]:
    if _FORMS.search(text):
        yield Found(place, "it has the form of a key or a token")
        return
    if not any(mark in text for mark in ("://", "=", "--", ":")):
        return
    address = text.strip()
    candidates = [address] if _SCHEME.match(address) else []
    for each in dict.fromkeys([*candidates, *_ADDRESS.findall(text)]):
        if _user_part(each.partition("://")[2])[0]:
            yield Found(place, "an address holds a user or a password (elsewhere in it, @ is written %40)")
            return
    for pattern in (_PARAMETER, _ASSIGNMENT, _OPTION, *([_COLON] if _is_free(place) else [])):
        for match in pattern.finditer(text):
            name = unquote(match["name"])
            if _holds_secret(name, match["value"]) and (pattern is _PARAMETER or name != "key"):
                yield Found(place, f"{name} holds a secret")
                return


def refusal(value: Any, place: str = "") -> str:
    """What to say of a configuration's secrets, one a line, with where they belong; empty: there are none."""
    found = list(dict.fromkeys(find_secrets(value, place)))
    return "\n".join(
        [*(f"  {redact(one.place) or 'the value'}: {redact(one.what)}" for one in found), f"  {ADVICE}"]
        if found
        else []
    )
