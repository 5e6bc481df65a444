# Everything a fresh machine needs: `make demo` and `make test` set themselves up.
# Python 3.11 or newer; on Debian and Ubuntu the system's Qt libraries come through apt.

PYTHON ?= python3
# PyTorch in the version that is tested; a CPU build serves
TORCH ?= torch==2.13.0
VENV := .venv
BIN := $(VENV)/bin
XVFB := xvfb-run --auto-servernum --server-args="-screen 0 1600x1000x24"
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
DEBIAN := xvfb xauth libegl1 libgl1 libopengl0 libglx-mesa0 libgl1-mesa-dri libdbus-1-3 libfontconfig1 \
	libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 \
	libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0

.PHONY: demo test lint screenshots clean

demo: $(VENV)/installed | system
	$(BIN)/napari-battery demo

test: $(VENV)/installed | system
	$(MAKE) lint
	$(XVFB) $(BIN)/python -m pytest -n 2 --dist loadfile

screenshots: $(VENV)/installed | system
	$(XVFB) $(BIN)/python docs/make_screenshots.py

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "$(TORCH)"
	$(BIN)/python -m pip install --quiet --editable ".[qt]" --group test
	touch $@

.PHONY: system
system:
	@if command -v apt-get >/dev/null && ! { command -v xvfb-run && command -v xauth && \
		ldconfig -p | grep -q libxcb-cursor && ldconfig -p | grep -q libEGL && \
		ldconfig -p | grep -q libOpenGL; } >/dev/null; then \
		$(SUDO) apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq $(DEBIAN) >/dev/null; \
	fi

clean:
	rm -rf $(VENV) build dist *.egg-info src/*.egg-info
