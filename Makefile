# execmgr - build, test, install.
#   make                           commands into build/bin
#   make check                     units, fuzz corpora, manuals, bats; the last line counts them all
#   make bench                     figures as JSON lines, each against what it is measured by
#   make lint                      clang-tidy and cppcheck
#   make SANITIZE=address,undefined check      the same in build-san/
#   make fuzz FUZZ=json SECONDS=60             libFuzzer on one target
#   make install DESTDIR= PREFIX=/usr/local

PREFIX  = /usr/local
CC      = gcc
CLANG   = clang
CFLAGS  = -O2 -g
SECONDS = 60
-include config.mk

comma    := ,
B        := build$(if $(SANITIZE),-san)
PKGS     := libuv libzmq libcrypto libcurl yaml-0.1
WARN     := -std=c11 -Wall -Wextra -Wshadow -Wmissing-prototypes -Wvla -Wpointer-arith -Wstrict-prototypes
CPPFLAGS += -D_GNU_SOURCE -Ilib -Ilib/base -include lib/banned.h $(shell pkg-config --cflags $(PKGS))
ifdef SANITIZE
SANFLAGS := -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=undefined
CFLAGS   := -O1 -g
endif

# llhttp: the system's library where the release has one, else Node's sources as Debian ships them; llhttp 9 is strict,
# 8 only where it is compiled so.
LLHTTP_DIR := /usr/share/llhttp
ifeq ($(shell pkg-config --exists libllhttp && echo yes),yes)
LLHTTP_CPPFLAGS := $(shell pkg-config --cflags libllhttp)
LLHTTP_LIBS     := $(shell pkg-config --libs libllhttp)
else
LLHTTP_CPPFLAGS := -I/usr/share/include/llhttp -DLLHTTP_STRICT_MODE=1
LLHTTP_OBJ      := $(patsubst $(LLHTTP_DIR)/%.c,$(B)/llhttp/%.o,$(wildcard $(LLHTTP_DIR)/*.c))
endif
CPPFLAGS += $(LLHTTP_CPPFLAGS)

LIB_SRC  := $(wildcard lib/*/*.c)
CMD_SRC  := $(wildcard cmd/*.c)
EXEC_SRC := $(wildcard executor/jupyter/*.c)
UNIT_SRC := $(wildcard test/unit/*.c)
FUZZ_SRC := $(wildcard test/fuzz/*.c)
FAKE_SRC := $(wildcard test/fake/*.c)
BENCH_SRC := $(wildcard test/bench/*.c)
MAN      := $(wildcard share/man/*.[0-9])

LIB      := $(B)/libexecmgr.a
EXEC_LIB := $(B)/libexecutor.a
CMDS     := $(CMD_SRC:cmd/%.c=$(B)/bin/%) $(if $(EXEC_SRC),$(B)/bin/executor-jupyter)
UNITS    := $(UNIT_SRC:test/unit/%.c=$(B)/test/unit/%)
FUZZERS  := $(FUZZ_SRC:test/fuzz/%.c=$(B)/test/fuzz/%)
FAKES    := $(FAKE_SRC:test/fake/%.c=$(B)/test/fake/%)
BENCHES  := $(BENCH_SRC:test/bench/%.c=$(B)/test/bench/%)
OBJ       = $(patsubst %.c,$(B)/obj/%.o,$(LIB_SRC) $(CMD_SRC) $(EXEC_SRC) $(UNIT_SRC) $(FUZZ_SRC) $(FAKE_SRC) $(BENCH_SRC))
LIBS     := $(shell pkg-config --libs libuv) $(LLHTTP_LIBS) -lm

# What each program needs beyond libuv; a program that does not call libcurl does not carry it.
LIBS_exec-alloc       := $(shell pkg-config --libs libcurl) -ljq
LIBS_exec-free        := $(LIBS_exec-alloc)
LIBS_exec-run         := $(LIBS_exec-alloc)
LIBS_exec-status      := $(LIBS_exec-alloc)
LIBS_gen-compose      := $(shell pkg-config --libs yaml-0.1)
LIBS_executor-jupyter := $(shell pkg-config --libs libzmq libcrypto)
TEST_LIBS              = $(LIBS_exec-alloc) $(LIBS_gen-compose) $(LIBS_executor-jupyter) $(shell pkg-config --libs cmocka)

all: $(CMDS)

# What is built depends on how it is built: other flags, other objects.
$(B)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(SANFLAGS) $(WARN) -MMD -MP -c -o $@ $<

$(B)/obj/executor/jupyter/forkserver.o: executor/jupyter/forkserver.py	# it is built in

$(B)/llhttp/%.o: $(LLHTTP_DIR)/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(LLHTTP_CPPFLAGS) $(CFLAGS) -w -c -o $@ $<

$(LIB): $(patsubst %.c,$(B)/obj/%.o,$(LIB_SRC)) $(LLHTTP_OBJ)
	rm -f $@ && $(AR) rcs $@ $^

$(EXEC_LIB): $(patsubst %.c,$(B)/obj/%.o,$(filter-out %/main.c,$(EXEC_SRC)))
	rm -f $@ && $(AR) rcs $@ $^

$(B)/bin/executor-jupyter: $(B)/obj/executor/jupyter/main.o $(EXEC_LIB) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $(SANFLAGS) -o $@ $^ $(LIBS_executor-jupyter) $(LIBS)

$(B)/bin/%: $(B)/obj/cmd/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $(SANFLAGS) -o $@ $^ $(LIBS_$*) $(LIBS)

$(B)/test/unit/%: $(B)/obj/test/unit/%.o $(EXEC_LIB) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $(SANFLAGS) -o $@ $^ $(TEST_LIBS) $(LIBS)

$(B)/test/fake/%: $(B)/obj/test/fake/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $(SANFLAGS) -o $@ $^ $(LIBS)

# A fuzz target is an LLVMFuzzerTestOneInput; with test/fuzz/replay.h's main it replays its corpus.
$(B)/test/fuzz/%: $(B)/obj/test/fuzz/%.o $(EXEC_LIB) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $(SANFLAGS) -o $@ $^ $(TEST_LIBS) $(LIBS)

$(B)/test/bench/%: $(B)/obj/test/bench/%.o $(EXEC_LIB) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) $(SANFLAGS) -o $@ $^ $(TEST_LIBS) $(LIBS)

tests: $(CMDS) $(UNITS) $(FUZZERS) $(FAKES)

check: tests
	BUILD=$(B) SANITIZE=$(SANITIZE) scripts/run-tests $(TESTS)

# One JSON line for each figure; BENCH names some of test/bench, ROUNDS says how much is measured.
BENCH = $(wildcard test/bench/*.py)
bench: $(CMDS) $(BENCHES) $(FAKES)
	@for b in $(BENCH); do BUILD=$(B) $$b || exit 1; done

# The target's own sources are compiled anew with clang, coverage and the sanitizers.
fuzz:
	@mkdir -p build-fuzz/corpus-$(FUZZ)
	$(CLANG) $(CPPFLAGS) -DFUZZING -O1 -g -std=c11 -fsanitize=fuzzer,address,undefined -o build-fuzz/$(FUZZ) \
	    test/fuzz/$(FUZZ).c $(LIB_SRC) $(filter-out %/main.c,$(EXEC_SRC)) $(if $(LLHTTP_OBJ),$(wildcard $(LLHTTP_DIR)/*.c)) \
	    $(filter-out -lcmocka,$(TEST_LIBS)) $(LIBS)
	build-fuzz/$(FUZZ) -max_total_time=$(SECONDS) -rss_limit_mb=1024 build-fuzz/corpus-$(FUZZ) test/fuzz/corpus/$(FUZZ)

lint:
	scripts/lint "$(CPPFLAGS) -std=c11" $(LIB_SRC) $(CMD_SRC) $(EXEC_SRC) $(FAKE_SRC) $(UNIT_SRC) $(FUZZ_SRC) $(BENCH_SRC)

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/execmgr
	install -m 755 $(CMDS) $(DESTDIR)$(PREFIX)/bin
	cp -R share/examples share/nginx share/presets $(DESTDIR)$(PREFIX)/share/execmgr
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's,/usr/local/bin/,$(PREFIX)/bin/,' share/systemd/execmgr-serve.service \
	    >$(DESTDIR)$(PREFIX)/lib/systemd/system/execmgr-serve.service
	for m in $(MAN); do \
		d=$(DESTDIR)$(PREFIX)/share/man/man$${m##*.}; \
		install -d $$d && install -m 644 $$m $$d || exit 1; \
	done

clean:
	rm -rf build build-san build-fuzz

.PHONY: all tests check bench fuzz lint install clean
.PRECIOUS: $(B)/obj/%.o
-include $(OBJ:.o=.d)
