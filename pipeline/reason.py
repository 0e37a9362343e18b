"""Why something failed, in the words of the code that knows."""

from __future__ import annotations


def reason(error: BaseException) -> str:
    """The innermost message: what the component said, without TFX's and Beam's wrapping."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{error}" or type(error).__name__
