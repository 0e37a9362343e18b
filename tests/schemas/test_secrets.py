"""Secrets are known by place, by name and by form; what is not a secret stays as it is."""

from __future__ import annotations

import time

import pytest

from schemas.secrets import find_secrets, is_secret_name, redact, refusal, split_credentials, without_folders

CANARY = "Canary7Bird"

# As a value of a configuration, or within a message.
SECRETS = [
    f"https://ann:{CANARY}@host/x",
    f"https://{CANARY}@host/x",
    f"https://ann:{CANARY}/with#all?of@them@host:5000/x",
    f"https://ann:p%40{CANARY}@host",
    f"s3://AK:{CANARY}@bucket/key",
    f"mysql+pymysql://ann:{CANARY}@database:3306/mlflow",
    f"https://host/x?version=1&token={CANARY}",
    f"https://host/x?X-Amz-Credential=x&X-Amz-Signature={CANARY}",
    f"https://host/x?X-Goog-Signature={CANARY}",
    f"https://account.blob.core.windows.net/c/x?sv=2024&sig={CANARY}",
    f"https://host/x?api_key={CANARY}#part",
    f"https://host/x#access_token={CANARY}",
    f"https://host/x?X%2DAmz%2DSecurity%2DToken={CANARY}",
    f"--s3_secret_access_key={CANARY}",
    f"--s3_access_key_id={CANARY}",
    f"--s3_session_token={CANARY}",
    f"--azure_connection_string={CANARY}",
    f"--s3_secret_access_key {CANARY}",
    f"--s3_secret_access_key '{CANARY} two'",
    f'--environment_config={{"env": {{"AWS_SECRET_ACCESS_KEY": "{CANARY}"}}}}',
    f"MLFLOW_TRACKING_PASSWORD={CANARY}",
    f"DefaultEndpointsProtocol=https;AccountName=x;AccountKey={CANARY}==;EndpointSuffix=x",
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ghp_" + 36 * "a",
    "hf_" + 34 * "B",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
]
# None of these says anything that is not for everybody.
OPEN = [
    "https://tfhub.dev/google/nonsemantic-speech-benchmark/trill/3",
    "https://host/archive?tf-hub-format=compressed",
    "https://host/model@1",
    "hf://facebook/wav2vec2@main",
    "sqlite:////data/ann@corp/mlflow.db",
    "http://[::1]:5000/x",
    "tinytrill@sha256:0123",
    "--dataflow_kms_key=projects/p/locations/l/keyRings/r/cryptoKeys/k",
    "--s3_endpoint_url=https://minio.example:9000",
    "--job_endpoint=host:8099",
    "GOOGLE_APPLICATION_CREDENTIALS=/secrets/account.json",
    "KF_PIPELINES_SA_TOKEN_PATH=/var/run/token",
    "the key 'x' is given at line 3 already; accepted: each key once",
    "KF_PIPELINES_TOKEN: holds no token: it is empty",
    "pooling: token",
    "quality=0.5, key=3",
]


@pytest.mark.parametrize("text", SECRETS)
def test_a_secret_is_found_and_hidden(text: str) -> None:
    (found,) = find_secrets({"corpus": {"root": text}})
    assert found.place == "corpus.root"
    said = refusal({"corpus": {"root": text}})
    assert "corpus.root: " in said and "AWS_SECRET_ACCESS_KEY" in said and "kubeflow.secrets" in said
    hidden = CANARY if CANARY in text else text
    assert hidden not in said
    assert hidden not in redact(text)
    assert hidden not in redact(f"reading {text!r} failed: try again")


@pytest.mark.parametrize("text", OPEN)
def test_what_is_no_secret_is_neither_refused_nor_changed(text: str) -> None:
    assert not list(find_secrets({"corpus": {"root": text}}))
    if "key=3" not in text:  # in a message this much may be hidden in vain
        assert redact(text) == text


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"environment": {"AWS_SECRET_ACCESS_KEY": CANARY}}, "environment.AWS_SECRET_ACCESS_KEY"),
        ({"environment": {"HF_TOKEN": 12345678}}, "environment.HF_TOKEN"),
        ({"environment": [f"HF_TOKEN={CANARY}"]}, "environment.0"),
        ({"environment": f"PASSWORD: {CANARY}"}, "environment"),
        ({"beam_args": ["--s3_secret_access_key", CANARY]}, "beam_args.1"),
        ({"beam_args": f"--s3_secret_access_key={CANARY}"}, "beam_args"),
        ({"a": [{"b": f"x://{CANARY}@y"}]}, "a.0.b"),
        ({"tasks": {f"x://u:{CANARY}@y": 1}}, "tasks"),
    ],
)
def test_secrets_are_found_where_they_are_given(value: object, place: str) -> None:
    (found,) = find_secrets(value)
    assert found.place == place
    assert CANARY not in refusal(value)


def test_names_of_a_cluster_s_secrets_are_no_secrets() -> None:
    source = {"name": "s3", "keys": {"AWS_SECRET_ACCESS_KEY": "AWS_SECRET_ACCESS_KEY"}}
    toleration = {"key": "nvidia.com/gpu", "operator": "Exists"}
    assert not refusal({"kubeflow": {"secrets": [source], "defaults": {"tolerations": [toleration]}}})
    assert not refusal({"environment": {"GOOGLE_APPLICATION_CREDENTIALS": "/secrets/account.json"}})


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        *(
            (name, True)
            for name in (
                "AWS_SECRET_ACCESS_KEY", "AWSAccessKeyId", "X-Amz-Signature", "PGPASSWORD", "MYSQL_PWD",
                "accessToken", "accesstoken", "apikey", "AZURE_CLIENT_SECRET", "s3_access_key_id", "sig",
                "Authorization", "GOOGLE_APPLICATION_CREDENTIALS", "--azure_connection_string",
            )
        ),
        *(
            (name, False)
            for name in (
                "TOKENIZERS_PARALLELISM", "PWD", "num_tokens", "keyword", "monkey", "dataflow_kms_key",
                "PASSWORD_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "token_uri", "KF_PIPELINES_DEX_AUTH_TYPE", "",
            )
        ),
    ],
)  # fmt: skip
def test_names_of_secrets(name: str, secret: bool) -> None:
    assert is_secret_name(name) is secret


def test_what_an_address_says_of_its_user_is_taken_out_of_it() -> None:
    found = split_credentials("https://ann:p%2Fq/#?r@s@host:5000/x?a=1&access_token=t%20u&b=2#part")
    assert found == ("https://host:5000/x?a=1&b=2#part", "ann", "p/q/#?r@s", "t u")
    assert split_credentials("https://host/x?token=t").address == "https://host/x"
    assert split_credentials("https://host/x@y?a=b") == ("https://host/x@y?a=b", "", "", "")
    assert split_credentials("/folder/a:b@c") == ("/folder/a:b@c", "", "", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/data/ann/models/trill", "trill"),
        ("CC0, see /data/ann/LICENSE.txt, and ask", "CC0, see LICENSE.txt, and ask"),
        ("file:///data/ann/models/trill", "trill"),
        ("~/models/trill + /models/yamnet.tflite", "trill + yamnet.tflite"),
        ("/data/ann/", ""),
        ("https://tfhub.dev/google/trill/3", "https://tfhub.dev/google/trill/3"),
        ("s3://bucket/models/trill", "s3://bucket/models/trill"),
        ("facebook/wav2vec2-base", "facebook/wav2vec2-base"),
        ("CC BY 4.0 / ODbL and/or MIT", "CC BY 4.0 / ODbL and/or MIT"),
    ],
)
def test_folders_of_a_machine_are_left_out(text: str, shown: str) -> None:
    assert without_folders(text) == shown


def test_secrets_of_the_environment_are_hidden_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SERVICE_TOKEN", CANARY)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "abc")
    monkeypatch.setenv("SHORT_KEY", "the")
    assert redact(f"the server said {CANARY} to abc") == "the server said *** to ***"


@pytest.mark.parametrize("text", ["x" * 100_000, "a-" * 50_000, "--a" * 30_000, "eyJ-" * 25_000])
def test_long_text_takes_time_in_proportion(text: str) -> None:
    # Names without a longest length took minutes: from each letter the text was read to its end.
    started = time.process_time()
    assert CANARY not in redact(f"{text} https://ann:{CANARY}@host")
    assert time.process_time() - started < 15
