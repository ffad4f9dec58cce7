# Every target sets up what it needs: a fresh machine has Python 3.11+ and make, and no root.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
PORT ?= 8000
DATA_DIR ?= data
DATA ?= ../shared/data
BIN := .venv/bin
# a company's own certificate authority is in the system's store, where there is one
CERTIFICATES := $(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem)
UV_ENV := UV_PROJECT_ENVIRONMENT=.venv $(if $(CERTIFICATES),UV_SYSTEM_CERTS=1 UV_NATIVE_TLS=1)
CODE := $(wildcard src tests scripts benchmarks deploy)
# a file stays on one processor; in the order of the folders the slow ones begin first
PYTEST := $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder
FAST := $(wildcard tests/unit tests/contracts tests/properties tests/gates)

.PHONY: help setup kernels run test check services bench quality security

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: .venv/.ready

.venv/.ready: uv.lock pyproject.toml
	@echo "Setting up .venv (once; a minute or two on a new machine) ..." >&2
	@uv=$$($(PYTHON) scripts/get_uv.py); $(UV_ENV) "$$uv" sync --locked --all-extras --quiet
	@touch $@

# the compiler notices a changed file but not a changed callee in another: compile anew after any change
KERNELS := $(wildcard src/guardian/watching/*.py src/guardian/watching/*/*.py src/guardian/scoring/*.py src/guardian/features/*.py)

kernels: .venv/.kernels

.venv/.kernels: .venv/.ready $(KERNELS)
	@find src -name '*.nb[ic]' -delete
	@$(BIN)/guardian warm-up
	@touch $@

run: kernels ## everything on this machine with simulated live traffic, at 127.0.0.1:$PORT; prints one login link
	@exec $(BIN)/guardian up --demo --port $(PORT) --data $(DATA_DIR)

test: kernels ## the default tests: no root, no server needed; prints what was skipped and why
	$(PYTEST) -m "not services"

check: kernels ## format, ruff, mypy strict, import direction, sizes, fast tests
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python scripts/sizes.py src
	$(PYTEST) -m "not services" $(FAST)

services: ## the tests that need real servers (this version has none to need)
	@echo "This version stores in SQLite and carries on its own durable log; both are part of 'make test'."
	@echo "Kafka, PostgreSQL/TimescaleDB and Redis back ends are not in it yet: nothing was started, nothing was run."

bench: kernels ## benchmarks with ratios measured side by side; one table, and JSON beside it
	$(BIN)/python -m benchmarks.run $(BENCH)

quality: kernels ## detection figures on DATA (../shared/data); one table, and JSON beside it
	$(BIN)/python benchmarks/quality.py $(DATA)

security: setup ## the attack suite
	$(BIN)/pytest -n 2 -k security
