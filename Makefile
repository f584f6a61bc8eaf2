# SPDX-License-Identifier: BSD-3-Clause
# Every target makes its own .venv; python3, pip, a C compiler and make are all that must be there.
PYTHON ?= python3
VENV := .venv
PACKAGE := .[cli]
RUN := $(VENV)/bin/python
SOURCES := pyproject.toml setup.py README.md $(shell find src -name '*.py' -o -name '*.py[xi]' -o -name '*.px[di]' -o -name '*.h')

.PHONY: demo test guards sanitize bounds serial test-aarch64 bench bench-peers bench-change docs lint sdist wheel wheel-aarch64 clean

demo: $(VENV)/demo
	$(RUN) benchmarks/flights.py

test: $(VENV)/test
	$(RUN) -m pytest

# In one process with other packages, and in the pools of others
guards: $(VENV)/guards
	$(RUN) -m pytest tests/guards

# The core's tests with other builds, each in a virtual environment of its own
CORE = -m pytest tests/core -m "not slow"

# Reports go to the real standard error, and the abort makes pytest name the test. Python itself leaks on purpose at its
# end. Left out: forks and signals, which are no business of the sanitizers; bounds on rounding errors, which are those
# of optimised code; the longest of what other widths cover.
sanitize:
	CC=gcc MLEFAST_SANITIZE=1 $(MAKE) VENV=.venv-sanitize PACKAGE=. .venv-sanitize/core
	LD_PRELOAD="$$(gcc -print-file-name=libasan.so)" PYTHONMALLOC=malloc \
	ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1:abort_on_error=1 \
		.venv-sanitize/bin/python $(CORE) --capture=sys --ignore=tests/core/test_threads.py --ignore=tests/core/test_processes.py \
		-k "not terms_in_doubles and not (same_bits and (63 or 64))"

bounds:
	MLEFAST_DEBUG=1 $(MAKE) VENV=.venv-bounds PACKAGE=. .venv-bounds/core
	.venv-bounds/bin/python $(CORE)

# Without OpenMP, as on a system whose compiler lacks it
serial:
	MLEFAST_OPENMP=0 $(MAKE) VENV=.venv-serial PACKAGE=. .venv-serial/core
	.venv-serial/bin/python -c "import mlefast; print(mlefast.show_config())" | grep "OpenMP *not built in"
	.venv-serial/bin/python $(CORE)

# Cross-compiled and emulated, on Debian; without the slow tests, which would take hours
test-aarch64:
	tests/aarch64.sh .venv-aarch64
	$(MAKE) VENV=.venv-aarch64 PACKAGE=. .venv-aarch64/core
	.venv-aarch64/bin/python $(CORE)

bench: $(VENV)/bench
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(RUN) benchmarks/report.py

bench-peers: $(VENV)/peers
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(RUN) benchmarks/peers.py

# The tree against another commit in one run: BASE=origin/main make bench-change
BASE ?= HEAD~1
bench-change: $(VENV)/installed
	rm -rf .venv-base && mkdir .venv-base
	git archive "$(BASE)" | tar --extract --directory .venv-base
	$(MAKE) -C .venv-base VENV=.venv PACKAGE=. .venv/installed
	$(RUN) benchmarks/change.py .venv-base/.venv/bin/python $(RUN)

# The site, in build/docs; a warning is an error
docs: $(VENV)/docs
	$(RUN) -m sphinx --fail-on-warning --keep-going --quiet -d build/doctrees docs build/docs

lint: $(VENV)/test $(VENV)/lint
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	PATH="$(VENV)/bin:$$PATH" cython-lint src
	$(VENV)/bin/zizmor --offline --quiet --persona=pedantic .github
	$(RUN) -m check_jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(RUN) -m check_jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(RUN) -m check_jsonschema --builtin-schema vendor.citation-file-format CITATION.cff

# What is published. The source distribution is the same bytes twice; the wheel, made from it, is audited and tried by
# every CPython of this machine.
sdist: $(VENV)/wheel
	$(RUN) release/make_wheel.py sdist

wheel: $(VENV)/wheel
	$(RUN) release/make_wheel.py

# Cross-compiled and emulated, on Debian
wheel-aarch64: $(VENV)/wheel
	tests/aarch64.sh .venv-aarch64
	$(RUN) release/aarch64.py .venv-aarch64/bin/python

clean:
	rm -rf .venv* build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN):
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --upgrade pip

# The package is installed as a user gets it, again whenever a source has changed.
# Setuptools keeps modules of earlier builds: without the `find` one that was removed here would stay installed.
$(VENV)/installed: $(RUN) $(SOURCES)
	if [ -d build ]; then find build -path '*/lib*' -name '*.py' -delete; fi
	$(RUN) -m pip install --quiet "$(PACKAGE)"
	touch $@

$(VENV)/core $(VENV)/test $(VENV)/guards $(VENV)/bench $(VENV)/peers $(VENV)/demo $(VENV)/docs: $(VENV)/%: $(VENV)/installed
	$(RUN) -m pip install --quiet --group $*
	touch $@

$(VENV)/lint $(VENV)/wheel: $(VENV)/%: $(RUN) pyproject.toml
	$(RUN) -m pip install --quiet --group $*
	touch $@
