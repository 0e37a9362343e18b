"""What can go wrong with an MLflow store, told apart by what a person must do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from schemas.secrets import redact

_ARTIFACTS = "/mlflow-artifacts/"
_REFUSALS = {401: "rejects this user or password", 403: "denies this user permission"}
_LONGEST = 600
# A bad name, id or alias is refused, an unknown one is absent: neither is there.
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND")

_Answer = TypeVar("_Answer")


class TrackingFault(RuntimeError):
    """MLflow did not do what it was asked; the message names the store, never its credentials."""


class StoreUnreachable(TrackingFault):
    """Nobody answers, or the server is failing: try again later."""


class StoreRefused(TrackingFault):
    """The server asks for other credentials, or for more rights."""


class StoreDamaged(TrackingFault):
    """The store's database is damaged or lacks tables; somebody must decide what becomes of it."""


class ArtifactsRefused(TrackingFault):
    """The store's records work, but its files cannot be written or read."""


class RunMismatch(TrackingFault):
    """A run that was given belongs to another pipeline run."""


def unless_absent(ask: Callable[[], _Answer]) -> _Answer | None:
    """What MLflow answers; None if it says that what it is asked for is not there, or can never be."""
    from mlflow.exceptions import MlflowException

    try:
        return ask()
    except MlflowException as error:
        if error.error_code not in _ABSENT:
            raise
        return None


@contextmanager
def telling(uri: str) -> Iterator[None]:
    """Around calls of MLflow: what they raise becomes a fault that names the store and what to do.

    Args:
      uri: Of the store.

    Raises:
      StoreUnreachable: If nobody answers, or the server or the database is failing.
      StoreRefused: If credentials are wrong or absent, or rights are missing.
      ArtifactsRefused: If files cannot be written or read.
      TrackingFault: For all else that MLflow refuses.
    """
    try:
        yield
    except TrackingFault:
        raise
    except Exception as error:
        fault = _fault(error, uri)
        if fault is None:
            raise
        # The error itself may show credentials.
        raise fault from None


def _fault(error: Exception, uri: str) -> TrackingFault | None:
    """The fault behind an error; None if it is not a fault of a store."""
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    chain = _chain(error)
    store = redact(uri)
    asked = next((one for one in chain if isinstance(one, RequestException)), None)
    for status in (_status(error), _status(asked)):
        if status in _REFUSALS:
            return StoreRefused(
                f"the MLflow server {store} {_REFUSALS[status]} ({status}); accepted: "
                "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, of a user "
                "who may write there"
            )
    if asked is not None:
        return _of_request(asked, _said(chain[-1] if asked.response is None else asked, uri), store)
    database = next((one for one in chain if isinstance(one, SQLAlchemyError)), None)
    if database is not None:
        return _of_database(_said(getattr(database, "orig", None) or database, uri), store)
    if isinstance(error, MlflowException):
        return TrackingFault(f"the MLflow store {store} refuses: {_said(error, uri)}")
    if isinstance(error, OSError):
        return ArtifactsRefused(
            f"the files of the MLflow store {store} cannot be written or read: {_said(error, uri)}; give "
            "this user rights there, or name another artifact_location for a new experiment"
        )
    if isinstance(error, ImportError):
        return TrackingFault(f"the MLflow store {store} needs a package: {_said(error, uri)}")
    return None


def _of_request(asked: OSError, said: str, store: str) -> TrackingFault:
    from requests import ConnectionError as NoConnection
    from requests import Timeout

    url = getattr(getattr(asked, "request", None), "url", None) or ""
    if _ARTIFACTS in url and not isinstance(asked, NoConnection | Timeout):
        return ArtifactsRefused(
            f"the MLflow server {store} does not take or give files: {said}; see that it may write where "
            "--artifacts-destination points, and that its disk is not full"
        )
    if isinstance(asked, Timeout):
        said = f"{said}; MLFLOW_HTTP_REQUEST_TIMEOUT sets for how many seconds it is waited for"
    return StoreUnreachable(f"the MLflow server {store} does not respond: {said}")


def _of_database(said: str, store: str) -> TrackingFault:
    if "malformed" in said or "not a database" in said:
        return StoreDamaged(
            f"the database of the MLflow store {store} is damaged: {said}; put back a copy of "
            "it, or move it away: a new one is made, without the earlier runs and versions"
        )
    if "readonly" in said or "read-only" in said or "unable to open" in said:
        return StoreRefused(f"the MLflow store {store} is not writable: {said}; give this user rights there")
    return StoreUnreachable(f"the database of the MLflow store {store} fails: {said}")


def _chain(error: BaseException) -> list[BaseException]:
    """An error and what led to it, innermost last."""
    chain = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None and inner not in chain:
        chain.append(inner)
    return chain


def _status(error: BaseException | None) -> int | None:
    """HTTP status that an error tells of."""
    from mlflow.exceptions import MlflowException

    if isinstance(error, MlflowException):
        status: int = error.get_http_status_code()
        return status
    return getattr(getattr(error, "response", None), "status_code", None)


def _said(error: BaseException, uri: str) -> str:
    """What an error says, in one line and without credentials."""
    said = " ".join(str(error).split()) or type(error).__name__
    said = redact(said.replace(uri, redact(uri)))
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}..."
