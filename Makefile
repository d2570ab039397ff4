# SPDX-License-Identifier: GPL-2.0
# crmgate: `make help` lists the targets. Everything generated is in build/.

VERSION := 0.1.0
BUILD   := build

CLANG   ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/local/sbin/bpftool) bpftool)
ARCH    := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)

Q := $(if $(V),,@)
say = @printf '  %-8s %s\n' '$(1)' '$(2)'

WARN    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Werror
CFLAGS  ?= -O2 -g
CFLAGS_ALL := -std=gnu11 $(WARN) -D_GNU_SOURCE -DCRMG_VERSION='"$(VERSION)"' -Iheaders -I$(BUILD) $(CFLAGS)
ifeq ($(SAN),1)
CFLAGS_ALL += -fsanitize=address,undefined -fno-sanitize-recover=all
LDFLAGS += -fsanitize=address,undefined
BUILD   := build/san
endif
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -std=gnu11 -Wall -Wextra -Werror -D__TARGET_ARCH_$(ARCH) \
	-Iheaders -I/usr/include/$(MULTIARCH)
LIBS    := -lbpf -lelf -lz -lyaml -lmicrohttpd -ljansson -lncursesw -ltinfo -lpthread

# Folders that build and test without root, kernel and libbpf.
PURE_DIRS := base model config compile report
KERN_DIRS := kern daemon cli
PURE_SRC := $(sort $(foreach d,$(PURE_DIRS),$(wildcard user/$(d)/*.c)))
KERN_SRC := $(sort $(foreach d,$(KERN_DIRS),$(wildcard user/$(d)/*.c)))
PURE_OBJ := $(PURE_SRC:%.c=$(BUILD)/%.o)
KERN_OBJ := $(KERN_SRC:%.c=$(BUILD)/%.o)
CLI_MAIN := $(BUILD)/user/cli/main.o

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
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

# The skeleton is generated, so the first build needs to be told.
$(KERN_OBJ): | $(BUILD)/crmgate.skel.h
$(BUILD)/user/kern/load.o: $(BUILD)/crmgate.skel.h

# ------------------------------------------------------------------- tests
UNIT_SRC := $(sort $(wildcard tests/unit/*.c))
UNIT_BIN := $(UNIT_SRC:%.c=$(BUILD)/%)

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(PURE_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka -lyaml -ljansson

.PHONY: unit
unit: $(UNIT_BIN) ## build and run the unit tests (no root)
	$(Q)for t in $^; do CMOCKA_MESSAGE_OUTPUT=stdout $$t || exit 1; done

.PHONY: help
help: ## this text
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

.PHONY: clean
clean: ## remove everything generated
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
