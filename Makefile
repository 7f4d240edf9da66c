# `make up` runs everything, `make test` tests it. Both need Python 3.11 or newer and make, nothing else.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
INSTALL := $(PYTHON) app/local/environment.py $(VENV)
PYTEST := $(BIN)/python -m pytest

# Stamps: what is installed is older than the list it was installed from? Then install again.
RUNTIME := $(VENV)/.runtime
DEV     := $(VENV)/.dev

# Where such tests are (tests/test_architecture.py holds it): to collect all of them takes 20 seconds a process.
BY_FILE := --dist loadfile --no-loadscope-reorder
ON_SERVERS := tests/chaos tests/real tests/security
# On a busy machine a test of real processes may end by chance: it gets a second try by itself, and the summary
# names it as RERUN. One that fails twice is an error.
AGAIN := --reruns 1 -rR
# Without what has none of them; who is done helps the other.
FAST := -m "not slow and not real and not browser and not chaos" --ignore tests/real --ignore tests/browser
FAST_SPREAD := -n logical --maxprocesses 4 --dist worksteal
IN_BROWSER = $(PYTEST) $(AGAIN) -n logical --maxprocesses 2 $(BY_FILE) -m "browser and not chaos" tests/browser tests/security

CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
export CHROMIUM

# Formats and lints static/ (development only; the pages need no Node). Without npm, `make check` goes on without.
BIOME   := node_modules/.bin/biome
NPM     := $(shell command -v npm)

# A faster MongoDB-wire server for benchmarks and large lists; kept outside the tree, shared by clones.
RUST_STORE := $(HOME)/.cache/dtq/bin/secantusd-rs

# The site generator, in an environment of its own.
DOCS := .venv-docs

# Other readers of tables, for `make tables` only.
TABLES := $(HOME)/.cache/dtq/tables-venv

# Schemathesis, for `make contract` only.
CONTRACT := $(HOME)/.cache/dtq/contract-venv

.PHONY: help up test check security coverage docs bench tables contract chaos format lock rust-store clean
.DEFAULT_GOAL := help

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: $(RUNTIME) ## Start MongoDB, Redis, the web server and workers; Ctrl-C stops them all
	@$(BIN)/python -m app.local up

test: $(DEV) ## Run the tests: fast ones, then on real servers, then in a browser
	$(PYTEST) $(FAST_SPREAD) $(FAST)
	$(PYTEST) $(AGAIN) -n logical --maxprocesses 2 --dist loadfile -m "slow and not real and not browser and not chaos"
	$(PYTEST) $(AGAIN) -n logical --maxprocesses 2 $(BY_FILE) -m "real and not browser and not chaos" $(ON_SERVERS)
	@if [ -n "$(CHROMIUM)" ] || [ -n "$$DTQ_NO_SKIPS" ]; then \
		echo '$(IN_BROWSER)'; $(IN_BROWSER); \
	else echo "No Chromium was found: the browser tests did not run."; fi

check: $(DEV) ## What must be clean before a commit: format, lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@if [ -n "$(NPM)" ] || [ -n "$$DTQ_NO_SKIPS" ]; then \
		$(MAKE) --no-print-directory $(BIOME) && echo '$(BIOME) check .' && $(BIOME) check --error-on-warnings .; \
	else echo "No npm was found: scripts and styles were not checked."; fi
	$(BIN)/mypy
	@[ -n "$(NO_TESTS)" ] || $(MAKE) --no-print-directory test

security: $(DEV) ## What strangers and hostile people try, over every route, field and view; real servers and browser too; prints the figures (40 minutes)
	DTQ_SECURITY=full $(PYTEST) -o faulthandler_timeout=3600 -n logical --maxprocesses 4 tests/security

coverage: $(DEV) ## Run the fast tests and print which lines they reach, in processes that they start, too
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q $(FAST_SPREAD) $(FAST)
	$(BIN)/coverage combine -q
	$(BIN)/coverage report --skip-covered --sort=cover

docs: $(DOCS)/.done ## Build the documentation as a site in site/; a broken link or anchor is an error
	@rm -rf site
	$(DOCS)/bin/zensical build --clean --strict

$(DOCS)/.done: docs/requirements.txt requirements-tools.txt
	@$(PYTHON) app/local/environment.py $(DOCS) docs/requirements.txt
	@touch $@

bench: $(DEV) ## Measure tasks a second, against a stock worker and a bare loop
	$(BIN)/python -m bench

tables: $(TABLES)/.done ## Read 1,600 public tables, against other readers (ten minutes, needs npm)
	PYTHONPATH=library $(TABLES)/bin/python -m bench.tables --label now --write docs/explanation/tables.md

$(TABLES)/.done: requirements.txt library/requirements.txt bench/requirements-tables.txt
	$(PYTHON) -m venv $(TABLES)
	$(TABLES)/bin/pip install --quiet -r requirements.txt -r library/requirements.txt
	$(TABLES)/bin/pip install --quiet -r bench/requirements-tables.txt
	@touch $@

contract: $(DEV) $(CONTRACT)/.done ## Try the REST API against its document with Schemathesis (ten minutes)
	$(BIN)/python -m bench.contract --schemathesis $(CONTRACT)/bin/schemathesis

$(CONTRACT)/.done: bench/requirements-contract.txt
	$(PYTHON) -m venv $(CONTRACT)
	$(CONTRACT)/bin/pip install --quiet -r bench/requirements-contract.txt
	@touch $@

chaos: $(DEV) ## Each fault many times, the kill storm and its control (two hours)
	$(BIN)/python -m tests.chaos.faults
	$(BIN)/python -m tests.chaos.storm full

format: $(DEV) ## Format the code and sort the imports
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	@if [ -n "$(NPM)" ]; then $(MAKE) --no-print-directory $(BIOME) && $(BIOME) check --write .; fi

lock: $(RUNTIME) ## Pin requirements*.in, with hashes, for Python 3.11 and newer
	for list in requirements library/requirements requirements-traces requirements-local requirements-dev; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
			--no-emit-index-url --no-emit-find-links $$list.in --output-file $$list.txt || exit; done
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
		--no-emit-find-links docs/requirements.in --output-file docs/requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
		--no-emit-find-links .ci/requirements.in --output-file .ci/requirements.txt

rust-store: $(RUST_STORE) ## Build the faster store for benchmarks (needs Rust; 5 minutes)
	@echo "$(RUST_STORE)"

$(RUST_STORE):
	@command -v cargo >/dev/null || { echo "This needs Rust's cargo: https://rustup.rs or your system's package." >&2; exit 1; }
	cargo install secantus-mdb --version 0.5.3-beta.196 --ignore-rust-version --root $(HOME)/.cache/dtq

$(BIOME): package.json package-lock.json
	npm ci --no-audit --no-fund --silent
	@touch $@

clean: ## Remove the environment and caches; the data in .dtq stays
	rm -rf .coverage* $(VENV) $(DOCS) node_modules site .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

$(RUNTIME): library/pyproject.toml library/requirements.txt requirements.txt requirements-local.txt requirements-tools.txt
	@echo "Installing what the program needs into $(VENV) (once; a minute or less) ..."
	@$(INSTALL) requirements.txt library/requirements.txt requirements-local.txt
	@touch $@

$(DEV): $(RUNTIME) requirements-dev.txt requirements-traces.txt
	@echo "Installing what the tests need into $(VENV) (once) ..."
	@$(INSTALL) requirements-dev.txt
	@touch $@
