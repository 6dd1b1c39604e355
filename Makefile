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
# Results of one's own lie where git does not look; `make publish` alone changes the committed ones.
RESULTS ?= runs/results
OUT ?= $(RESULTS)/$(NAME)

SETTINGS = --set dataset=$(DATASET) $(if $(DEPTHS),--set depths=$(DEPTHS)) \
	$(if $(SEEDS),--set seeds=$(SEEDS)) $(if $(STEPS),--set steps=$(STEPS))

# Independent implementations that the tests compare with, where they are there.
PARITY := "torch==2.13.0" "keras>=3.12" h5py safetensors requests
# Asks for torchvision, which none of the networks compared needs.
PARITY_ALONE := "pytorchcv==0.0.74"

# What `make claims` runs, on $(DATASET): a file of experiments/ each, longest first.
CLAIMS := depth shortcuts identity inception combination auxiliary gradients network_in_network multiplications
CLAIM_ROOT ?= runs/claims
CLAIM_SETTINGS = --set dataset=$(DATASET) $(if $(SEEDS),--set seeds=$(SEEDS)) \
	$(if $(STEPS),--set steps=$(STEPS))
SUFFIX := $(DATASET)$(if $(STEPS),-$(STEPS)-steps)
# One cache for all: several claims train the same networks.
claims claim-%: export JAX_COMPILATION_CACHE_DIR ?= $(abspath $(CLAIM_ROOT))/.xla-cache

.PHONY: curves claims map signs publish test test-all parity bench lint clean

# The main job: error against depth, plain and residual. Killed and typed again, it goes on.
curves: $(VENV)/.installed
	$(BIN)/resinc sweep experiments/depth.py $(SETTINGS) --root $(ROOT) --workers $(WORKERS)
	$(BIN)/resinc report experiments/depth.py --root $(ROOT) --out $(OUT)

# Every claim on the digits; killed and typed again, it goes on.
claims: $(CLAIMS:%=claim-%) claim-generalisation
	$(BIN)/resinc claims $(RESULTS)

# Deeper than `make curves`; RESIDUAL_DEPTHS=1202 adds a quarter of an hour on 2 cores.
CLAIM_DEPTHS := 8,20,56,110
claim-depth: CLAIM_SETTINGS += --set depths=$(or $(DEPTHS),$(CLAIM_DEPTHS)) \
	$(if $(RESIDUAL_DEPTHS),--set residual_depths=$(RESIDUAL_DEPTHS))

# Timings: of no data set, one process at a time.
claim-multiplications: WORKERS = 1
claim-multiplications: CLAIM_SETTINGS = $(if $(SEEDS),--set seeds=$(SEEDS))

claim-%: $(VENV)/.installed
	$(BIN)/resinc sweep experiments/$*.py $(CLAIM_SETTINGS) --root $(CLAIM_ROOT)/$*-$(SUFFIX) --workers $(WORKERS)
	$(BIN)/resinc report experiments/$*.py --root $(CLAIM_ROOT)/$*-$(SUFFIX) --out $(RESULTS)/$*-$(SUFFIX)

# The same runs as claim 1, looked at otherwise.
claim-generalisation: claim-depth
	$(BIN)/resinc report experiments/generalisation.py --root $(CLAIM_ROOT)/depth-$(SUFFIX) --out $(RESULTS)/generalisation-$(SUFFIX)

# The map: every depth and learning rate on the digits, plain and residual. Killed and typed again,
# it goes on.
MAP_ROOT ?= runs/map-digits
map: $(VENV)/.installed
	$(BIN)/resinc sweep experiments/degradation.py --set pilots=false --set seeds=$(or $(SEEDS),3) --root $(MAP_ROOT) --workers $(WORKERS)
	$(BIN)/resinc report experiments/degradation.py --root $(MAP_ROOT) --out $(RESULTS)/map-digits

# ResNet-50 on SIGNS, prepared by `resinc data prepare signs --from DIR`: hours on a CPU.
signs: $(VENV)/.installed
	$(BIN)/resinc sweep experiments/signs.py $(if $(SEEDS),--set seeds=$(SEEDS)) --root $(CLAIM_ROOT)/signs --workers $(WORKERS)
	$(BIN)/resinc report experiments/signs.py --root $(CLAIM_ROOT)/signs --out $(RESULTS)/signs

# Results that were made from a clean commit become the committed reference results:
# `make publish RESULT=runs/results/depth-digits`, or all of runs/results.
RESULT ?= $(RESULTS)
publish: $(VENV)/.installed
	$(BIN)/resinc publish $(RESULT) --to experiments/results

test: $(VENV)/.installed
	$(BIN)/python -m pytest -q -n 2 -m "not slow" tests

# The slowest too.
test-all: $(VENV)/.installed
	$(BIN)/python -m pytest -q -n 2 tests

# Optional and large: PyTorch, Keras and other people's networks. The tests then use them.
parity: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet $(PARITY)
	$(BIN)/python -m pip install --quiet --no-deps $(PARITY_ALONE)

# Ours against PyTorch and plain Flax, and the other targets of docs/performance.md: about 25 minutes
# on two idle cores. Killed and typed again, it goes on; BENCH="step scan" runs some.
bench: $(VENV)/.installed
	$(BIN)/python -m experiments.benchmarks $(BENCH)

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
