# brink: build, test, demo. SPDX-License-Identifier: MIT
# CHANGE THESE FROM THE COMMAND LINE, NOT HERE
PREFIX  ?= /usr/local
BUILD   ?= build
CC      ?= cc
LUA     ?= lua5.4
# asan (address, undefined behaviour, leaks) or tsan (threads); use with BUILD=build/asan
SAN     ?=
# a CPU level (x86-64, x86-64-v3, x86-64-v4) compiles for exactly that, without run-time choice
LEVEL   ?=
DEPS    ?= auto

PKGS     = lua5.4 libpng libjpeg libuv sqlite3 libxxhash zlib
FEATURES = $(foreach p,libedit libcurl expat yaml-0.1,$(if $(shell pkg-config --exists $(p) 2>/dev/null && echo y),$(p)))
HAVE     = $(foreach p,$(FEATURES),-DHAVE_$(shell echo $(p) | tr 'a-z.-' 'A-Z__'))

WARN     = -Wall -Wextra -Wpedantic
# no contraction, no reordering: a result is the same bytes on every machine. Nobody reads the exception flags, and
# minima and maxima of floats are vector instructions without them
FLOAT    = -ffp-contract=off -fno-fast-math -fno-trapping-math
OPT      = -O3
CLONES   = -DBRINK_CLONES
ifeq ($(SAN),asan)
  OPT    = -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
  CLONES =
endif
ifeq ($(SAN),tsan)
  OPT    = -O1 -fsanitize=thread -fno-omit-frame-pointer
  CLONES =
endif
ifneq ($(LEVEL),)
  OPT   += -march=$(LEVEL)
  CLONES =
endif
CPPFLAGS = -D_GNU_SOURCE -Iengine -I$(BUILD) $(CLONES) $(HAVE) $(shell pkg-config --cflags $(PKGS) $(FEATURES) 2>/dev/null)
CFLAGS   = -std=c11 $(OPT) -g $(WARN) $(FLOAT) -fPIC -fstack-protector-strong -ffile-prefix-map=$(CURDIR)=. $(EXTRA_CFLAGS)
LIBS     = $(shell pkg-config --libs $(PKGS) $(FEATURES) 2>/dev/null) -lm -ldl -lpthread

SRC  = $(sort $(wildcard engine/base/*.c engine/image/*.c engine/codec/*.c engine/prim/*.c engine/plan/*.c \
         engine/async/*.c engine/store/*.c engine/model/*.c engine/labels/*.c engine/lua/*.c))
OBJ  = $(SRC:engine/%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/embed.o
MAIN = $(BUILD)/obj/main.o
LUASRC = $(sort $(shell find lua/brink -name '*.lua' -o -name '*.py'))
CTEST  = $(patsubst tests/c/%_test.c,$(BUILD)/tests/%_test,$(sort $(wildcard tests/c/*_test.c)))

V ?= 0
# V=1 shows the commands
Q = $(if $(filter 0,$(V)),@printf '  %s\n' "$@";)

all: $(BUILD)/brink $(BUILD)/brink.so

deps:
	@[ "$(DEPS)" = skip ] || sh engine/deps.sh build
deps-test: deps
	@[ "$(DEPS)" = skip ] || sh engine/deps.sh test

$(BUILD)/brink: $(OBJ) $(MAIN)
	$(Q)$(CC) $(CFLAGS) -rdynamic -o $@ $(MAIN) $(OBJ) $(LIBS)
# a stock lua5.4 brings its own Lua: the module must not carry a second one
$(BUILD)/brink.so: $(OBJ)
	$(Q)$(CC) $(CFLAGS) -shared -o $@ $(OBJ) $(filter-out -llua5.4,$(LIBS))
$(BUILD)/libbrink.a: $(OBJ)
	@rm -f $@; ar rcD $@ $(OBJ)
$(BUILD)/obj/%.o: engine/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$(BUILD)/embed.c: $(LUASRC) engine/lua/embed.lua
	@mkdir -p $(@D)
	$(LUA) engine/lua/embed.lua $(LUASRC) > $@.tmp && mv $@.tmp $@
$(BUILD)/obj/embed.o: $(BUILD)/embed.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -std=c11 -fPIC -c -o $@ $<
$(BUILD)/tests/%_test: tests/c/%_test.c $(BUILD)/libbrink.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -Itests/c -o $@ $< $(BUILD)/libbrink.a $(LIBS) -lcmocka

# everything the tests need, and nothing run
tests: $(BUILD)/brink $(BUILD)/brink.so $(CTEST)
test: deps-test
	@$(MAKE) --no-print-directory tests
	@sh tests/run.sh $(BUILD) $(ONLY)
demo: deps
	@$(MAKE) --no-print-directory all
	@sh examples/demo.sh $(BUILD)
bench: deps-test
	@$(MAKE) --no-print-directory all
	@sh tests/bench/run.sh $(BUILD)

# definitions for language servers, from docstrings and rows
annotations: $(BUILD)/brink
	@mkdir -p $(BUILD)/meta
	$(Q)$(BUILD)/brink lua/annotate.lua >$(BUILD)/meta/brink.lua

# binary, module for a stock lua5.4, manual page, completion, annotations, licence
BINDIR   = $(DESTDIR)$(PREFIX)/bin
CMODDIR  = $(DESTDIR)$(PREFIX)/lib/lua/5.4
MANDIR   = $(DESTDIR)$(PREFIX)/share/man/man1
COMPDIR  = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
DATADIR  = $(DESTDIR)$(PREFIX)/share/brink
install: all annotations
	install -d "$(BINDIR)" "$(CMODDIR)" "$(MANDIR)" "$(COMPDIR)" "$(DATADIR)"
	install -m 755 $(BUILD)/brink "$(BINDIR)/brink"
	install -m 755 $(BUILD)/brink.so "$(CMODDIR)/brink.so"
	$(BUILD)/brink help --man >$(BUILD)/brink.1 && install -m 644 $(BUILD)/brink.1 "$(MANDIR)/brink.1"
	$(BUILD)/brink completion bash >$(BUILD)/brink.bash && install -m 644 $(BUILD)/brink.bash "$(COMPDIR)/brink"
	install -m 644 LICENSE "$(DATADIR)/LICENSE"
	install -D -m 644 $(BUILD)/meta/brink.lua "$(DATADIR)/meta/brink.lua"
uninstall:
	rm -f "$(BINDIR)/brink" "$(CMODDIR)/brink.so" "$(MANDIR)/brink.1" "$(COMPDIR)/brink"
	rm -rf "$(DATADIR)"

clean:
	rm -rf $(BUILD)

-include $(OBJ:.o=.d) $(MAIN:.o=.d)
.PHONY: all deps deps-test tests test demo bench clean annotations install uninstall
