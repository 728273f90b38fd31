# What a person or CI runs. Needs Python 3.10 or newer, git and make; everything else goes into $(VENV).
# Stamp files keep a second run quick. Any Python will do: make test PYTHON=python3.12 VENV=.venv312

PYTHON ?= python3
VENV ?= .venv
# Extra arguments for pip, such as --find-links FOLDER for a machine without a network.
PIP_FLAGS ?=
# Extra arguments for pytest, such as -k seeds -x.
PYTEST_FLAGS ?=
# Extra arguments for the Blender extension, such as --platform windows-x64 or --runtime gpu.
BLENDER_FLAGS ?=
# For ComfyUI's registry: the address of the source, and your id as a publisher there.
REPOSITORY ?=
PUBLISHER ?=
DEMO ?= demo

# Least branch coverage, in per cent, of everything but what trains (which is listed, not gated).
COVERAGE_FLOOR := 90
TRAINING := ganplugin/train/*,ganplugin/models/*

BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_FLAGS)
PACKAGING := pyproject.toml constraints/cpu.txt Makefile

.DEFAULT_GOAL := help
.PHONY: help demo test lint types unit coverage test-runtimes test-hosts test-cluster format docs golden build blender-extension comfyui-pack smoke pictures models clean

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/  make \1\t\2/p' Makefile

demo: $(STAMPS)/runtime  ## install the CPU runtime and write pictures to demo/
	$(BIN)/ganplugin demo --out $(DEMO) --overwrite

test: lint types coverage  ## everything that CI checks, but for the installed wheel

lint: $(STAMPS)/all  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMPS)/all  ## mypy, strict, over the three folders as one package
	$(BIN)/python scripts/link_types.py
	$(BIN)/mypy

unit: $(STAMPS)/all  ## pytest alone, in random order
	$(BIN)/pytest $(PYTEST_FLAGS)

coverage: $(STAMPS)/all  ## pytest with branch coverage, its floor, and a page for each file in htmlcov/
	$(BIN)/pytest --cov --cov-report= $(PYTEST_FLAGS)
	$(BIN)/coverage html --quiet
	$(BIN)/coverage report --include='$(TRAINING)'
	$(BIN)/coverage report --omit='$(TRAINING)' --fail-under=$(COVERAGE_FLOOR)

test-runtimes: $(STAMPS)/all  ## every family in the onnxruntime versions that hosts pin
	$(BIN)/pytest -m runtimes $(PYTEST_FLAGS)

test-hosts: $(STAMPS)/all  ## the nodes in real hosts, each in an environment of its own that is made and kept
	$(BIN)/pytest -m hosts $(PYTEST_FLAGS)

test-cluster: $(STAMPS)/cluster  ## series on a Ray cluster of several nodes, all on this machine
	$(BIN)/pytest -m cluster $(PYTEST_FLAGS)

format: $(STAMPS)/all  ## let ruff rewrite the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMPS)/all  ## bring the generated pages of docs/, ComfyUI's words and InvokeAI's workflows up to date
	$(BIN)/python scripts/make_docs.py

golden: $(STAMPS)/all  ## note new nodes and inputs in tests/data/hosts.json; what would break saved graphs is refused
	$(BIN)/python scripts/make_golden.py

build: $(STAMPS)/all  ## wheel and sdist in dist/
	rm -rf dist build/lib build/bdist.*
	$(BIN)/python -m build --no-isolation --outdir dist .

blender-extension: $(STAMPS)/all  ## dist/ganplugin-blender-VERSION.zip, which Blender installs from disk
	$(BIN)/python scripts/make_blender_extension.py $(BLENDER_FLAGS)

comfyui-pack: $(STAMPS)/all  ## dist/comfyui-pack/ganplugin/, the folder that ComfyUI's registry takes
	$(BIN)/python scripts/make_comfyui_pack.py --repository "$(REPOSITORY)" --publisher "$(PUBLISHER)"

smoke: build  ## install the wheel in an empty environment and use it there
	PIP_FLAGS="$(PIP_FLAGS)" PYTHON="$(PYTHON)" bash scripts/smoke_wheel.sh dist

pictures: $(STAMPS)/all  ## render the pictures of README and docs again
	$(BIN)/python scripts/make_pictures.py

models: $(STAMPS)/all  ## train the embedded models again from their data (hours)
	$(BIN)/python scripts/make_models.py

clean:  ## remove everything that the targets above made, the environment included
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "ganplugin needs Python 3.10 or newer: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(STAMPS)/runtime: $(PACKAGING) | $(BIN)/python
	$(PIP) --editable '.[cpu,video]'
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/all: $(PACKAGING) | $(BIN)/python
	$(PIP) --constraint constraints/cpu.txt --editable '.[cpu,video,train,dev]'
	$(PIP) --constraint constraints/cpu.txt --no-deps spandrel einops
	@mkdir -p $(STAMPS) && touch $@ $(STAMPS)/runtime

$(STAMPS)/cluster: $(STAMPS)/all
	$(PIP) --constraint constraints/cpu.txt --editable '.[ray]'
	@touch $@
