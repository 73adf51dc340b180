# Prunus: `make serve` and `make test` are all a newcomer needs; both set up what they use.
PYTHON ?= python3
VENV := .venv
SERVE_STAMP := $(VENV)/.serve-installed
DEV_STAMP := $(VENV)/.dev-installed
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PEERS := $(basename $(notdir $(wildcard requirements/peers/*.in)))


.DEFAULT_GOAL := help
.PHONY: help serve test test-all check fmt layers-page bench bench-peers never-slower reliability load load-wrk lock

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "Prunus needs Python 3.11, 3.12 or 3.13; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(SERVE_STAMP): requirements/serve.txt requirements/build.txt pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes -r requirements/serve.txt -r requirements/build.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV_STAMP): requirements/dev.txt | $(SERVE_STAMP)
	$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

serve: $(SERVE_STAMP) ## Set up, start the service with a demo model; PORT=9000 or PRUNUS_HOST=... say where
	$(BIN)/prunus serve --demo

# Tests run side by side, so threads of NumPy's BLAS would only wait for each other.
test test-all: export OPENBLAS_NUM_THREADS := 1

test: $(DEV_STAMP) ## Set up and run all tests (COVERAGE=1: and measure what they run, in all processes)
	$(if $(COVERAGE),rm -rf .coverage .coverage.* .coverage-workers && mkdir .coverage-workers)
	$(if $(COVERAGE),$(BIN)/coverage run,$(BIN)/python) -m pytest -n auto --dist loadfile
	$(if $(COVERAGE),$(BIN)/python -m tests.app.covered_worker && rm -rf .coverage-workers && $(BIN)/coverage combine --quiet)
	$(if $(COVERAGE),$(BIN)/coverage json --quiet -o .coverage-report.json && $(BIN)/coverage report --skip-covered)
	$(if $(COVERAGE),$(BIN)/python -m tests.coverage_floor .coverage-report.json)

# The tests of graph import nothing of the engine (tests/test_project.py), so the tuner's seed cannot reach them.
test-all: $(DEV_STAMP) ## All tests with ten random choices of the tuner, then fuzzing: an hour and a half
	$(BIN)/python -m pytest -q -n auto --dist loadfile tests/graph
	for seed in 1 2 3 4 5 6 7 8 9 10; do \
	  echo "PRUNUS_TUNING_SEED=$$seed"; \
	  PRUNUS_TUNING_SEED=$$seed $(BIN)/python -m pytest -q -n auto --dist loadfile --ignore=tests/graph || exit 1; \
	done
	$(BIN)/python -m benchmarks.reliability.fuzz

check: $(DEV_STAMP) ## Format check, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(DEV_STAMP) ## Format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(DEV_STAMP) ## Measure the service: start, memory, HTTP, load; write docs/benchmarks.md
	$(BIN)/python -m benchmarks.bench_service $(BENCH)

layers-page: $(DEV_STAMP) ## Write docs/layers.md and docs/saved-models.md: which layers and operations are read
	$(BIN)/python -m tests.layer_page
	$(BIN)/python -m tests.saved_models_page

bench-peers: $(DEV_STAMP) ## Measure Prunus beside its peers (QUICK=1: a look; BENCH="--help": pieces of the grid)
	$(BIN)/python -m benchmarks.bench_peers $(if $(QUICK),--quick) $(BENCH)

never-slower: $(DEV_STAMP) ## Time sparse layers against dense ones at every sparsity, write docs/never-slower.md
	$(BIN)/python -m benchmarks.never_slower --page docs/never-slower.md

reliability: $(DEV_STAMP) ## Attack, kill, fuzz, overload and stop the service; write docs/reliability.md (an hour)
	for script in hostile_files taken_over_worker random_kills slow_clients sigterm overload fuzz; do \
	  $(BIN)/python -m benchmarks.reliability.$$script || exit 1; \
	done

load: $(DEV_STAMP) ## Load test: starts a service, or LOAD="--url http://... --rate 500"
	$(BIN)/python -m loadtest.run $(LOAD)

load-wrk: $(DEV_STAMP) ## Most requests/s of one process on one core, by wrk (apt-get install wrk); WRK="--rounds 5"
	$(BIN)/python -m loadtest.wrk --page docs/http-load.md $(WRK)

lock: ## Renew the hashed locks (needs uv)
	uv pip compile pyproject.toml --quiet --extra dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements/dev.txt
	uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements/dev.txt -o requirements/serve.txt
	uv pip compile requirements/build.in --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -c requirements/dev.txt -o requirements/build.txt
	cd requirements/peers && for peer in $(PEERS); do \
	  uv pip compile $$peer.in --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -o $$peer.txt || exit 1; \
	done
