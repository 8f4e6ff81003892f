# `make run` and `make test` are the two commands; `make help` lists the others.

PYTHON ?= python3
VENV := .venv
TWICE := -n 2
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-installed
TESTING := $(VENV)/.tests-installed

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
PIP_INSTALL := $(BIN)/python -m pip install --quiet
PIP_COMPILE := $(BIN)/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras \
	--no-emit-index-url --no-emit-find-links

.DEFAULT_GOAL := help
.PHONY: help run test test-all check lint lock

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(RUNTIME) ## install what is locked into .venv and start control and every listener
	@exec $(BIN)/outpost up

# Two processes share the tests; which go together is said in tests/conftest.py.
test: $(TESTING) lint ## install test dependencies and peer programs, then check and test everything
	$(BIN)/python -m pytest -m "not peer and not full" $(TWICE)
	$(BIN)/python -m pytest -m "peer and not full" $(TWICE)

test-all: $(TESTING) lint ## as test, with the long loops and matrices whole
	FULL=1 $(BIN)/python -m pytest --timeout 3600

check: $(TESTING) lint ## check style, types and walls, and test without peer programs
	$(BIN)/python -m pytest -m "not peer and not full" $(TWICE)

lint: $(TESTING)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

lock: $(TESTING) ## choose versions anew and write the three lock files
	$(PIP_COMPILE) --output-file=requirements.lock pyproject.toml
	$(PIP_COMPILE) --extra=test --constraint=requirements.lock --output-file=requirements-test.lock pyproject.toml
	$(PIP_COMPILE) --build-deps-for=editable --only-build-deps --output-file=requirements-build.lock pyproject.toml

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "outpost needs Python 3.11 or newer; name one: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "installing into $(VENV) ..."
	@$(PYTHON) -m venv $(VENV) \
		|| { rm -rf $(VENV); echo "python's venv module is missing; on Debian: apt-get install python3-venv" >&2; exit 1; }

# The build backend comes from a lock as well, so nothing unpinned is fetched for the editable install.
$(RUNTIME): $(BIN)/python requirements.lock requirements-build.lock pyproject.toml
	@$(PIP_INSTALL) --require-hashes -r requirements.lock -r requirements-build.lock
	@$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

# Peer programs come first: python-ldap is built from source against their headers.
$(TESTING): $(RUNTIME) requirements-test.lock tests/peers.py
	@$(BIN)/python tests/peers.py
	@$(PIP_INSTALL) --require-hashes -r requirements-test.lock
	@touch $@

.PHONY: bench bench-scale chaos soak
chaos: $(TESTING) ## kill control, outposts, workers and the database under load, CHAOS=100 times, by CHAOS_SEED
	CHAOS=$${CHAOS:-100} $(BIN)/python -m pytest tests/wire/test_chaos.py

soak: $(TESTING) ## everybody at the doors for SOAK=1200 seconds; no process may grow
	SOAK=$${SOAK:-1200} $(BIN)/python -m pytest tests/wire/test_soak.py

bench-scale: $(TESTING) ## many outposts on three controls and a PostgreSQL; SCALE="--users 1000 --clients 10" for a first look
	$(BIN)/python -m benchmarks.scale $(SCALE)

bench: $(TESTING) ## measure beside slapd, FreeRADIUS and nginx; BENCH=--quick for a first look
	$(BIN)/python -m benchmarks.harness $(BENCH)
