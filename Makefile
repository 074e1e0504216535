# `make demo` and `make test` set up everything that they need in .venv, then do their job.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
# Where the CPU build of torch comes from, if not from the default index, e.g.
# TORCH_FLAGS="--index-url <PyTorch's index of CPU wheels>".
TORCH_FLAGS ?=
BIN := .venv/bin
# As many as there are cores, of 2 to 4: each may take 4 GB of memory.
WORKERS ?= $(shell $(PYTHON) -c "import os; print(max(2, min(4, os.cpu_count() or 2)))")
# A worker takes the files that lie together, and those of another only when it has no more: tests of
# one file share what is compiled, and what is trained once for several of them.
SPREAD := -n $(WORKERS) --dist worksteal

.PHONY: demo test lint benchmark certify scoreboard notebooks clean

demo: .venv/.ready
	$(BIN)/ppl-zoo demo

test: .venv/.ready lint
	$(BIN)/pytest $(SPREAD) --durations=40

lint: .venv/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright --threads $(WORKERS)

benchmark: .venv/.ready
	$(BIN)/python -m benchmarks.step_time
	$(BIN)/python -m benchmarks.toy_belief_net
	$(BIN)/python -m benchmarks.likelihood_memory numpyro
	$(BIN)/python -m benchmarks.likelihood_memory pyro

certify: .venv/.ready
	$(BIN)/ppl-zoo certify --workers $(WORKERS) --write certificate.md

scoreboard: .venv/.ready
	$(BIN)/python -m benchmarks.scoreboard --write benchmarks/scoreboard/results

notebooks: .venv/.ready
	$(BIN)/jupytext --to ipynb notebooks/*.py
	$(BIN)/jupyter-execute --inplace notebooks/*.ipynb

clean:
	rm -rf .venv runs

# What pip would compile on one core is compiled on all of them; some packages hold files that are
# not meant to compile.
.venv/.ready: pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11')"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt $(TORCH_FLAGS) torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e ".[test]"
	$(BIN)/python -m compileall -qq -j 0 .venv/lib || true
	touch $@
