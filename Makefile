# Two commands for a fresh machine with Python 3.11, make and git:
#   make demo    set up, segment the sample pictures, write demo-output/
#   make test    set up, check style and types, run the whole test suite
# Also: make docs builds the pages of docs/ into site/; open site/index.html.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DOCS_READY := $(VENV)/.docs-ready
# A virtual display only where there is no display.
HEADLESS := $(if $(DISPLAY),,xvfb-run -a -s "-screen 0 1280x800x24")

.PHONY: demo test docs screenshots lint setup display clean

demo: $(READY)
	$(BIN)/napari-gfsam demo -o demo-output

test: $(READY) lint display
	$(HEADLESS) $(BIN)/python -m pytest

docs: $(DOCS_READY)
	$(BIN)/mkdocs build --strict

lint: $(READY)
	$(BIN)/ruff check src tests benchmarks tools
	$(BIN)/ruff format --check src tests benchmarks tools
	$(BIN)/mypy
	$(BIN)/lint-imports

setup: $(READY)

$(READY): pyproject.toml
	sh tools/make_venv.sh $(PYTHON) $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -q -e ".[dev]"
	touch $@

$(DOCS_READY): $(READY)
	$(BIN)/python -m pip install --disable-pip-version-check -q -e ".[docs]"
	touch $@

display:
	sh tools/install_display.sh

# The pictures of docs/, from a real run of the viewer.
screenshots: $(READY) display
	$(HEADLESS) $(BIN)/python tools/make_screenshots.py

clean:
	rm -rf demo-output dist build site .pytest_cache .mypy_cache .ruff_cache .hypothesis
