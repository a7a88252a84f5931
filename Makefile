# Fireline's one gate: the same words here and in CI. `make help` lists them.
# Recipes that a person pipes into or out of (demo …) print nothing of their own on stdout.

SHELL   := /bin/bash
PYTHON  ?= $(shell command -v python3.11 || command -v python3 || echo python3.11)
VENV    := .venv
PY      := $(VENV)/bin/python
STATE   ?= var/demo
RANGE   := $(if $(filter-out file,$(origin STATE)),$(STATE),var/range)
ROOMS   := commands server endpoint_shim scripts_library
UV      := 0.13.9
MEASURED := var/windows-coverage

.DEFAULT_GOAL := help
.PHONY: help venv lock demo demo-up demo-down demo-windows demo-range demo-range-down check test bench soak clean

help:
	@sed -n 's/^#: //p' Makefile

#: make demo          a broker and this machine as a device, and you in its console; leaving stops all
#: make demo-up       the same in the background; ssh -F var/demo/ssh_config fireline
#: make demo-down     stop it
#: make demo-windows  make demo with a Windows shim in Wine as a second device
#:                    (STATE=DIR chooses another folder than var/demo)
#: make demo-range    (root) a device named range in namespaces of its own, with a web server and an
#:                    attacker outside, to isolate and restrict for real; make demo-range-down ends it
demo: $(VENV)/.server
	@$(PY) -I tools/system_packages.py need demo >&2
	@exec $(PY) -I -m server.operator.demo run --state "$(STATE)"

demo-up: $(VENV)/.server
	@$(PY) -I tools/system_packages.py need demo >&2
	@exec $(PY) -I -m server.operator.demo up --state "$(STATE)"

demo-down: $(VENV)/.server
	@exec $(PY) -I -m server.operator.demo down --state "$(STATE)"

demo-range: $(VENV)/.server
	@exec $(PY) -I -m server.operator.demo_range up --state "$(RANGE)"

demo-range-down: $(VENV)/.server
	@exec $(PY) -I -m server.operator.demo_range down --state "$(RANGE)"

demo-windows: $(VENV)/.server
	@$(PY) -I tools/system_packages.py need demo windows >&2
	@exec $(PY) -I -m server.operator.demo run --windows --state "$(STATE)"

#: make check         format, lint, types, architecture, unit tests: a minute
check: $(VENV)/.dev
	@$(PY) -I tools/check.py

# What failed beside other tests is tried once more by itself; what fails then, or is more than
# twenty, fails the run. Both runs are printed.
AGAIN = { [ "$$($(PY) -I tools/last_failed.py)" -le 20 ] && \
	  FIRELINE_COVERAGE="$(CURDIR)/$(MEASURED)" $(PY) -I -m pytest --last-failed \
	    --last-failed-no-failures none -m "not soak"; }

ALONE = $(shell grep -rl --include='test_*.py' 'pytest.mark.alone' tests)

#: make test          everything, the Windows half in Wine too: 13 minutes on two cores; on Debian
#:                    as root it installs the system packages it lacks
test: $(VENV)/.dev
	@$(PY) -I tools/system_packages.py install demo test windows
	@$(PY) -I tools/check.py static collection
	@rm -rf $(MEASURED) && mkdir -p $(MEASURED)
	@$(PY) -I -m pytest -m "alone and not soak" $(ALONE) || $(AGAIN)
	@FIRELINE_COVERAGE="$(CURDIR)/$(MEASURED)" \
	  $(PY) -I -m pytest -n 5 --dist loadgroup -m "not alone and not soak" || $(AGAIN)
	@$(PY) -I tools/windows_coverage.py $(MEASURED)

#: make bench         the figures of docs/performance.md, and their plot
bench: $(VENV)/.dev
	@$(PY) -I bench/run.py --svg docs/performance.svg

#: make soak          the long test; MINUTES=N gives each of its parts about so long
soak: $(VENV)/.dev
	@FIRELINE_SOAK_MINUTES="$(MINUTES)" $(PY) -I -m pytest -m soak

#: make venv          .venv from the lock, hashes checked
venv: $(VENV)/.dev

# The demo installs the broker's part only (7 s less); the developer's part is added on top of it.
# Re-made only when a lock or the project file is newer; all output goes to stderr.
$(VENV)/.server: requirements/server.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is missing: apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) tools/make_venv.py $(VENV) requirements/server.txt >&2
	@touch $@

$(VENV)/.dev: requirements/lock.txt $(VENV)/.server
	@$(PYTHON) tools/make_venv.py $(VENV) requirements/lock.txt >&2
	@touch $@

#: make lock          resolve the locks again, in a throwaway environment
lock:
	@$(PYTHON) tools/lock.py $(UV)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
