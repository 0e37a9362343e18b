"""Why something failed, in the words of the code that knows."""

from __future__ import annotations

from schemas.secrets import redact


def reason(error: BaseException) -> str:
    """The innermost message without secrets: what the component said, not TFX's and Beam's wrapping."""
    while error.__cause__ is not None:
        error = error.__cause__
    return redact(error) or type(error).__name__
