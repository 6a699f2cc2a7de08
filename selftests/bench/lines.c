// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin for QEMU (-plugin lines.so,out=FILE): what memory modules touch
 * while the guest's bench says so. A line of FILE is "run pc address r|w".
 *
 * Debian does not ship qemu-plugin.h: what we use of version 1 is declared here.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"

#define EXPORT	__attribute__((visibility("default")))
#define MODULES	UINT64_C(0xffffffffc0000000)

struct qemu_plugin_tb;
struct qemu_plugin_insn;

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb,
						 size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
bool qemu_plugin_mem_is_store(uint32_t info);
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*cb)(uint64_t id,
						      struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*cb)(unsigned int cpu, void *arg),
					    int flags, void *arg);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
				      void (*cb)(unsigned int cpu, uint32_t info,
						 uint64_t address, void *arg),
				      int flags, int rw, void *arg);
EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

EXPORT int qemu_plugin_version = 1;

static const char mark[] = BENCH_MARK;
static FILE *out;
static unsigned int run;
static bool on;

static void marked(unsigned int cpu, void *arg)
{
	(void)cpu;
	(void)arg;
	on = !on;
	run += on;
	if (!on)
		fflush(out);
}

static void touched(unsigned int cpu, uint32_t info, uint64_t address, void *arg)
{
	(void)cpu;
	if (on)
		fprintf(out, "%u %" PRIxPTR " %" PRIx64 " %c\n", run, (uintptr_t)arg,
			address, qemu_plugin_mem_is_store(info) ? 'w' : 'r');
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t pc = qemu_plugin_insn_vaddr(insn);

		if (pc >= MODULES)
			qemu_plugin_register_vcpu_mem_cb(insn, touched, 0, 3,
							 (void *)(uintptr_t)pc);
		else if (qemu_plugin_insn_size(insn) == sizeof(mark) - 1 &&
			 !memcmp(qemu_plugin_insn_data(insn), mark, sizeof(mark) - 1))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, marked, 0, NULL);
	}
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4))
		return -1;
	out = fopen(argv[0] + 4, "w");
	if (!out)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
