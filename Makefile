# Every target makes its own .venv; python3, pip, a C compiler and make are all that must be there.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
SOURCES := pyproject.toml setup.py README.md $(shell find src -name '*.py' -o -name '*.py[xi]' -o -name '*.px[di]' -o -name '*.h')

.PHONY: demo test bench lint wheel clean

demo: $(VENV)/demo
	$(RUN) benchmarks/flights.py

test: $(VENV)/test
	$(RUN) -m pytest

bench: $(VENV)/bench
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(RUN) benchmarks/report.py

lint: $(VENV)/test $(VENV)/lint
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	PATH="$(VENV)/bin:$$PATH" cython-lint src

wheel: $(VENV)/wheel
	$(RUN) -m build --outdir dist .

clean:
	rm -rf $(VENV) build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN):
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --upgrade pip

# The package is installed as a user gets it, again whenever a source has changed.
# Setuptools keeps modules of earlier builds: without the `find` one that was removed here would stay installed.
$(VENV)/installed: $(RUN) $(SOURCES)
	if [ -d build ]; then find build -path '*/lib*' -name '*.py' -delete; fi
	$(RUN) -m pip install --quiet ".[cli]"
	touch $@

$(VENV)/test $(VENV)/bench $(VENV)/demo: $(VENV)/%: $(VENV)/installed
	$(RUN) -m pip install --quiet --group $*
	touch $@

$(VENV)/lint $(VENV)/wheel: $(VENV)/%: $(RUN) pyproject.toml
	$(RUN) -m pip install --quiet --group $*
	touch $@
