"""A Kubeflow Pipelines server for tests: what ``submit`` and ``status`` ask of the REST API v2beta1.

It holds what is sent to it against KFP's protocol buffers, keeps experiments and runs, and fails on demand::

    with KfpServer() as server:
        server.play({"one": "RUNNING"}, {"one": "SUCCEEDED"}, end="SUCCEEDED")
        ...  # server.host
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from google.protobuf import json_format
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

PREFIX, API = "/pipeline", "/apis/v2beta1"
BEGIN = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
# What the server says of a time that has not come.
_NEVER = "0001-01-01T00:00:00Z"
_INVALID, _NOT_FOUND = (400, 3), (404, 5)

# State, or state and error message, of each node.
Frame = Mapping[str, str | tuple[str, str]]


class _Answered(Exception):
    """A fault that the API answers with, in gRPC's form."""

    def __init__(self, kind: tuple[int, int], message: str) -> None:
        super().__init__(message)
        self.status, self.code = kind


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a request.

    Attributes:
      status: Answered; 0: the connection is dropped without a word.
      body: Answered.
      headers: Answered.
      hang: Nothing is answered until the server ends.
      after: The request is done first.
      path: Only requests whose path ends so.
    """

    status: int = 0
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False
    after: bool = False
    path: str = ""


@dataclass
class Request:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: str


class KfpServer:
    """A server of its own port, at ``/pipeline`` as on a Kubeflow platform.

    Attributes:
      host: Its address.
      token: The bearer token that is accepted; empty: none is asked for.
      requests: All that came, in order.
      created: Bodies of the runs that were made.
    """

    def __init__(self) -> None:
        self.token = ""
        self.requests: list[Request] = []
        self.created: list[dict[str, Any]] = []
        self.experiments: dict[str, dict[str, Any]] = {}
        self.runs: dict[str, dict[str, Any]] = {}
        self.faults: list[Fault] = []
        self._frames: list[tuple[str, Frame]] = []
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.root = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.host = f"{self.root}{PREFIX}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def play(self, *frames: Frame, end: str = "SUCCEEDED") -> None:
        """Says what the next runs look like, each time one is asked for; the last frame stays.

        Args:
          frames: Nodes of the workflow.
          end: State of the run in the last frame; it is RUNNING before.
        """
        last = len(frames) - 1
        self._frames = [("RUNNING" if index < last else end, frame) for index, frame in enumerate(frames)]

    def fail(self, *faults: Fault) -> None:
        """Lets the next requests go wrong."""
        self.faults.extend(faults)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer._serve(self)

            do_POST = do_GET

            def log_message(self, format: str, *values: object) -> None:
                pass

        return Handler

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        place = urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0)).decode()
        query = {name: values[-1] for name, values in parse_qs(place.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in handler.headers.items()}
        request = Request(handler.command, place.path, query, headers, body)
        with self._lock:
            self.requests.append(request)
            fault = next((one for one in self.faults if place.path.endswith(one.path)), None)
            if fault is not None:
                self.faults.remove(fault)
            status, told, text = (0, {}, "") if fault and not fault.after else self._answer(request)
        if fault is not None:
            if fault.hang:
                self._over.wait()
            if fault.hang or not fault.status:
                handler.close_connection = True
                return
            status, told, text = fault.status, dict(fault.headers), fault.body
        content = text.encode()
        handler.send_response(status)
        for name, value in told.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def _answer(self, request: Request) -> tuple[int, dict[str, str], str]:
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            return _json(401, {"error": "Unauthenticated", "code": 16, "message": "the token is not valid"})
        if not request.path.startswith(f"{PREFIX}{API}/"):
            return 404, {}, "<!DOCTYPE html><h1>Not Found</h1>"
        try:
            return _json(200, self._api(request, request.path.removeprefix(f"{PREFIX}{API}/")))
        except _Answered as fault:
            return _json(
                fault.status, {"error": str(fault), "code": fault.code, "message": str(fault), "details": []}
            )

    def _api(self, request: Request, what: str) -> dict[str, Any]:
        match request.method, what.split("/"):
            case "GET", ["experiments"]:
                return self._list_experiments(request)
            case "POST", ["experiments"]:
                return self._create_experiment(json.loads(request.body))
            case "GET", ["experiments", experiment_id] if experiment_id in self.experiments:
                return self.experiments[experiment_id]
            case "POST", ["runs"]:
                return self._create_run(json.loads(request.body))
            case "GET", ["runs", run_id] if run_id in self.runs:
                return self._run(run_id)
        raise _Answered(_NOT_FOUND, f"ResourceNotFoundError: {what} not found")

    def _list_experiments(self, request: Request) -> dict[str, Any]:
        namespace = request.query.get("namespace", "")
        found = [one for one in self.experiments.values() if one.get("namespace", "") == namespace]
        for predicate in json.loads(request.query.get("filter") or "{}").get("predicates", []):
            assert (predicate["operation"], predicate["key"]) == (1, "display_name")
            found = [one for one in found if one["display_name"] == predicate["stringValue"]]
        return {"experiments": found, "total_size": len(found)} if found else {}

    def _create_experiment(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        made = {**wanted, "experiment_id": str(uuid.uuid4()), "created_at": _time(BEGIN)}
        self.experiments[made["experiment_id"]] = made
        return made

    def _create_run(self, wanted: dict[str, Any]) -> dict[str, Any]:
        if wanted.get("experiment_id") not in self.experiments:
            raise _Answered(_NOT_FOUND, f"Experiment {wanted.get('experiment_id')} not found")
        if not wanted.get("display_name"):
            raise _Answered(_INVALID, "Invalid input error: The run name is empty")
        _check_specification(wanted["pipeline_spec"], wanted.get("runtime_config", {}).get("parameters", {}))
        self.created.append(wanted)
        run_id = str(uuid.uuid4())
        self.runs[run_id] = {**wanted, "run_id": run_id, "created_at": _time(BEGIN), "state": "PENDING"}
        return self.runs[run_id]

    def _run(self, run_id: str) -> dict[str, Any]:
        if not self._frames:
            return self.runs[run_id]
        state, frame = self._frames[0]
        if len(self._frames) > 1:
            self._frames.pop(0)
        told = {**self.runs[run_id], "state": state, "finished_at": _NEVER}
        if state != "RUNNING":
            told["finished_at"] = _time(BEGIN + timedelta(minutes=10))
        told["run_details"] = {"task_details": list(_nodes(run_id, frame))}
        return told


def _nodes(run_id: str, frame: Frame) -> Iterator[dict[str, Any]]:
    """Nodes as the server lists them; the n-th begins after n minutes and takes 30 s."""
    for position, (name, told) in enumerate(frame.items()):
        state, message = told if isinstance(told, tuple) else (told, "")
        start = BEGIN + timedelta(minutes=position)
        over = state not in ("RUNNING", "PENDING")
        node: dict[str, Any] = {
            "run_id": run_id,
            "task_id": str(uuid.uuid4()),
            "display_name": name,
            "create_time": _time(BEGIN),
            "start_time": _NEVER if state == "PENDING" else _time(start),
            "end_time": _time(start + timedelta(seconds=30)) if over else _NEVER,
            "state": state,
        }
        if message:
            node["error"] = {"code": 13, "message": message}
        yield node


def _check_specification(sent: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
    """Reads a specification as the API server does: unknown fields and unknown parameters are refused."""
    pipeline, platform = sent.get("pipeline_spec", sent), sent.get("platform_spec", {})
    try:
        parsed = json_format.ParseDict(pipeline, pipeline_spec_pb2.PipelineSpec())
        json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
        for executors in _kubernetes(platform):
            json_format.ParseDict(executors, kubernetes_executor_config_pb2.KubernetesExecutorConfig())
    except json_format.ParseError as error:
        raise _Answered(_INVALID, f"Invalid input error: Failed to parse the pipeline: {error}") from error
    known = parsed.root.input_definitions.parameters
    for name in parameters:
        if name not in known:
            raise _Answered(
                (500, 13), f"Failed to create a run: Invalid input error: unknown parameter {name}"
            )
    for name, definition in known.items():
        if name not in parameters and not definition.HasField("default_value") and not definition.is_optional:
            raise _Answered((500, 13), f"Failed to create a run: Invalid input error: no value for {name}")


def _kubernetes(platform: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    one = platform.get("platforms", {}).get("kubernetes", {})
    return list((one.get("deploymentSpec") or one.get("deployment_spec") or {}).get("executors", {}).values())


def _json(status: int, told: Any) -> tuple[int, dict[str, str], str]:
    return status, {"Content-Type": "application/json"}, json.dumps(told)


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
