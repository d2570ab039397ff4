# SPDX-License-Identifier: GPL-2.0
# crmgate: `make help` lists the targets. Everything generated is in build/.

VERSION := 0.1.0
BUILD   := $(if $(filter 1,$(SAN)),build/san,build)
# One name for one folder, or what was built by another would be found without its headers.
override BUILD := $(patsubst $(CURDIR)/%,%,$(BUILD))

CLANG   ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/local/sbin/bpftool) bpftool)
ARCH    := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)

Q := $(if $(V),,@)
say = @printf '  %-8s %s\n' '$(1)' '$(2)'

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Werror
CFLAGS  ?= -O2 -g
CFLAGS_ALL := -std=gnu11 $(WARN) -D_GNU_SOURCE -DCRMG_VERSION='"$(VERSION)"' -Iheaders -I$(BUILD) $(CPPFLAGS) $(CFLAGS)
ifeq ($(SAN),1)
CFLAGS_ALL += -fsanitize=address,undefined -fno-sanitize-recover=all
LDFLAGS += -fsanitize=address,undefined
endif
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -std=gnu11 -Wall -Wextra -Werror -D__TARGET_ARCH_$(ARCH) \
	-Iheaders -I/usr/include/$(MULTIARCH) $(BPF_DEFINES)
LIBS    := -lxdp -lbpf -lelf -lz -lyaml -lmicrohttpd -ljansson -lnettle -lncursesw -ltinfo -lpthread

# Folders that build and test without root, kernel and libbpf.
PURE_DIRS := base state model config compile report audit ledger
KERN_DIRS := kern daemon cli
PURE_SRC := $(sort $(foreach d,$(PURE_DIRS),$(wildcard user/$(d)/*.c)))
KERN_SRC := $(sort $(foreach d,$(KERN_DIRS),$(wildcard user/$(d)/*.c)))
PURE_OBJ := $(PURE_SRC:%.c=$(BUILD)/%.o)
KERN_OBJ := $(KERN_SRC:%.c=$(BUILD)/%.o)
CLI_MAIN := $(BUILD)/user/cli/main.o

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:

.PHONY: all
all: $(BUILD)/crmgate ## build the program

$(BUILD)/crmgate: $(PURE_OBJ) $(KERN_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/libcrmgate.a: $(PURE_OBJ) $(filter-out $(CLI_MAIN),$(KERN_OBJ))
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(BUILD)/%.bpf.o: %.bpf.c
	@mkdir -p $(@D)
	$(call say,CLANG,$<)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/crmgate.skel.h: $(BUILD)/bpf/crmgate.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name crmgate_bpf > $@

$(BUILD)/chain.skel.h: $(BUILD)/bpf/chain.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name chain_bpf > $@

# The skeletons are generated, so the first build needs to be told.
$(KERN_OBJ): | $(BUILD)/crmgate.skel.h $(BUILD)/chain.skel.h
$(BUILD)/user/kern/load.o: $(BUILD)/crmgate.skel.h
$(BUILD)/user/kern/chain.o: $(BUILD)/chain.skel.h

# ----------------------------------------------------------------- install
PREFIX     ?= /usr/local
SBINDIR    ?= $(PREFIX)/sbin
MANDIR     ?= $(PREFIX)/share/man
COMPDIR    ?= $(PREFIX)/share/bash-completion/completions
DOCDIR     ?= $(PREFIX)/share/doc/crmgate
SYSCONFDIR ?= /etc
UNITDIR    ?= $(PREFIX)/lib/systemd/system

# Their tables are the program's own: tools/pages.c.
MAN_PAGES := $(patsubst packaging/man/%.in,$(BUILD)/man/%,$(sort $(wildcard packaging/man/*.in)))
$(BUILD)/tools/pages: $(BUILD)/tools/pages.o $(BUILD)/libcrmgate.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

FILL = @mkdir -p $(@D); printf '  %-8s %s\n' FILL $@; \
	$(BUILD)/tools/pages $< >$@.new && sed 's/@VERSION@/$(VERSION)/' $@.new >$@ && rm -f $@.new

$(BUILD)/man/%: packaging/man/%.in $(BUILD)/tools/pages
	$(FILL)

$(BUILD)/crmgate.bash: packaging/crmgate.bash.in $(BUILD)/tools/pages
	$(FILL)

.PHONY: docs
docs: $(MAN_PAGES) $(BUILD)/crmgate.bash

# $(call place,MODE,FILE,PLACE); fill: with the paths; keep: not over an operator's.
place = $(Q)echo '  INSTALL  $(3)' && install -D -m $(1) $(2) '$(DESTDIR)$(3)'
fill = $(call place,644,$(1),$(2)) && \
	sed -i 's|@SBINDIR@|$(SBINDIR)|g; s|@SYSCONFDIR@|$(SYSCONFDIR)|g' '$(DESTDIR)$(2)'
keep = $(Q)test -e '$(DESTDIR)$(2)' || { echo '  INSTALL  $(2)' && install -D -m 644 $(1) '$(DESTDIR)$(2)'; }

.PHONY: install
install: all docs ## install it: DESTDIR, PREFIX (/usr/local), SYSCONFDIR (/etc), UNITDIR
	$(call place,755,$(BUILD)/crmgate,$(SBINDIR)/crmgate)
	$(call place,644,$(BUILD)/crmgate.bash,$(COMPDIR)/crmgate)
	$(call place,644,$(BUILD)/man/crmgate.8,$(MANDIR)/man8/crmgate.8)
	$(call place,644,$(BUILD)/man/crmgate-policy.5,$(MANDIR)/man5/crmgate-policy.5)
	$(call place,644,$(BUILD)/man/crmgate-metrics.7,$(MANDIR)/man7/crmgate-metrics.7)
	$(call fill,packaging/crmgate.service.in,$(UNITDIR)/crmgate.service)
	$(call place,644,packaging/crmgate.sysusers,$(PREFIX)/lib/sysusers.d/crmgate.conf)
	$(call place,644,packaging/crmgate.tmpfiles,$(PREFIX)/lib/tmpfiles.d/crmgate.conf)
	$(call place,644,packaging/crmgate.rules.yml,$(DOCDIR)/examples/crmgate.rules.yml)
	$(call keep,packaging/policy.yaml,$(SYSCONFDIR)/crmgate/policy.yaml)
	$(call keep,packaging/crmgate.default,$(SYSCONFDIR)/default/crmgate)

# In a copy, so that neither its flags nor its `clean` meet the build here.
DEB := $(BUILD)/deb/crmgate

.PHONY: deb
deb: ## install what is missing, build a Debian package: build/deb/*.deb
	$(Q)tools/deps deb
	$(Q)rm -rf $(BUILD)/deb && mkdir -p $(DEB)
	$(Q)tar -c --exclude=./build --exclude-vcs . | tar -x -C $(DEB)
	$(Q)cd $(DEB) && env -u MAKEFLAGS -u MAKELEVEL dpkg-buildpackage -b -us -uc
	@ls $(BUILD)/deb/*.deb

# ------------------------------------------------------------------- tests
UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c))
UNIT_BIN := $(UNIT_SRC:%.c=$(BUILD)/%)
BPF_TEST_SRC := $(sort $(wildcard tests/bpf/test_*.c))
BPF_TEST_BIN := $(BPF_TEST_SRC:%.c=$(BUILD)/%)
PRELOADED := $(patsubst %,tests/lib/%.so,failbpf jump stackbpf)
TEST_LIB := $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(PRELOADED:%.so=%.c),$(sort $(wildcard tests/lib/*.c))))
TEST_SKEL := $(BUILD)/test.skel.h $(BUILD)/vlan_push.skel.h
SCRIPT_TESTS := tests/source/arrows.sh tests/fuzz/fuzz.sh \
	$(filter-out tests/netns/lib.sh,$(sort $(wildcard tests/netns/*.sh))) \
	$(filter-out tests/pkg/lib.sh tests/pkg/guest.sh,$(sort $(wildcard tests/pkg/*.sh)))
LAB_TOOLS := $(BUILD)/tools/flood $(BUILD)/tools/relink $(BUILD)/tools/lossy \
	$(BUILD)/tools/pass.bpf.o $(BUILD)/tools/drop.bpf.o $(BUILD)/tools/count.bpf.o \
	$(PRELOADED:%=$(BUILD)/%)
FUZZ := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))

$(BUILD)/tests/unit/test_read: $(addprefix $(BUILD)/tests/lib/,packet.o random.o refhttp.o stream.o)
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(PURE_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka -lyaml -ljansson -lnettle

$(BUILD)/tests/bpf/%: $(BUILD)/tests/bpf/%.o $(TEST_LIB) $(BUILD)/libcrmgate.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)

$(BUILD)/test.skel.h: $(BUILD)/tests/bpf/test.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name crmgate_test > $@

$(BUILD)/vlan_push.skel.h: $(BUILD)/tests/bpf/vlan_push.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name vlan_push > $@

$(TEST_LIB) $(BPF_TEST_SRC:%.c=$(BUILD)/%.o): | $(TEST_SKEL)

$(PRELOADED:%=$(BUILD)/%): $(BUILD)/%.so: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CFLAGS_ALL) -shared -fPIC -o $@ $<

# Other builds of the program, to upgrade to: with their own BPF programs, or (next) of
# another ABI. What depends on either is compiled anew.
UPGRADES := $(patsubst %,$(BUILD)/tests/upgrade/%/crmgate,newer next refused wrong)
UPGRADE_SRC := $(sort $(shell grep -lE '"crmgate\.skel\.h"|\<CRMG_ABI\>' $(PURE_SRC) $(KERN_SRC)))
NEXT_ABI := $(shell awk '$$2 == "CRMG_ABI" && NF == 3 { print $$3 + 1 }' headers/crmgate/abi.h)
$(BUILD)/tests/upgrade/next/crmgate: UPGRADE_DEFINES := -DCRMG_ABI=$(NEXT_ABI)

$(BUILD)/tests/upgrade/%/crmgate.skel.h: $(BUILD)/tests/upgrade/%.bpf.o
	@mkdir -p $(@D)
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name crmgate_bpf > $@

$(BUILD)/tests/upgrade/%/crmgate: $(BUILD)/tests/upgrade/%/crmgate.skel.h $(BUILD)/libcrmgate.a $(CLI_MAIN)
	$(call say,LINK,$@)
	$(Q)$(CC) -I$(@D) $(CFLAGS_ALL) $(UPGRADE_DEFINES) $(LDFLAGS) -o $@ $(UPGRADE_SRC) $(CLI_MAIN) \
		$(BUILD)/libcrmgate.a $(LIBS)

$(BUILD)/live.skel.h: $(BUILD)/tools/live.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name live_bpf > $@

$(BUILD)/tools/live.o: | $(BUILD)/live.skel.h

$(BUILD)/tools/flood: $(BUILD)/tools/flood.o $(BUILD)/tools/frame.o $(BUILD)/tools/live.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lbpf -lelf -lz

$(BUILD)/tools/relink: $(BUILD)/tools/relink.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lbpf -lelf -lz

$(BUILD)/tools/lossy: $(BUILD)/tools/lossy.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^

.PHONY: tests
tests: all docs $(UNIT_BIN) $(BPF_TEST_BIN) $(LAB_TOOLS) $(UPGRADES) $(FUZZ) $(BUILD)/tests/bench/proginfo ## build everything that the tests need

.PHONY: unit
unit: $(UNIT_BIN) ## build and run the unit tests (no root)
	$(Q)tests/run $^

.PHONY: check
check: ## install what is missing, build, run every test (root); KERNELS=1: older kernels too
	$(Q)tools/deps $(if $(KERNELS),kernels,check)
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)tests/run -o $(BUILD)/check.result $(UNIT_BIN) $(BPF_TEST_BIN) $(SCRIPT_TESTS) \
		$(if $(KERNELS),$(KERNEL_TESTS))

# Debian's kernels, oldest first, each emulated by qemu: a script boots one.
KERNEL_TESTS := $(shell ls -v tests/kernels/linux-*.sh)

.PHONY: check-kernels
check-kernels: ## install what is missing, run tests on Debian's 6.1 and 6.12 in qemu (root)
	$(Q)tools/deps kernels
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)tests/run -o $(BUILD)/check-kernels.result $(KERNEL_TESTS)

# Native fuzzers: the packet reader against one written from the RFCs, what reads HTTP and TLS
# against naive readers, and the policy reader. -fsanitize belongs to clang. What a header of a
# packet lies at is no multiple of its alignment.
FUZZ_BUILD = @mkdir -p $(@D); printf '  %-8s %s\n' FUZZ $@; \
	$(CLANG) $(CFLAGS_ALL) -fsanitize=fuzzer,address,undefined -fno-sanitize=alignment \
		-fno-sanitize-recover=all -o $@ $(filter %.c,$^)
FUZZ_LIB := $(addprefix tests/lib/,packet.c random.c)
READ_H := $(addprefix bpf/,read.h once.h walk.h http.h httpends.h httpmeet.h httpwords.h \
	tls.h tlsin.h tlsout.h tlswords.h)

$(BUILD)/tests/fuzz/fuzz_parse: tests/fuzz/fuzz_parse.c $(FUZZ_LIB) tests/lib/refparse.c bpf/parse.h \
		headers/crmgate/abi.h
	$(FUZZ_BUILD)

$(BUILD)/tests/fuzz/fuzz_http: tests/lib/refhttp.c
$(BUILD)/tests/fuzz/fuzz_http $(BUILD)/tests/fuzz/fuzz_tls: $(BUILD)/%: %.c $(FUZZ_LIB) \
		tests/lib/stream.c $(wildcard tests/lib/*.h) $(READ_H) headers/crmgate/abi.h
	$(FUZZ_BUILD)

$(BUILD)/tests/fuzz/fuzz_config: tests/fuzz/fuzz_config.c \
		$(filter user/base/% user/model/% user/config/%,$(PURE_SRC))
	$(FUZZ_BUILD) -lyaml

.PHONY: fuzz
fuzz: $(FUZZ) ## run the native fuzzers, half a minute each
	$(Q)BUILD=$(BUILD) tests/fuzz/fuzz.sh 30

.PHONY: demo
demo: ## install what is missing, build, show it at work in namespaces (root)
	$(Q)tools/deps demo
	$(Q)$(MAKE) --no-print-directory all $(LAB_TOOLS)
	$(Q)tools/demo

# ------------------------------------------------------------------- bench
BENCH_BIN := $(addprefix $(BUILD)/tests/bench/,packet hammer proginfo)
BENCH_LIB := $(BUILD)/tests/bench/driver.o $(BUILD)/tests/lib/packet.o

$(BUILD)/bench.skel.h: $(BUILD)/tests/bench/driver.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name bench_bpf > $@

$(BUILD)/tests/bench/driver.o: | $(BUILD)/bench.skel.h

$(BENCH_BIN): $(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(BENCH_LIB)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lbpf -lelf -lz -ljansson -lpthread

# The same program with a clock that is read for every packet, to compare with.
.PHONY: precise
precise:
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/precise BPF_DEFINES=-DCRMG_CLOCK_BATCH=1 all

PARTS := $(filter-out lib,$(patsubst tests/bench/%.sh,%,$(sort $(wildcard tests/bench/*.sh))))

.PHONY: bench
bench: ## measure: install what is missing, build, run the bench (root); PARTS=, BENCH_QUICK=1
	$(Q)tools/deps bench
	$(Q)$(MAKE) --no-print-directory all precise $(LAB_TOOLS) $(BENCH_BIN)
	$(Q)BUILD=$(BUILD) tests/bench/run $(BUILD)/bench.json $(PARTS)

.PHONY: help
help: ## this text
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

.PHONY: clean
clean: ## remove everything generated
	rm -rf build

-include $(shell find $(addprefix $(BUILD)/,bpf tests tools user) -name '*.d' 2>/dev/null)
