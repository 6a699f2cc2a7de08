/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * libcham: tenants' programs. A part of cham.h, whose conventions hold here, too; include
 * that.
 */
#ifndef LIBCHAM_PROG_H
#define LIBCHAM_PROG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chamelio.h"
#include "chamelio_handler.h"

#ifdef __cplusplus
extern "C" {
#endif

struct cham;

/**
 * struct cham_prog - what the module knows of a tenant's program
 * @sz:           sizeof(struct cham_prog), by the caller
 * @set:          CHAM_BIT(CHAM_PROG_*) of the valid members
 * @tenant_id:    whose
 * @tenant_name:  whose; out
 * @name:         up to CHAM_PROG_NAME_MAX bytes
 * @abi:          CHAM_ABI_VERSION that it was made for
 * @cell:         its place in the composition, 1..CHAM_CELL_MAX
 * @hooks:        bit map of enum cham_hook
 * @layout:       of private areas: another number, other areas
 * @flags:        bit map of enum cham_prog_flag
 * @version:      counts the tenant's loads; out
 * @dropped:      packets, by the handlers' own reasons; out
 * @fault:        enum cham_fault, absent while the program runs; out
 * @fault_hook:   enum cham_hook where it happened; out
 * @fault_value:  what the handler returned, or the port that it named; out
 * @fault_packet: the packet's first bytes; out
 * @fault_area:   the connection's private area; out
 * @events:       that its handlers told; out
 * @events_lost:  more than CHAM_EVENT_RATE a second, or nobody listened; out
 * @overruns:     runs that took more than CHAM_OVERRUN times max-cycles; out
 */
struct cham_prog {
	size_t sz;
	uint64_t set;
	uint32_t tenant_id;
	char tenant_name[CHAM_NAME_MAX + 1];
	char name[CHAM_PROG_NAME_MAX + 1];
	uint32_t abi;
	uint32_t cell;
	uint32_t hooks;
	uint32_t layout;
	uint32_t flags;
	uint32_t version;
	uint64_t dropped[CHAM_DROP_REASONS];
	uint32_t fault;
	uint32_t fault_hook;
	uint32_t fault_value;
	uint8_t fault_packet[64];
	uint8_t fault_area[CHAM_AREA_SIZE];
	uint64_t events;
	uint64_t events_lost;
	uint64_t overruns;
};

typedef int (*cham_prog_fn)(const struct cham_prog *p, void *arg);

/**
 * cham_prog__set() - a tenant's packets go to a cell of the composition
 * @h: handle
 * @p: tenant_id, name, abi, cell, hooks and layout are required; flags
 *
 * The datapath that is attached has the handlers already.
 *
 * Return: 0; -EBUSY when the cell is another's; -EPROTO for another ABI;
 * another negative errno.
 */
int cham_prog__set(struct cham *h, const struct cham_prog *p);

/**
 * cham_prog__del() - a tenant has no program any more
 * @h:         handle
 * @tenant_id: whose
 *
 * When it returns none of the tenant's packets is in a handler.
 *
 * Return: 0; -ENOENT; another negative errno.
 */
int cham_prog__del(struct cham *h, uint32_t tenant_id);

/**
 * cham_prog__get() - look a tenant's program up
 * @h:         handle
 * @tenant_id: whose
 * @p:         filled in; the caller has set @p->sz
 *
 * Return: 0; -ENOENT; another negative errno.
 */
int cham_prog__get(struct cham *h, uint32_t tenant_id, struct cham_prog *p);

/** cham_prog__for_each() - walk all programs; see cham_tenant__for_each() */
int cham_prog__for_each(struct cham *h, cham_prog_fn fn, void *arg);

#define CHAM_STATE_DIR	"/run/chamelio"
#define CHAM_PROG_FILE_MAX	(4 << 20)	/* bytes */
#define CHAM_PATH_LINES	48

/**
 * struct cham_path_line - a line on the costliest way through a hook
 * @file:   source file
 * @number: in it
 * @text:   the line
 * @cycles: that it adds, with what it calls
 */
struct cham_path_line {
	char file[96];
	uint32_t number;
	char text[96];
	uint64_t cycles;
};

/**
 * struct cham_hook_report - what a hook costs at most
 * @insns:  x86 instructions
 * @cycles: estimated; insns and cycles may be of two ways
 * @stack:  bytes, along the deepest chain of calls
 * @lines:  number of them
 * @line:   of the way with the most cycles, in its order
 */
struct cham_hook_report {
	uint64_t insns;
	uint64_t cycles;
	uint32_t stack;
	uint32_t lines;
	struct cham_path_line line[CHAM_PATH_LINES];
};

/* What a program came as. */
#define CHAM_PROG_FORM_LIST(X)						\
	X(OBJECT,	"object",	"a prepared object")		\
	X(BITCODE,	"bitcode",	"LLVM bitcode")			\
	X(C,		"c",		"C")

enum cham_prog_form {
#define X(id, name, text) CHAM_PROG_FORM_##id,
	CHAM_PROG_FORM_LIST(X)
#undef X
};

/* Does the joint tier take it? */
enum cham_prog_joint {
	CHAM_PROG_JOINT_UNKNOWN,	/* the tool that knows is not there */
	CHAM_PROG_JOINT_YES,
	CHAM_PROG_JOINT_NO,
};

/* A tenant's share of the million that the kernel gives a program. */
#define CHAM_SHARE_VERIFIED	50000

/**
 * struct cham_prog_report - what is to be said about a program's file
 * @name:      as it calls itself
 * @abi:       version of the handler ABI
 * @layout:    as it numbers its area's layout
 * @flags:     bit map of enum cham_prog_flag
 * @hooks:     bit map of enum cham_hook
 * @maps:      number of them
 * @map_bytes: that they take, about
 * @functions: number of them
 * @helpers:   bit map of the helpers that it calls
 * @hook:      of each hook
 * @form:      enum cham_prog_form: what the file is
 * @landlock:  compiled, and of all files the compiler saw its own alone; without
 *             Landlock in the kernel it sees what every user of the host may see
 * @joint:     enum cham_prog_joint; the linked tier takes whatever is admitted
 * @not_joint: why it does not, or is not known to
 * @verified:  instructions that this kernel's verifier followed, on all ways through it,
 *             of the CHAM_SHARE_VERIFIED that a tenant has; 0: it was not asked
 * @not_verified: why not
 */
struct cham_prog_report {
	char name[CHAM_PROG_NAME_MAX + 1];
	uint32_t abi;
	uint32_t layout;
	uint32_t flags;
	uint32_t hooks;
	uint32_t maps;
	uint64_t map_bytes;
	uint32_t functions;
	uint8_t helpers[32];
	struct cham_hook_report hook[__CHAM_HOOK_MAX];
	uint32_t form;
	bool landlock;
	uint32_t joint;
	char not_joint[200];
	uint32_t verified;
	char not_verified[200];
};

/**
 * cham_prog__check() - judge a program as cham_prog__load() would
 * @h:      handle; one that cham__open() could not connect will do
 * @objdir: as for cham_prog__load(); without what is there @report knows nothing of the
 *          joint tier and the verifier, and inline assembly is not found
 * @file:   C (its name ends in .c), LLVM bitcode, or an object file
 * @max_cycles: what the tenant's handlers may cost; 0: what they may if nobody says
 * @report: filled in as far as the judge came; large, not for a small stack
 *
 * Context: needs no privilege; but the verifier is only asked by who has CAP_BPF,
 * CAP_PERFMON and CAP_NET_ADMIN, on a kernel that could run the datapath.
 * Return: 0, or a negative errno when it is not admitted.
 */
int cham_prog__check(struct cham *h, const char *objdir, const char *file,
		     uint32_t max_cycles, struct cham_prog_report *report);

/* Name of a helper that handlers may call, NULL for others. */
const char *cham_helper__name(unsigned int helper);

/**
 * cham_prog__load() - run a tenant's program in the datapath
 * @h:         handle
 * @objdir:    the datapath's object, see cham_datapath__attach()
 * @tenant_id: whose
 * @file:      C, LLVM bitcode or an object file, made with bpf/handler.h
 *
 * C and bitcode are compiled by LLVM 19 (-ENOPKG without it), in a child process
 * with limits. Composes a new datapath of all tenants' programs, attaches it where the old one
 * is and then sends the tenant's packets there. A program that the tenant has
 * already is replaced; connections keep their areas if the name and the layout
 * that it declares are the same, and begin with new ones if not.
 *
 * Return: 0; -ENOENT without an attached datapath or such a tenant; -EINVAL and
 * -EPROTO for a file that is refused; -ENOSPC; another negative errno, and
 * everything is as it was.
 */
int cham_prog__load(struct cham *h, const char *objdir, uint32_t tenant_id,
		    const char *file);

/**
 * cham_prog__rollback() - run the program again that the tenant had before this one
 * @h:         handle
 * @objdir:    as above
 * @tenant_id: whose
 *
 * As cham_prog__load() with what that program was made from; the one that runs now is
 * what the next call returns to. One is kept, until the tenant's program is unloaded or
 * the host boots.
 *
 * Return: 0; -ENOENT when none is kept; what cham_prog__load() returns.
 */
int cham_prog__rollback(struct cham *h, const char *objdir, uint32_t tenant_id);

/**
 * cham_prog__unload() - take a tenant's program out
 * @h:         handle
 * @objdir:    as above
 * @tenant_id: whose
 *
 * Return: 0; -ENOENT; another negative errno.
 */
int cham_prog__unload(struct cham *h, const char *objdir, uint32_t tenant_id);

/**
 * cham_prog__read() - what a tenant's program was made from
 * @h:         handle
 * @tenant_id: whose
 * @data:      LLVM bitcode or, of a program that came as an object, that; for
 *             cham_prog__load(). The caller frees it
 * @size:      its bytes
 *
 * Return: 0; -ENOENT; another negative errno.
 */
int cham_prog__read(struct cham *h, uint32_t tenant_id, uint8_t **data, size_t *size);

/**
 * cham_prog__compose() - make the datapath of all tenants' programs anew
 * @h:      handle
 * @objdir: as above
 * @joint:  optimise datapath and programs as one (seconds, needs LLVM 19); else each
 *          stays a function of its own, as cham_prog__load() leaves it
 *
 * A program that cannot be inlined stays a function of its own in a joint datapath,
 * too. If the joint one cannot be made, is not proved, or the kernel refuses it, what
 * is attached stays.
 *
 * Return: 0; -ENOPKG without LLVM; another negative errno.
 */
int cham_prog__compose(struct cham *h, const char *objdir, bool joint);

/**
 * cham_prog__join() - make joint what is linked only
 * @h:      handle
 * @objdir: as above
 *
 * As cham_prog__compose(), without what is joint, or was refused and has not changed
 * since.
 *
 * Return: 0; -ENOPKG without LLVM; another negative errno.
 */
int cham_prog__join(struct cham *h, const char *objdir);

/**
 * cham_prog__submit() - give a program to chamd, which loads it
 * @h:      handle; one that cham__open() could not connect will do
 * @socket: of chamd, NULL for the usual one
 * @tenant: whose; NULL in the tenant's own network namespace
 * @file:   as cham_prog__load() takes it; NULL unloads
 *
 * Context: needs CAP_NET_ADMIN over the network namespace that it is called in, which
 * the provider has bound to the tenant; and waits for the answer, seconds.
 *
 * Return: 0; what cham_prog__load() returns; -EPERM; -EBUSY while too much is waiting;
 * -ECONNREFUSED, -ENOENT without chamd; another negative errno.
 */
int cham_prog__submit(struct cham *h, const char *socket, const char *tenant,
		      const char *file);

/**
 * cham_prog__joint() - is a tenant's program inlined in what is attached?
 * @tenant_id: whose
 * @why:       why not, if the datapath is a joint one; else empty
 * @size:      room for that
 */
bool cham_prog__joint(uint32_t tenant_id, char *why, size_t size);

#ifdef __cplusplus
}
#endif
#endif /* LIBCHAM_PROG_H */
