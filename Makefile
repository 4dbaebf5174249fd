# make run | demo | test | check: each works on a fresh checkout that has Python >= 3.11, git and make.
# make lock renews the exact versions in requirements*.lock from pyproject.toml.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO ?= beholder-demo

.PHONY: run demo test slow check lint bench lock clean

run: $(VENV)/.runtime
	$(BIN)/beholder demo $(DEMO) --open

demo: $(VENV)/.runtime
	$(BIN)/beholder demo $(DEMO)

# two at a time: the suite is full of waiting for terminals and for the disk
test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not alone and not slow"
	$(BIN)/python -m pytest -m "alone and not slow" tests

# what takes long: every backbone, crashes by the hundred, real votes; one thread each, so that two don't fight
slow: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m slow tests

check: lint test

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

lock: $(VENV)/.dev
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --upgrade --no-header --no-annotate --no-emit-index-url pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "beholder needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@
