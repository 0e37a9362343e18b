"""What a server's answer is about, whatever status it has."""

from __future__ import annotations

import json

import pytest

from pipeline.kubeflow.faults import LoginRefused, NotAllowed, Refused, ServerUnreachable, of_status

HEADER = "Failed to authorize with API: Request header error: there is no user identity header.: "


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, json.dumps({"error": HEADER, "code": 13, "message": HEADER}), LoginRefused),
        (500, json.dumps({"message": "rpc error: code = Unauthenticated desc = token"}), LoginRefused),
        (400, json.dumps({"message": "wrapped", "code": 16}), LoginRefused),
        (500, HEADER, LoginRefused),
        (500, json.dumps({"message": "User 'a' is not authorized with reason: denied"}), NotAllowed),
        (503, json.dumps({"message": "PermissionDenied: Unauthorized access"}), NotAllowed),
        (500, json.dumps({"message": "database is locked", "code": 13}), ServerUnreachable),
        (500, json.dumps({"message": "Invalid input error: no such parameter"}), Refused),
        (502, "<html>Bad gateway</html>", ServerUnreachable),
        (500, json.dumps([1]), ServerUnreachable),
    ],
)
def test_who_asks_is_told_from_a_server_that_fails(status: int, body: str, kind: type[Exception]) -> None:
    fault = of_status(status, body, "", "GET http://host/apis/v2beta1/runs", "http://host")
    assert type(fault) is kind
    if kind is LoginRefused:
        assert "KF_PIPELINES_TOKEN" in str(fault) and "try again" not in str(fault)
