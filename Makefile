# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
STUDY ?=
RUN := $(VENV)/bin
INSTALL := $(RUN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt

.PHONY: demo test check clean
.DELETE_ON_ERROR:

## Open the bundled study (or STUDY=PATH) in napari; without a display write pictures and tables.
demo: $(VENV)/.installed
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ]; then scripts/system-libraries window; fi
	$(RUN)/napari-cmr demo $(if $(STUDY),"$(STUDY)")

## Run all tests, the ones in a real window too.
test: $(VENV)/.installed-dev
	scripts/system-libraries window display dcm2niix dciodvfy orthanc
	$(RUN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder --max-worker-restart 0

## Style, types, layers.
check: $(VENV)/.installed-dev
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("napari-cmr needs Python 3.11 or newer; set PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) torch
	$(INSTALL) --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(INSTALL) --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build demo-output
