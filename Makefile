# Everything goes through tox, which `make` installs beside the project.
PYTHON ?= python3
TOX = .venv/bin/tox
ENV ?= all
RUN ?= run -q

.PHONY: demo test test-all long

# Each target says first how long it takes, then installs tox where it is missing.
demo:
	@echo "Starting the demo. The first start takes a minute or two, to install what it needs."
	@$(MAKE) -s --no-print-directory $(TOX)
	@$(TOX) run -qq -e demo --notest
	@exec .tox/demo/bin/python example_project/manage.py demo

test:
	@echo "Installing the packages and running the fast tests: one to two minutes on two cores."
	@$(MAKE) -s --no-print-directory $(TOX)
	@$(TOX) run -q -e fast

test-all:
	@echo "Installing the packages and running all tests, with coverage: about seven minutes on two cores."
	@echo "Tests whose service or program is missing are skipped, with the reason at the end."
	@$(MAKE) -s --no-print-directory $(TOX)
	@$(TOX) $(RUN) -e $(ENV)

long:
	@echo "Running the long tests, which take hours."
	@$(MAKE) -s --no-print-directory $(TOX)
	@$(TOX) run -e long

$(TOX):
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet "tox>=4.22" "tox-uv>=1.25"
