# Everything a newcomer needs: `make curves`, `make evidence`, `make test`. Each creates .venv by itself.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

# What `make curves` trains. Empty STEPS keeps the recipe's own.
DATASET ?= digits
DEPTHS ?= 8,20,32,56
SEEDS ?=
STEPS ?=
WORKERS ?= 0
# Runs that one process trains in one program, where they differ in seed, split and rate alone: a
# third of the processor time where compiling is most of it; of long runs it wins nothing on a CPU.
PACK ?= $(if $(filter digits,$(DATASET)),8,1)
SUFFIX := $(DATASET)$(if $(STEPS),-$(STEPS)-steps)
NAME := curves-$(SUFFIX)
ROOT ?= runs/$(NAME)
# Results of one's own lie where git does not look; `make publish` alone changes the committed ones.
RESULTS ?= runs/results
OUT ?= $(RESULTS)/$(NAME)

SETTINGS = --set dataset=$(DATASET) --set depths=$(DEPTHS) --set seeds=$(or $(SEEDS),3) \
	$(if $(STEPS),--set steps=$(STEPS))

# Independent implementations that the tests compare with, where they are there.
PARITY := "torch==2.13.0" "keras>=3.12" flatbuffers h5py safetensors requests pandas
# Asks for torchvision, which none of the networks compared needs.
PARITY_ALONE := "pytorchcv==0.0.74"

.PHONY: curves evidence evidence-report archive restore map cost signs overview repeated publish test test-all crash imagenet-like parity peers bench bench-gpu curves-gpu evidence-gpu carry lint clean

# A quick look: error against depth, plain and residual. Killed and typed again, it goes on.
curves: $(VENV)/.installed
	$(BIN)/resinc sweep experiments/degradation.py $(SETTINGS) --root $(ROOT) --workers $(WORKERS) --pack $(PACK)
	$(BIN)/resinc report experiments/degradation.py --root $(ROOT) --out $(OUT)

# Every hypothesis on $(DATASET), in the order of value, at the lowest priority (NICE=0 at the usual
# one): hours on the digits, days on CIFAR-10 with 2 cores. Killed and typed again, it goes on;
# `make evidence-report` reports at any time what is there. ONLY=degradation WHERE=depth=56 chooses
# an experiment and a label of its runs.
NICE ?= 19
CHOSEN = $(if $(ONLY),--only $(ONLY)) $(if $(WHERE),--where $(WHERE))
evidence evidence-report: $(VENV)/.installed
	nice -n $(NICE) $(BIN)/python -m experiments.evidence --dataset $(DATASET) --workers $(WORKERS) --pack $(PACK) $(if $(SEEDS),--seeds $(SEEDS)) \
		$(if $(STEPS),--steps $(STEPS)) $(if $(findstring report,$@),--report) $(CHOSEN)

# What the finished runs of `make evidence` measured, a small file each, for git: `make restore` puts
# them back on any machine, where `make evidence` goes on and `make evidence-report` reports.
archive: $(VENV)/.installed
	$(BIN)/resinc archive runs/evidence-$(SUFFIX) --to experiments/records/$(SUFFIX)
restore: $(VENV)/.installed
	$(BIN)/resinc restore experiments/records/$(SUFFIX) --root runs/evidence-$(SUFFIX)

# The map: every depth and learning rate on the digits, plain and residual. Killed and typed again,
# it goes on; `make evidence` shares its runs.
MAP_ROOT ?= runs/evidence-digits
map: $(VENV)/.installed
	$(BIN)/resinc sweep experiments/degradation.py --set pilots=false --set seeds=$(or $(SEEDS),3) --root $(MAP_ROOT) --workers $(WORKERS) --pack $(PACK)
	$(BIN)/resinc report experiments/degradation.py --root $(MAP_ROOT) --out $(RESULTS)/map-digits

# Multiply-adds, time and memory of a 1x1 before a 5x5; timings, so one at a time.
cost: $(VENV)/.installed
	$(BIN)/resinc sweep experiments/cost.py $(if $(SEEDS),--set seeds=$(SEEDS)) --root runs/cost --workers 1
	$(BIN)/resinc report experiments/cost.py --root runs/cost --out $(RESULTS)/cost

# ResNet-50 on SIGNS, prepared by `resinc data prepare signs --from DIR`: hours on a CPU.
signs: $(VENV)/.installed
	$(BIN)/resinc sweep experiments/signs.py $(if $(SEEDS),--set seeds=$(SEEDS)) --root runs/signs --workers $(WORKERS)
	$(BIN)/resinc report experiments/signs.py --root runs/signs --out $(RESULTS)/signs

# All results of one's own on one page.
overview: $(VENV)/.installed
	$(BIN)/resinc overview $(RESULTS)

# Which outcomes came out as in the published results.
repeated: $(VENV)/.installed
	$(BIN)/python -m experiments.repeated $(RESULTS)

# Results that were made from a clean commit become the committed reference results:
# `make publish RESULT=runs/results/degradation-digits`, or all of runs/results.
RESULT ?= $(RESULTS)
publish: $(VENV)/.installed
	$(BIN)/resinc publish $(RESULT) --to experiments/results --readme README.md

# A file of tests stays with one worker: what it trains and compiles is then there once.
PYTEST := $(BIN)/python -m pytest -q -n 2 --dist loadfile

test: $(VENV)/.installed
	$(PYTEST) -m "not slow" tests

# The slowest too.
test-all: $(VENV)/.installed
	MOMENTS=$${MOMENTS:-4} $(PYTEST) tests

# Everything that a run can meet, with the counts: signals and lost power at moments drawn at random,
# full disks, damaged files, ... `make crash MOMENTS=500 SEED=7`; the seed is printed.
MOMENTS ?= 50
SEED ?=
crash: $(VENV)/.installed
	MOMENTS=$(MOMENTS) SEED=$(SEED) $(BIN)/python -m pytest -q -n 2 -p tests.crash.counts -m crash tests

# ResNet-50 and GoogLeNet on 5,000 made-up images of 1,000 classes, killed and resumed. LIKE: classes,
# images of each, pixels, batch, steps.
LIKE ?= 1000,5,64,16,300
imagenet-like: $(VENV)/.installed
	IMAGENET_LIKE=$(LIKE) $(BIN)/python -m pytest -q tests/train/test_imagenet_like.py

# Optional and large: PyTorch, Keras and other people's networks. The tests then use them.
parity: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet $(PARITY)
	$(BIN)/python -m pip install --quiet --no-deps $(PARITY_ALONE)

# Optional and large, apart from the rest: what `make bench BENCH=loaders` reads images with besides.
PEERS ?= build/peers
peers:
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet torchvision tensorflow-cpu

# Ours against PyTorch, plain Flax and Keras, and the other targets of docs/performance.md: about 25 minutes
# on two idle cores. Killed and typed again, it goes on; BENCH="step scan" runs some.
bench: $(VENV)/.installed
	$(BIN)/python -m experiments.benchmarks $(BENCH)

# For one GPU, on a machine that may have no pip; each call ends within LIMIT seconds and the same
# command goes on. docs/gpu.md says what they need. BENCH_ONLY="resnet-20, bfloat16" measures some.
LIMIT ?= 480
GPU = $(or $(wildcard $(BIN)/python),$(PYTHON)) -m experiments.gpu
AT = $(if $(DATA),TFDS_DATA_DIR=$(DATA))
bench-gpu:
	$(GPU) bench --limit-seconds $(LIMIT) $(if $(BENCH_ONLY),--only "$(BENCH_ONLY)")

# The figure of He et al. 2015 by their whole protocol on CIFAR-10, SEEDS of a network in one program.
curves-gpu:
	$(AT) $(GPU) curves --limit-seconds $(LIMIT) $(if $(SEEDS),--seeds $(SEEDS))

# Every experiment on CIFAR-10 by short runs, as many at a time as SHARE names GPUs.
SHARE ?= 0,0,0,0,0
evidence-gpu:
	$(AT) $(GPU) evidence --limit-seconds $(LIMIT) --devices $(SHARE) --merge 4 \
		--steps-per-call 100 $(CHOSEN)

# What a bare machine lacks, into build/gpu, where there is pip and CIFAR-10 (DATA: its directory).
carry: $(VENV)/.installed
	$(BIN)/python -m experiments.gpu carry prepare $(if $(DATA),--dir $(DATA)) $(if $(PACKAGES),--packages "$(PACKAGES)")

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
