# The two commands a newcomer needs are `make demo` and `make test`; `make help` lists the rest.
# The virtual environment is made the first time, from the locks in requirements/, and only then.

SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
UV ?= uv
ARGS ?=
ONLY ?=

VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' src/skerry/__init__.py)

# The interpreter that the environment is made with: `make test PYTHON=python3.12` takes another.
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c '$(SUPPORTED)' 2>/dev/null && { echo "$$p"; break; }; done)

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

.PHONY: demo
demo: $(VENV)/.runtime ## train two versions of an iris model and serve them on 127.0.0.1:8080
	@exec $(BIN)/skerry demo $(ARGS)

.PHONY: test
test: $(VENV)/.dev ## run the tests (ARGS='-k name' for some of them)
	@$(BIN)/python -m pytest $(ARGS)

.PHONY: test-cluster
test-cluster: $(VENV)/.dev ## run the tests that need Kubernetes, on the cluster of KUBECONFIG
	@SKERRY_TEST_CLUSTER=$(or $(SKERRY_TEST_CLUSTER),required) $(BIN)/python -m pytest $(ARGS) tests/cluster

.PHONY: image
image: ## build the container image skerry:VERSION
	docker build --build-arg VERSION=$(VERSION) --build-arg REVISION=$(shell git rev-parse HEAD) --tag skerry:$(VERSION) .

.PHONY: check
check: $(VENV)/.dev ## lint, format, types and import directions: what CI runs before the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: chart
chart: $(VENV)/.dev ## write what follows from the chart: schema, README, k8s/manifests (see .ci/tools)
	$(BIN)/python -m helm.generate $(ARGS)

.PHONY: audit
audit: .venv-chart/.done $(VENV)/.dev ## look chart and Dockerfile through, with checkov and hadolint
	@$(BIN)/python -m pytest tests/chart/test_audit.py $(ARGS)

.PHONY: bench
bench: $(VENV)/.dev ## measure Skerry beside others (ONLY="single batch" ARGS=--quick)
	@$(BIN)/python -m bench $(ONLY) $(ARGS)

.PHONY: dashboard
dashboard: $(VENV)/.dev ## write the chart's Grafana dashboard anew from helm/dashboard/
	@$(BIN)/python -m helm.dashboard

.PHONY: format
format: $(VENV)/.dev ## format the code and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: lock
lock: ## write requirements/*.txt anew from pyproject.toml (needs uv)
	@command -v $(UV) >/dev/null || { echo "make lock needs uv: pip install uv, or UV=/path/to/uv"; exit 1; }
	$(LOCK) --group build --output-file requirements/build.txt
	$(LOCK) --extra skops --constraints requirements/build.txt \
		--output-file requirements/runtime.txt pyproject.toml
	$(LOCK) --output-file requirements/chart.txt requirements/chart.in
	$(LOCK) --extra skops --extra parquet --extra onnx --extra grpc --group dev --constraints requirements/build.txt \
		--constraints requirements/runtime.txt --output-file requirements/dev.txt pyproject.toml

.PHONY: peers
peers: ## write the locks of the servers that make bench measures Skerry beside (needs uv)
	@command -v $(UV) >/dev/null || { echo "make peers needs uv: pip install uv, or UV=/path/to/uv"; exit 1; }
	cd bench/peers && for peer in *.in; do \
		$(UV) pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url \
			--no-emit-find-links --no-header $(ARGS) --output-file $${peer%.in}.txt $$peer || exit 1; done

# Where Python is told not to write bytecode (PYTHONDONTWRITEBYTECODE), pip writes none either, and
# every start would compile scikit-learn, pandas and Skerry anew: 5 s in place of 2.
COMPILE := $(BIN)/python -m compileall -q -j 0 -x '/tests?/' $(VENV)/lib src

LOCK = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header $(ARGS)

.venv-chart/.done: requirements/chart.txt
	@"$(PYTHON)" -m venv .venv-chart
	@echo "installing checkov and hadolint into .venv-chart, by requirements/chart.txt"
	@.venv-chart/bin/python -m pip install --disable-pip-version-check --quiet --require-hashes -r $<
	@touch $@

.PHONY: clean
clean: ## remove the environments, caches and what the demo made
	rm -rf $(VENV) .venv-chart .tools .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" && "$(PYTHON)" -c '$(SUPPORTED)' 2>/dev/null || { \
		echo "Skerry needs Python 3.11, 3.12 or 3.13 (found: $$(python3 --version 2>&1 || true))." \
			"Name one: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "making a virtual environment in $(VENV) with $$("$(PYTHON)" --version)"
	@"$(PYTHON)" -m venv $(VENV)

$(VENV)/.runtime: requirements/build.txt requirements/runtime.txt pyproject.toml | $(BIN)/python
	@echo "installing Skerry and what it runs on into $(VENV), by requirements/runtime.txt"
	@$(PIP) install --require-hashes -r requirements/build.txt -r requirements/runtime.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@$(COMPILE)
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	@echo "installing what the tests need into $(VENV), by requirements/dev.txt"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@$(COMPILE)
	@touch $@
