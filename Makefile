# make demo   set up, render the sample benchmark, run classical trackers and small networks over all eight layouts, print tables
# make test   set up, run the tests but the slow ones
# make check  format, lint, types, the Python reference, all tests: what continuous integration runs
# make reference  the Python reference: build/reference/evalkit.html

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
TESTS ?=
PARALLEL := --numprocesses auto --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-all check format lint types reference clean

demo: $(VENV)/.installed
	$(BIN)/evalkit demo

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(PARALLEL) -m 'not slow' $(TESTS)

test-all: $(VENV)/.installed-dev
	$(BIN)/python -m pytest $(PARALLEL) $(TESTS)

check: lint types reference test-all

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

reference: $(VENV)/.installed-dev
	$(BIN)/python docs/reference.py build/reference

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "evalkit needs Python 3.11 or newer; found $$($(PYTHON) --version). Say make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --constraint constraints.txt --editable '.[networks]'
	@# an installed evalkit owns one name; in a checkout's environment scripts from anywhere may import trackers and cli, too
	@$(BIN)/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "checkout.pth").write_text(str(pathlib.Path.cwd()))'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
