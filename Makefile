# Everything goes through tox, which `make` installs beside the project.
PYTHON ?= python3
TOX = .venv/bin/tox
ENV ?= all

.PHONY: demo test test-all long

demo:
	@echo "Starting the demo. The first start takes a minute or two, to install what it needs."
	@$(MAKE) --no-print-directory $(TOX)
	@$(TOX) run -qq -e demo --notest
	@exec .tox/demo/bin/python example_project/manage.py demo

test: .message-test $(TOX)
	@$(TOX) run -q -e fast

test-all: .message-test-all $(TOX)
	@$(TOX) run -q -e $(ENV)

long: $(TOX)
	@$(TOX) run -e long

.PHONY: .message-test .message-test-all
.message-test:
	@echo "Installing the packages and running the fast tests: about two minutes on two cores."
.message-test-all:
	@echo "Installing the packages and running all tests, with coverage: about six minutes on two cores."
	@echo "Tests whose service or program is missing are skipped, with the reason at the end."

$(TOX):
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet "tox>=4.22" "tox-uv>=1.25"
