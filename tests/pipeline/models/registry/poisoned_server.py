"""An MLflow server that means harm, as far as fetching a model's files asks it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from urllib.parse import parse_qs, urlsplit

# MLflow remembers for a process where a model's files are: each server has a model of its own.
_NUMBERS = count(1)
_FILES = "/api/2.0/mlflow-artifacts/artifacts"


@contextmanager
def poisoned_server(
    listings: Mapping[str, Sequence[tuple[str, bool]]], files: Mapping[str, bytes]
) -> Iterator[tuple[str, str]]:
    """Serves one logged model.

    Args:
      listings: Names and whether each is a folder, by the path that is listed below the model.
      files: Content by path below the model.

    Yields:
      Its address, and the model's id.
    """
    model = f"m-poisoned-{next(_NUMBERS)}"

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            if asked.path.startswith("/api/2.0/mlflow/logged-models/"):
                info = {
                    "model_id": model,
                    "experiment_id": "1",
                    "name": "made-up",
                    "artifact_uri": f"mlflow-artifacts:/{model}",
                    "status": "LOGGED_MODEL_READY",
                    "creation_timestamp_ms": 1,
                    "last_updated_timestamp_ms": 1,
                }
                self.answer(json.dumps({"model": {"info": info, "data": {}}}).encode())
            elif asked.path == _FILES:
                path = parse_qs(asked.query)["path"][0].removeprefix(model).strip("/")
                listed = [{"path": name, "is_dir": folder} for name, folder in listings.get(path, ())]
                self.answer(json.dumps({"files": listed}).encode())
            elif (path := asked.path.removeprefix(f"{_FILES}/{model}/")) in files:
                self.answer(files[path])
            elif asked.path == "/health":
                self.answer(b"OK")
            else:
                self.send_error(404)

        def answer(self, content: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", model
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
