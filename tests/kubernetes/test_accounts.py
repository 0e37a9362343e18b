"""What the accounts may do, asked of a real API server, against what the programs in their pods ask of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

import pytest
import yaml

from tests.argo.engine import argo_manifests
from tests.kubernetes.cluster import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("kubernetes")]

RUNNER, SCHEDULER = "tinytrill-runner", "tinytrill-scheduler"


class Call(NamedTuple):
    """A call to the API server."""

    verb: str
    resource: str
    name: str = ""


# Calls that are made with the token of a run's pod, and the place in Kubeflow's source that makes each. Its
# driver also makes claims and looks for its own pod, for tasks that no compiled pipeline of ours has. Later
# launchers look for their pod when a task has failed, and go on without it (component/pod_failure.go).
KUBEFLOW = {
    # backend/src/v2/config/env.go: FromConfigMap.
    "driver and launcher": [Call("get", "configmaps", "kfp-launcher")],
    # backend/src/v2/objectstore: the keys of the default store.
    "launcher": [Call("get", "secrets", "mlpipeline-minio-artifact")],
}
# The roles that Argo publishes as the least for its executor, beside each task, and for its agent.
ARGO = {
    "executor": "executor/emissary/executor-role.yaml",
    "agent": "agent-role.yaml",
}


def calls_of(program: str) -> list[Call]:
    """What a program must be allowed."""
    if program in KUBEFLOW:
        return KUBEFLOW[program]
    role = yaml.safe_load((argo_manifests() / "quick-start" / "base" / ARGO[program]).read_text("utf-8"))
    return list(_calls_in(role["rules"]))


def _calls_in(rules: Iterable[Mapping[str, Any]]) -> Iterator[Call]:
    """The calls that rules of a role allow."""
    for rule in rules:
        every = product(
            rule["verbs"], rule["apiGroups"], rule["resources"], rule.get("resourceNames") or [""]
        )
        for verb, group, resource, name in every:
            kind, _, part = resource.partition("/")
            yield Call(verb, kind + (f".{group}" if group else "") + (f"/{part}" if part else ""), name)


def allowed(cluster: Cluster, namespace: str, account: str, calls: Iterable[Call]) -> list[Call]:
    """Those that the account of the namespace ``profile`` may make in a namespace."""
    asked = list(calls)
    reviews = []
    for verb, resource, name in asked:
        kind, _, subresource = resource.partition("/")
        plural, _, group = kind.partition(".")
        what = {"namespace": namespace, "verb": verb, "group": group, "resource": plural, "name": name}
        reviews.append(
            {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SubjectAccessReview",
                "spec": {
                    "user": f"system:serviceaccount:profile:{account}",
                    "groups": ["system:serviceaccounts", "system:authenticated"],
                    "resourceAttributes": {**what, "subresource": subresource},
                },
            }
        )
    told = {"apiVersion": "v1", "kind": "List", "items": reviews}
    done = cluster.kubectl("create", "-f", "-", "-o", 'jsonpath={.status.allowed}{"\\n"}', told=told)
    assert done.code == 0, done.err
    return [
        call for call, answer in zip(asked, done.out.splitlines(), strict=True) if answer.strip() == "true"
    ]


def granted(cluster: Cluster, namespace: str, account: str) -> set[Call]:
    """All that the server grants to an account of the namespace ``profile`` in a namespace."""
    told = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    token = cluster.token("profile", account)
    # To validate, kubectl lists the cluster's resources, which an account may not.
    ask = ("create", "--validate=false", "-f", "-", "-o", "json")
    status = cluster.kubectl(*ask, told=told, token=token).json()["status"]
    assert not status.get("incomplete"), status
    return set(_calls_in(status["resourceRules"]))


@pytest.mark.parametrize("program", (*KUBEFLOW, *ARGO))
def test_pods_of_runs_may_do_what_they_must(program: str, cluster: Cluster, profile: str) -> None:
    calls = calls_of(program)
    assert calls
    assert allowed(cluster, profile, RUNNER, calls) == calls


def test_pods_of_runs_may_do_nothing_else(cluster: Cluster, profile: str) -> None:
    must = {call for program in (*KUBEFLOW, *ARGO) for call in calls_of(program)}
    # What every account may: ask who it is and what it may do.
    everybody = granted(cluster, "kube-system", "default")
    assert granted(cluster, profile, RUNNER) - everybody == must
    assert granted(cluster, "kube-system", RUNNER) == everybody


def test_everybody_else_may_do_nothing(cluster: Cluster, profile: str) -> None:
    for account in ("default", SCHEDULER):
        for call in granted(cluster, profile, account):
            assert call.verb == "create"
            assert re.fullmatch(r"selfsubject\w+\.auth\w+\.k8s\.io", call.resource), call


def test_the_keys_of_the_store_are_read_with_the_token_of_a_run(cluster: Cluster, profile: str) -> None:
    """Not only reviewed: asked for, as Kubeflow's launcher does."""
    cluster.create(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "mlpipeline-minio-artifact", "namespace": profile},
            "stringData": {"accesskey": "a"},
        }
    )
    token = cluster.token(profile, RUNNER)
    read = ("get", "-n", profile, "secret", "mlpipeline-minio-artifact", "-o", "jsonpath={.data.accesskey}")
    assert cluster.kubectl(*read, token=token).out == "YQ=="
    others = cluster.kubectl("get", "-n", profile, "secret", "tinytrill-mlflow", token=token)
    assert others.code == 1
    assert f'"system:serviceaccount:{profile}:{RUNNER}" cannot get resource "secrets"' in others.err


def test_pods_of_runs_get_the_registrys_secret_of_their_account(cluster: Cluster, profile: str) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "task"},
        "spec": {"serviceAccountName": RUNNER, "containers": [{"name": "main", "image": "tinytrill:0.1.0"}]},
    }
    made = cluster.kubectl(
        "create", "--dry-run=server", "-n", profile, "-f", "-", "-o", "json", told=pod
    ).json()
    assert made["spec"]["imagePullSecrets"] == [{"name": "tinytrill-registry"}]


def test_a_token_for_kubeflow_is_one_for_kubeflow_only(cluster: Cluster, profile: str) -> None:
    """As the manual has it made, and as Kubeflow Pipelines has it reviewed."""
    audience = "pipelines.kubeflow.org"
    cluster.create(
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "default-editor", "namespace": profile},
        }
    )
    token = cluster.token(profile, "default-editor", audience)

    def review(*audiences: str) -> dict[str, object]:
        told = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": list(audiences)},
        }
        status: dict[str, object] = cluster.kubectl("create", "-f", "-", "-o", "json", told=told).json()[
            "status"
        ]
        return status

    assert review(audience)["user"]["username"] == f"system:serviceaccount:{profile}:default-editor"  # type: ignore[index]
    assert not review("https://kubernetes.default.svc").get("authenticated")
