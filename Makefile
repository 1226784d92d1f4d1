# GNU Make 3.81 or newer. Every path is relative, so the folder's own path may be long and may hold spaces.
# Programs run as `python -m`: the scripts in .venv/bin name their interpreter by its path, which the kernel cuts short.
SHELL = /bin/sh
PY = .venv/bin/python
PORT ?= 8000
TESTS ?= tests
export PORT PYTHON
export NO_MKDOCS_2_WARNING = 1
unexport PYTHONPATH PYTHONHOME

.DEFAULT_GOAL := help
.PHONY: help run demo studio code recover test cover soak check docs clean venv venv-dev

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

run: venv ## start everything in the foreground (PORT=8000); Ctrl-C stops everything
	@exec $(PY) -m deploy.run

demo: venv ## walk the main job on the running service, from a second terminal
	@exec $(PY) -m deploy.demo

studio: venv ## start the voice studio, an app that asks for consent, beside the running service (STUDIO_PORT=7860)
	@sh examples/venv.sh
	@exec $(PY) -m examples.voice_studio.start

code: venv ## print the demonstration officer's one-time code
	@exec $(PY) manage.py prepare_demo --code

recover: venv ## after a restore, with the service stopped: bring back what the database lacks
	@exec $(PY) -m deploy.recover

test: venv-dev ## run all tests, the browser's too (TESTS=tests/ledger for some)
	@exec $(PY) -m pytest "$(TESTS)" -n 2 --durations=25

cover: venv-dev ## run all tests and say what none reaches; slower by half, so on its own
	@exec $(PY) -m pytest "$(TESTS)" -n 2 --cov --cov-report=term $(if $(filter tests,$(TESTS)),--cov-fail-under=90)

soak: venv-dev ## run all tests at their full sizes
	@CONSONANT_SOAK=1 exec $(PY) -m pytest "$(TESTS)" --timeout=0

check: venv-dev ## lint, types, layers, templates, migrations, production settings, docs, known holes, the wallet's bundle
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m deploy.throwaway -m mypy
	$(PY) sdk/check_types.py
	$(PY) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'
	$(PY) -m djlint --quiet --lint templates
	$(PY) -m djlint --quiet --check templates
	$(PY) -m deploy.throwaway manage.py makemigrations --check --dry-run
	$(PY) -m deploy.throwaway manage.py check --deploy --fail-level WARNING
	$(PY) -m mkdocs build --strict --quiet
	$(PY) -m deploy.audit
	@if command -v npm >/dev/null; then sh frontend/check.sh; else echo "npm is not here: the wallet's bundle was not compared"; test -z "$$CONSONANT_NO_SKIPS"; fi

docs: venv-dev ## build the documentation into site/
	@exec $(PY) -m mkdocs build --strict

clean: ## delete what can be made again (.venv, caches, site); never var/, where the data is
	rm -rf .venv .venv.lock .venv-studio .venv-studio.lock site .cache .coverage htmlcov .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find locale -name '*.mo' -exec rm -f {} +

venv:
	@sh deploy/venv.sh

venv-dev:
	@sh deploy/venv.sh dev
