# Isodrip: `make demo` and `make test` do everything, set-up included.
#   demo     watch one treatment on simulated devices, in real time, about four minutes
#   test     every test, with branch coverage of the rooms that must have all of it
#   check    ruff, mypy --strict, import-linter
#   bench    benchmarks, as ratios
#   sweep    fail each operation of a short treatment in turn (resumes; SWEEP_ARGS="--stride 67")
#   crash    kill the daemon at every record, fail every write (resumes; CRASH_ARGS="--stride 67"),
#            then kill real daemons on ptys at 50 random moments (KILL_ARGS="--moments 50")
#   campaign seeded random faults over whole treatments (CAMPAIGN_ARGS="--sessions 2000 --seed 1")
#   perturb  alter each entry of the devices' own tables in turn; writes docs/safety (resumes)
#   explore  every event in every state that is reached, and random treatments (EXPLORE_ARGS=...)
#   fuzz     atheris against every parser (FUZZ_ARGS="--runs 1000000 --only order")
#   mutants  change the judgement and the grammar in one place at a time; what do the tests see?
#   trace    prove that hazards, controls, requirements and tests belong together; write docs/safety
#   seeded-bugs  put each kept bug into a copy and see how soon a campaign finds it
#   interfaces  write the interface control documents anew from the tables
#   diagram  write the state diagram in README.md anew from the transition table
#   lock     resolve requirements/*.txt anew
#   clean    remove what these targets made
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
PEERS := .venv-peers
LOCK := .venv-lock
FUZZ := .venv-fuzz
MUTANTS := .venv-mutants
BIN := $(VENV)/bin
PIP := -m pip --disable-pip-version-check --no-input --quiet
PYTEST_ARGS ?=
DEMO_ARGS ?= --auto --minutes 1
SWEEP_ARGS ?=
CRASH_ARGS ?=
KILL_ARGS ?=
FUZZ_ARGS ?=
MUTANTS_ARGS ?=
PERTURB_ARGS ?=
SEEDED_ARGS ?=
CAMPAIGN_ARGS ?= --sessions 200 --seed 1
EXPLORE_ARGS ?=
# Whole rooms and treatments: real time mostly waits, virtual time works, and two cores do both.
BESIDE := tests/acceptance tests/peers $(wildcard tests/simulators/bench/test_[a-d]*.py)
# What is left of the simulators is shared between both cores.
THEN := $(wildcard tests/simulators/bench/test_[e-r]*.py tests/simulators/bench/test_sc*.py)
ROOMS := tests/acceptance tests/peers tests/simulators
CODE := controller drivers protocols simulators firmware_interfaces

.PHONY: demo test check bench sweep crash campaign seeded-bugs perturb explore fuzz mutants trace \
	interfaces diagram lock clean prerequisites debian-tools

demo: $(VENV)/.stamp-bench
	$(BIN)/isodrip-bench run $(DEMO_ARGS)

test: $(VENV)/.stamp-dev $(PEERS)/.stamp debian-tools
	mkdir -p var
	$(BIN)/coverage erase
	$(BIN)/python -m pytest $(BESIDE) $(PYTEST_ARGS) >var/beside.log 2>&1 & \
	beside=$$!; failed=0; \
	$(BIN)/coverage run -m pytest $(patsubst %,--ignore=%,$(ROOMS)) $(PYTEST_ARGS) || failed=1; \
	wait $$beside || failed=1; \
	$(BIN)/python -m pytest $(THEN) $(PYTEST_ARGS) >var/then.log 2>&1 & \
	then=$$!; \
	$(BIN)/python -m pytest tests/simulators $(patsubst %,--ignore=%,$(BESIDE) $(THEN)) \
		$(PYTEST_ARGS) || failed=1; \
	wait $$then || failed=1; \
	cat var/beside.log var/then.log; \
	[ $$failed = 0 ]
	$(BIN)/coverage report

check: $(VENV)/.stamp-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.stamp-dev
	$(BIN)/python -m benchmarks

sweep: $(VENV)/.stamp-bench
	$(BIN)/isodrip-bench sweep $(SWEEP_ARGS)

crash: $(VENV)/.stamp-bench
	$(BIN)/isodrip-bench crash $(CRASH_ARGS)
	$(BIN)/isodrip-bench kill $(KILL_ARGS)

campaign: $(VENV)/.stamp-bench
	$(BIN)/isodrip-bench campaign $(CAMPAIGN_ARGS)

fuzz: $(FUZZ)/.stamp
	$(FUZZ)/bin/python -m tests.fuzz $(FUZZ_ARGS)

perturb: $(VENV)/.stamp-bench
	$(BIN)/isodrip-bench perturb --write docs/safety/perturbed-tables.md $(PERTURB_ARGS)

explore: $(VENV)/.stamp-dev
	$(BIN)/isodrip-bench explore $(EXPLORE_ARGS)
	$(BIN)/python -m pytest tests/core/test_stateful.py --hypothesis-profile=explore

# mutmut makes the mutants and sees which tests reach them; the judging is ours, and resumes.
mutants: $(MUTANTS)/.stamp
	$(MUTANTS)/bin/mutmut run "protocols.checksums*"
	cd mutants && PYTHONPATH=. ../$(MUTANTS)/bin/python -m tools.mutate.judged 2 $(MUTANTS_ARGS)
	$(MUTANTS)/bin/python -m tools.mutate.report --write

trace: $(VENV)/.stamp-dev
	$(BIN)/python -m tools.trace

seeded-bugs: $(VENV)/.stamp-bench
	$(BIN)/python tools/seeded_bugs.py $(SEEDED_ARGS)

interfaces: $(VENV)/.stamp-bench
	$(BIN)/python tools/interfaces.py

diagram: $(VENV)/.stamp-bench
	$(BIN)/python tools/state_diagram.py

prerequisites:
	@PYTHON="$(PYTHON)" tools/prerequisites

debian-tools:
	@tools/debian_tools mosquitto mbpoll cc=build-essential

# Stamps stand inside the environment that they describe, so that deleting it is enough.
$(VENV)/.stamp-venv: | prerequisites
	[ -x $(BIN)/python ] && $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/.stamp-bench: requirements/bench.txt pyproject.toml $(VENV)/.stamp-venv
	$(BIN)/python $(PIP) install --require-hashes -r requirements/bench.txt
	$(BIN)/python $(PIP) install --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.stamp-dev: requirements/dev.txt pyproject.toml $(VENV)/.stamp-venv
	$(BIN)/python $(PIP) install --require-hashes -r requirements/dev.txt
	$(BIN)/python $(PIP) install --no-deps --no-build-isolation --editable .
	touch $@ $(VENV)/.stamp-bench

# Other people's clients and simulators live apart: they bring some 75 packages of their own.
$(PEERS)/.stamp: requirements/peers.txt | prerequisites
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python $(PIP) install --require-hashes -r requirements/peers.txt
	touch $@

# Atheris has wheels for a few versions of Python only, so it does not stand with the other tools.
$(FUZZ)/.stamp: requirements/fuzz.txt requirements/bench.txt | prerequisites
	$(PYTHON) -m venv $(FUZZ)
	$(FUZZ)/bin/python $(PIP) install --require-hashes -r requirements/bench.txt -r requirements/fuzz.txt
	touch $@

$(MUTANTS)/.stamp: requirements/mutants.txt requirements/dev.txt | prerequisites
	$(PYTHON) -m venv $(MUTANTS)
	$(MUTANTS)/bin/python $(PIP) install --require-hashes -r requirements/dev.txt -r requirements/mutants.txt
	touch $@

# Local wheel folders and mirrors are shut out, so that no hash or name of theirs is recorded.
COMPILE := env -u PIP_FIND_LINKS PIP_CONFIG_FILE=/dev/null $(LOCK)/bin/pip-compile --quiet --upgrade \
	--generate-hashes --strip-extras --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

lock: | prerequisites
	[ -x $(LOCK)/bin/pip-compile ] || { $(PYTHON) -m venv $(LOCK); $(LOCK)/bin/python $(PIP) install pip-tools; }
	$(COMPILE) --all-build-deps --extra dev -o requirements/dev.txt pyproject.toml
	$(COMPILE) --all-build-deps --extra bench -c requirements/dev.txt -o requirements/bench.txt pyproject.toml
	$(COMPILE) -o requirements/peers.txt requirements/peers.in
	$(COMPILE) -c requirements/bench.txt -o requirements/fuzz.txt requirements/fuzz.in
	$(COMPILE) -c requirements/dev.txt -o requirements/mutants.txt requirements/mutants.in

clean:
	rm -rf $(VENV) $(PEERS) $(LOCK) $(FUZZ) $(MUTANTS) build dist htmlcov .coverage .coverage.* var mutants
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find $(CODE) tests -name __pycache__ -type d -prune -exec rm -rf {} +
