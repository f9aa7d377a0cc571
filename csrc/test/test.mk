# test.mk - the C tests: builds of the library and of the test programs, and what runs on each.
# SPDX-License-Identifier: Apache-2.0
#
# A variant is a compiler with its flags: build/VARIANT/ holds the library's objects, the test
# programs test-NAME and the fuzz replays. A run is one program of one variant, maybe under a tool;
# its output is in build/log/VARIANT-NAME.log.

TESTS := $(filter-out test data support bytes consumer faults alloc grow late,\
	$(patsubst csrc/test/%.c,%,$(wildcard csrc/test/*.c)))
SANITIZE := -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
WRAPPED := malloc calloc realloc posix_memalign aligned_alloc mmap mprotect pthread_create
RUN := csrc/test/run.sh
comma := ,

# $(call variant,NAME,COMPILER,FLAGS)
define variant
build/$(1)/obj/%.o: csrc/%.c
	@mkdir -p $$(@D)
	@$(2) -std=c11 -pthread $(3) -g -MMD -MP -c $$< -o $$@

build/$(1)/libn2.a: $(LIB_SOURCES:csrc/%.c=build/$(1)/obj/%.o)
	@rm -f $$@
	@$(AR) rcs $$@ $$^

build/$(1)/test-%: build/$(1)/obj/test/%.o build/$(1)/obj/test/test.o \
		build/$(1)/obj/test/data.o build/$(1)/obj/test/support.o build/$(1)/libn2.a
	@$(2) -pthread $(3) $$(LINK_$$*) $$^ -lm -o $$@ 2> $$@.link || { cat $$@.link; exit 1; }

build/$(1)/fuzz-%: build/$(1)/obj/fuzz/fuzz_%.o build/$(1)/libn2.a \
		$(if $(findstring fuzzer,$(3)),,build/$(1)/obj/fuzz/replay.o)
	@$(2) -pthread $(subst fuzzer-no-link,fuzzer,$(3)) $$^ -lm -o $$@

.SECONDARY:
-include $$(wildcard build/$(1)/obj/*.d build/$(1)/obj/*/*.d)
endef

LINK_alloc := $(WRAPPED:%=-Wl,--wrap=%)
LINK_grow := -Wl,--wrap=mmap
LINK_late := -Wl,--wrap=posix_memalign

$(eval $(call variant,gcc,gcc,-O3 -fopenmp))
$(eval $(call variant,clang,clang,-O2 -fopenmp))
$(eval $(call variant,threads,gcc,-O2))
$(eval $(call variant,asan,gcc,-O1 -fopenmp $(SANITIZE)))
$(eval $(call variant,faults,gcc,-O1 -fopenmp -DN2_FAULTS $(SANITIZE)))
$(eval $(call variant,tsan,clang,-O2 -fsanitize=thread))
$(eval $(call variant,arm64,aarch64-linux-gnu-gcc,-O2 -fopenmp -static))
$(eval $(call variant,fuzzer,clang,-O1 $(SANITIZE) -fsanitize=fuzzer-no-link))

# The thread sanitizer of some systems needs addresses that are not randomised.
TSAN := $(shell setarch -R true 2>/dev/null && echo setarch -R)
VALGRIND := valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite$(comma)possible \
	--show-leak-kinds=definite,possible
QEMU := qemu-aarch64

# $(call runs,VARIANT,PERCENT,PROGRAMS,UNDER,SUFFIX): targets run-VARIANTSUFFIX-PROGRAM
define runs
.PHONY: $(3:%=run-$(1)$(5)-%)
$(3:%=run-$(1)$(5)-%): run-$(1)$(5)-%: build/$(1)/test-%
	@N2_TEST_SCALE=$(2) $(RUN) $(1)$(5)-$$* $(4) $$<
C_RUNS += $(3:%=run-$(1)$(5)-%)
endef

$(eval $(call runs,gcc,100,$(TESTS) alloc grow late))
$(eval $(call runs,gcc,30,kernels search build,env N2_ISA=scalar,-scalar))
$(eval $(call runs,clang,30,kernels search build steps threads))
$(eval $(call runs,threads,50,build steps threads))
$(eval $(call runs,asan,40,$(filter-out recall memory,$(TESTS)) grow late))
$(eval $(call runs,faults,100,faults))
$(eval $(call runs,tsan,100,threads,$(TSAN)))
$(eval $(call runs,tsan,30,steps build search stream keys place grow late,$(TSAN)))
$(eval $(call runs,threads,2,api calls kernels search graph build steps file keys rot alloc,$(VALGRIND),-valgrind))
$(eval $(call runs,arm64,5,kernels pack widen axes space sketch api search build steps file,\
	env N2_TEST_ISA=neon_dotprod $(QEMU) -cpu max))
$(eval $(call runs,arm64,5,kernels build,env N2_TEST_ISA=neon $(QEMU) -cpu cortex-a57,-neon))

# Saved files and search results of several builds are the same, byte for byte.
.PHONY: run-bytes
run-bytes: $(foreach variant,gcc clang threads arm64,build/$(variant)/test-bytes)
	@$(RUN) bytes csrc/test/bytes.sh build/bytes
C_RUNS += run-bytes

.PHONY: run-install
run-install: lib
	@MAKE='$(MAKE)' $(RUN) install csrc/test/install.sh build/install
C_RUNS += run-install

# Fuzz targets: the corpus and mutations of valid inputs; then the fuzzer itself.
FUZZ_SECONDS ?= 20
FUZZ_TARGETS := load ops keys

.PHONY: $(FUZZ_TARGETS:%=run-replay-%) $(FUZZ_TARGETS:%=run-fuzz-%)
$(FUZZ_TARGETS:%=run-replay-%): run-replay-%: build/asan/fuzz-%
	@$(RUN) replay-$* $< $(wildcard csrc/fuzz/corpus/$*/*)
	@$(RUN) replay-$*-mutate $< -mutate 2000 1

$(FUZZ_TARGETS:%=run-fuzz-%): run-fuzz-%: build/asan/fuzz-% build/fuzzer/fuzz-%
	@mkdir -p build/fuzz/$* && build/asan/fuzz-$* -seeds build/fuzz/$*
	@$(RUN) fuzz-$* build/fuzzer/fuzz-$* -max_total_time=$(FUZZ_SECONDS) -max_len=8192 \
	    -artifact_prefix=build/fuzz/ build/fuzz/$* $(wildcard csrc/fuzz/corpus/$*)

C_RUNS += $(FUZZ_TARGETS:%=run-replay-%) $(FUZZ_TARGETS:%=run-fuzz-%)

.PHONY: test-c
test-c: $(C_RUNS)
