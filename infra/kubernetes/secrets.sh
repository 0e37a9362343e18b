#!/usr/bin/env bash
# Writes base/secrets/*.env, which kustomize makes the Secrets of, with passwords that nobody chose.
# usage: infra/kubernetes/secrets.sh [FOLDER]
# What is there already stays: changed, it would no longer open the database that was made with it.
set -euo pipefail

folder=${1:-$(dirname "${BASH_SOURCE[0]}")/base/secrets}
umask 077
mkdir -p "$folder"

random() {
    od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

write() { # FILE LINE...
    local file=$folder/$1
    shift
    if [[ -e $file ]]; then
        printf 'kept %s\n' "$file"
        return
    fi
    printf '%s\n' "$@" >"$file"
    printf 'made %s\n' "$file"
}

write mlflow.env MLFLOW_TRACKING_USERNAME=tinytrill "MLFLOW_TRACKING_PASSWORD=$(random)"
write mlflow-server.env "POSTGRES_PASSWORD=$(random)" "MLFLOW_FLASK_SERVER_SECRET_KEY=$(random)"
write objects.env "AWS_ACCESS_KEY_ID=$(random)" "AWS_SECRET_ACCESS_KEY=$(random)"
