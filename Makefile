# Every target sets up what it needs first: .venv from pinned requirements, the interface packages by colcon.
# PYTHON=python3.12 chooses the interpreter that .venv is made of.

PYTHON ?= python3
ROS_AUTOMATIC_DISCOVERY_RANGE ?= LOCALHOST
export ROS_AUTOMATIC_DISCOVERY_RANGE
# The libraries of the messages; the ROS wheels' own start-up hook adds theirs, unless told it has run.
export LD_LIBRARY_PATH := $(CURDIR)/.venv/lib$(if $(LD_LIBRARY_PATH),:$(LD_LIBRARY_PATH))
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE

BIN := .venv/bin
SETUP := @command -v $(PYTHON) >/dev/null || { \
	echo "setup: no $(PYTHON) found: install Python 3.11, or name one with PYTHON=..." >&2; exit 1; }; \
	$(PYTHON) tools/setup_environment.py
PYTEST := PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 $(BIN)/python -m pytest -q -ra
SOURCES := src test tools launch

.PHONY: help setup demo test test-fast lint train eval play export ablation bench bench-train lock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

setup: ## make .venv and build the interface packages
	$(SETUP) run

demo: ## walk the course in MuJoCo: DURATION= TERRAIN= POLICY= SEED= LOCKSTEP=1
	$(SETUP) run
	@$(BIN)/ts-demo $(if $(DURATION),--duration $(DURATION)) $(if $(TERRAIN),--terrain $(TERRAIN)) \
		$(if $(POLICY),--policy $(POLICY)) $(if $(SEED),--seed $(SEED)) \
		$(if $(filter-out 0,$(LOCKSTEP)),--lockstep)

test: lint ## everything: lint, types, and all tests with the ROS graph
	$(PYTEST) test

test-fast: ## the tests without ROS, in seconds
	$(SETUP) run test
	$(PYTEST) test/fast

lint: ## ruff and pyright
	$(SETUP) run train test
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check --quiet $(SOURCES)
	@$(BIN)/pyright --project pyproject.toml

train: ## train a policy: TASK=go2_ts ARGS="..."
	$(SETUP) run train
	@$(BIN)/ts-train $(TASK) --bundle models/$(TASK) $(ARGS)

eval: ## score a bundle: MODEL=go2_belief N=100 ARGS="..."; GRAPH=1: one cell through the real nodes
	$(SETUP) run train
	@$(BIN)/ts-eval $(if $(filter-out 0,$(GRAPH)),--graph) \
		$(if $(wildcard $(MODEL)),$(MODEL),models/$(MODEL)) $(if $(N),--n $(N)) $(ARGS)

play: ## watch a bundle walk, in MuJoCo's viewer or as a film: MODEL=go2_belief ARGS="--terrain stairs_up"
	$(SETUP) run
	@$(BIN)/ts-play $(MODEL) $(ARGS)

export: ## a run as a bundle, and for other deployers: RUN=out/train/go2_ts OUT=models/mine ARGS="--deploy"
	$(SETUP) run train
	@$(BIN)/ts-export $(RUN) --out $(or $(OUT),out/export/$(notdir $(RUN))) $(ARGS)

ablation: ## train and compare variants under equal steps, into out/ablation: ARGS="blind|belief ..."
	$(SETUP) run train
	@$(BIN)/ts-ablation $(ARGS)

bench: ## measure the core and the graph, into out/bench: ARGS="..."
	$(SETUP) run
	@$(BIN)/ts-bench $(ARGS)

bench-train: ## speed, memory and scaling of the trainings, into out/bench: ARGS="--iterations 8"
	$(SETUP) run train
	@$(BIN)/ts-bench-train $(ARGS)

lock: ## resolve requirements/*.in into the locks
	$(SETUP) run
	$(BIN)/python tools/lock.py

clean: ## remove what was built, installed and measured, but not what was trained
	rm -rf .venv build install log out/demo out/bench out/eval src/*.egg-info
