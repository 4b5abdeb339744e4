# The front door. Everything goes through tox, which `make` installs beside the project.
PYTHON ?= python3
TOX = .venv/bin/tox
ENV ?= py
RUN ?= run

.PHONY: demo test long

demo: $(TOX)
	@$(TOX) run -qq -e demo --notest
	@exec .tox/demo/bin/python example_project/manage.py demo

test: $(TOX)
	$(TOX) $(RUN) -e $(ENV)

long: $(TOX)
	$(TOX) run -e long

$(TOX):
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet "tox>=4.22"
