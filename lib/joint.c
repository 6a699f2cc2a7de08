// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The joint tier: the datapath and the tenants' handlers, optimised as one module,
 * so that a handler costs no call and sees the packet's description in registers.
 *
 * For each tenant whose program came as C or bitcode: the bitcode is the judged
 * object's (it is compiled again and compared), it is normalised (lib/llvm/), all are
 * linked with the datapath's own bitcode, optimised, compiled, and the object is
 * proved (prove.c). Every tool runs in the child of jail.c. Who cannot be inlined,
 * and says why, is linked to the result as in the linked tier.
 *
 *	CHAM_STATE_DIR/joint.o	the object
 *	CHAM_STATE_DIR/tiers	a line for each tenant of a joint datapath:
 *				number, tier, and why it is not the better one
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/btf.h>

#include "compile.h"
#include "datapath.h"
#include "jail.h"
#include "prove.h"

#define JOINT	CHAM_STATE_DIR "/joint.o"
#define TIERS	CHAM_STATE_DIR "/tiers"
#define NAMES	32	/* room for "/proc/self/fd/NNN" */

struct joint {
	struct cham *h;
	const char *base;		/* the datapath's object */
	struct cham_parts *parts;
	char why[CHAM_CELLS][200];	/* of each part, why it is not inlined */
	struct cham_claim claim;
	int in[1 + CHAM_CELLS];		/* bitcode: the datapath's, tenants' */
	unsigned int n_in;
};

static int file_beside(struct cham *h, const char *base, const char *name, char *path,
		       size_t size)
{
	const char *slash = strrchr(base, '/');
	int n = snprintf(path, size, "%.*s%s", slash ? (int)(slash + 1 - base) : 0, base, name);

	if (n >= (int)size || access(path, R_OK))
		return cham__fail(h, -ENOENT,
				  "%s: not there; the joint tier is made with it (make, with llvm-19-dev installed)",
				  path);
	return 0;
}

static int read_fd(struct cham *h, const char *path)
{
	uint8_t *data;
	size_t size;
	int fd = cham_file__read(h, path, &data, &size);

	if (fd)
		return fd;
	fd = cham_memfd(h, data, size, true);
	free(data);
	return fd;
}

/* Is the bitcode that of the object which was judged? */
static int compare(struct cham *h, const struct cham_object *o, int bitcode)
{
	uint8_t *data;
	size_t size;
	int err = cham_llvm__assemble(h, o->path, bitcode, &data, &size);

	if (err)
		return err;
	if (size != o->size || memcmp(data, o->data, size))
		err = cham__fail(h, -ESTALE,
				 "%s was not made from its bitcode by this LLVM: load it again",
				 o->path);
	free(data);
	return err;
}

/* Return: normalised bitcode, or why not. */
static int normalise(struct joint *j, const struct cham_part *part,
		     const struct cham_object *o)
{
	char tool[4096], file[128], tenant[16], cell[16];
	const char *argv[5] = { tool, tenant, cell, "/proc/self/fd/3", NULL };
	struct cham *h = j->h;
	uint8_t *data;
	size_t size;
	int fd, err;

	cham_part__bitcode(file, sizeof(file), part->tenant);
	if (access(file, R_OK))
		return cham__fail(h, -ENOENT, "came as an object: load it as C or bitcode");
	err = file_beside(h, j->base, "chamelio-normalise", tool, sizeof(tool));
	fd = err ? err : read_fd(h, file);
	if (fd < 0)
		return fd;
	snprintf(tenant, sizeof(tenant), "%u", part->tenant);
	snprintf(cell, sizeof(cell), "%u", part->cell);
	err = compare(h, o, fd);
	if (!err)
		err = cham_llvm__run_tool(h, o->path, tool, argv, &fd, 1, &data, &size);
	close(fd);
	if (err)
		return err;
	fd = cham_memfd(h, data, size, true);
	free(data);
	return fd;
}

/* One tenant's bitcode, or it stays a function of its own. */
static int take(struct joint *j, unsigned int i)
{
	struct cham_part *part = &j->parts->part[i];
	struct cham_object *o;
	unsigned int hook;
	char file[128];
	const char *why;
	int fd, err;

	cham_part__path(file, sizeof(file), part->tenant);
	err = cham_object__open(j->h, file, &o);
	if (err)
		return err;
	fd = normalise(j, part, o);
	part->inlined = fd >= 0;
	for (hook = 0; hook < __CHAM_HOOK_MAX; hook++) {
		if (!part->inlined)
			j->claim.separate[hook] |= 1U << part->cell;
		else if (o->hooks & 1U << hook)
			j->claim.inlined[hook] |= 1U << part->cell;
	}
	cham_object__close(o);
	if (part->inlined) {
		j->in[j->n_in++] = fd;
		return 0;
	}
	/* The last line says it; those before, where. */
	why = strrchr(cham__last_error(j->h), '\n');
	snprintf(j->why[i], sizeof(j->why[i]), "%s", why ? why + 1 : cham__last_error(j->h));
	return 0;
}

/*
 * What stays global: all that is in the datapath, but for the cells in use here; and
 * tenants' variables, of which libbpf takes no map that is not.
 */
static int keep_names(struct joint *j, char *list, size_t size)
{
	size_t at = snprintf(list, size, "-internalize-public-api-list=t[0-9]*_*,");
	struct btf *btf = btf__parse(j->base, NULL);
	unsigned int i, hook, cell;
	char format[32];

	if (!btf)
		return cham__fail(j->h, -EINVAL, "%s: has no type information", j->base);
	for (i = 1; i < btf__type_cnt(btf); i++) {
		const struct btf_type *t = btf__type_by_id(btf, i);
		const char *name = btf__name_by_offset(btf, t->name_off);
		bool keep = (btf_is_func(t) && btf_vlen(t) == BTF_FUNC_GLOBAL) ||
			    (btf_is_var(t) && btf_var(t)->linkage == BTF_VAR_GLOBAL_ALLOCATED);

		for (hook = 0; hook < __CHAM_HOOK_MAX; hook++) {
			snprintf(format, sizeof(format), "cham_%s_%%u", cham_hook__name(hook));
			if (sscanf(name, format, &cell) == 1 && cell <= CHAM_CELLS)
				keep = j->claim.separate[hook] >> cell & 1;
		}
		if (keep && at < size)
			at += snprintf(list + at, size - at, "%s,", name);
	}
	btf__free(btf);
	return at < size ? 0 : cham__fail(j->h, -E2BIG, "%s: has too many functions", j->base);
}

/* What is linked, optimised and compiled, one after the other. */
static int compile(struct joint *j, uint8_t **data, size_t *size)
{
	char keep[4096], names[1 + CHAM_CELLS][NAMES];
	const char *link[CHAM_CELLS + 6] = { "llvm-link", "-o", "-" };
	const char *opt[7] = { "opt", "-passes=internalize,default<O2>", "-o", "-",
			       "/proc/self/fd/3", keep, NULL };
	unsigned int i, n = 3;
	uint8_t *one;
	int fd, err = keep_names(j, keep, sizeof(keep));

	if (err)
		return err;
	for (i = 0; i < j->n_in; i++) {
		snprintf(names[i], NAMES, "/proc/self/fd/%u", 3 + i);
		link[n++] = names[i];
	}
	link[n] = NULL;
	err = cham_llvm__run(j->h, "the joint datapath", "llvm-link", link, j->in, j->n_in,
			     &one, size);
	fd = err ? err : cham_memfd(j->h, one, *size, true);
	free(one);
	if (fd < 0)
		return fd;
	err = cham_llvm__run(j->h, "the joint datapath", "opt", opt, &fd, 1, &one, size);
	close(fd);
	fd = err ? err : cham_memfd(j->h, one, *size, true);
	free(one);
	if (fd < 0)
		return fd;
	err = cham_llvm__assemble(j->h, "the joint datapath", fd, data, size);
	close(fd);
	return err;
}

int cham_joint(struct cham *h, const char *base, struct cham_parts *parts)
{
	struct joint j = { .h = h, .base = base, .parts = parts };
	uint8_t *data = NULL;
	char path[4096];
	unsigned int i;
	size_t size;
	int err;

	err = cham_llvm__find(h, base, "opt", path, sizeof(path));
	if (!err)
		err = file_beside(h, base, CHAM_DATAPATH_BITCODE, path, sizeof(path));
	if (err)
		return err;
	j.in[0] = read_fd(h, path);
	if (j.in[0] < 0)
		return j.in[0];
	j.n_in = 1;
	for (i = 0; !err && i < parts->n; i++)
		err = take(&j, i);
	if (!err && j.n_in == 1)
		err = cham__fail(h, -ENOENT, "no program can be inlined%s%s",
				 parts->n ? "; the first: " : ": there is none",
				 parts->n ? j.why[0] : "");
	if (!err)
		err = compile(&j, &data, &size);
	if (!err)
		err = cham_prove(h, data, size, &j.claim);
	if (!err)
		err = cham_lines__thin(h, data, size);
	if (!err)
		err = cham_file__write(h, JOINT, data, size);
	free(data);
	for (i = 0; i < j.n_in; i++)
		close(j.in[i]);
	if (err)
		return err;
	parts->joint = JOINT;
	for (i = 0; i < parts->n; i++)
		snprintf(parts->part[i].why, sizeof(parts->part[i].why), "%s", j.why[i]);
	return 0;
}

void cham_tiers__put(const struct cham_parts *parts)
{
	unsigned int i;
	FILE *f;

	if (!parts->joint) {
		unlink(TIERS);
		unlink(JOINT);
		return;
	}
	f = fopen(TIERS, "we");
	for (i = 0; f && i < parts->n; i++)
		fprintf(f, "%u %s %s\n", parts->part[i].tenant,
			parts->part[i].inlined ? "joint" : "linked", parts->part[i].why);
	if (f)
		fclose(f);
}

bool cham_prog__joint(uint32_t tenant_id, char *why, size_t size)
{
	char line[400], tier[8];
	bool joint = false;
	unsigned int id;
	FILE *f;
	int at;

	why[0] = '\0';
	f = cham_datapath__attached() ? fopen(TIERS, "re") : NULL;
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%u %7s %n", &id, tier, &at) != 2 || id != tenant_id)
			continue;
		joint = !strcmp(tier, "joint");
		snprintf(why, size, "%s", line + at);
	}
	if (f)
		fclose(f);
	return joint;
}
