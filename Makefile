# SPDX-License-Identifier: Apache-2.0
# The front door. `make` or `make help` lists what there is; Docs/Testing.md explains it.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:

BUILD ?= build
SWIFT ?= swift
TOOLCHAIN := $(dir $(realpath $(shell command -v $(SWIFT) 2>/dev/null)))
# The toolchain brings these; a distribution that splits them off has them in PATH.
LD_LLD := $(firstword $(wildcard $(TOOLCHAIN)ld.lld) $(shell command -v ld.lld 2>/dev/null) ld.lld)
OBJCOPY := $(firstword $(wildcard $(TOOLCHAIN)llvm-objcopy) $(shell command -v llvm-objcopy 2>/dev/null) llvm-objcopy)
SCRATCH ?= .build
SCRATCH_BARE ?= .build-bare
HARNESS := Tests/Harness

# Settings of the boots; Tests/Harness/dom0-run describes each. Given on the command line or in the environment.
RUN_SETTINGS := SCRIPT SHARE TIMEOUT MEM DOM0_MEM CPUS HYPERVISOR IMAGE DISK NIC XEN_ARGS ARGS NOSVD ICOUNT EXTRA_DISK \
    VERBOSE QEMU_EXTRA LOG
export $(RUN_SETTINGS)
export BUILD SWIFT SCRATCH SCRATCH_BARE
# One word for the shell, whatever stands in it.
quoted = '$(subst ','\'',$(1))'

##@ Run

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## "; print "make TARGET\n" } \
	    /^##@ / { printf "%s\n", substr($$0, 5) } \
	    /^[a-z0-9_-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: run
run: packages machine ## Build what is missing and boot it with the Dom0 shell on this terminal
	@SCRIPT= $(HARNESS)/dom0-run

# make ends with 2 whatever a recipe ends with; this gives `dom0` the script's own status.
-load $(BUILD)/make-exit.so(exit_gmk_setup)
$(BUILD)/make-exit.so: $(HARNESS)/make-exit.c
	@mkdir -p $(BUILD)
	@{ cc -shared -fPIC -o $@ $< || $(TOOLCHAIN)clang -shared -fPIC -o $@ $<; } 2>/dev/null || true
STATUS = $(BUILD)/status-$(shell echo $$PPID)

.PHONY: dom0 dom0-script dom0-attempt
dom0: dom0-script dom0-attempt ## Run SCRIPT=path in Dom0; also SHARE= TIMEOUT= MEM= CPUS= QEMU_EXTRA= (all: Tests/Harness/dom0-run)
	@status=$(file <$(STATUS)); rm -f $(STATUS); exit $$status$(exit $(file <$(STATUS))$(shell rm -f $(STATUS)))

dom0-script:
	@test -n "$${SCRIPT:-}" || { echo "make dom0: give SCRIPT=path (or use make run)" >&2; exit 2; }

dom0-attempt: machine
	@$(HARNESS)/dom0-run && echo 0 >$(STATUS) || echo $$? >$(STATUS)

.PHONY: guest
guest: ## Boot GUEST=NAME (an example or in-guest test) or GUEST=path.elf as the only domain, output on this terminal
	@case "$${GUEST:-}" in \
	    "") echo "make guest: give GUEST=NAME of GuestABI/Examples or Tests/InGuest, or GUEST=path.elf" >&2; exit 2;; \
	    *.elf) file="$$GUEST";; \
	    *) if [ -d "GuestABI/Examples/$$GUEST" ]; then \
	           $(HARNESS)/make-examples "$$GUEST"; file=$(BUILD)/examples/$$GUEST.elf; \
	       elif [ ! -d "Tests/InGuest/$$GUEST" ]; then \
	           echo "make guest: no guest is called $$GUEST; there are" \
	               $$(cd GuestABI/Examples && ls -- */*.cfg | sed 's|/.*||') "and the tests" \
	               $$(cd Tests/InGuest && ls -d -- */ | tr -d /) >&2; exit 2; \
	       else Tests/InGuest/run-guests --build-only "$$GUEST"; file=$(BUILD)/guests/$$GUEST.elf; fi;; \
	esac; \
	[ -n "$(NOBUILD)" ] || $(MAKE) -s image; \
	GuestABI/boot-guest "$$file" $(ARGS)

.PHONY: demo
demo: machine ## Boot, start a DomU, use its console, disk and network, shut down; prints a transcript
	@$(HARNESS)/demo

.PHONY: iso
iso: image dom0-files ## Write build/swiftvisor.iso, a GRUB (Multiboot 2) CD with hypervisor, Dom0 kernel and initrd
	@$(HARNESS)/make-iso $(BUILD)

##@ Build

.PHONY: setup
setup: packages ## Install the Debian packages that are missing and turn the Git hooks on
	@[ ! -d .git ] || git config core.hooksPath .githooks

.PHONY: packages
packages:
	@$(HARNESS)/setup

.PHONY: build
build: image tools ## Build the hypervisor image and the Dom0 tools

.PHONY: image
image: ## Build the hypervisor image, build/swiftvisor
	@mkdir -p $(BUILD)
	@echo "== hypervisor image"
	@$(SWIFT) build --triple x86_64-unknown-none-elf --toolset Hypervisor/Boot/toolset.json -c release \
	    --product Hypervisor --scratch-path $(SCRATCH_BARE) | $(HARNESS)/quiet-build
	@$(LD_LLD) -static --gc-sections -z max-page-size=4096 -z noexecstack -T Hypervisor/Boot/hypervisor.ld \
	    --whole-archive $(SCRATCH_BARE)/x86_64-unknown-none-elf/release/libHypervisor.a --no-whole-archive \
	    -o $(BUILD)/swiftvisor.pass1
	@Hypervisor/Debug/make-symbols $(dir $(LD_LLD)) $(BUILD)/swiftvisor.pass1 $(BUILD)/symbols.S
	@$(dir $(LD_LLD))clang --target=x86_64-unknown-none-elf -c $(BUILD)/symbols.S -o $(BUILD)/symbols.o
	@$(LD_LLD) -static --gc-sections -z max-page-size=4096 -z noexecstack -T Hypervisor/Boot/hypervisor.ld \
	    --whole-archive $(SCRATCH_BARE)/x86_64-unknown-none-elf/release/libHypervisor.a --no-whole-archive \
	    $(BUILD)/symbols.o -o $(BUILD)/swiftvisor.elf64
	@$(OBJCOPY) -O elf32-i386 $(BUILD)/swiftvisor.elf64 $(BUILD)/swiftvisor
	@ls -l $(BUILD)/swiftvisor | awk '{ print "   " $$NF ": " $$5 " bytes" }'

.PHONY: examples
examples: ## Build the guests of GuestABI/Examples into build/examples/NAME.elf (EXAMPLES="Name …" for some)
	@$(HARNESS)/make-examples $(EXAMPLES)

.PHONY: new-driver
new-driver: ## Make the skeleton of a split device NAME=foo: frontend, backend, host test, guest (Docs/WritingADriver.md)
	@$(HARNESS)/new-driver "$${NAME:-}"

.PHONY: docs
docs: ## Build the documentation of the guest libraries with DocC into build/docs
	@$(HARNESS)/make-docs

TOOLS := svd svback svctl
.PHONY: tools
tools: ## Build the Dom0 tools (svd, svback, svctl) into build/tools
	@mkdir -p $(BUILD)/tools
	@for tool in $(TOOLS); do \
	    echo "== $$tool"; \
	    $(SWIFT) build -c release --static-swift-stdlib --product $$tool --scratch-path $(SCRATCH) \
	        | $(HARNESS)/quiet-build; \
	    cmp -s $(SCRATCH)/release/$$tool $(BUILD)/tools/$$tool.full || { \
	        cp $(SCRATCH)/release/$$tool $(BUILD)/tools/$$tool.full; \
	        $(OBJCOPY) --strip-all $(BUILD)/tools/$$tool.full $(BUILD)/tools/$$tool; }; \
	done

DOM0_PARTS := $(HARNESS)/make-dom0 $(HARNESS)/initrd-init $(wildcard $(HARNESS)/domu/*)
ROOT_PARTS := $(shell find $(HARNESS)/rootfs -type f 2>/dev/null)

$(BUILD)/vmlinux-dom0 $(BUILD)/vmlinuz-dom0 &: $(HARNESS)/make-dom0
	@$(HARNESS)/make-dom0 kernel $(BUILD)

$(BUILD)/dom0-initrd: $(DOM0_PARTS)
	@$(HARNESS)/make-dom0 initrd $(BUILD)

$(BUILD)/domu-initrd: $(DOM0_PARTS)
	@$(HARNESS)/make-dom0 domu $(BUILD)

$(BUILD)/dom0.img: $(DOM0_PARTS) $(ROOT_PARTS) $(BUILD)/domu-initrd $(BUILD)/vmlinuz-dom0 \
    $(wildcard $(TOOLS:%=$(BUILD)/tools/%))
	@$(HARNESS)/make-dom0 root $(BUILD)

$(BUILD)/xen: $(HARNESS)/fetch-xen
	@mkdir -p $(BUILD)
	@$(HARNESS)/fetch-xen $(BUILD)

.PHONY: dom0-files
dom0-files: $(BUILD)/vmlinux-dom0 $(BUILD)/dom0-initrd ## Extract Dom0's kernel and make its initrd

.PHONY: dom0-root
dom0-root: dom0-files ## Make Dom0's root disk, build/dom0.img, with the tools that are built
	@$(MAKE) -s $(BUILD)/dom0.img

# What a boot needs. Our own hypervisor is built; for the others only the Dom0 side is made, with the tools that are there.
.PHONY: machine
machine:
ifneq ($(NOBUILD),)
else ifeq ($(HYPERVISOR),xen)
	@$(MAKE) -s $(BUILD)/xen dom0-root >&2
else ifeq ($(HYPERVISOR),none)
	@$(MAKE) dom0-root >&2
else
	@$(MAKE) -s image tools dom0-root >&2
endif

##@ Test

.PHONY: test
test: ## Run every test: host, in-guest, whole system, header comparison; ends with "N passed, N failed"
	@$(HARNESS)/test-all

.PHONY: unit-tests
unit-tests: ## Run the host's unit tests
	@$(HARNESS)/test-all unit

.PHONY: guest-tests
guest-tests: ## Run the in-guest tests: one tiny Swift guest each
	@$(HARNESS)/test-all guest

.PHONY: system-tests
system-tests: ## Run Tests/System in a real Dom0 (TESTS="name …" for some)
	@$(HARNESS)/test-all system

.PHONY: compat-tests
compat-tests: ## Compare the layout tables with the Xen headers of libxen-dev
	@$(HARNESS)/test-all compat

.PHONY: fuzz
fuzz: ## Fuzz (SECONDS= SEED= TARGET= INPUT= GUEST=1; all: Tests/Fuzz/run)
ifneq ($(GUEST),)
	@test -n "$(NOBUILD)" || $(MAKE) -s image
endif
	@Tests/Fuzz/run $(foreach name,SECONDS SEED TARGET INPUT STEPS SKIP GUEST VERBOSE COVERAGE,$(call quoted,$(name)=$($(name))))

.PHONY: bench
bench: ## Measure: prints BENCH lines, writes build/bench.json (BENCHES="name …" for some)
	@$(HARNESS)/bench

.PHONY: lint
lint: ## Check format, places of unsafe code, direction of imports, scripts
	@$(HARNESS)/lint

.PHONY: format
format: ## Format the Swift sources
	@$(SWIFT) format format --in-place --parallel --recursive \
	    Package.swift Sources Hypervisor GuestABI Dom0Tools Tests

.PHONY: clean
clean: ## Remove build products
	@rm -rf $(BUILD) $(SCRATCH) $(SCRATCH_BARE)
