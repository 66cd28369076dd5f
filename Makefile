# Everything a newcomer needs: `make run` and `make test`. Both make .venv themselves and assume
# cargo, python3 (3.11 or later) with pip, make and a C compiler, and nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
REPEAT ?= 1
INPUT := examples/course/input_50x50.json

# maturin calls pip, which would list everything that is there already.
export PIP_QUIET := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# The sizes of the long tests.
LONG := REPLIBANK_OPERATIONS=1000000 REPLIBANK_KILLS=1000 REPLIBANK_SEEDS=200000 REPLIBANK_WORLDS=200000 \
	REPLIBANK_RESTARTS=20000 REPLIBANK_ROLLS=100 REPLIBANK_ROLL_BRANCHES=1000 REPLIBANK_RESTORES=300 \
	REPLIBANK_ACCOUNTS=3000000 REPLIBANK_WIDE=300

CORE := $(shell find src proto -type f) Cargo.toml Cargo.lock build.rs pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help run test test-long verify fix notebooks bench bench-quick mutants mutants-quick clean check-tools rust-lint python-lint rust-test python-test notebook-test

help: ## This list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.release ## Run the bank of 50 branches and 100 visits of customers; write output.json.
	$(BIN)/replibank run $(INPUT) -o output.json

test: verify rust-test python-test notebook-test mutants-quick bench-quick ## Every check and every test.

test-long: ## The same, longer: more runs, operations, kills, restarts, restores, seeds, states and mutants.
	$(LONG) $(MAKE) test REPEAT=20
	$(MAKE) mutants

verify: rust-lint python-lint ## Formatting, lints, types, stubs, docs, protocol; changes nothing.

fix: $(VENV)/.tools ## Format, and mend what can be mended.
	cargo fmt
	cargo clippy --fix --allow-dirty --allow-staged --all-targets --features python
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

notebooks: $(VENV)/.debug ## Run the notebooks again, and keep their outputs in them.
	$(BIN)/python examples/notebooks/execute.py

bench: $(VENV)/.release $(VENV)/.tools ## Measure it against its peers: tables, a picture, benches/results.json.
	$(BIN)/python benches/run.py $(BENCH)

bench-quick: $(VENV)/.debug ## Only prove that the benchmark runs.
	$(BIN)/python benches/run.py --quick >/dev/null

mutants: check-tools ## Break each rule on purpose, one by one: some test must fail of it.
	$(PYTHON) tests/mutants/run.py

mutants-quick: check-tools
	$(PYTHON) tests/mutants/run.py --quick

clean: ## Remove everything that was built.
	rm -rf $(VENV) target benches/peers/target output.json
	find python -name '_core*.so' -delete

check-tools:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "replibank needs Python 3.11 or later as '$(PYTHON)' (or say make PYTHON=/path/to/python)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
		|| { echo "replibank needs Python's venv and pip (Debian: apt install python3-venv)"; exit 1; }
	@cargo --version >/dev/null 2>&1 \
		|| { echo "replibank needs cargo $$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) or later: https://rustup.rs"; exit 1; }
	@cc --version >/dev/null 2>&1 || { echo "replibank needs a C compiler as 'cc' (Debian: apt install gcc)"; exit 1; }

$(VENV)/.made: | check-tools
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.tools: pyproject.toml | $(VENV)/.made
	$(BIN)/python -m pip install --group dev click
	@touch $@

# The package as people get it: an optimised wheel, installed.
$(VENV)/.release: $(CORE) | $(VENV)/.made
	@echo "building the core (some minutes the first time)"
	$(BIN)/python -m pip install 'maturin>=1.14,<2'
	$(BIN)/maturin develop --release
	@rm -f $(VENV)/.debug && touch $@

# The package as its tests get it: quick to build, with overflow checks and debug assertions.
$(VENV)/.debug: $(CORE) | $(VENV)/.tools
	$(BIN)/maturin develop --quiet
	@rm -f $(VENV)/.release && touch $@

rust-lint: check-tools
	cargo fmt --check
	cargo check --quiet --no-default-features --all-targets
	cargo clippy --quiet --all-targets --features python -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --quiet --no-deps --features python

python-lint: $(VENV)/.debug
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest replibank._core
	$(BIN)/buf lint proto

rust-test: check-tools
	cargo test --quiet --features python

python-test: $(VENV)/.debug
	REPLIBANK_REPEAT=$(REPEAT) $(BIN)/python -m pytest -q

# A cell that warns fails, as a test does. (ipykernel itself warns of what is pending.)
notebook-test: $(VENV)/.debug
	PYTHONWARNINGS=error,ignore::PendingDeprecationWarning $(BIN)/python -m pytest -q --nbmake --nbmake-timeout=60 examples/notebooks
