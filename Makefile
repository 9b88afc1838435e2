# Two commands do everything on a fresh machine: `make demo` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test test-e2e lint format bench soak protos lock clean

PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3 2>/dev/null))
VENV ?= .venv
RUN := $(VENV)/bin/python
MODEL_REPOSITORY ?= models
export MODEL_REPOSITORY

# Wheels only, so no compiler is needed; every file is checked against its hash.
PIP_INSTALL := $(RUN) -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes

help:  ## lists the targets
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 12

demo: $(VENV)/demo.stamp  ## trains on digits if no model is there, publishes it, serves it on http://localhost:8080
	@exec $(RUN) demo.py

test: $(VENV)/dev.stamp  ## all tests; the ones in a browser need Chromium
	$(RUN) -m pytest $(ARGS)

test-e2e: $(VENV)/dev.stamp  ## the end-to-end tests alone; VITRINE_SERVING=host:port points them at any TensorFlow Serving
	$(RUN) -m pytest tests/e2e $(ARGS)

lint: $(VENV)/dev.stamp  ## ruff and mypy, strict
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy

format: $(VENV)/dev.stamp  ## puts the code into shape
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

bench: $(VENV)/dev.stamp  ## the benchmarks; each prints ratios against a baseline of the same run; the gateway's installs its peers
	@for file in tests/benchmarks/bench_*.py; do $(RUN) -m tests.benchmarks.$$(basename $$file .py) || exit 1; done

soak: $(VENV)/dev.stamp  ## versions change ten times under load while model servers are killed: ARGS="--reload" for servers that do not poll
	$(RUN) -m tests.e2e.soak --cycles 10 $(ARGS)

protos: $(VENV)/dev.stamp  ## regenerates contract/wire_pb2.py from wire.proto
	$(RUN) -m grpc_tools.protoc -I. --python_out=. --pyi_out=. contract/wire.proto

# pip-compile drops the marker of tensorflow-cpu; elsewhere no-deps.txt brings the other TensorFlow in the same version.
# Which extras of pyproject.toml each locked set holds. dev comes first: the others are parts of it, in the same versions.
LOCK = $(VENV)/bin/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-emit-trusted-host --strip-extras --no-header --allow-unsafe pyproject.toml
lock: $(VENV)/dev.stamp  ## locks the dependencies anew
	$(LOCK) --extra serving --extra gateway --extra tensorflow --extra dev -o requirements/dev.txt
	$(LOCK) -c requirements/dev.txt --extra serving -o requirements/serving.txt
	$(LOCK) -c requirements/dev.txt --extra serving --extra gateway -o requirements/gateway.txt
	$(LOCK) -c requirements/dev.txt --extra serving --extra tensorflow -o requirements/tensorflow.txt
	$(LOCK) -c requirements/dev.txt --extra serving --extra gateway --extra tensorflow -o requirements/demo.txt
	$(LOCK) --extra peers -o requirements/peers.txt
	sed -i 's/^tensorflow-cpu==[0-9.]*/& ; platform_machine == "x86_64" and sys_platform != "darwin"/' requirements/*.txt

clean:  ## removes the virtualenv and the caches; models and runs stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache

$(VENV)/%.stamp: requirements/%.txt requirements/no-deps.txt | $(RUN)
	@echo "Installing requirements/$*.txt into $(VENV) (about a minute) ..."
	@$(PIP_INSTALL) -r requirements/$*.txt && $(PIP_INSTALL) --no-deps -r requirements/no-deps.txt || { \
		echo "The packages could not be installed. Without a network: connect, or point pip at a mirror with PIP_INDEX_URL." \
			"If a wheel is missing for this Python or machine: use Python 3.11 on Linux x86_64 (PYTHON=python3.11 make ...)." \
			"Nothing needs a compiler." >&2; exit 1; }
	@touch $@

$(RUN):
	@if [ -z "$(PYTHON)" ] || ! $(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))'; then \
		echo "Python 3.11, 3.12 or 3.13 is needed. Found: $$([ -n "$(PYTHON)" ] && $(PYTHON) --version || echo none)." \
			"Install it, or name it: PYTHON=/path/to/python3.11 make ..." >&2; exit 1; fi
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "No virtualenv could be made. On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
