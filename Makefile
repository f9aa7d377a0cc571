# Makefile - builds, demonstrates, tests and installs N2. What it makes is below build/; benchmarks
# keep data sets and peers in the user's cache, n2-benchmark, and bench-full its results beside them.
# SPDX-License-Identifier: Apache-2.0
#
# `make help` lists the targets. A Go program needs none of this: the go command compiles csrc/ by
# itself. The variants and runs of the C tests are in csrc/test/test.mk.

CC ?= cc
CFLAGS ?= -O3
GO ?= go
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DESTDIR ?=
INSTALL ?= install

GO_PACKAGES := ./go/... ./examples/...
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.6.1

version_part = $(shell sed -n 's/^\#define N2_VERSION_$(1) //p' csrc/n2.h)
VERSION := $(call version_part,MAJOR).$(call version_part,MINOR).$(call version_part,PATCH)

# What the library needs of any compiler, and what it is held to by ours.
N2_CFLAGS := -std=c11 -fvisibility=hidden -fPIC -pthread
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Werror
LIB_SOURCES := $(wildcard csrc/*.c)
TEST_SOURCES := $(wildcard csrc/test/*.c csrc/fuzz/*.c)
C_FILES := $(wildcard csrc/*.[ch] csrc/test/*.[ch] csrc/fuzz/*.[ch] examples/benchmark/profile/*.c)

# -fopenmp where the compiler has it; else the library uses plain threads.
OPENMP ?= $(shell echo 'int main(void) { return 0; }' | \
	$(CC) -fopenmp -x c - -o /dev/null 2>/dev/null && echo -fopenmp)

ifeq ($(shell uname -s),Darwin)
SHARED := libn2.0.dylib
SHARED_LINKS := libn2.dylib
SHARED_FLAGS := -dynamiclib -install_name $(LIBDIR)/$(SHARED)
else
SHARED := libn2.so.$(VERSION)
SHARED_LINKS := libn2.so.0 libn2.so
SHARED_FLAGS := -shared -Wl,-soname,libn2.so.0 -Wl,-z,defs
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo lib test check bench bench-full fmt clean install setup

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 12

demo: ## build, save, map and ask an index of word vectors; needs Go and a C compiler only
	@$(GO) run ./examples/words

# ---- the library -----------------------------------------------------------------------------

lib: build/lib/libn2.a build/lib/$(SHARED) build/lib/n2.pc ## build the static and the shared library

build/lib/%.o: csrc/%.c
	@mkdir -p $(@D)
	$(CC) $(N2_CFLAGS) $(CFLAGS) -DNDEBUG $(OPENMP) -MMD -MP -c $< -o $@

build/lib/libn2.a: $(LIB_SOURCES:csrc/%.c=build/lib/%.o)
	rm -f $@
	$(AR) rcs $@ $^

build/lib/$(SHARED): $(LIB_SOURCES:csrc/%.c=build/lib/%.o)
	$(CC) $(SHARED_FLAGS) -pthread $(OPENMP) $(LDFLAGS) $^ -lm -o $@

# Made anew each time: PREFIX may have changed.
.PHONY: build/lib/n2.pc
build/lib/n2.pc:
	@mkdir -p $(@D)
	@printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$(LIBDIR)' 'includedir=$(INCLUDEDIR)' '' \
	    'Name: n2' 'Description: Approximate nearest-neighbour search of vectors' \
	    'Version: $(VERSION)' 'Cflags: -I$${includedir}' 'Libs: -L$${libdir} -ln2' \
	    'Libs.private: $(strip $(OPENMP) -pthread -lm)' > $@

install: lib ## install header, libraries and n2.pc; honours PREFIX and DESTDIR
	$(INSTALL) -d '$(DESTDIR)$(INCLUDEDIR)' '$(DESTDIR)$(LIBDIR)/pkgconfig'
	$(INSTALL) -m 644 csrc/n2.h '$(DESTDIR)$(INCLUDEDIR)'
	$(INSTALL) -m 644 build/lib/libn2.a '$(DESTDIR)$(LIBDIR)'
	$(INSTALL) -m 755 build/lib/$(SHARED) '$(DESTDIR)$(LIBDIR)'
	for link in $(SHARED_LINKS); do ln -sf $(SHARED) '$(DESTDIR)$(LIBDIR)'/$$link || exit 1; done
	$(INSTALL) -m 644 build/lib/n2.pc '$(DESTDIR)$(LIBDIR)/pkgconfig'

# ---- tests -----------------------------------------------------------------------------------

include csrc/test/test.mk

# Installs what tests and checks need, or says what is missing.
setup:
	@.ci/setup

# In a make of its own, which sees the tools that setup has installed. The C runs share the
# processors; those of Go use all of them by themselves.
PARALLEL = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell getconf _NPROCESSORS_ONLN))
test: setup ## run all tests, C and Go; installs the tools they need
	@rm -rf build/log
	@failed=0; \
	$(MAKE) --no-print-directory -k $(PARALLEL) test-c || failed=1; \
	$(MAKE) --no-print-directory -k test-go || failed=1; \
	$(RUN) --total && exit $$failed

# With the race detector and without; without OpenMP; without cgo, where nothing but errors is left.
GO_RUNS := run-go-vet run-go-race run-go run-go-noopenmp run-go-nocgo run-go-model run-go-model-race \
	run-go-benchmark
.PHONY: test-go $(GO_RUNS)
test-go: $(GO_RUNS)
run-go-vet:
	@$(RUN) go-vet $(GO) vet $(GO_PACKAGES)
run-go-race:
	@$(RUN) go-race $(GO) test -count=1 -v -race $(GO_PACKAGES)
run-go:
	@$(RUN) go $(GO) test -count=1 -v ./go/...
run-go-noopenmp:
	@CC=clang $(RUN) go-noopenmp $(GO) test -count=1 -v -tags n2_noopenmp ./go/...
run-go-nocgo:
	@CGO_ENABLED=0 $(RUN) go-nocgo $(GO) test -count=1 -v $(GO_PACKAGES)

# Random sequences of operations against a model, a module of its own. Under the race detector those
# of several goroutines; the rest would be slow there, and is of one.
run-go-model:
	@$(RUN) go-model $(GO) -C go/model test -count=1 -v ./...
run-go-model-race:
	@$(RUN) go-model-race $(GO) -C go/model test -count=1 -v -race -run Goroutines ./...

# The harness is a module of its own; its tests need no peer.
run-go-benchmark:
	@$(RUN) go-benchmark $(GO) -C examples/benchmark test -count=1 -v ./...

# ---- benchmarks ------------------------------------------------------------------------------

# What the harness needs for peers in Python; it installs those by itself, each where no other sees it.
bench-setup:
	@.ci/setup benchmark

BENCHMARK := $(GO) -C examples/benchmark run .
bench: bench-setup ## measure N2 beside hnswlib on 100,000 word vectors; a table, and plots below build/bench
	@mkdir -p build/bench
	@$(BENCHMARK) run --data glove-100 --n 100000 --peers n2 --quick --out $(CURDIR)/build/bench/results.jsonl
	@$(BENCHMARK) report $(CURDIR)/build/bench/results.jsonl --out $(CURDIR)/build/bench/report

bench-full: bench-setup ## measure all data sets and peers, in a few hours; to examples/benchmark/results
	@examples/benchmark/full.sh

# The README's section, its tables and plots, from the results that are committed.
RESULTS := examples/benchmark/results
.PHONY: bench-readme bench-setup
bench-readme:
	@$(BENCHMARK) report $(patsubst %,$(CURDIR)/%,$(wildcard $(RESULTS)/*.jsonl)) --out $(CURDIR)/$(RESULTS)/report \
	    --readme $(CURDIR)/README.md --command 'make bench-full'
	@for machine in zen4 cascade-lake; do \
	    $(BENCHMARK) report $(CURDIR)/$(RESULTS)/$$machine/*.jsonl --out $(CURDIR)/$(RESULTS)/$$machine/report \
	        > /dev/null || exit 1; done

# ---- checks ----------------------------------------------------------------------------------

check: setup ## check format, vet, staticcheck, warnings of gcc and clang, names and includes
	@$(MAKE) --no-print-directory check-all
	@echo "check: fine"

.PHONY: check-all check-format check-go check-warnings check-symbols check-includes
check-all: check-format check-go check-warnings check-symbols check-includes

check-format:
	@clang-format --dry-run -Werror $(C_FILES)
	@unformatted=$$(gofmt -l csrc go examples) && test -z "$$unformatted" || \
	    { echo "not formatted by gofmt: $$unformatted"; exit 1; }

# staticcheck runs from the module cache, so that go.mod needs no requirement.
check-go:
	@$(GO) vet $(GO_PACKAGES) ./csrc/...
	@CGO_ENABLED=0 $(GO) vet $(GO_PACKAGES)
	@$(GO) run $(STATICCHECK) $(GO_PACKAGES) ./csrc/...
	@cd examples/benchmark && $(GO) vet ./... && $(GO) run $(STATICCHECK) ./...
	@cd go/model && $(GO) vet ./... && $(GO) run $(STATICCHECK) ./...
	@$(GO) mod verify > /dev/null
	@! grep -q '^require' go.mod || { echo "go.mod has requirements"; exit 1; }

# gcc's with optimisation, which some warnings need; the library with OpenMP and without, with faults
# and without, for both processors; the tests once.
CHECK_COMPILE := xargs -P "$$(getconf _NPROCESSORS_ONLN)" -I FILE
CHECK_FLAGS := -std=c11 -pthread $(WARNINGS) -c FILE -o /dev/null
check-warnings:
	@printf '%s\n' $(LIB_SOURCES) | $(CHECK_COMPILE) gcc -O3 -fopenmp $(CHECK_FLAGS)
	@printf '%s\n' $(LIB_SOURCES) | $(CHECK_COMPILE) gcc -O2 -DNDEBUG -DN2_FAULTS $(CHECK_FLAGS)
	@printf '%s\n' $(LIB_SOURCES) | $(CHECK_COMPILE) clang -fopenmp $(CHECK_FLAGS)
	@printf '%s\n' $(LIB_SOURCES) | $(CHECK_COMPILE) clang $(CHECK_FLAGS)
	@printf '%s\n' $(LIB_SOURCES) | $(CHECK_COMPILE) aarch64-linux-gnu-gcc -O2 $(CHECK_FLAGS)
	@printf '%s\n' $(TEST_SOURCES) | $(CHECK_COMPILE) gcc -O2 -DN2_FAULTS -Icsrc $(CHECK_FLAGS)
	@printf '%s\n' $(TEST_SOURCES) | $(CHECK_COMPILE) clang -DN2_FAULTS -Icsrc $(CHECK_FLAGS)

check-symbols: lib
	@csrc/test/symbols.sh build/lib/libn2.a build/lib/$(SHARED) csrc/n2.h

# Each header compiles by itself, from C and, if public, from C++; no cycle among them.
check-includes:
	@csrc/test/includes.sh csrc

fmt: ## format all C and Go files
	clang-format -i $(C_FILES)
	gofmt -w csrc go examples

clean: ## remove build/
	rm -rf build

-include $(wildcard build/lib/*.d)
