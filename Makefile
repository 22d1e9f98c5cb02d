.DEFAULT_GOAL := help
.PHONY: help setup run test check bench clean
BIN := .venv/bin
READY := .venv/.ready

help: ## say what there is
	@sed -n 's/^\([a-z]*\):.*## /  make \1@/p' $(MAKEFILE_LIST) | awk -F@ '{ printf "%-14s %s\n", $$1, $$2 }'

run: $(READY) ## hold a short conversation with the toy; ARGS=--interactive makes the space bar its button
	@$(BIN)/pommai demo $(ARGS)

test: check ## everything that can go wrong: check, then all tests
	@$(BIN)/pytest

check: $(READY) ## style and types
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --check .; exit 1; }
	@$(BIN)/mypy --no-error-summary

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
