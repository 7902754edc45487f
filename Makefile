# Two commands for a fresh machine with Python 3.11, make and git:
#   make demo    set up, segment the sample pictures, write demo-output/
#   make test    set up, check style and types, run the whole test suite
# Also: make matrix tests the viewer with PySide6 and the oldest napari that works, napari 0.5.6 (Python 3.11 or 3.12);
# make docs builds the pages of docs/ into site/; open site/index.html.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
MATRIX := $(VENV)-matrix
MATRIX_READY := $(MATRIX)/.ready
DOCS_READY := $(VENV)/.docs-ready
# A virtual display only where there is no display.
HEADLESS := $(if $(DISPLAY),,xvfb-run -a -s "-screen 0 1280x800x24")

.PHONY: demo test matrix docs screenshots lint setup display clean

demo: $(READY)
	$(BIN)/napari-gfsam demo -o demo-output

test: $(READY) lint display
	$(BIN)/python -m pytest -n 2 --dist loadfile

matrix: $(MATRIX_READY) display
	sh tools/test_matrix.sh $(MATRIX)

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

$(MATRIX_READY): pyproject.toml tools/matrix-constraints.txt
	sh tools/make_venv.sh $(PYTHON) $(MATRIX)
	$(MATRIX)/bin/python -m pip install --disable-pip-version-check -q -e ".[viewer-test]" PySide6 -c tools/matrix-constraints.txt
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
