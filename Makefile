# `make help` lists the targets. Everything is installed into .venv and nowhere else.

SHELL := /bin/bash
PYTHON ?= $(or $(shell command -v python3.11),$(shell command -v python3))
VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
PYTEST := $(PY) -m pytest --ignore=tests/benchmarks --numprocesses auto --dist loadgroup --no-loadscope-reorder

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install mediapipe demo test lint style format unit slow bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

$(INSTALLED): requirements.lock infra/install.sh
	@infra/install.sh "$(PYTHON)" $(VENV) requirements.lock
	@touch $@

install: $(INSTALLED) ## make .venv from requirements.lock (PYTHON=/path/to/python3.11 chooses the interpreter)

# An environment of its own (0.7 GB), because MediaPipe asks for absl-py 2.3 and TFX for 1.4.
mediapipe: $(INSTALLED) ## make .venv-mediapipe, by which tests ask MediaPipe about classifiers
	@$(PY) -m uv venv --quiet --clear --python $(PY) .venv-mediapipe
	@$(PY) -m uv pip sync --quiet --system-certs --require-hashes --python .venv-mediapipe/bin/python \
		tests/pipeline/heads/mediapipe/requirements.lock

demo: $(INSTALLED) ## the whole road on a synthesised corpus: output/demo
	@$(PY) pipeline_runner.py demo $(ARGS)

# Types are checked while the tests run, and told after them.
test: style ## lint and all tests
	@types=$$(mktemp); trap 'rm -f "$$types"' EXIT; \
	$(PY) -m mypy > "$$types" 2>&1 & \
	$(PYTEST) $(ARGS); tests=$$?; \
	wait $$!; lint=$$?; echo "$(PY) -m mypy"; cat "$$types"; exit $$((tests ? tests : lint))

lint: style ## formatting, style and types
	$(PY) -m mypy

style: $(INSTALLED)
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .

format: $(INSTALLED) ## put formatting and imports in order
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

unit: $(INSTALLED) ## the fast tests
	$(PYTEST) -m "not slow" $(ARGS)

slow: $(INSTALLED) ## the slow tests: whole pipelines, trained models
	$(PYTEST) -m slow $(ARGS)

bench: $(INSTALLED) ## measure throughput against bare loops
	@for bench in $(notdir $(basename $(wildcard tests/benchmarks/bench_*.py))); do \
		echo "$$bench"; TF_CPP_MIN_LOG_LEVEL=3 $(PY) -m tests.benchmarks.$$bench $(ARGS) || exit 1; done

lock: $(INSTALLED) ## resolve pyproject.toml and infra/mlflow into their locks (versions move only where they must)
	$(PY) -m uv pip compile --quiet --system-certs --python $(PY) --python-version 3.11 --no-emit-index-url \
		--no-emit-find-links --generate-hashes --custom-compile-command "make lock" --extra dev \
		pyproject.toml -o requirements.lock > /dev/null
	$(PY) -m uv pip compile --quiet --system-certs --python $(PY) --python-version 3.11 --no-emit-index-url \
		--no-emit-find-links --generate-hashes --custom-compile-command "make lock" --constraint requirements.lock \
		infra/mlflow/requirements.in -o infra/mlflow/requirements.lock > /dev/null
	$(PY) -m uv pip compile --quiet --system-certs --python $(PY) --python-version 3.11 --no-emit-index-url \
		--no-emit-find-links --generate-hashes --custom-compile-command "make lock" \
		tests/pipeline/heads/mediapipe/requirements.in -o tests/pipeline/heads/mediapipe/requirements.lock > /dev/null
	@$(MAKE) --no-print-directory install

clean: ## remove .venv, caches and output/demo (other runs in output/ stay)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis output/demo
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
