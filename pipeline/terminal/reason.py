"""Why something failed, in the words of the code that knows."""

from __future__ import annotations

from schemas.secrets import redact

_OURS = ("components", "infra", "pipeline", "schemas")


def reason(error: BaseException) -> str:
    """What the component said, without TFX's and Beam's wrapping, and no secrets.

    Of a chain of errors that is the innermost of our own, which names what a person can change; what a
    library said below it is part of its words. If none is ours, it is the innermost.
    """
    chain = [error]
    while chain[-1].__cause__ is not None:
        chain.append(chain[-1].__cause__)
    ours = [one for one in chain if type(one).__module__.partition(".")[0] in _OURS]
    told = (ours or chain)[-1]
    return redact(told) or type(told).__name__
