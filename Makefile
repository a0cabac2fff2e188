# Each target does its own set-up in a virtual environment under .venv (VENV=... for another place).
PYTHON ?= python3
VENV ?= .venv
PYTEST ?= -m pytest
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif

.PHONY: help train test parity browser lint bench clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

# One stamp per extra: installed again only when pyproject.toml changes.
$(VENV)/.installed-%: pyproject.toml
	@test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	@echo "installing mytorch ($*) into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.$(if $(filter base,$*),,[$*])'
	@touch $@

train: $(VENV)/.installed-base ## train configs/boston.yaml and say where the metrics and plots are
	@$(BIN)/mytorch train configs/boston.yaml

test: $(VENV)/.installed-test ## the test suite (needs no torch)
	@$(BIN)/python $(PYTEST) --ignore=tests/parity --ignore=tests/browser $(ARGS)

parity: $(VENV)/.installed-parity ## the comparisons with the real PyTorch
	@$(BIN)/python $(PYTEST) tests/parity $(ARGS)

browser: $(VENV)/.installed-browser ## report.html in a real Chromium or Chrome (CHROMIUM=... names it)
	@$(BIN)/python $(PYTEST) tests/browser $(ARGS)

lint: $(VENV)/.installed-dev ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(VENV)/.installed-bench ## speed beside PyTorch, as one table (ARGS="--threads 1", ARGS="--only cnn lstm")
	@$(BIN)/python -m benchmarks $(ARGS)

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov
