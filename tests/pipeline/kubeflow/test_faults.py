"""What a server's answer is about, whatever status it has."""

from __future__ import annotations

import json

import pytest

from pipeline.kubeflow.faults import NoPipelinesApi, NotFound, Refused, ServerUnreachable, of_answer

HEADER = "Failed to authorize with API: Request header error: there is no user identity header.: "
LOGIN, RIGHTS = (
    "requires valid credentials.*KF_PIPELINES_TOKEN",
    "denies this user.*kubeflow-edit.*--namespace",
)


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (401, '{"code": 16, "message": "expired"}', Refused, r"\(401\): expired; .*KF_PIPELINES_TOKEN"),
        (403, "<h1>Sign in with OpenID</h1>", Refused, LOGIN),
        (500, json.dumps({"error": HEADER, "code": 13, "message": HEADER}), Refused, LOGIN),
        (500, json.dumps({"message": "rpc error: code = Unauthenticated desc = token"}), Refused, LOGIN),
        (400, json.dumps({"message": "wrapped", "code": 16}), Refused, LOGIN),
        (500, HEADER, Refused, LOGIN),
        (403, json.dumps({"message": "no", "code": 7}), Refused, RIGHTS),
        (500, json.dumps({"message": "User 'a' is not authorized with reason: denied"}), Refused, RIGHTS),
        (503, json.dumps({"message": "PermissionDenied: Unauthorized access"}), Refused, RIGHTS),
        (200, "<title>Central Dashboard</title>", NoPipelinesApi, r"\(200\).*a web page; .*/pipeline"),
        (302, "", NoPipelinesApi, r"\(302\).*below /pipeline, behind a login that KF_PIPELINES_TOKEN"),
        (404, "<h1>Not Found</h1>", NoPipelinesApi, "API of Kubeflow Pipelines 2"),
        (404, json.dumps({"message": "run x not found"}), NotFound, "run x not found"),
        (409, json.dumps({"message": "Already exist error"}), Refused, r"refuses \(409\): Already exist"),
        (413, "<h1>413 Request Entity Too Large</h1>", Refused, "no specification of this size"),
        (500, json.dumps({"message": "Invalid input error: no\nsuch task"}), Refused, "no such task$"),
        (500, json.dumps({"message": "database is locked", "code": 13}), ServerUnreachable, "is locked; try"),
        (502, "<html>Bad gateway</html>", ServerUnreachable, r"fails \(502\): a web page; try again"),
        (504, "upstream\nconnect error", ServerUnreachable, "upstream connect error"),
        (429, "", ServerUnreachable, "no reason given"),
        (500, json.dumps([1]), ServerUnreachable, "try again"),
    ],
)
def test_an_answer_is_told_by_what_must_be_done_about_it(
    status: int, body: str, kind: type[Exception], said: str
) -> None:
    fault = of_answer(status, body, "http://host")
    assert type(fault) is kind
    with pytest.raises(kind, match=said):
        raise fault
    assert ("try again" in str(fault)) == (kind is ServerUnreachable)
