# make help lists what there is.

PYTHON ?= python3
LOG_DIR ?= runs
SWEEP_FLAGS ?=

VENV := .venv
RUN := $(VENV)/bin/python

# The grid, what its members cost in use, and the page that shows everything.
define sweep
@status=0; \
$(RUN) -m experiments.sweep --grid=noel --dataset=$(1) --log_dir=$(LOG_DIR) $(SWEEP_FLAGS) || status=$$?; \
case "$$status $(SWEEP_FLAGS)" in *dry_run*|2*|13?*|14?*) exit $$status;; esac; \
$(RUN) -m experiments.measure_inference --dataset=$(1) --log_dir=$(LOG_DIR); \
$(RUN) -m analysis.report --log_dir=$(LOG_DIR) --out=$(LOG_DIR)/report.html && exit $$status
endef

.DEFAULT_GOAL := help
.PHONY: help install test test-ray faults fuzz check format digits-sweep mnist-sweep notmnist-sweep cifar10-sweep heads-demo fdl-demo results documents records mnist-results digits-results fdl-results bench clean

help: ## this list
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18
	@echo 'Variables: PYTHON=python3 (3.11 to 3.13), LOG_DIR=runs, SWEEP_FLAGS="--seeds=0,1,2"'

install: $(VENV)/.installed ## set up .venv with the package and what it needs

$(VENV)/.installed: setup.py pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "error: $$($(PYTHON) --version) found; needed: 3.11 to 3.13, for example PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

test: install ## run the tests (some minutes)
	$(RUN) -m pytest --numprocesses=2 --dist=loadfile

faults: install ## kill, damage and starve sweeps many times, and compare their results (half an hour)
	$(RUN) -m pytest tests/faults --all-faults

fuzz: install ## read many thousand odd or damaged settings, flags and pickles (some minutes)
	$(RUN) -m pytest --all-fuzz --numprocesses=2 tests/settings/test_config_fuzz.py tests/experiments/test_flags_fuzz.py tests/runs/test_unpickle_fuzz.py

test-ray: install ## sweeps on a Ray cluster whose nodes are killed (some minutes; installs Ray)
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable '.[dev,ray]'
	$(RUN) -m pytest -m ray tests/launch

check: install ## formatting, lint, types, and which rooms import which
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache --no-logo

format: install ## put the code into form
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

digits-sweep: install ## the 13 ensembles on scikit-learn's digits (3 minutes), tables and a report
	$(call sweep,digits)

mnist-sweep: install ## the 13 ensembles on MNIST (hours)
	$(call sweep,mnist)

notmnist-sweep: install ## the 13 ensembles on notMNIST (a day)
	$(call sweep,notmnist)

cifar10-sweep: install ## the 13 ensembles on CIFAR-10 (hours)
	$(call sweep,cifar10)

# What follows a demonstration's sweep needs its runs.
END_OF_DRY_RUN = case "$(SWEEP_FLAGS)" in *dry_run*) exit;; esac;

HEADS_DEMO := --grid=song-chai-figure3 --dataset=cifar10 --members=resnet20 --train_limit=10000 --epochs=8

heads-demo: install ## one network, and heads that teach each other, without and with label noise (CIFAR-10, an hour)
	for noise in 0 0.4; do \
		$(RUN) -m experiments.sweep $(HEADS_DEMO) --label_noise=$$noise --log_dir=$(LOG_DIR)/heads-demo $(SWEEP_FLAGS) || exit $$?; \
	done
	$(END_OF_DRY_RUN) \
	$(RUN) -m analysis.report --log_dir=$(LOG_DIR)/heads-demo --out=$(LOG_DIR)/heads-demo/report.html

fdl-demo: install ## one network against two that learn to differ (MNIST, 6,000 images, half an hour)
	$(RUN) -m experiments.sweep --grid=fdl-mnist --dataset=mnist --split=standard --train_limit=6000 --epochs=20 \
		--log_dir=$(LOG_DIR)/fdl-demo $(SWEEP_FLAGS)
	$(END_OF_DRY_RUN) \
	$(RUN) -m benchmarks.fdl_phases && \
	$(RUN) -m analysis.report --log_dir=$(LOG_DIR)/fdl-demo --out=$(LOG_DIR)/fdl-demo/report.html

MNIST_RUNS ?= $(LOG_DIR)/mnist-grid
DIGITS_RUNS ?= $(LOG_DIR)/digits-grid
FDL_RUNS ?= $(LOG_DIR)/fdl-6000
RUNS ?= $(MNIST_RUNS)

results: mnist-results digits-results fdl-results ## write results/ again, from MNIST_RUNS, DIGITS_RUNS and FDL_RUNS; how to train them stands in results/*/README.md

documents: install ## write the tables and numbers in README.md and docs/ again, from results/
	$(RUN) -m analysis.documents
	$(RUN) -m analysis.documents.overview_figure

records: ## keep what the finished runs in RUNS=runs/mnist-grid wrote, but for checkpoints, in results/records/mnist-grid
	mkdir -p results/records/$(notdir $(RUNS))
	cd $(RUNS) && for status in $$(grep -l '"state": "done"' */*/status.json); do \
		run=$$(dirname $$status); \
		cp --parents $$run/config.json $$status $$run/*.pkl $(CURDIR)/results/records/$(notdir $(RUNS)) || exit $$?; \
	done

mnist-results: install
	$(RUN) -m analysis.results --log_dir=$(MNIST_RUNS) --dataset=mnist --out=results/mnist

digits-results: install
	$(RUN) -m analysis.results --log_dir=$(DIGITS_RUNS) --dataset=digits --out=results/digits

fdl-results: install
	$(RUN) -m analysis.results --log_dir=$(FDL_RUNS) --dataset=mnist --grid=fdl-mnist --out=results/$(notdir $(FDL_RUNS))

bench: install ## measure speed and memory (a quarter of an hour); PyTorch too, if it is there
	$(RUN) -m benchmarks.bench

clean: ## remove .venv and caches; run directories and data stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
