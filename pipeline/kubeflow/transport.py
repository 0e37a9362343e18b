"""How requests of the KFP SDK travel: with time limits, no silent redirects, faults that say what to do."""

from __future__ import annotations

import json
from typing import Any

import kfp_server_api
import urllib3
from kfp_server_api.rest import RESTClientObject

from pipeline.kubeflow.connection import Connection
from pipeline.kubeflow.faults import KubeflowFault, no_answer, of_page, of_status, one_line, untrusted


class Transport(RESTClientObject):
    """The SDK's REST client, which by itself waits for ever and takes a login page for an answer."""

    def __init__(self, configuration: kfp_server_api.Configuration, connection: Connection) -> None:
        """Prepares it.

        Args:
          configuration: The SDK's.
          connection: Whose time limits count, and whose secrets no message shows.
        """
        # The one who waits for a run asks again, by and by; and a redirect is an answer to be read here.
        configuration.retries = urllib3.Retry(0, raise_on_redirect=False)
        super().__init__(configuration)
        self._connection = connection

    def request(self, method: str, url: str, *positional: Any, **named: Any) -> Any:
        """Sends a request and reads the answer.

        Raises:
          ServerUnreachable: If nobody answers in time, or the server is failing.
          TlsFault: If the server's certificate is not trusted.
          Refused: For all else but an answer in JSON.
        """
        named["_request_timeout"] = named.get("_request_timeout") or self._connection.timeouts_s
        host = self._connection.host
        try:
            answer = super().request(method, url, *positional, **named)
        except kfp_server_api.ApiException as error:
            if error.status == 0:
                raise untrusted(host, self._said(error.reason or "")) from None
            location = error.headers.get("Location", "") if error.headers else ""
            raise of_status(error.status, self._text(error.body), location, f"{method} {url}", host) from None
        except urllib3.exceptions.HTTPError as error:
            raise self._of_connection(error) from None
        body = self._text(answer.data)
        try:
            json.loads(body)
        except ValueError:
            raise of_page(body, host) from None
        return answer

    def _of_connection(self, error: urllib3.exceptions.HTTPError) -> KubeflowFault:
        host = self._connection.host
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, urllib3.exceptions.SSLError):
            return untrusted(host, self._said(str(reason)))
        match reason:
            case urllib3.exceptions.NameResolutionError():
                return no_answer(host, "unknown host", maybe_done=False)
            case urllib3.exceptions.NewConnectionError():
                return no_answer(host, "connection refused", maybe_done=False)
            case urllib3.exceptions.ConnectTimeoutError():
                return no_answer(
                    host, f"no connection in {self._connection.timeouts_s[0]:g} s", maybe_done=False
                )
            case urllib3.exceptions.ReadTimeoutError():
                return no_answer(
                    host, f"no response in {self._connection.timeouts_s[1]:g} s", maybe_done=True
                )
            case urllib3.exceptions.ProtocolError():
                return no_answer(host, "it drops the connection", maybe_done=True)
        return no_answer(host, self._said(str(reason)), maybe_done=True)

    def _text(self, data: bytes | str | None) -> str:
        text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data or ""
        for secret in self._connection.secrets:
            text = text.replace(secret, "***")
        return text

    def _said(self, text: str) -> str:
        return one_line(text, self._connection.secrets)
