# Every target sets itself up: .venv is made and filled when the pins changed, and not otherwise.
.DEFAULT_GOAL := help
.PHONY: help setup quickstart real test check bench ui clean
SHELL := /bin/bash
PYTHON ?= python3
SEED ?= 0
VENV := .venv
STAMP := $(VENV)/.installed
BIN := $(VENV)/bin

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMP)  ## make .venv and install the pinned dependencies

$(STAMP): constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "instructflow needs Python 3.11 or newer; set PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25'
	$(BIN)/python -m pip install --quiet -c constraints.txt torch
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

quickstart: $(STAMP)  ## the whole loop in miniature, in minutes (SEED=n draws another world)
	$(BIN)/instructflow run quickstart --set seed=$(SEED)

real: $(STAMP)  ## the same loop on real data (DATA=folder SET="ppo.iterations=20 seed=1")
	@test -n "$(DATA)" || { echo 'usage: make real DATA=folder [SET="ppo.iterations=20 seed=1"]'; exit 2; }
	$(BIN)/python -m pipelines.real "$(DATA)" $(foreach setting,$(SET),--set '$(setting)')

test: $(STAMP)  ## the tests that CI runs
	$(BIN)/python -m pytest -n 2 --dist loadscope
	$(BIN)/python -m pytest -m slow

check: $(STAMP)  ## lint, format, types, import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)  ## benchmarks: ratios against peers
	$(BIN)/python -m pytest -m benchmark -s

ui: $(STAMP)  ## MLflow over what the runs wrote
	$(BIN)/instructflow ui

clean:  ## remove what runs wrote (not .venv)
	rm -rf .instructflow
