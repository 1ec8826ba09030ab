VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
DEMO := build/demo

.PHONY: setup demo test lint vscode clean

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[probe]' --group dev
	touch $@

# A script that runs without an error and learns nothing: named, mended in a copy, and shown to learn.
demo: setup
	@rm -rf $(DEMO) && mkdir -p $(DEMO) && cp fixtures/demo/train_spirals.py $(DEMO)/train.py
	@printf '\n== It runs, and learns nothing\n\n' && $(BIN)/python $(DEMO)/train.py
	@printf '\n== trainlint check\n\n' && ! $(BIN)/trainlint check $(DEMO)/train.py
	@printf '\n== One real training step, in a sandbox: trainlint probe\n\n' && ! $(BIN)/trainlint probe --yes $(DEMO)/train.py
	@printf '\n== The fix: trainlint check --diff --unsafe-fixes\n\n' && ! $(BIN)/trainlint check --diff --unsafe-fixes $(DEMO)/train.py
	@printf '\n== Applied to the copy and checked again\n\n' && $(BIN)/trainlint check --fix --unsafe-fixes $(DEMO)/train.py
	@printf '\n== One real step of the mended script\n\n' && $(BIN)/trainlint probe --yes $(DEMO)/train.py
	@printf '\n== It learns\n\n' && $(BIN)/python $(DEMO)/train.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile

vscode: setup
	cd vscode-extension && npm ci --ignore-scripts --no-audit --no-fund && PYTHON=$(abspath $(BIN)/python) npm run --silent package

clean:
	rm -rf $(VENV) build dist
