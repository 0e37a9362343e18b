"""As much of Google Cloud Storage's JSON API as reading takes, on this machine, with its sign-in.

https://cloud.google.com/storage/docs/json_api/v1: listing in pages, metadata, downloads by range. Who
asks needs a token, which the server gives to whoever sends a claim that is signed by the account's key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import jwt

_TOKEN = "ya29.of-a-test"
_AUDIENCE = "https://oauth2.googleapis.com/token"  # in all claims, whoever is asked
_PAGE = 3


class GcsServer:
    """A store; buckets are dictionaries of objects by name.

    Attributes:
      buckets: What it holds.
      url: Its address.
      asked: Paths that were asked for with a token.
      connections: How many there were.
    """

    def __init__(self, url: str) -> None:
        """An empty store.

        Args:
          url: Its address.
        """
        self.buckets: dict[str, dict[str, bytes]] = {}
        self.url = url
        self.asked: list[str] = []
        self.connections = 0
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def write_account(self, file: Path) -> None:
        """Writes the key file of an account that may read."""
        key = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        account = {
            "type": "service_account",
            "project_id": "tests",
            "private_key_id": "1",
            "private_key": key.decode("ascii"),
            "client_email": "reader@tests.iam.gserviceaccount.com",
            "token_uri": f"{self.url}/token",
        }
        file.write_text(json.dumps(account), encoding="utf-8")

    def token(self, form: Mapping[str, list[str]]) -> dict[str, Any]:
        """Gives a token for a claim.

        Raises:
          ValueError: If the account's key did not sign it.
        """
        public = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        jwt.decode(form["assertion"][0], certs=public, audience=_AUDIENCE)
        return {"access_token": _TOKEN, "expires_in": 3600, "token_type": "Bearer"}

    def listing(self, bucket: str, query: Mapping[str, list[str]]) -> dict[str, Any] | None:
        """A page of the objects of a bucket; None: there is no such bucket."""
        if bucket not in self.buckets:
            return None
        prefix, start = query.get("prefix", [""])[0], int(query.get("pageToken", ["0"])[0])
        names = sorted(name for name in self.buckets[bucket] if name.startswith(prefix))
        page: dict[str, Any] = {
            "items": [self.metadata(bucket, name) for name in names[start : start + _PAGE]]
        }
        if start + _PAGE < len(names):
            page["nextPageToken"] = str(start + _PAGE)
        return page

    def metadata(self, bucket: str, name: str) -> dict[str, Any] | None:
        """What is said of an object; None: there is none."""
        content = self.content(bucket, name)
        if content is None:
            return None
        times = dict.fromkeys(("timeCreated", "updated"), "2024-01-01T00:00:00.000Z")
        return {"kind": "storage#object", "bucket": bucket, "name": name, "size": str(len(content)), **times}

    def content(self, bucket: str, name: str) -> bytes | None:
        """The bytes of an object; None: there is none."""
        return self.buckets.get(bucket, {}).get(name)


class _Handler(BaseHTTPRequestHandler):
    store: ClassVar[GcsServer]
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        self.store.connections += 1
        super().setup()

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode("ascii"))
        try:
            self._answer(200, self.store.token(form))
        except ValueError as error:
            self._answer(400, {"error": "invalid_grant", "error_description": str(error)})

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if self.headers.get("Authorization") != f"Bearer {_TOKEN}":
            self._answer(401, {"error": {"code": 401, "message": "there is no token"}})
            return
        self.store.asked.append(address.path)
        found = re.fullmatch(r"(/download)?/storage/v1/b/([^/]+)/o(?:/(.+))?", address.path)
        if found is None:
            self._answer(404, {"error": {"code": 404, "message": f"no {address.path}"}})
            return
        bucket, name = found[2], unquote(found[3] or "")
        if found[1]:
            self._download(self.store.content(bucket, name))
            return
        query = parse_qs(address.query)
        said = self.store.metadata(bucket, name) if name else self.store.listing(bucket, query)
        if said is None:
            self._answer(404, {"error": {"code": 404, "message": f"no gs://{bucket}/{name}"}})
        else:
            self._answer(200, said)

    def _download(self, content: bytes | None) -> None:
        if content is None:
            self._answer(404, {"error": {"code": 404, "message": "no such object"}})
            return
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            self._send(200, content, {})
            return
        first, last = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
        if first >= len(content):
            self._send(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            return
        place = f"bytes {first}-{last}/{len(content)}"
        self._send(206, content[first : last + 1], {"Content-Range": place})

    def _answer(self, code: int, said: Mapping[str, Any]) -> None:
        self._send(code, json.dumps(said).encode(), {"Content-Type": "application/json"})

    def _send(self, code: int, content: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def running() -> Iterator[GcsServer]:
    """A store that answers until the end of the block."""

    class Handler(_Handler):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    store = Handler.store = GcsServer(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
