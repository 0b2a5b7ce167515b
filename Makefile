# One command each, the same on a laptop and on CI. Needs python3 (3.11 or newer) and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
JOBS   ?= auto

.PHONY: help setup demo unit test check lint fix bench e2e lock clean
.DEFAULT_GOAL := help

help:  ## what there is
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/run.stamp: requirements/run.txt requirements/build.txt pyproject.toml
	@echo "installing the locked dependencies into $(VENV) (half a minute, once)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt -r requirements/build.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements/dev.txt
	@echo "installing the development tools"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

setup: $(VENV)/dev.stamp  ## virtual environment with everything that is locked

demo: $(VENV)/run.stamp  ## the main job on this machine: no cloud, no cluster
	@$(BIN)/drsync demo

unit: $(VENV)/dev.stamp  ## tests that take less than a second each
	$(BIN)/pytest -n $(JOBS) --dist loadgroup --hypothesis-profile quick -m "not slow and not e2e"

test: $(VENV)/dev.stamp  ## everything but real control planes
	$(BIN)/pytest -n $(JOBS) --dist loadgroup -m "not e2e"

lint: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/deptry drsync

check: lint test  ## what CI runs before the real servers

fix: $(VENV)/dev.stamp  ## format, and mend what can be mended safely
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Binaries first: a test has a time limit, and building them once takes nine minutes.
e2e: $(VENV)/dev.stamp  ## real control planes and a real S3 server
	$(BIN)/python -m tests.e2e.binaries
	$(BIN)/pytest -m e2e tests/e2e tests/conformance

bench: $(VENV)/dev.stamp  ## ratios in one run; fails on a missed one
	$(BIN)/python -m tests.e2e.binaries
	$(BIN)/python bench/run.py

lock:  ## renew the locks
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements/run.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header requirements/build.in -o requirements/build.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --group dev pyproject.toml -c requirements/run.txt -o requirements/dev.txt

clean:
	rm -rf $(VENV) .cache .pytest_cache .ruff_cache .hypothesis
