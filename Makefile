# Every target sets up what it needs by itself: a virtual environment in .venv, from requirements.lock.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
WORKERS ?= 3

export DAGSTER_DISABLE_TELEMETRY := yes

.PHONY: help demo ui test test-unit test-deep lint format docs bench aws-calls lock clean distclean

help:
	@echo "make demo    one push and one pull delivery, end to end, on the local AWS"
	@echo "make ui      the Dagster UI, its daemon and the local AWS; Ctrl-C stops all three"
	@echo "make test    every test; make test-unit leaves out those that start a daemon"
	@echo "make test-deep   the slow ones: 10,000 random histories, a daemon that is killed 20 times"
	@echo "make lint    ruff, format check, types, import contracts"
	@echo "make docs    the reference of recipe operations, from their declarations"
	@echo "make aws-calls   the list of AWS calls, from a run of all tests"
	@echo "make bench   ratios beside their targets"
	@echo "make clean   remove what the local AWS and Dagster keep under .local/"

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed; say which with: make PYTHON=python3.12 ..." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked packages into $(VENV) (a minute or two, once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(INSTALLED)
	@$(BIN)/cleanroom demo

ui: $(INSTALLED)
	@exec $(BIN)/cleanroom ui

test: $(INSTALLED)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not deep"

test-unit: $(INSTALLED)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not e2e and not deep"

test-deep: $(INSTALLED)
	@CLEANROOM_HISTORIES=10000 $(BIN)/python -m pytest -p no:cacheprovider --timeout 7200 \
	  cleanroom_pipeline_tests/inbound/test_histories.py
	@$(BIN)/python -m pytest --timeout 7200 -m deep

lint: $(INSTALLED)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(INSTALLED)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(INSTALLED)
	@$(BIN)/python -m cleanroom_pipeline_tests.recipe.reference_pages

bench: $(INSTALLED)
	@$(BIN)/python -m cleanroom_pipeline_tests.benchmarks

aws-calls: $(INSTALLED)
	@rm -rf .local/aws-calls
	@CLEANROOM_COLLECT_AWS_CALLS=.local/aws-calls $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not deep"
	@$(BIN)/python -m cleanroom_pipeline_tests.aws_calls .local/aws-calls

lock: $(INSTALLED)
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --all-extras --no-header \
	  --no-annotate pyproject.toml --output-file requirements.lock

clean:
	@rm -rf .local

distclean: clean
	@rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
