# The two commands of the README are `make demo` and `make test`; the rest is for developers.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint check format snapshots bench faults clean

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "make: $(PYTHON) is older than Python 3.11; say make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up $(VENV) (once; takes a minute)"
	@$(BIN)/python -m pip install --disable-pip-version-check -e '.[dev]' > $(VENV)/install.log 2>&1 \
	  || { tail -20 $(VENV)/install.log >&2; echo "make: cannot install, see $(VENV)/install.log" >&2; exit 1; }
	@touch $@

demo: $(STAMP)
	@$(BIN)/python -m supervisor.demo

# One more at a time than the two cores that this is made for: half of the tests wait most of the time.
test: $(STAMP)
	@$(BIN)/python -m pytest -q -n 3 --dist worksteal

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy
	$(BIN)/python docs/make_reference.py --check

check: lint test

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The pictures that tests/tui/test_snapshots.py compares with: renew them, then read the difference.
snapshots: $(STAMP)
	@$(BIN)/python -m tests.tui.test_snapshots

bench: $(STAMP)
	@$(BIN)/python -m tests.benchmarks

# All faults, MANY times as many of those that can be repeated, and a table at the end: docs/reliability.rst.
MANY ?= 4
faults: $(STAMP)
	@FAULTS_TABLE=1 FAULTS_MANY=$(MANY) $(BIN)/python -m pytest -q -n 2 --dist worksteal tests/faults

clean:
	rm -rf $(VENV) build *.egg-info .demo
