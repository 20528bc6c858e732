# Two commands are all a newcomer needs: `make demo` and `make test`. Each sets up what it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
DEMO_OUTPUT ?= demo-output
EXTRAS := plots postgres parquet whisper transformers train consumers
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet \
	--no-emit-index-url pyproject.toml

.PHONY: demo test test-extras check lock clips picture clean

demo: $(VENV)/.core
	$(BIN)/python -m demo.run --output $(DEMO_OUTPUT)

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2

test-extras: $(VENV)/.dev  ## Tests that need optional extras, each in the versions of its lock file (several GB, most of it torch)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/whisper.txt
	$(BIN)/python -m pytest -n 2 tests/integration/test_languages_whisper.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/transformers.txt
	$(BIN)/python -m pytest -n 2 tests/unit/test_voices_wav2vec.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/train.txt
	$(BIN)/python -m pytest -n 2 tests/unit/test_training_network.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/consumers.txt
	$(BIN)/python -m pytest -n 2 tests/unit/test_export_consumers.py

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: reliability
reliability: $(VENV)/.dev  ## The long versions of the reliability tests (hours; SHARE=0.1 for a tenth), and their table
	rm -rf build/reliability && mkdir -p build/reliability
	$(BIN)/python -m benchmarks.catalog_contention --json > build/reliability/contention.json
	RELIABILITY=long RELIABILITY_SHARE=$(or $(SHARE),1) RELIABILITY_FIGURES=$(abspath build/reliability/figures.jsonl) \
		$(BIN)/python -m pytest -s --timeout 86400 tests/reliability
	$(BIN)/python tests/reliability/report.py build/reliability/figures.jsonl --contention build/reliability/contention.json

HOURS ?= 24
.PHONY: soak
soak: $(VENV)/.dev  ## Crawl a growing, failing site for HOURS, stopped and killed at random; a day by default
	$(BIN)/python tests/reliability/soak.py --hours $(HOURS) --data build/soak

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(VENV)/bin/python requirements/core.txt pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/core.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.core requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/dev.txt
	touch $@

lock:  ## Resolve the lock files anew (needs uv: pip install uv): the core first, the extras with the core's versions
	$(LOCK) --extra build --output-file requirements/core.txt
	$(LOCK) --constraint requirements/core.txt --extra build --extra dev --output-file requirements/dev.txt
	for extra in $(EXTRAS); do \
		$(LOCK) --constraint requirements/core.txt --constraint requirements/constraints.in --extra build --extra $$extra \
			--output-file requirements/$$extra.txt || exit 1; \
	done

clips:  ## Make the demo's clips anew (needs espeak-ng)
	$(BIN)/python -m demo.make_clips

picture:  ## Draw the README's picture from what the demo prints
	$(BIN)/python -m demo.picture docs/images/demo.svg

clean:
	rm -rf $(VENV) $(DEMO_OUTPUT) .mypy_cache .ruff_cache .pytest_cache .hypothesis
