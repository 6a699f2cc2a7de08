/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* Between datapath.c (what is attached) and load.c (objects, explanations). */
#ifndef CHAM_DATAPATH_H
#define CHAM_DATAPATH_H

#include "internal.h"

enum { CHAM_PROG_UPLINK, CHAM_PROG_PORT, CHAM_PROGS };

struct bpf_object;

/* A tenant's program in a composition. */
struct cham_part {
	uint32_t tenant;
	uint32_t cell;		/* 1..CHAM_CELLS */
	uint32_t layout;
	bool inlined;		/* in the joint object */
	char why[200];		/* not */
};

struct cham_parts {
	struct cham_part part[CHAM_CELLS];
	unsigned int n;
	const char *joint;	/* takes the place of the datapath's object, or NULL */
};

/* Loads @path with the layouts of @parts; @progs are owned by *@obj, which the
 * caller closes.
 */
int cham_load_object(struct cham *h, const char *path,
		     const struct cham_parts *parts, const char *const *names,
		     int *progs, struct bpf_object **obj);

/* What libbpf says from now on is kept; cham_log_end() gives its end back. */
void cham_log_begin(void);
const char *cham_log_end(void);

/* ---- compose.c ---- */

/* The programs that the module knows of. */
int cham_parts__get(struct cham *h, struct cham_parts *parts);
/* Where a tenant's object is kept. */
void cham_part__path(char *path, size_t size, uint32_t tenant);
void cham_part__bitcode(char *path, size_t size, uint32_t tenant);
/* @out: where the linked object is; @base itself without parts. */
int cham_compose(struct cham *h, const char *base, const struct cham_parts *parts,
		 char *out, size_t size);
/* One change at a time; close the descriptor to let the next one. */
int cham_compose__lock(struct cham *h);

/* ---- joint.c ---- */

#define CHAM_DATAPATH_BITCODE	"datapath.bpf.bc"

/* Makes the joint object of @base, and says in @parts who is in it. */
int cham_joint(struct cham *h, const char *base, struct cham_parts *parts);
/* What is attached now. */
void cham_tiers__put(const struct cham_parts *parts);

/* ---- datapath.c ---- */

/* The datapath's object: @objdir, or in it. */
int cham_datapath__object(char *path, size_t size, const char *objdir);

/* Attaches the datapath with @parts; as cham_datapath__attach(). */
int cham_datapath__put(struct cham *h, const char *objdir, unsigned int flags,
		       const struct cham_parts *parts);
bool cham_datapath__generic(void);

/* Turns the kernel's refusal to attach into what to do; returns @err. */
int cham_explain_attach(struct cham *h, const char *ifname, uint32_t ifindex,
			bool generic, int err);

#endif
