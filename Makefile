# Everything a newcomer needs: `make curves` and `make test`. Both create .venv by themselves.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

# What `make curves` trains. Empty STEPS, DEPTHS or SEEDS keep the experiment's own.
DATASET ?= digits
DEPTHS ?=
SEEDS ?=
STEPS ?=
WORKERS ?= 0
NAME := depth-$(DATASET)$(if $(STEPS),-$(STEPS)-steps)
ROOT ?= runs/$(NAME)
OUT ?= experiments/results/$(NAME)

SETTINGS = --set dataset=$(DATASET) $(if $(DEPTHS),--set depths=$(DEPTHS)) \
	$(if $(SEEDS),--set seeds=$(SEEDS)) $(if $(STEPS),--set steps=$(STEPS))

# Independent implementations that the tests compare with, where they are there.
PARITY := "torch==2.13.0" "keras>=3.12" h5py safetensors requests
# Asks for torchvision, which none of the networks compared needs.
PARITY_ALONE := "pytorchcv==0.0.74"

.PHONY: curves test test-all parity lint clean

# The main job: error against depth, plain and residual. Killed and typed again, it goes on.
curves: $(VENV)/.installed
	$(BIN)/resinc sweep experiments/depth.py $(SETTINGS) --root $(ROOT) --workers $(WORKERS)
	$(BIN)/resinc report experiments/depth.py --root $(ROOT) --out $(OUT)

test: $(VENV)/.installed
	$(BIN)/python -m pytest -q -n 2 -m "not slow" tests

# The slowest too.
test-all: $(VENV)/.installed
	$(BIN)/python -m pytest -q -n 2 tests

# Optional and large: PyTorch, Keras and other people's networks. The tests then use them.
parity: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet $(PARITY)
	$(BIN)/python -m pip install --quiet --no-deps $(PARITY_ALONE)

lint: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) runs .pytest_cache .mypy_cache .ruff_cache *.egg-info

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@
