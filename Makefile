# `make demo` and `make test` do all the set-up that a fresh clone needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# xdist would begin with the files of the most tests, and end with those of a few long ones.
FILES_IN_ORDER := --dist loadfile --no-loadscope-reorder
NO_TFX := TFX is left out: ml-metadata has no wheel for this Python and C library. All else works.

.DEFAULT_GOAL := help
.PHONY: help setup demo wisconsin test test-slow test-jax lint docs lock screenshots clean

help:  ## Lists what can be made.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(INSTALLED)  ## Makes .venv and installs the pinned packages and akp_keras itself.

# A stamp, so that a set-up that broke off is done again and a finished one is not.
$(INSTALLED): requirements.txt requirements-tfx.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 10) <= v <= (3, 13) else "akp-keras needs Python 3.10 to 3.13, and $(PYTHON) is %d.%d: make PYTHON=python3.11" % v)'
	@if command -v uv >/dev/null 2>&1; then \
	  test -x $(BIN)/python || uv venv --quiet --python "$$(command -v $(PYTHON))" $(VENV); \
	  uv pip install --quiet --python $(BIN)/python -r requirements.txt && \
	  uv pip install --quiet --python $(BIN)/python --no-deps --editable . && \
	  { uv pip install --quiet --python $(BIN)/python --no-deps -r requirements-tfx.txt || \
	    echo "$(NO_TFX)"; }; \
	else \
	  test -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV); \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable . && \
	  { $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	      -r requirements-tfx.txt || echo "$(NO_TFX)"; }; \
	fi
	@touch $@

demo: $(INSTALLED)  ## Runs the experiment of exp.flags into RUN/ (goes on where it stopped).
	$(BIN)/python -m akp_keras.main --flagfile=exp.flags

wisconsin: $(INSTALLED)  ## The same on scikit-learn's real breast cancer measurements.
	$(BIN)/python -m akp_keras.main --flagfile=experiments/wisconsin_breast_cancer.flags

test: $(INSTALLED) lint  ## Lint and the tests.
	$(BIN)/python -m pytest -n auto $(FILES_IN_ORDER)

test-slow: $(INSTALLED)  ## The tests that take long.
	$(BIN)/python -m pytest -m slow -n auto $(FILES_IN_ORDER)

test-jax: .venv-jax/.installed  ## The tests of hotswap on the JAX backend, in an environment of their own.
	KERAS_BACKEND=jax PYTHONPATH=. .venv-jax/bin/python -m pytest tests/hotswap

.venv-jax/.installed: requirements-jax.txt
	@test -x .venv-jax/bin/pip || $(PYTHON) -m venv --clear .venv-jax
	@.venv-jax/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-jax.txt
	@touch $@

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

docs: .venv-docs/.installed  ## Builds the pages and the API reference into site/; a warning is an error.
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict

# The reference is read from the sources, so TensorFlow is not needed.
.venv-docs/.installed: requirements-docs.txt
	@test -x .venv-docs/bin/pip || $(PYTHON) -m venv --clear .venv-docs
	@.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-docs.txt
	@touch $@

screenshots: $(INSTALLED) demo  ## Takes the pictures of the README (needs chromium).
	$(BIN)/python docs/screenshots.py RUN

LOCK := uv pip compile --universal --quiet --no-header --no-annotate --python-version 3.10

lock:  ## Resolves requirements.txt and requirements-docs.txt anew (needs uv 0.7).
	$(LOCK) pyproject.toml --extra dask --extra kfp --extra tfx --extra test \
	  --no-emit-package ml-pipelines-sdk --no-emit-package ml-metadata --output-file requirements.txt
	$(LOCK) --group docs --output-file requirements-docs.txt

clean:  ## Removes the environments, the site and the demo's run.
	rm -rf $(VENV) .venv-docs .venv-jax RUN runs site
