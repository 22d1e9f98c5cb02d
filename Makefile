.DEFAULT_GOAL := help
.PHONY: help setup run evening test check cloud collected campaign install-test soak bench clean
BIN := .venv/bin
READY := .venv/.ready
CLOUD := cloud/node_modules/.ready
CAMPAIGN := tests/test_chart_against_library.py tests/test_toy_runtime_whatever_happens.py tests/test_soak.py

help: ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## /  make \1@/p' $(MAKEFILE_LIST) | awk -F@ '{ printf "%-19s %s\n", $$1, $$2 }'

run: $(READY) ## hold a short conversation with the toy; ARGS=--interactive makes the space bar its button
	@$(BIN)/pommai demo $(ARGS)

evening: $(READY) ## spend an evening with the toy: its name, lost networks, bad words, bedtime
	@$(BIN)/pommai demo --script examples/evening.yaml $(ARGS)

# Twice as many workers as processors of a small machine, for many tests wait; the files that take longest come first
# (tests/conftest.py). A worker that dies ends the run: with files kept together, pytest-xdist may wait for ever for one
# that was started in its place. Python keeps what it has compiled, also where the environment says otherwise: hundreds of
# processes are started, and a third of their time went into compiling the same again.
test: export PYTHONDONTWRITEBYTECODE =
test: ## everything that can go wrong: check and cloud beside each other, then all tests
	@$(MAKE) --no-print-directory -j3 check cloud collected
	@$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder --max-worker-restart=0

# Each worker collects all tests: what this compiles, they need not. What cannot be collected is told by the tests.
collected: $(READY)
	@$(BIN)/pytest --collect-only -qq >/dev/null 2>&1 || true

check: $(READY) ## style and types
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --check .; exit 1; }
	@$(BIN)/mypy --no-error-summary

cloud: $(CLOUD) ## the functions for Convex: style, types, and the contract that they keep
	@[ -t 1 ] || export NO_COLOR=1; cd cloud && PATH="$$PWD/node_modules/.bin:$$PATH" && prettier --check --log-level warn . && tsc --noEmit && vitest run

campaign: $(READY) ## random charts and random days of a toy, for as long as it takes; EXAMPLES=10000 of each
	@POMMAI_CAMPAIGN=$(or $(EXAMPLES),10000) $(BIN)/pytest -s -o faulthandler_timeout=0 $(CAMPAIGN)

install-test: ## run deploy/install.sh in fresh systems of both Debian releases; needs root and debootstrap
	@tools/install_test.sh

soak: $(READY) ## live with a toy while everything breaks, MINUTES=30, then for DAYS=14 of virtual time; see out/soak
	@$(BIN)/pommai soak --for $(or $(MINUTES),30)m $(ARGS)
	@$(BIN)/pommai soak --days $(or $(DAYS),14) $(ARGS)

bench: $(READY) ## measure; a table, and out/bench.json
	@$(BIN)/python -m benchmarks

setup: ## install what is needed, also when it was tried before
	@tools/setup.sh
	@touch $(READY)

clean: ## delete what can be made again, but for .venv
	@rm -rf out build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

$(READY): pyproject.toml tools/setup.sh
	@tools/setup.sh
	@touch $@

$(CLOUD): cloud/package-lock.json tools/setup_node.sh | $(READY)
	@tools/setup_node.sh
	@touch $@
