# `make help` lists the commands.

PYTHON ?= python3
LOG_DIR ?= runs
SWEEP_FLAGS ?=
QUESTIONS := question-1 question-2 question-3 question-4 question-5 question-6 question-7
FASHION_QUESTIONS := $(addprefix fashion-,$(QUESTIONS))
MNIST_QUESTIONS := $(addprefix mnist-,$(QUESTIONS))

VENV := .venv
RUN := $(VENV)/bin/python

# Trains the grid, measures the inference of its members, and writes the page with all results.
define sweep
@status=0; \
$(RUN) -m experiments.sweep --grid=noel --dataset=$(1) --log_dir=$(LOG_DIR) --report=$(LOG_DIR)/report.html $(SWEEP_FLAGS) || status=$$?; \
case "$$status $(SWEEP_FLAGS)" in *dry_run*|2*|129*|13?*|14?*) exit $$status;; esac; \
$(RUN) -m experiments.measure_inference --dataset=$(1) --log_dir=$(LOG_DIR); \
$(RUN) -m analysis.report --log_dir=$(LOG_DIR) --out=$(LOG_DIR)/report.html && exit $$status
endef

.DEFAULT_GOAL := help
.PHONY: help install test test-ray test-jax faults fuzz check format digits-sweep mnist-sweep notmnist-sweep cifar10-sweep heads-demo fdl-demo nodes-demo teaching-demo language-demo questions $(QUESTIONS) $(FASHION_QUESTIONS) $(MNIST_QUESTIONS) results documents records mnist-results mnist-author-results notmnist-results cifar10-results digits-results heads-results fdl-results das-results nodes-results teaching-results language-results question-results bench clean

help: ## show this list
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18
	@echo 'Variables: PYTHON=python3 (3.11 to 3.13), LOG_DIR=runs, SWEEP_FLAGS="--seeds=0,1,2"'

install: $(VENV)/.installed ## make .venv with the package and its dependencies

define check_python
@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	{ echo "error: $$($(PYTHON) --version) found; needed: 3.11 to 3.13, for example PYTHON=python3.12" >&2; exit 1; }
endef

$(VENV)/.installed: setup.py pyproject.toml constraints.txt
	$(check_python)
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

test: install ## run the tests (some minutes)
	$(RUN) -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder

faults: install ## kill sweeps, damage their files and fill their disk many times, and compare the results (half an hour)
	$(RUN) -m pytest tests/faults --all-faults

fuzz: install ## read many thousand random or damaged settings, flags and pickles (some minutes)
	$(RUN) -m pytest --all-fuzz --numprocesses=2 tests/settings/test_config_fuzz.py tests/experiments/test_flags_fuzz.py tests/runs/test_unpickle_fuzz.py

test-ray: install ## test sweeps on a Ray cluster, also with killed nodes (some minutes; installs Ray)
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable '.[dev,ray]'
	$(RUN) -m pytest -m ray tests/launch

JAX := .venv-jax

$(JAX)/.installed: setup.py constraints.txt
	$(check_python)
	$(PYTHON) -m venv --clear $(JAX)
	$(JAX)/bin/python -m pip install --quiet --no-deps --editable .
	$(JAX)/bin/python -c 'from importlib.metadata import requires as r; print(*(each.split(";")[0] for each in r("collab-ensembles") if not each.startswith("tensorflow") and ("extra" not in each or each.endswith("\"jax\""))), sep="\n")' > $(JAX)/needed
	$(JAX)/bin/python -m pip install --quiet --constraint constraints.txt --requirement $(JAX)/needed pytest pytest-xdist
	@touch $@

test-jax: $(JAX)/.installed ## test training on JAX, in .venv-jax, which has no TensorFlow (two minutes)
	$(JAX)/bin/python -m pytest --override-ini=addopts= --strict-markers --confcutdir=tests/on_jax --numprocesses=2 tests/on_jax

check: install ## check formatting, lint, types, and imports between packages
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache --no-logo

format: install ## format the code
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

digits-sweep: install ## train the 13 ensembles on scikit-learn's digits, write tables and a report (3 minutes)
	$(call sweep,digits)

mnist-sweep: install ## the same on MNIST (hours)
	$(call sweep,mnist)

notmnist-sweep: install ## the same on notMNIST (a day)
	$(call sweep,notmnist)

cifar10-sweep: install ## the same on CIFAR-10 (hours)
	$(call sweep,cifar10)

# After a dry run there are no runs for the commands that follow the sweep.
END_OF_DRY_RUN = case "$(SWEEP_FLAGS)" in *dry_run*) exit;; esac;

HEADS_DEMO := --grid=song-chai-figure3 --dataset=cifar10 --members=resnet20 --train_limit=10000 --epochs=8

heads-demo: install ## train one network, and heads that learn from each other, without and with label noise (CIFAR-10, half an hour)
	for noise in 0 0.4; do \
		$(RUN) -m experiments.sweep $(HEADS_DEMO) --label_noise=$$noise --log_dir=$(LOG_DIR)/heads-demo $(SWEEP_FLAGS) || exit $$?; \
	done
	$(END_OF_DRY_RUN) \
	$(RUN) -m analysis.report --log_dir=$(LOG_DIR)/heads-demo --out=$(LOG_DIR)/heads-demo/report.html

fdl-demo: install ## train one network, and two that learn to differ (MNIST, 6,000 images, half an hour), and time a step of two VGG-16 (CIFAR-10)
	$(RUN) -m experiments.sweep --grid=fdl-mnist --dataset=mnist --split=standard --train_limit=6000 --epochs=20 \
		--log_dir=$(LOG_DIR)/fdl-demo $(SWEEP_FLAGS)
	$(END_OF_DRY_RUN) \
	$(RUN) -m analysis.report --log_dir=$(LOG_DIR)/fdl-demo --out=$(LOG_DIR)/fdl-demo/report.html && \
	$(RUN) -m benchmarks.fdl_phases

NODES_DEMO := --grid=lacaille-2.1-five --members=strided8

nodes-demo: install ## train one node, and five that send each other nothing, labels, logits or features (digits, CIFAR-10, 20 minutes)
	$(RUN) -m experiments.sweep $(NODES_DEMO) --dataset=digits --steps=150 --epochs=3 --seeds=0,1,2 --log_dir=$(LOG_DIR)/nodes $(SWEEP_FLAGS)
	$(RUN) -m experiments.sweep $(NODES_DEMO) --dataset=cifar10 --train_limit=5000 --steps=200 --epochs=2 --seeds=0,1,2 \
		--log_dir=$(LOG_DIR)/nodes $(SWEEP_FLAGS)
	$(END_OF_DRY_RUN) \
	$(RUN) -m analysis.report --log_dir=$(LOG_DIR)/nodes --out=$(LOG_DIR)/nodes/report.html

teaching-demo: install ## train a teacher, and students whose minibatches it chooses (MNIST, 12,000 images, five minutes)
	$(RUN) -m experiments.sweep --grid=lacaille-3.1 --dataset=mnist --train_limit=12000 --epochs=30 \
		--log_dir=$(LOG_DIR)/teaching-demo $(SWEEP_FLAGS)
	$(END_OF_DRY_RUN) \
	$(RUN) -m analysis.report --log_dir=$(LOG_DIR)/teaching-demo --out=$(LOG_DIR)/teaching-demo/report.html

language-demo: install ## train two agents that share a language, at each level of communication (MNIST, five minutes)
	$(RUN) -m experiments.sweep --grid=lacaille-4.1 --dataset=mnist --log_dir=$(LOG_DIR)/language-demo $(SWEEP_FLAGS)
	$(END_OF_DRY_RUN) \
	$(RUN) -m analysis.report --log_dir=$(LOG_DIR)/language-demo --out=$(LOG_DIR)/language-demo/report.html

COMMA := ,
QUESTION_SEEDS := $(or $(subst $(COMMA), ,$(patsubst --seeds=%,%,$(filter --seeds=%,$(SWEEP_FLAGS)))),0 1 2 3 4 5 6 7)
EMPTY :=

questions: $(QUESTIONS) ## train the grids of the paper's open questions on digits, 8 seeds each, and write the answers (five hours; make question-3 trains one, fashion-question-3 and mnist-question-3 on other images)

# What runs with all labels, in question 7, do not take of the flags of the sweep.
NOT_OF_ALL_LABELS := --seeds=% --workers=% --report=% --measure% --executor=% --way=% --checkpoint_dir=% --address=% \
	--gpus=% --send_package% --nosend_package% --train_limit=% --unlabelled% --nounlabelled%

# Of question $(1) on the data set $(2), with the flags $(3), which runs with all labels, in question 7, lack; and $(4).
define question
$(RUN) -m experiments.sweep --grid=question-$(1) --seeds=$(subst $(EMPTY) ,$(COMMA),$(QUESTION_SEEDS)) --dataset=$(2) $(3) $(4) \
	--log_dir=$(LOG_DIR)/questions/question-$(1) $(SWEEP_FLAGS)
$(END_OF_DRY_RUN) \
if [ $(1) = 7 ]; then for seed in $(QUESTION_SEEDS); do \
	$(RUN) -m experiments.train --seed=$$seed --dataset=$(2) $(4) $(filter-out $(NOT_OF_ALL_LABELS),$(SWEEP_FLAGS)) --log_dir=$(LOG_DIR)/questions/question-7 || exit $$?; \
done; fi; \
$(RUN) -m analysis.methods.ensemble.questions --log_dir=$(LOG_DIR)/questions --dataset=$(2) --out=$(LOG_DIR)/questions/answers/$(2)
endef

$(QUESTIONS): question-%: install
	$(call question,$*,digits,$(if $(filter 7,$*),--train_limit=100 --batch_size=10))

# Tests take most of the time of runs with few training examples, and answers need the last one only.
LIGHT := --precision=mixed_bfloat16 --test_every=30

$(FASHION_QUESTIONS): fashion-question-%: install
	$(call question,$*,fashion_mnist,--train_limit=1000,$(LIGHT))

$(MNIST_QUESTIONS): mnist-question-%: install
	$(call question,$*,mnist,--train_limit=5000,$(LIGHT))

MNIST_RUNS ?= $(LOG_DIR)/mnist-grid
MNIST_AUTHOR_RUNS ?= $(LOG_DIR)/mnist-author-h200
NOTMNIST_RUNS ?= $(LOG_DIR)/notmnist-h200
CIFAR10_RUNS ?= $(LOG_DIR)/cifar10
DIGITS_RUNS ?= $(LOG_DIR)/digits-grid
HEADS_RUNS ?= $(LOG_DIR)/heads-digits
FDL_RUNS ?= $(LOG_DIR)/fdl-6000
DAS_RUNS ?= $(LOG_DIR)/das-digits
TEACHING_RUNS ?= $(LOG_DIR)/teaching
LANGUAGE_RUNS ?= $(LOG_DIR)/language
NODES_RUNS ?= $(LOG_DIR)/nodes
QUESTION_RUNS ?= $(LOG_DIR)/questions
RUNS ?= $(MNIST_RUNS)
RECORDS = results/records/$(notdir $(RUNS:/=))

results: mnist-results mnist-author-results notmnist-results cifar10-results digits-results heads-results fdl-results das-results nodes-results teaching-results language-results question-results ## write results/ again from the runs in MNIST_RUNS, MNIST_AUTHOR_RUNS, NOTMNIST_RUNS, CIFAR10_RUNS, DIGITS_RUNS, HEADS_RUNS, FDL_RUNS, DAS_RUNS, NODES_RUNS, TEACHING_RUNS, LANGUAGE_RUNS and QUESTION_RUNS (results/*/README.md says how to train them)

documents: install ## write the tables and numbers in README.md and docs/ again from results/
	$(RUN) -m analysis.documents
	$(RUN) -m analysis.documents.overview_figure

records: ## copy the finished runs of RUNS=runs/mnist-grid, without checkpoints, and what inference costs, to results/records/mnist-grid
	cd $(RUNS) && mkdir -p $(CURDIR)/$(RECORDS) || exit $$?; for status in $$(grep -rl --include=status.json '"state": "done"' .); do \
		run=$$(dirname $$status); \
		cp --parents $$run/config.json $$status $$run/*.pkl $$(ls $$run/uncertainty.json 2>/dev/null) \
			$(CURDIR)/$(RECORDS) || exit $$?; \
	done; \
	for measured in $$(ls */inference.json 2>/dev/null); do \
		cp --parents $$measured $(CURDIR)/$(RECORDS) || exit $$?; \
	done

mnist-results: install
	$(RUN) -m analysis.results --log_dir=$(MNIST_RUNS) --dataset=mnist --out=results/mnist

mnist-author-results: install
	$(RUN) -m analysis.results --log_dir=$(MNIST_AUTHOR_RUNS) --dataset=mnist --out=results/mnist-author

notmnist-results: install
	$(RUN) -m analysis.results --log_dir=$(NOTMNIST_RUNS) --dataset=notmnist/small --out=results/notmnist-small

cifar10-results: install
	$(RUN) -m analysis.results --log_dir=$(CIFAR10_RUNS) --dataset=cifar10 --out=results/cifar10

digits-results: install
	$(RUN) -m analysis.results --log_dir=$(DIGITS_RUNS) --dataset=digits --out=results/digits

heads-results: install
	$(RUN) -m analysis.results --log_dir=$(HEADS_RUNS) --dataset=digits --grid=song-chai-figure3 --out=results/heads-digits

fdl-results: install
	$(RUN) -m analysis.results --log_dir=$(FDL_RUNS) --dataset=mnist --grid=fdl-mnist --out=results/$(notdir $(FDL_RUNS:/=))

das-results: install
	$(RUN) -m analysis.results --log_dir=$(DAS_RUNS) --dataset=digits --grid=das-table --out=results/das-digits

nodes-results: install
	$(RUN) -m analysis.results --log_dir=$(NODES_RUNS) --dataset=cifar10 --grid=lacaille-2.1-five --out=results/nodes
	$(RUN) -m analysis.results --log_dir=$(NODES_RUNS) --dataset=digits --grid=lacaille-2.1-five --out=results/nodes-digits

teaching-results: install
	$(RUN) -m analysis.results --log_dir=$(TEACHING_RUNS) --dataset=mnist --grid=lacaille-3.1 --out=results/teaching

language-results: install
	$(RUN) -m analysis.results --log_dir=$(LANGUAGE_RUNS) --dataset=mnist --grid=lacaille-4.1 --out=results/language

question-results: install
	for names in digits:digits fashion_mnist:FashionMNIST mnist:MNIST; do \
		dataset=$${names%:*}; \
		ls -d $(QUESTION_RUNS)/question-*/$${names#*:} >/dev/null 2>&1 || continue; \
		$(RUN) -m analysis.methods.ensemble.questions --log_dir=$(QUESTION_RUNS) --dataset=$$dataset \
			--out=results/questions/$$(echo $$dataset | tr _ -) || exit $$?; \
	done

bench: install ## measure speed and memory, also of PyTorch if it is installed (a quarter of an hour)
	$(RUN) -m benchmarks.bench

clean: ## remove .venv, .venv-jax and caches, but not run directories and data
	rm -rf $(VENV) $(JAX) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
