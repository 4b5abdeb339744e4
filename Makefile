# All targets run tox, which `make` installs into .venv.
PYTHON ?= python3
TOX = .venv/bin/tox
ENV ?= all
RUN ?= run -q

# Run a command after those that other shells run this way: two must not install at once.
LOCKED = $(PYTHON) -c 'import fcntl, os, sys; folder = os.open(".", os.O_RDONLY); \
	fcntl.flock(folder, fcntl.LOCK_EX); os.set_inheritable(folder, True); \
	os.execvp(sys.argv[1], sys.argv[1:])'

.PHONY: demo test test-all bench long pictures

# Each target prints its duration first, then installs tox if it is missing.
demo:
	@echo "Starting the demo. The first start installs packages, which takes a minute or two."
	@$(MAKE) -s --no-print-directory $(TOX)
	@$(LOCKED) $(TOX) run -qq -e demo --notest
	@exec .tox/demo/bin/python example_project/manage.py demo

test:
	@echo "Installing the packages and running the fast tests: two to three minutes on two cores."
	@$(MAKE) -s --no-print-directory $(TOX)
	@$(TOX) run -q -e fast -- $(OPTIONS)

test-all:
	@echo "Installing the packages and running all tests, with coverage: about ten minutes on two cores."
	@echo "Tests are skipped if their service or program is missing; the reasons are at the end."
	@$(MAKE) -s --no-print-directory $(TOX)
	@$(TOX) $(RUN) -e $(ENV)

pictures:
	@$(MAKE) -s --no-print-directory $(TOX)
	@$(TOX) run -q -e pictures

bench:
	@echo "Running the benchmarks: about ten minutes on two cores, which should do nothing else."
	@$(MAKE) -s --no-print-directory $(TOX)
	@$(TOX) run -q -e bench -- $(OPTIONS)

long:
	@echo "Running the long tests. They take hours."
	@$(MAKE) -s --no-print-directory $(TOX)
	@$(TOX) run -e long

$(TOX):
	@$(LOCKED) sh -c 'test -x $(TOX) || { $(PYTHON) -m venv .venv && \
		.venv/bin/python -m pip install --quiet "tox>=4.22" "tox-uv>=1.25"; }'
