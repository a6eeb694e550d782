# The front door. `make` alone lists the targets.
# Needs Python >= 3.11, git and make; installs the rest into .venv and a cache outside the tree.

# The first that runs and is new enough: a name on PATH may be the shim of a version manager that lacks it.
NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
PYTHON ?= $(or $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python $(NEW_ENOUGH) && echo $$python && break; \
	done),python3)
BIN := .venv/bin
TESTS ?= tests
# Each brings a control plane of its own, about 1 GB; most of the time they wait. One that a hanging test
# has ended is not replaced: the others finish what they have begun, and the run has failed.
PROCESSES ?= 3
TOGETHER = --numprocesses=$(PROCESSES) --dist=loadfile --no-loadscope-reorder --max-worker-restart=0
SEEDS ?= 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20
CHECKS ?= 1000
# Its theme prints a notice about the future of MkDocs at each start; versions here come from uv.lock.
MKDOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs

.DEFAULT_GOAL := help
.PHONY: help venv run test chaos e2e tools check fix generate docs bench release-check clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: ## make .venv, with the command pollwatch in .venv/bin
	@$(PYTHON) $(NEW_ENOUGH) || { \
		echo "Python 3.11 or newer is needed, and $(PYTHON) is none ($$($(PYTHON) --version 2>&1 | head -n 1)):" \
		"install it, or name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) tools/bootstrap.py

run: venv ## watch an election night: a site that fails for some people (FOREVER=1 goes on)
	@$(BIN)/python -m demo.election_night $(if $(FOREVER),--forever)

tools: venv ## build or fetch what the tests start: an API server, Prometheus, Grafana, Helm ...
	@$(BIN)/python -m tests.cluster.build

test: tools ## run every test, against a real API server and a real Prometheus (TESTS=path for some)
ifeq ($(TESTS),tests)
	@$(BIN)/python -m pytest -m "not alone" $(TOGETHER)
	@$(BIN)/python -m pytest -m alone
else
	@$(BIN)/python -m pytest $(TESTS)
endif

chaos: tools ## kill, cut and corrupt at random, 20 seeds (SEEDS=7 for one), and judge from outside
	@POLLWATCH_CHAOS_SEEDS=$(SEEDS) POLLWATCH_CHAOS_CHECKS=$(CHECKS) \
		$(BIN)/python -m pytest tests/chaos/test_chaos.py -v

e2e: venv ## a user's first half hour on a whole one-node Kubernetes (Debian, as root; WRITE=1 for the docs)
	@$(if $(WRITE),POLLWATCH_E2E_WRITE=1) $(BIN)/python -m tests.e2e

check: venv ## formatting, lint, types, layers, and that what is generated is not stale
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m tools.check_tree
	$(BIN)/python -m tools.generate --check
	$(MKDOCS) build --strict --quiet

fix: venv ## format, and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

generate: venv ## write the CRD, the install manifest and the reference pages anew
	$(BIN)/python -m tools.generate

docs: venv ## build the site made of docs/ into dist/site (SERVE=1 shows it, and follows edits)
	$(MKDOCS) $(if $(SERVE),serve,build --strict)

bench: venv ## measure against blackbox_exporter, in one run (QUICK=1, WRITE=1 for the docs)
	@$(BIN)/python -m tests.cluster.build etcd kube-apiserver blackbox_exporter
	@$(BIN)/python -m benchmarks $(if $(WRITE),--write) $(if $(QUICK),--quick)

release-check: venv ## say whether this tree could be released (TAG=v1.2.3 as that, IMAGE=archive too)
	@$(BIN)/python -m tools.release $(if $(TAG),--tag $(TAG)) $(if $(IMAGE),--image $(IMAGE))

clean: ## remove what was made inside the tree
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
