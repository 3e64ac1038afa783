# A thin front for CMake and Ninja: every target makes the machine ready,
# configures its build directory once and calls one Ninja target or script.
# `make help` lists the targets.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

LLVM_PREFIX ?= /usr/lib/llvm-22
PREFIX      ?= /usr/local
# Parallel compilations; empty leaves it to Ninja.
JOBS        ?=

NINJA  := ninja $(if $(JOBS),-j$(JOBS))
PYTHON := $(CURDIR)/build/venv/bin/python

CONFIGURE := cmake -G Ninja -S . \
  -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE="-O2 -DNDEBUG" \
  -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
  -DMLIR_DIR=$(LLVM_PREFIX)/lib/cmake/mlir -DMLIR_LINK_MLIR_DYLIB=ON \
  -DLLVM_EXTERNAL_LIT=/usr/bin/lit-22 -DPython3_EXECUTABLE=$(PYTHON)
WITH_CLANG := -DCMAKE_C_COMPILER=clang-22 -DCMAKE_CXX_COMPILER=clang++-22 \
  -DLLVM_USE_LINKER=lld
# gcc refuses -fuse-ld=lld-22; -B makes it find LLVM 22's lld before any other.
GCC_LINKER := -B$(LLVM_PREFIX)/bin -fuse-ld=lld
WITH_GCC := -DCMAKE_C_COMPILER=gcc-12 -DCMAKE_CXX_COMPILER=g++-12 \
  -DCMAKE_EXE_LINKER_FLAGS="$(GCC_LINKER)" \
  -DCMAKE_SHARED_LINKER_FLAGS="$(GCC_LINKER)" \
  -DCMAKE_MODULE_LINKER_FLAGS="$(GCC_LINKER)"

CXX_FILES = $(shell git ls-files --cached --others --exclude-standard \
  '*.h' '*.c' '*.cpp')

.PHONY: all setup demo check check-full check-gcc check-sanitize bench deb docs \
  format lint tidy install clean help
.DEFAULT_GOAL := all

all: build/build.ninja ## Build everything (the default).
	$(NINJA) -C build

setup: ## Install what is missing on this machine.
	@scripts/setup.sh

# `setup` is order-only: it always runs, and never forces a new configuration.
build/build.ninja: | setup
	$(CONFIGURE) -B build $(WITH_CLANG)
build-gcc/build.ninja: | setup
	$(CONFIGURE) -B build-gcc $(WITH_GCC)
build-sanitize/build.ninja: | setup
	$(CONFIGURE) -B build-sanitize $(WITH_CLANG) -DGATE_ENABLE_SANITIZERS=ON

demo: build/build.ninja ## Compile the two-block example and stream a text through it.
	$(NINJA) -C build gatec
	scripts/demo.sh

check: build/build.ninja ## Build with clang and run all tests.
	$(NINJA) -C build check-gate check-gate-integration

check-gcc: build-gcc/build.ninja ## The same with g++.
	$(NINJA) -C build-gcc check-gate check-gate-integration

# LLVM's own libraries are not instrumented, so a container or an arena that
# crosses the border between them and ours looks overflown or closed.
check-sanitize: build-sanitize/build.ninja ## The same with address and undefined-behaviour sanitizers.
	ASAN_OPTIONS=detect_container_overflow=0:allow_user_poisoning=0 \
	  $(NINJA) -C build-sanitize check-gate check-gate-integration

# The whole product of lengths, widths, decays, gates and types: an hour or two.
check-full: check check-gcc check-sanitize lint docs ## Everything that a release must pass.
	GATE_FULL=1 $(NINJA) -C build check-gate-integration

# NumPy's own threads, which only check results, must not wait on our CPUs.
bench: build/build.ninja ## Print the speed table.
	$(NINJA) -C build gatec gate_ceilings gate_baseline
	OPENBLAS_NUM_THREADS=1 $(PYTHON) benchmarks/bench.py

docs: build/build.ninja ## Generate the reference pages.
	$(NINJA) -C build mlir-doc

format: setup ## Format C, C++ and Python.
	clang-format-22 -i $(CXX_FILES)
	build/venv/bin/ruff check --fix-only --quiet .
	build/venv/bin/ruff format .

lint: setup ## Check formatting and Python style.
	clang-format-22 --dry-run -Werror $(CXX_FILES)
	build/venv/bin/ruff check .
	build/venv/bin/ruff format --check .

tidy: build/build.ninja ## Run clang-tidy over the C++ sources (slow).
	@scripts/setup.sh clang-tidy-22
	$(NINJA) -C build
	run-clang-tidy-22 -quiet -p build '$(CURDIR)/(dialects|lib|tools)/.*'

install: all ## Install under PREFIX (default /usr/local).
	cmake --install build --prefix $(PREFIX)

deb: all ## Make a Debian package in out/deb.
	cd build && cpack -G DEB -B $(CURDIR)/out/deb

clean: ## Remove everything that was built.
	rm -rf build build-gcc build-sanitize out

help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' Makefile
