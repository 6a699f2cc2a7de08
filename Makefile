# SPDX-License-Identifier: GPL-2.0
#
# make help says what there is.

VERSION := 0.1.0
SOMAJOR := 0

# Kbuild has an O= and a CC= of its own: ours stay here and go where we send them
overrides := $(MAKEOVERRIDES)
MAKEOVERRIDES :=

O ?= build
V ?= 0
PREFIX ?= /usr/local
DESTDIR ?=
INSTALL_MOD_PATH ?= $(DESTDIR)
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
BASHCOMPDIR ?= $(PREFIX)/share/bash-completion/completions
OBJDIR := $(PREFIX)/lib/chamelio

# The newest 6.12 that has headers here, else the newest that has. Looked for at
# first use: in "make deps all" the headers come between.
ifndef KREL
krels = $(shell ls -d /lib/modules/*/build/Makefile 2>/dev/null | cut -d/ -f4 | sort -V)
krel = $(lastword $(or $(filter 6.12.%,$(1)),$(1)))
KREL = $(eval KREL := $$(call krel,$(krels)))$(KREL)
endif
KDIR ?= /lib/modules/$(KREL)/build

ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang-19
CFLAGS ?= -O2 -g
PKG_CONFIG ?= pkg-config
# errors for warnings: make check sets it
WERROR ?=
werror := $(if $(filter-out 0,$(WERROR)),-Werror)

override O := $(abspath $(O))
PKGS := libmnl libxdp libbpf
CLI_PKGS := jansson
pkg_cflags = $(shell $(PKG_CONFIG) --cflags $(PKGS))
pkg_libs = $(shell $(PKG_CONFIG) --libs $(PKGS)) -lelf -lz
cli_cflags = $(shell $(PKG_CONFIG) --cflags $(CLI_PKGS))
cli_libs = $(shell $(PKG_CONFIG) --libs $(CLI_PKGS)) $(pkg_libs) -lresolv
multiarch = $(shell $(CC) -print-multiarch)

ifeq ($(V),1)
Q :=
say := @:
else
Q := @
say := @printf '  %-8s%s\n'
MAKEFLAGS += --no-print-directory
endif

user_flags = -std=gnu11 -Wall -Wextra -Wshadow -Wmissing-prototypes \
	-Wstrict-prototypes $(werror) -fPIC -Iuapi -Ilib $(pkg_cflags) \
	-D_GNU_SOURCE -DCHAM_VERSION='"$(VERSION)"' -DCHAM_OBJDIR='"$(OBJDIR)"'
# v4 stores constants without a register
bpf_flags = -target bpf -mcpu=v4 -O2 -g -std=gnu11 -Wall -Werror -Iuapi \
	-I/usr/include/$(multiarch)
# see lib/compile.c
handler_flags = $(bpf_flags) -mcpu=v3 -fno-vectorize -fno-slp-vectorize \
	-mllvm -sink-common-insts=false -mllvm -enable-load-pre=false
test_flags = -std=gnu11 -O1 -g -Wall -Wextra -Werror -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all -Iuapi -Ikmod -Ilib
# BPF code is written for a machine that takes any alignment
fuzz_flags = $(test_flags) -fsanitize=fuzzer -fno-strict-aliasing \
	-fno-sanitize=alignment -Wno-unused-parameter -Wno-sign-compare \
	$(if $(filter attr cost object prove,$*),,-Iselftests/fuzz/shim)

lib_obj := $(patsubst lib/%.c,$(O)/lib/%.o,$(sort $(wildcard lib/*.c)))
chamd_obj := $(patsubst cli/%.c,$(O)/cli/%.o,$(sort $(wildcard cli/chamd*.c)))
ctl_obj := $(filter-out $(chamd_obj),$(patsubst cli/%.c,$(O)/cli/%.o,$(sort $(wildcard cli/*.c))))
xdp_obj := $(patsubst %.c,$(O)/%.o,$(sort $(wildcard xdp/*.bpf.c)))
# what the joint tier is made with; without LLVM's headers there is none
llvm := /usr/lib/llvm-19
joint_out := $(if $(wildcard $(llvm)/include/llvm-c/Core.h),\
	$(O)/xdp/datapath.bpf.bc $(O)/xdp/chamelio-normalise)
bpf_obj := $(patsubst %.c,$(O)/%.o,$(sort $(wildcard bpf/*.bpf.c)))
bpf_bc := $(bpf_obj:.o=.bc)
bpf_bin := $(if $(wildcard bpf/relayd.c),$(O)/bpf/relayd)
unit_bin := $(patsubst selftests/unit/%_test.c,$(O)/selftests/unit_%,\
	$(sort $(wildcard selftests/unit/*_test.c)))
fuzz_bin := $(patsubst selftests/fuzz/%_fuzz.c,$(O)/selftests/fuzz_%,\
	$(sort $(wildcard selftests/fuzz/*_fuzz.c)))
vm_bpf := $(patsubst selftests/vm/%.c,$(O)/selftests/%.o,$(sort $(wildcard selftests/vm/*.bpf.c)))
vm_bin := $(patsubst selftests/vm/%.c,$(O)/selftests/%,\
	$(sort $(filter-out %.bpf.c,$(wildcard selftests/vm/*.c))))

bench_bpf := $(patsubst selftests/%.c,$(O)/selftests/%.o,$(sort $(wildcard selftests/bench/*.bpf.c)))
# what a protocol costs, by how it comes into the datapath; the number: of places
tax_bpf := $(patsubst %,$(O)/selftests/bench/tax/%.o,handwritten.1 handwritten.8 \
	handwritten.64 freplace.16 freplace.64 extension.64 tailcall.64)
tax_tenants := $(foreach n,$(shell seq 64),$(O)/selftests/bench/tax/$(n).bc)
# what is composed: three hooks and a map each
many_tenants := $(subst /tax/,/many/,$(tax_tenants))
bench_bin := $(addprefix $(O)/selftests/bench/,bench ways compose helpers lines.so)

shared := $(O)/lib/libcham.so.$(VERSION)
lib_out := $(if $(lib_obj),$(O)/lib/libcham.a $(shared) $(O)/lib/libcham.pc)
cli_bin := $(if $(ctl_obj),chamctl) $(if $(chamd_obj),chamd)
cli_out := $(foreach d,cli cli/shared,$(addprefix $(O)/$d/,$(cli_bin)))
mod_src := $(sort $(wildcard kmod/*.c kmod/*.h))
mod := $(O)/module

.PHONY: all kmod user xdp bpf lib cli tests docs demo check bench bench-built fuzz check-debug check-newer \
	install install-user install-module uninstall deb deps clean help FORCE
.DELETE_ON_ERROR:
.SUFFIXES:

all: kmod user
user: xdp bpf lib cli
xdp: $(xdp_obj) $(joint_out)
bpf: $(bpf_obj) $(bpf_bc) $(bpf_bin)
lib: $(lib_out)
cli: $(cli_out)
tests: $(unit_bin) $(fuzz_bin) $(vm_bpf) $(vm_bin)

# The kernel builds an object next to its source: give it links to the sources
# in a directory of ours (MO= came with 6.13).
ifneq ($(mod_src),)
kmod: $(O)/chamelio.ko
$(O)/chamelio.ko: FORCE
	@[ -e "$(KDIR)/Makefile" ] || { \
		echo "no kernel headers at $(KDIR): make deps, or KREL=RELEASE" >&2; exit 1; }
	@mkdir -p $(mod)/kmod
	@ln -sfn $(CURDIR)/Kbuild $(mod)/Kbuild
	@ln -sfn $(CURDIR)/uapi $(mod)/uapi
	@for f in $(mod_src); do ln -sfn "$(CURDIR)/$$f" "$(mod)/$$f"; done
	@find $(mod)/kmod -xtype l -delete
	$(Q)$(MAKE) -C $(KDIR) M=$(mod) W=1$(if $(werror),e) $(if $(C),C=$(C)) \
		$(if $(filter 1,$(V)),V=1) $(if $(KCC),CC=$(KCC)) modules
	@cmp -s $(mod)/chamelio.ko $@ || cp $(mod)/chamelio.ko $@
else
kmod:
endif

# with "deps" among the goals, what is built waits for it, under -j too
$(O)/chamelio.ko $(O)/.flags: | $(filter deps,$(MAKECMDGOALS))

# what an object was built with: another value rebuilds it
$(O)/.flags: FORCE
	@mkdir -p $(O)
	@printf '%s\n' '$(subst ','\'',$(CC) $(CFLAGS) $(LDFLAGS) $(user_flags) $(CLANG) $(bpf_flags) $(handler_flags) $(LIBDIR) $(INCLUDEDIR))' >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(O)/lib/%.o: lib/%.c $(O)/.flags
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(user_flags) -MMD -MP -c -o $@ $<

# has them in it
$(O)/lib/compile.o: bpf/handler.h uapi/chamelio_handler.h

$(O)/cli/%.o: cli/%.c $(O)/.flags
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(user_flags) $(cli_cflags) -Icli -MMD -MP -c -o $@ $<

$(O)/lib/libcham.a: $(lib_obj)
	$(say) AR $(@F)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(shared): $(lib_obj) lib/libcham.map
	$(say) LD $(@F)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -shared -Wl,-soname,libcham.so.$(SOMAJOR) \
		-Wl,--version-script=lib/libcham.map -Wl,-z,defs -Wl,-z,relro \
		-o $@ $(lib_obj) $(pkg_libs)
	@ln -sfn $(@F) $(O)/lib/libcham.so.$(SOMAJOR)
	@ln -sfn libcham.so.$(SOMAJOR) $(O)/lib/libcham.so

$(O)/lib/libcham.pc: lib/libcham.pc.in $(O)/.flags Makefile
	$(say) GEN $(@F)
	@mkdir -p $(@D)
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@LIBDIR@|$(LIBDIR)|g' \
		-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|g' -e 's|@VERSION@|$(VERSION)|g' $< >$@

# to run from the tree: needs no library elsewhere
$(O)/cli/chamctl $(O)/cli/shared/chamctl: $(ctl_obj)
$(O)/cli/chamd $(O)/cli/shared/chamd: $(chamd_obj)
$(addprefix $(O)/cli/,$(cli_bin)): $(O)/lib/libcham.a
	$(say) LD $(@F)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) $(O)/lib/libcham.a $(cli_libs)

# to install: no rpath; also proves that the map exports what they take
$(addprefix $(O)/cli/shared/,$(cli_bin)): $(shared)
	$(say) LD "$(@F) (shared)"
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o,$^) -L$(O)/lib -lcham $(cli_libs)

$(xdp_obj): $(O)/%.o: %.c $(O)/.flags
	$(say) BPF $<
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(bpf_flags) -MMD -MP -c -o $@ $<

$(O)/xdp/datapath.bpf.bc: $(O)/%.bc: %.c $(O)/.flags
	$(say) BPF "$< (bitcode)"
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(bpf_flags) -DCHAM_JOINT -emit-llvm -MMD -MP -MF $@.d -c -o $@ $<

$(bpf_obj): $(O)/%.o: %.c $(O)/.flags
	$(say) BPF $<
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(handler_flags) -MMD -MP -c -o $@ $<

$(bpf_bc): $(O)/%.bc: %.c $(O)/.flags
	$(say) BPF "$< (bitcode)"
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(handler_flags) -emit-llvm -MMD -MP -MF $@.d -c -o $@ $<

$(bpf_bin): $(O)/bpf/%: bpf/%.c bpf/slowport.c $(O)/lib/libcham.a $(O)/.flags
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(user_flags) -MMD -MP -MF $@.d -o $@ $< bpf/slowport.c \
		$(O)/lib/libcham.a $(pkg_libs)

$(O)/xdp/chamelio-normalise: $(wildcard lib/llvm/*.c) lib/llvm/normalise.h \
		lib/foreign.h uapi/chamelio_handler.h $(O)/.flags
	$(say) CC lib/llvm
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -std=gnu11 -Wall -Wextra $(werror) -Iuapi -Ilib \
		-isystem $(llvm)/include $(LDFLAGS) -o $@ $(filter %.c,$^) -L$(llvm)/lib \
		-lLLVM-19

$(vm_bpf): $(O)/selftests/%.o: selftests/vm/%.c $(O)/.flags
	$(say) BPF $<
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(handler_flags) -Ibpf -MMD -MP -c -o $@ $<

$(vm_bin): $(O)/selftests/%: selftests/vm/%.c $(O)/lib/libcham.a $(O)/.flags
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(user_flags) -Iselftests -MMD -MP -MF $@.d -o $@ $< \
		$(O)/lib/libcham.a $(pkg_libs)

# what a test does not include but needs
unit_with_leak := lib/cost.c lib/leak.c lib/leak_stack.c lib/value.c
$(O)/selftests/unit_leak: $(unit_with_leak)

$(unit_bin): $(O)/selftests/unit_%: selftests/unit/%_test.c $(O)/.flags
	$(say) CC "$< (ASan, UBSan)"
	@mkdir -p $(@D)
	$(Q)$(CC) $(test_flags) -MMD -MP -MF $@.d -o $@ $< $(unit_with_$*)

$(bench_bpf): $(O)/selftests/%.o: selftests/%.c $(O)/.flags
	$(say) BPF $<
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(bpf_flags) -D__TARGET_ARCH_x86 -Ixdp -MMD -MP -c -o $@ $<

tax_src := $(wildcard selftests/bench/tax/* xdp/*.h bpf/handler.h uapi/*.h) xdp/datapath.bpf.c
$(tax_bpf): $(O)/selftests/bench/tax/%.o: $(tax_src) $(O)/.flags
	$(say) BPF "selftests/bench/tax $*"
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(bpf_flags) -DTENANTS=$(subst .,,$(suffix $*)) -c -o $@ \
		selftests/bench/tax/$(basename $*).bpf.c

$(tax_tenants): bench_tenant := selftests/bench/tax/tenant.bpf.c
$(many_tenants): bench_tenant := selftests/vm/many.bpf.c
# where llc finds no source lines, as in the jail: both make the same
$(tax_tenants) $(many_tenants): $(tax_src) selftests/vm/many.bpf.c $(O)/.flags
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(handler_flags) -Ibpf -fdebug-compilation-dir=/bench \
		-DNUMBER=$(basename $(@F)) -emit-llvm -c -o $@ $(bench_tenant)
	$(Q)$(llvm)/bin/llc -mtriple=bpfel -mcpu=v3 -O2 -filetype=obj -o $(@:.bc=.o) $@

$(addprefix $(O)/selftests/bench/,compose helpers): $(O)/lib/libcham.a
$(O)/selftests/bench/%: selftests/bench/%.c $(O)/.flags
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(user_flags) -MMD -MP -MF $@.d -o $@ $< \
		$(filter %.a,$^) $(pkg_libs)

# what it calls is QEMU's
$(O)/selftests/bench/%.so: selftests/bench/%.c $(O)/.flags
	$(say) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(user_flags) -fvisibility=hidden -shared -MMD -MP -MF $@.d -o $@ $<

# the same module without cycle accounting: what accounting costs is the difference
$(O)/bench/chamelio.ko: $(mod_src) Kbuild selftests/bench/unaccount FORCE
	@mkdir -p $(O)/bench/tree
	$(Q)selftests/bench/unaccount $(O)/bench/tree
	$(Q)$(MAKE) -C $(O)/bench/tree O=$(O)/bench/out KREL=$(KREL) kmod
	@cmp -s $(O)/bench/out/chamelio.ko $@ || cp $(O)/bench/out/chamelio.ko $@

# what a target does not include but needs
fuzz_with_attr := lib/attr.c
$(O)/selftests/fuzz_attr: $(fuzz_with_attr)
fuzz_with_cost := lib/leak.c lib/leak_stack.c lib/value.c
$(O)/selftests/fuzz_cost: $(fuzz_with_cost)
fuzz_with_object := lib/object.c lib/judge.c lib/cost.c lib/leak.c lib/leak_stack.c lib/value.c lib/lines.c lib/names.c
$(O)/selftests/fuzz_object: $(fuzz_with_object)
fuzz_with_prove := lib/prove.c lib/cost.c lib/lines.c lib/names.c
$(O)/selftests/fuzz_prove: $(fuzz_with_prove)

$(fuzz_bin): $(O)/selftests/fuzz_%: selftests/fuzz/%_fuzz.c $(O)/.flags
	$(say) CC "$< (libFuzzer, ASan, UBSan)"
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(fuzz_flags) -D_GNU_SOURCE -MMD -MP -MF $@.d -o $@ $< $(fuzz_with_$*) \
		$(if $(fuzz_with_$*),$(pkg_libs))

# what Documentation/ takes from the code; pictures need graphviz
docs: kmod
	$(Q)O=$(O) scripts/docs

deps:
	$(Q)scripts/deps.sh

check: deps
	$(Q)$(MAKE) $(overrides) all tests WERROR=1
	$(Q)O=$(O) KREL=$(KREL) selftests/run.sh

bench: deps
	$(Q)$(MAKE) $(overrides) all bench-built
	$(Q)O=$(O) KREL=$(KREL) scripts/bench

bench-built: $(bench_bpf) $(bench_bin) $(tax_bpf) $(tax_tenants) $(many_tenants) $(O)/bench/chamelio.ko

# The same tests on a kernel that checks itself, and with failing allocations;
# the module for it is built apart. KCSAN=1: another one, that looks for races.
check_kind := $(if $(filter-out 0,$(KCSAN)),kcsan,debug)
check_kernel := $(O)/$(check_kind)-kernel
check-debug: deps
	$(Q)DEBUG_KERNEL=$(check_kernel) KREL=$(KREL) scripts/debug-kernel --$(check_kind) build
	$(Q)$(MAKE) $(filter-out O=% KDIR=% KCSAN=%,$(overrides)) O=$(O)/$(check_kind) \
		KDIR=$(check_kernel)/obj WERROR=1 all tests
	$(Q)DEBUG_KERNEL=$(check_kernel) KREL=$(KREL) O=$(O)/$(check_kind) \
		scripts/debug-kernel --$(check_kind) check

# Likewise with the newest kernel that Debian has for its stable release.
check-newer: deps
	$(Q)O=$(O) scripts/newer-kernel test

# TARGET=ring; TIME=0 does not end
TARGET ?=
TIME ?= 0
fuzz: deps $(fuzz_bin)
	$(Q)O=$(O) selftests/fuzz/run.sh "$(TARGET)" "$(TIME)"

demo: deps
	$(Q)$(MAKE) $(overrides) all
	$(Q)O=$(O) KREL=$(KREL) scripts/demo

# destination and source of every file but the module
units := $(patsubst scripts/%.in,%,$(wildcard scripts/*.service.in))
headers := $(wildcard lib/cham.h lib/cham_prog.h uapi/*.h)
bpf_headers := $(wildcard bpf/handler.h)
pages := $(wildcard Documentation/man/*.3 Documentation/man/*.7 Documentation/man/*.8)
installed = $(addprefix $(PREFIX)/sbin/,$(cli_bin)) \
	$(if $(lib_out),$(addprefix $(LIBDIR)/,libcham.so.$(VERSION) \
		libcham.so.$(SOMAJOR) libcham.so libcham.a pkgconfig/libcham.pc)) \
	$(addprefix $(INCLUDEDIR)/,$(notdir $(headers))) \
	$(addprefix $(INCLUDEDIR)/chamelio/,$(notdir $(bpf_headers))) \
	$(addprefix $(OBJDIR)/,$(notdir $(xdp_obj) $(bpf_obj) $(bpf_bc) $(joint_out))) \
	$(foreach p,$(pages),$(MANDIR)/man$(subst .,,$(suffix $p))/$(notdir $p)) \
	$(if $(wildcard cli/chamctl.bash),$(BASHCOMPDIR)/chamctl) \
	$(addprefix $(UNITDIR)/,$(units))
# those that may be empty afterwards, the inner ones first, but for what a system
# has from the beginning
installed_dirs = $(OBJDIR) $(INCLUDEDIR)/chamelio $(LIBDIR)/pkgconfig \
	$(sort $(foreach p,$(pages),$(MANDIR)/man$(subst .,,$(suffix $p)))) \
	$(foreach d,$(BASHCOMPDIR) $(UNITDIR),$d $(patsubst %/,%,$(dir $d))) \
	$(filter-out $(if $(DESTDIR),,$(system_dirs)),$(PREFIX)/sbin $(LIBDIR) $(INCLUDEDIR) \
		$(MANDIR) $(PREFIX)/lib $(PREFIX)/include $(PREFIX)/share $(PREFIX))
system_dirs = /opt $(foreach p,/usr /usr/local,$p \
	$(addprefix $p/,sbin lib lib/$(multiarch) include share share/man))
put := install -D -m
# Kbuild's own does nothing when the headers come without System.map
depmod = $(Q)[ ! -e $(INSTALL_MOD_PATH)/lib/modules/$(KREL)/modules.order ] || \
	PATH="$$PATH:/sbin" depmod $(if $(INSTALL_MOD_PATH),-b $(INSTALL_MOD_PATH)) $(KREL)
ldconfig = $(if $(DESTDIR)$(filter-out 0,$(shell id -u)),,$(Q)PATH="$$PATH:/sbin" ldconfig)

install: install-user install-module

install-user: user
	$(Q)set -e; for f in $(cli_bin); do \
		$(put) 755 $(O)/cli/shared/$$f $(DESTDIR)$(PREFIX)/sbin/$$f; done
	$(if $(lib_out),$(Q)$(put) 644 $(shared) $(DESTDIR)$(LIBDIR)/$(notdir $(shared)))
	$(if $(lib_out),$(Q)ln -sfn $(notdir $(shared)) $(DESTDIR)$(LIBDIR)/libcham.so.$(SOMAJOR))
	$(if $(lib_out),$(Q)ln -sfn libcham.so.$(SOMAJOR) $(DESTDIR)$(LIBDIR)/libcham.so)
	$(if $(lib_out),$(Q)$(put) 644 $(O)/lib/libcham.a $(DESTDIR)$(LIBDIR)/libcham.a)
	$(if $(lib_out),$(Q)$(put) 644 $(O)/lib/libcham.pc $(DESTDIR)$(LIBDIR)/pkgconfig/libcham.pc)
	$(Q)set -e; for f in $(headers); do \
		$(put) 644 $$f $(DESTDIR)$(INCLUDEDIR)/$${f##*/}; done
	$(Q)set -e; for f in $(bpf_headers); do \
		$(put) 644 $$f $(DESTDIR)$(INCLUDEDIR)/chamelio/$${f##*/}; done
	$(Q)set -e; for f in $(xdp_obj) $(bpf_obj) $(bpf_bc) $(filter %.bc,$(joint_out)); do \
		$(put) 644 $$f $(DESTDIR)$(OBJDIR)/$${f##*/}; done
	$(Q)set -e; for f in $(filter-out %.bc,$(joint_out)); do \
		$(put) 755 $$f $(DESTDIR)$(OBJDIR)/$${f##*/}; done
	$(Q)set -e; for f in $(pages); do \
		$(put) 644 $$f $(DESTDIR)$(MANDIR)/man$${f##*.}/$${f##*/}; done
	$(if $(wildcard cli/chamctl.bash),$(Q)$(put) 644 cli/chamctl.bash $(DESTDIR)$(BASHCOMPDIR)/chamctl)
	$(Q)install -d $(DESTDIR)$(UNITDIR)
	$(Q)set -e; for f in $(units); do \
		sed 's|@PREFIX@|$(PREFIX)|g' scripts/$$f.in >$(DESTDIR)$(UNITDIR)/$$f; done
	$(ldconfig)

install-module: kmod
ifneq ($(mod_src),)
	$(Q)$(MAKE) -C $(KDIR) M=$(mod) INSTALL_MOD_PATH=$(INSTALL_MOD_PATH) \
		INSTALL_MOD_DIR=updates CONFIG_MODULE_SIG_ALL= modules_install
endif
	$(depmod)
	@[ -n "$(DESTDIR)$(INSTALL_MOD_PATH)" ] || [ "$(KREL)" = "$$(uname -r)" ] || \
		echo "the module is for $(KREL), this is $$(uname -r): boot that, or KREL=" >&2

uninstall:
	$(Q)rm -f $(addprefix $(DESTDIR),$(installed))
	$(Q)cd $(DESTDIR)/. 2>/dev/null && \
		rmdir $(if $(DESTDIR),-p) $(patsubst /%,%,$(installed_dirs)) 2>/dev/null || :
	$(Q)rm -f $(INSTALL_MOD_PATH)/lib/modules/$(KREL)/updates/chamelio.ko \
		$(INSTALL_MOD_PATH)/lib/modules/$(KREL)/updates/chamelio.ko.*
	$(Q)cd $(INSTALL_MOD_PATH)/. 2>/dev/null && \
		rmdir -p lib/modules/$(KREL)/updates 2>/dev/null || :
	$(depmod)
	$(ldconfig)

# The packages are built from a copy, where packaging/debian is where Debian's
# tools look for it.
deb_dir := $(O)/deb
deb: deps
	$(Q)rm -rf $(deb_dir)
	$(Q)mkdir -p $(deb_dir)/chamelio-$(VERSION)
	$(Q)cp -a Kbuild Makefile README.md dkms.conf Documentation kmod lib cli scripts uapi xdp \
		$(wildcard bpf) $(deb_dir)/chamelio-$(VERSION)
	$(Q)cp -a packaging/debian $(deb_dir)/chamelio-$(VERSION)
	$(Q)cd $(deb_dir)/chamelio-$(VERSION) && \
		env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL DEB_BUILD_OPTIONS="noautodbgsym $$DEB_BUILD_OPTIONS" \
		dpkg-buildpackage -b -us -uc $(if $(filter 1,$(V)),,>$(deb_dir)/log 2>&1) || \
		{ $(if $(filter 1,$(V)),,tail -n 30 $(deb_dir)/log >&2;) exit 1; }
	@ls $(deb_dir)/*.deb

clean:
	$(Q)rm -rf $(addprefix $(O)/,module chamelio.ko lib cli xdp bpf selftests static bench deb \
		bench.json bench.svg \
		.flags .flags.new ci.log)
	$(Q)rmdir $(O) 2>/dev/null || :

help:
	@echo 'targets:'
	@echo '  all        kmod xdp bpf lib cli (the default)'
	@echo '  kmod       $(O)/chamelio.ko for KREL (C=1: with sparse)'
	@echo '  xdp bpf    the datapath; the protocols that come with it'
	@echo '  lib cli    libcham; chamctl'
	@echo '  tests      the programs that the tests need'
	@echo '  check      deps, all, every test (TESTS=GLOB chooses, as boot* or static)'
	@echo '  bench      deps, all, what packets cost: $(O)/bench.json and .svg'
	@echo '  check-debug  the VM tests on a kernel with KASAN, lockdep, kmemleak and'
	@echo '             failing allocations (builds it once, about 20 minutes);'
	@echo '             KCSAN=1: some of them on one that looks for data races'
	@echo '  check-newer  the VM tests on the newest kernel of Debian stable, backports'
	@echo '             included, for which the module is built in a chroot (root, network)'
	@echo '  fuzz       TARGET=NAME of selftests/fuzz, until a finding or for TIME=SECONDS'
	@echo '  docs       tables, limits and pictures in Documentation/ anew (graphviz)'
	@echo '  demo       deps, all, scripts/demo'
	@echo '  install    below DESTDIR and PREFIX; the module below INSTALL_MOD_PATH'
	@echo '  uninstall  the reverse, with the same variables'
	@echo '  deb        deps, packages for Debian: $(O)/deb/*.deb'
	@echo '  deps       install the packages that are needed and missing (Debian)'
	@echo '  clean      remove what was built'
	@echo 'variables: O=$(O) V=$(V) KREL=$(KREL) PREFIX=$(PREFIX)'
	@echo '  WERROR=1 makes warnings errors; CC, CLANG, CFLAGS, LDFLAGS as usual'

-include $(lib_obj:.o=.d) $(ctl_obj:.o=.d) $(chamd_obj:.o=.d) $(xdp_obj:.o=.d) $(bpf_obj:.o=.d) $(vm_bpf:.o=.d) \
	$(bench_bpf:.o=.d) $(addsuffix .d,$(filter %.bc,$(joint_out)) $(bpf_bc) $(bpf_bin) \
	$(unit_bin) $(vm_bin) $(bench_bin) $(fuzz_bin))
