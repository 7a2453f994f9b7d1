# Every task of the project; `make` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := .venv/bin
ARGS ?=
# Two processes: machines in one, all else and then the small machines in the other (tests/conftest.py).
SIDE_BY_SIDE := -n 2

.PHONY: help setup setup-dev demo test test-fast test-pythons test-hosts lint format bench bench-boot \
	bench-boot-work bench-build bench-idle bench-write soak soak-tink interop proto lock clean

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what running needs: Debian packages, then .venv
	@scripts/setup runtime

setup-dev: ## install what developing and testing need too
	@scripts/setup dev

demo: setup ## power on to installed OS, on a virtual machine (ARGS="--firmware uefi --keep ...")
	@$(BIN)/osie demo $(ARGS)

test: setup-dev lint ## the whole suite: linters, types, import contracts, unit, integration, virtual machines
	@$(BIN)/pytest $(SIDE_BY_SIDE) $(ARGS)

test-fast: setup-dev ## the unit tests: no root, and no network once everything is installed
	@$(BIN)/pytest $(SIDE_BY_SIDE) tests/unit $(ARGS)

test-pythons: setup-dev ## the unit tests on each Python that we support and that this host has
	@scripts/test-pythons $(ARGS)

test-hosts: ## the two commands on clean Debian 12, Debian 13, Ubuntu 24.04 (ARGS="--suite trixie -- make demo")
	@scripts/test-hosts $(ARGS)

lint: setup-dev ## ruff, mypy, import-linter
	@$(BIN)/ruff check src tests bench
	@$(BIN)/ruff format --check src tests bench
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache | tail -n 1

format: setup-dev ## let ruff put the code in shape
	@$(BIN)/ruff format src tests && $(BIN)/ruff check --fix src tests

bench: setup-dev ## measure the demo (3 runs) and the writer against a pipe; writes bench/ and docs/reference/
	@PYTHONPATH=tests $(BIN)/python -m bench $(ARGS)

bench-boot: setup-dev ## measure the boot, phase by phase (ARGS="--runs 5 --profile default --cpus 2 ...")
	@PYTHONPATH=tests $(BIN)/python -m bench.boot $(ARGS)

bench-boot-work: setup-dev ## what the processor does until the engine answers, by instructions: the same on a busy host
	@PYTHONPATH=tests $(BIN)/python -m bench.boot_work $(ARGS)

bench-build: setup-dev ## measure osie build: unchanged, one line changed, cold; writes bench/ and docs/reference/
	@PYTHONPATH=tests $(BIN)/python -m bench.build $(ARGS)

bench-write: setup-dev ## measure the disk writer beside curl | dd, qemu-img and bmaptool; writes bench/ and docs/reference/
	@PYTHONPATH=tests $(BIN)/python -m bench.write $(ARGS)

soak: setup-dev ## cut the power of 200 installs at random moments
	@OSIE_POWER_CUTS=200 $(BIN)/pytest -s --timeout 7200 tests/vm/writer/test_power_cut.py $(ARGS)

interop: setup-dev ## upstream's own agents and server against ours (needs Go; the first run builds them: 10 minutes and more)
	@scripts/interop $(ARGS)

soak-tink: setup-dev ## 500 simulated workers on each database, everything killed at random; writes docs/reference/
	@PYTHONPATH=tests $(BIN)/python -m bench.soak_tink --write $(ARGS)

bench-idle: setup-dev ## what 500 waiting machines cost the server, their questions held or not; writes docs/reference/
	@PYTHONPATH=tests $(BIN)/python -m bench.idle $(ARGS)

proto: setup-dev ## make the protobuf modules again (needs grpcio-tools 1.51: see docs/decisions)
	@scripts/proto

lock: setup-dev ## pin the dependencies again, with hashes
	@scripts/lock

clean: ## remove what was built in the checkout (the build cache is ~/.cache/osie)
	@rm -rf .venv .venv-pythons out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
