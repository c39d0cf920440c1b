# SPDX-License-Identifier: Apache-2.0
#
#   make demo      fine-tunes, captions, classifies, prunes and evaluates on what comes with Lorikeet
#   make test      runs every test
#   make build     builds the command, .build/release/lorikeet
#   make install   copies it to PREFIX/bin (/usr/local unless told otherwise)
#   make compare   holds it against PyTorch and others; WORKS=train,decode chooses (Benchmarks/README.md)
#   make format    lays out the Swift sources; make lint only checks them
#   make clean     removes what was built
#
# The first three install the libraries that are missing, on Debian and its kin.

PREFIX ?= /usr/local
SWIFT ?= swift
SWIFT_LEAST = 6.2
LIBRARIES = openblas libpng libjpeg
PACKAGES = libopenblas-dev libpng-dev libjpeg-dev pkg-config
SOURCES = Package.swift Sources Tests Examples
COMMAND = lorikeet

.DEFAULT_GOAL := build
.PHONY: demo test build install compare format lint clean toolchain libraries

demo: build
	./Examples/demo.sh

test: toolchain libraries
	$(SWIFT) build -c release --build-tests
	$(SWIFT) test -c release --skip-build

build: toolchain libraries
	$(SWIFT) build -c release --product $(COMMAND)

install: build
	install -d "$(DESTDIR)$(PREFIX)/bin"
	install -m 755 .build/release/$(COMMAND) "$(DESTDIR)$(PREFIX)/bin/$(COMMAND)"

compare: build
	python3 Benchmarks/compare.py --works "$(WORKS)"

format:
	$(SWIFT) format format --in-place --recursive $(SOURCES)

lint:
	$(SWIFT) format lint --strict --recursive $(SOURCES)

clean:
	rm -rf .build demo-report runs/demo

toolchain:
	@version=$$($(SWIFT) --version 2>/dev/null \
	  | sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' | head -n 1); \
	if [ -z "$$version" ]; then \
	  echo "error: $(SWIFT) was not found; Lorikeet needs Swift $(SWIFT_LEAST) or later, see https://www.swift.org/install" >&2; \
	  exit 1; \
	fi; \
	if [ "$$(printf '%s\n' $(SWIFT_LEAST) "$$version" | sort -V | head -n 1)" != "$(SWIFT_LEAST)" ]; then \
	  echo "error: this is Swift $$version; Lorikeet needs $(SWIFT_LEAST) or later, see https://www.swift.org/install" >&2; \
	  exit 1; \
	fi

libraries:
	@if pkg-config --exists $(LIBRARIES) 2>/dev/null; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then \
	  echo "error: OpenBLAS, libpng, libjpeg or pkg-config is missing; install their development files (Debian: $(PACKAGES))" >&2; \
	  exit 1; \
	fi; \
	if [ "$$(id -u)" -eq 0 ]; then sudo=; \
	elif command -v sudo >/dev/null; then sudo=sudo; \
	else \
	  echo "error: libraries are missing and there is no sudo; as root: apt-get install $(PACKAGES)" >&2; \
	  exit 1; \
	fi; \
	set -e; echo "installing $(PACKAGES)"; \
	$$sudo apt-get update -qq; \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(PACKAGES); \
	pkg-config --exists --print-errors $(LIBRARIES)
