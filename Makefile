# One word for each thing a contributor does; `make` lists them. Every target makes the .venv that it needs.
#
# Two installs in one .venv: what the programs need (.installed-run) and what development needs (.installed-dev). Each has
# a stamp that holds this folder's path, so that a moved or copied tree installs anew, and is older than pyproject.toml,
# setup.py, csrc/ or build_core.py when they changed, so that the C extension is built anew.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

PYTHON ?= python3
DEMO ?=
TESTS ?=
BENCH ?=
# One process more than there are processors share the tests by whole files, the longest first (tests/support/order.py): those of
# brokers, nodes and balancers wait most of their time. A process that ended on a test that hangs (tests/support/hangs.py) ends the
# run: pytest-xdist would give the same test to the next one, and wait for ever.
SIDE_BY_SIDE := --numprocesses $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)') --dist loadfile --no-loadscope-reorder \
	--max-worker-restart 0

VENV := .venv
VPY := $(VENV)/bin/python
RUN := $(VENV)/.installed-run
DEV := $(VENV)/.installed-dev
BENCHED := $(VENV)/.installed-bench
TIMES := build/times.txt
SET_UP := build/set-up.txt

BUILT_FROM := pyproject.toml setup.py build_scripts/build_core.py $(shell find csrc/include csrc/src csrc/python -name '*.[ch]' 2>/dev/null)

# Of a stamp that was made elsewhere, or with a Python that is gone, nothing is worth keeping.
stale = $(shell { [ "$$(cat $(1) 2>/dev/null)" = "$(CURDIR)" ] && $(VPY) -c '' 2>/dev/null; } || echo always)

define install
	@mkdir -p build && date +%s > $(SET_UP).begun
	@build_scripts/install_deps "$(PYTHON)" $(2)
	@$(VPY) -c 'import pip' 2>/dev/null || { echo "making $(VENV)"; $(PYTHON) -m venv --clear $(VENV); }
	@echo "installing $(1) into $(VENV) (the first time takes a minute or two)"
	@rm -f $(RUN) $(DEV)
	@$(VPY) -m pip install --quiet --disable-pip-version-check --editable '.[$(1)]' || \
		{ echo "make: pip could not install the package; its reason stands above. Package index out of reach? Then nothing was changed: run make again later" >&2; exit 1; }
	@printf '%-10s %4d s\n' set-up $$(($$(date +%s) - $$(cat $(SET_UP).begun))) > $(SET_UP)
endef

# $(call stage,NAME,COMMAND) runs one part of the test run and notes how long it took.
define stage
	@mkdir -p build; echo "== $(1)"; start=$$SECONDS; $(2) || { echo "make: $(1) failed after $$((SECONDS - start)) s" >&2; exit 1; }; \
		printf '%-10s %4d s\n' '$(1)' $$((SECONDS - start)) >> $(TIMES)
endef

.PHONY: help
help: ## list what make can do
	@echo 'make TARGET, where TARGET is:'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14
	@echo
	@echo 'Options: DEMO="--seconds 40 --json" passes arguments to the demo, TESTS="tests/wire -k ring" to pytest,'
	@echo '         BENCH=--update makes the figures of bench-core the ones that later runs are compared with,'
	@echo '         PYTHON=python3.13 chooses the Python that .venv is made with, PREFIX=... where the C core goes.'

.PHONY: demo
demo: $(RUN) ## three simulated consoles, a gateway that is killed half way, a live table
	@$(VPY) -m flight_client demo $(DEMO)

# Compiled modules are kept: tests start some hundred processes of the same program, and half of a start is compiling it.
.PHONY: test
test: export PYTHONDONTWRITEBYTECODE =
test: $(DEV) ## style, types, generated files, docs and all tests: what CI runs
	@rm -f $(TIMES); ! test -e $(SET_UP) || mv $(SET_UP) $(TIMES)
	$(call stage,style,$(VPY) -m ruff check . && $(VPY) -m ruff format --check .)
	$(call stage,types,$(VPY) -m mypy)
	$(call stage,generated,$(VPY) build_scripts/generate.py --check && $(VPY) build_scripts/make_vectors.py --check && $(VPY) build_scripts/make_settings.py --check && $(VPY) build_scripts/compare.py --check && $(VPY) -m build_scripts.make_traces --check)
	$(call stage,docs,$(VPY) build_scripts/check_docs.py)
	$(call stage,tests,$(VPY) -m pytest $(if $(TESTS),$(TESTS),$(SIDE_BY_SIDE)))
	$(call stage,figures,$(VPY) -m pytest --quiet benchmarks)
	@echo '== time per stage'; cat $(TIMES); awk '{ all += $$2 } END { printf "%-10s %4d s\n", "all", all }' $(TIMES)

.PHONY: lint
lint: $(DEV) ## style, types, and the quick part of the analysis
	@$(VPY) -m ruff check .
	@$(VPY) -m ruff format --check .
	@$(VPY) -m mypy
	@$(VPY) -m build_scripts.analyze --quick

.PHONY: format
format: $(DEV) ## put the code into the project's style
	@$(VPY) -m ruff check --fix-only --quiet .
	@$(VPY) -m ruff format .

.PHONY: generate
generate: ## write the generated files from spec/flight.toml
	@build_scripts/install_deps "$(PYTHON)"
	@$(PYTHON) build_scripts/generate.py
	@$(PYTHON) build_scripts/compare.py
	@! test -x $(VPY) || { $(VPY) build_scripts/make_vectors.py && $(VPY) build_scripts/make_settings.py && $(VPY) -m build_scripts.make_traces; }

.PHONY: amalgamate
amalgamate: ## write the C core as two files, flight.h and flight.c, to build/amalgamation/
	@build_scripts/install_deps "$(PYTHON)"
	@$(PYTHON) build_scripts/amalgamate.py

.PHONY: install
install: ## install the C core (library, headers, pkg-config, CMake package) to PREFIX, /usr/local
	@$(MAKE) --no-print-directory -C csrc install BUILD='$(CURDIR)/build/csrc'

.PHONY: bench
bench: $(DEV) ## benchmarks; figures go to build/bench/
	@mkdir -p build/bench
	@$(VPY) -m pytest benchmarks --benchmark-enable -o timeout=0

.PHONY: bench-core
bench-core: $(DEV) ## instructions, bytes and stack of the C core on four instruction sets, against the ceilings and the last figures
	@$(VPY) -m build_scripts.measure $(BENCH)

.PHONY: check-sdk
check-sdk: $(DEV) ## compile the console ports against headers in KOS_HEADERS, PSP_HEADERS, PSPLINK_HEADERS, VITA_HEADERS
	@$(VPY) -m build_scripts.check_sdk

.PHONY: check-packaging
check-packaging: $(DEV) ## the recipes for kos-ports, psp-packages and vitasdk: every field that their trees ask for
	@$(VPY) -m build_scripts.check_packaging

.PHONY: bench-client
bench-client: $(DEV) ## instructions, bytes and stack of the console client on four instruction sets, against its ceilings
	@$(VPY) -m build_scripts.measure_client

.PHONY: bench-gateway
bench-gateway: $(DEV) ## the gateway beside NATS, Redis, RabbitMQ, Mosquitto, nchan and socket.io; a herd of 10,000; some minutes
	@$(VPY) -u build_scripts/bench_gateway.py $(BENCH)

.PHONY: bench-python
bench-python: $(BENCHED) ## the Python client beside msgspec, msgpack, protobuf, pymavlink, nats-py, paho and socketio; two minutes
	@$(VPY) -u build_scripts/bench_python.py $(BENCH)

.PHONY: bench-micropython
bench-micropython: $(DEV) ## the client for MicroPython under the real interpreter: rates, heap, memory
	@$(VPY) -u build_scripts/bench_micropython.py

.PHONY: micropython
micropython: $(DEV) ## compile the client for MicroPython into build/micropython/ (ARCH=armv7m: machine code; READABLE=1: its own names)
	@$(VPY) build_scripts/build_micropython.py $(if $(ARCH),--arch $(ARCH)) $(if $(READABLE),--readable)

.PHONY: analyze
analyze: $(DEV) ## C core: gcc -fanalyzer, cppcheck, clang-tidy
	@$(VPY) -m build_scripts.analyze

.PHONY: fuzz
fuzz: $(DEV) ## C core: 10 million runs of every fuzz target, the whole corpus; over an hour
	@$(VPY) -m build_scripts.corpus --all
	@$(VPY) -m build_scripts.fuzz --runs 10000000

.PHONY: prove
prove: $(DEV) ## C core: bounded proofs with ESBMC, each checked by a seeded bug
	@$(VPY) -m build_scripts.prove

.PHONY: soak
soak: $(DEV) ## hours of what `make test` runs for seconds
	@$(VPY) -m build_scripts.sanitize_fast
	@FLIGHT_TWIN_STEPS=1000000 $(VPY) -m pytest --quiet tests/twin/test_lockstep.py
	@$(VPY) -m tests.simulation --seeds 1..25000
	@$(VPY) -m tests.model
	@FLIGHT_REST_EXAMPLES=1000 $(VPY) -m pytest --quiet -s -o timeout=3600 tests/gateway/test_schemathesis.py
	@FLIGHT_FAULT_RUNS=200 $(VPY) -m pytest --quiet tests/faults
	@FLIGHT_ABUSE=1000 $(VPY) -m pytest --quiet -s -o timeout=600 tests/gateway/test_abuse.py
	@FLIGHT_GO_RACE=1 $(VPY) -m pytest --quiet tests/bindings -k go
	@FLIGHT_GATEWAY_KILLS=20 $(VPY) -m pytest --quiet tests/client/test_restart.py -k killed_gateway
	@FLIGHT_BROKER_KILLS=20 $(VPY) -m pytest --quiet -s -o timeout=1200 tests/conformance/engines/test_redis.py -k under_load
	@FLIGHT_BROKER_KILLS=10 $(VPY) -m pytest --quiet -s -o timeout=1200 tests/conformance/engines/test_rabbitmq.py -k by_a_kill

.PHONY: coverage
coverage: $(DEV) ## branches and MC/DC of the C core, and branches of the session, that their own tests reach
	@$(VPY) -m build_scripts.coverage_c
	@$(VPY) -m build_scripts.coverage_session

.PHONY: mutants
mutants: $(DEV) ## do the tests notice small changes of the C core, and rules left out of the protocol? half an hour; goes on where it was interrupted
	@$(VPY) -m build_scripts.mutants
	@$(VPY) -m tests.simulation --mutants

.PHONY: docs
docs: $(DEV) ## check every link of the docs and build the pages into build/docs/
	@$(VPY) build_scripts/check_docs.py
	@$(VPY) -m sphinx -q -W --keep-going -c docs -d build/docs/.doctrees . build/docs
	@echo 'docs: build/docs/index.html'

.PHONY: wheel
wheel: $(DEV) ## build dist/*.whl and check it
	@rm -rf dist build/lib* build/bdist* build/temp*
	@$(VPY) -m build --outdir dist .
	@$(VPY) build_scripts/check_wheel.py dist/*.whl

.PHONY: clean
clean: ## remove everything that make made
	@rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .benchmarks .coverage .coverage.* *.egg-info
	@rm -f flight_client/_core*.so flight_client/_core*.pyd flight_client/_core.c
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN): $(BUILT_FROM) $(call stale,$(RUN))
	$(call install,gateway$(comma)tools)
	@echo '$(CURDIR)' > $@

$(DEV): $(BUILT_FROM) build_scripts/install_deps $(call stale,$(DEV))
	$(call install,gateway$(comma)tools$(comma)dev,dev)
	@echo '$(CURDIR)' | tee $(RUN) > $@

# Only the peers: the package is there.
$(BENCHED): $(DEV)
	@$(VPY) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["bench"], sep="\n")' > $@.txt
	@$(VPY) -m pip install --quiet --disable-pip-version-check --requirement $@.txt
	@mv $@.txt $@

comma := ,

.PHONY: always
always:
