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
 *	CHAM_STATE_DIR/joint.N	the object of composition N
 *	CHAM_STATE_DIR/tiers.N	a line for each of its tenants, once a joint one was made:
 *				number, tier, and why it is not the better one
 */
#include <errno.h>
#include <stdarg.h>
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

#define NAMES	32	/* room for "/proc/self/fd/NNN" */
#define JOINT_INSNS	40000	/* of tenants, in one */
/* Types that say they are one are not: of two tenants' maps one would have the other's. */
#define OWN_TYPES	"-disable-debug-info-type-map"

struct cham_joint {
	struct cham *h;
	char *base;			/* path of the datapath's object */
	char tool[4096];		/* the normaliser */
	struct cham_parts parts;
	struct cham_object *object[CHAM_CELLS];	/* of each part */
	int bitcode[CHAM_CELLS];	/* that it was made from, -1 */
	bool out[CHAM_CELLS];		/* is not to be inlined; its part says why */
	char *keep;			/* option of opt: names */
	struct cham_claim claim;
	char **maps;			/* the claim's */
	unsigned int n_maps;
	int in[1 + CHAM_CELLS];		/* bitcode: the datapath's, normalised tenants' */
	unsigned int n_in;
	uint8_t *data;			/* the object */
	size_t size;
};

static const char *joint_path(unsigned int number)
{
	static char path[64];

	snprintf(path, sizeof(path), CHAM_STATE_DIR "/joint.%u", number);
	return path;
}

static const char *tiers_path(unsigned int number)
{
	static char path[64];

	snprintf(path, sizeof(path), CHAM_STATE_DIR "/tiers.%u", number);
	return path;
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
	int err = cham_llvm__assemble(h, o->path, CHAM_BPF_TENANT, bitcode, &data, &size);

	if (err)
		return err;
	if (size != o->size || memcmp(data, o->data, size))
		err = cham__fail(h, -ESTALE,
				 "%s was not made from its bitcode by this LLVM: load it again",
				 o->path);
	free(data);
	return err;
}

int cham_normaliser(struct cham *h, const char *base, char *path, size_t size)
{
	char beside[4096], *real;
	int err = cham_file__beside(h, base, "chamelio-normalise", beside, sizeof(beside));

	if (err)
		return err;
	/* The child that runs it is elsewhere. */
	real = realpath(beside, NULL);
	if (!real)
		return cham__fail(h, -errno, "%s: %s", beside, strerror(errno));
	snprintf(path, size, "%s", real);
	free(real);
	return 0;
}

int cham_normalise(struct cham *h, const char *tool, const char *file, uint32_t tenant,
		   uint32_t cell, int bitcode, uint8_t **data, size_t *size)
{
	char of[16], at[16];
	const char *argv[5] = { tool, of, at, "/proc/self/fd/3", NULL };

	snprintf(of, sizeof(of), tenant ? "%u" : "-", tenant);
	snprintf(at, sizeof(at), tenant ? "%u" : "-", cell);
	return cham_llvm__run_tool(h, file, "cannot be inlined", tool, argv, &bitcode, 1, data,
				   size);
}

/* Optimise and compile what is in @in; *@keep: options of opt's. */
static int optimise(struct cham *h, const char *what, const char *passes, const char *keep,
		    int in, uint8_t **data, size_t *size)
{
	const char *opt[8] = { "opt", OWN_TYPES, passes, "-o", "-", "/proc/self/fd/3", keep, NULL };
	uint8_t *one;
	int fd, err;

	err = cham_llvm__run(h, what, "opt", opt, &in, 1, &one, size);
	fd = err ? err : cham_memfd(h, one, *size, true);
	free(one);
	if (fd < 0)
		return fd;
	err = cham_llvm__assemble(h, what, CHAM_BPF_DATAPATH, fd, data, size);
	close(fd);
	return err;
}

int cham_joint__alone(struct cham *h, const char *file, int bitcode, struct cham_object **o)
{
	uint8_t *data;
	size_t size;
	int err = optimise(h, file, "-passes=default<O2>", NULL, bitcode, &data, &size);

	if (!err)
		err = cham_object__read(h, file, data, size, o);
	if (!err)
		(*o)->normalised = true;
	return err;
}

/* Return: normalised bitcode, or why not. */
static int normalise(struct cham_joint *j, unsigned int i)
{
	const struct cham_object *o = j->object[i];
	struct cham *h = j->h;
	uint8_t *data;
	size_t size;
	int fd, err;

	if (j->bitcode[i] < 0)
		return cham__fail(h, -ENOENT, CHAM_NO_BITCODE);
	err = compare(h, o, j->bitcode[i]);
	if (!err)
		err = cham_normalise(h, j->tool, o->path, j->parts.part[i].tenant,
				     j->parts.part[i].cell, j->bitcode[i], &data, &size);
	if (err)
		return err;
	fd = cham_memfd(h, data, size, true);
	free(data);
	return fd;
}

/* What may be among the joint object's maps. */
static int claim_maps(struct cham_joint *j, unsigned int i)
{
	const struct cham_object *o = j->object[i];
	unsigned int k;
	char **more;

	more = realloc(j->maps, (j->n_maps + o->n_syms + 1) * sizeof(*more));
	if (!more)
		return cham__fail(j->h, -ENOMEM, "%s", strerror(ENOMEM));
	j->maps = more;
	j->maps[j->n_maps] = NULL;
	for (k = 0; o->maps && k < o->n_syms; k++) {
		if (o->syms[k].st_shndx != o->maps)
			continue;
		if (asprintf(&more[j->n_maps], "t%u_%s", j->parts.part[i].tenant,
			     cham_object__symbol(o, &o->syms[k])) < 0) {
			more[j->n_maps] = NULL;
			return cham__fail(j->h, -ENOMEM, "%s", strerror(ENOMEM));
		}
		more[++j->n_maps] = NULL;
	}
	j->claim.maps = (const char *const *)more;
	return 0;
}

/* One tenant's bitcode, or it stays a function of its own. */
static void take(struct cham_joint *j, unsigned int i)
{
	struct cham_part *part = &j->parts.part[i];
	int fd = j->out[i] ? -1 : normalise(j, i);
	unsigned int hook;
	const char *why;

	part->inlined = fd >= 0;
	for (hook = 0; hook < __CHAM_HOOK_MAX; hook++) {
		if (!part->inlined)
			j->claim.separate[hook] |= 1U << part->cell;
		else if (j->object[i]->hooks & 1U << hook)
			j->claim.inlined[hook] |= 1U << part->cell;
	}
	if (part->inlined) {
		j->in[j->n_in++] = fd;
		return;
	}
	if (j->out[i])
		return;
	/* The last line says it; those before, where. */
	why = strrchr(cham__last_error(j->h), '\n');
	snprintf(part->why, sizeof(part->why), "%s", why ? why + 1 : cham__last_error(j->h));
}

/*
 * What stays global: all that is in the datapath, but for the cells in use here; and
 * tenants' variables, of which libbpf takes no map that is not.
 */
static int keep_names(struct cham_joint *j)
{
	struct btf *btf = btf__parse(j->base, NULL);
	unsigned int i, hook, cell;
	char format[32];
	size_t size;
	FILE *f;

	if (!btf)
		return cham__fail(j->h, -EINVAL, "%s: has no type information", j->base);
	f = open_memstream(&j->keep, &size);
	if (!f) {
		btf__free(btf);
		return cham__fail(j->h, -ENOMEM, "%s", strerror(ENOMEM));
	}
	fputs("-internalize-public-api-list=t[0-9]*_*", f);
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
		if (keep)
			fprintf(f, ",%s", name);
	}
	btf__free(btf);
	return fclose(f) ? cham__fail(j->h, -ENOMEM, "%s", strerror(ENOMEM)) : 0;
}

/* What is linked, optimised and compiled, one after the other. */
static int compile(struct cham_joint *j)
{
	char names[1 + CHAM_CELLS][NAMES];
	const char *link[CHAM_CELLS + 7] = { "llvm-link", OWN_TYPES, "-o", "-" };
	unsigned int i, n = 4;
	uint8_t *one;
	size_t size;
	int fd, err;

	for (i = 0; i < j->n_in; i++) {
		snprintf(names[i], NAMES, "/proc/self/fd/%u", 3 + i);
		link[n++] = names[i];
	}
	link[n] = NULL;
	err = cham_llvm__run(j->h, "the joint datapath", "llvm-link", link, j->in, j->n_in,
			     &one, &size);
	fd = err ? err : cham_memfd(j->h, one, size, true);
	free(one);
	if (fd < 0)
		return fd;
	err = optimise(j->h, "the joint datapath", "-passes=internalize,default<O2>", j->keep,
		       fd, &j->data, &j->size);
	close(fd);
	return err;
}

/* All that changes when somebody loads a program. */
static int read_part(struct cham_joint *j, unsigned int i)
{
	char file[128];
	int err;

	cham_part__path(file, sizeof(file), j->parts.part[i].tenant, CHAM_PART_OBJECT);
	err = cham_object__open(j->h, file, &j->object[i]);
	if (err)
		return err;
	cham_part__path(file, sizeof(file), j->parts.part[i].tenant, CHAM_PART_BITCODE);
	if (access(file, R_OK))
		return 0;
	j->bitcode[i] = read_fd(j->h, file);
	return j->bitcode[i] < 0 ? j->bitcode[i] : 0;
}

static uint32_t insns_of(const struct cham_object *o)
{
	return o->sh[o->text].sh_size / 8;
}

static void leave_out(struct cham_joint *j, unsigned int i, const char *fmt, ...)
{
	struct cham_part *part = &j->parts.part[i];
	char why[sizeof(part->why)];
	va_list ap;

	j->out[i] = true;
	part->inlined = false;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	cham_one_line(part->why, sizeof(part->why), why);
}

/* The largest of those that are in. Return: how many are. */
static unsigned int largest(const struct cham_joint *j, unsigned int *most)
{
	unsigned int i, n = 0;

	for (i = 0; i < j->parts.n; i++) {
		if (j->out[i] || j->bitcode[i] < 0)
			continue;
		if (!n++ || insns_of(j->object[i]) > insns_of(j->object[*most]))
			*most = i;
	}
	return n;
}

/* BPF's branches reach so far, and everything becomes part of few functions. Less is
 * compiled and verified sooner.
 */
static uint32_t joint_insns(void)
{
	const char *less = getenv("CHAM_JOINT_INSNS");
	unsigned long n = less ? strtoul(less, NULL, 10) : 0;

	return n && n < JOINT_INSNS ? n : JOINT_INSNS;
}

static void make_room(struct cham_joint *j)
{
	uint32_t room = joint_insns();
	unsigned int i, most = 0;
	uint64_t sum = 0;

	for (i = 0; i < j->parts.n; i++)
		if (j->bitcode[i] >= 0)
			sum += insns_of(j->object[i]);
	while (sum > room && largest(j, &most) > 1) {
		sum -= insns_of(j->object[most]);
		leave_out(j, most, "no room for its %u instructions, of the %u of a joint datapath",
			  insns_of(j->object[most]), room);
	}
}

bool cham_joint__leave_out(struct cham_joint *j, const char *said)
{
	unsigned int most;

	if (largest(j, &most) < 2)
		return false;
	leave_out(j, most, "no joint datapath with it is taken: %s", said);
	return true;
}

int cham_joint__open(struct cham *h, const char *base, const struct cham_parts *parts,
		     struct cham_joint **jp)
{
	struct cham_joint *j;
	char path[4096];
	unsigned int i;
	int err;

	*jp = NULL;
	err = cham_llvm__find(h, base, "opt", path, sizeof(path));
	if (!err)
		err = cham_file__beside(h, base, CHAM_DATAPATH_BITCODE, path, sizeof(path));
	if (!err && !parts->n)
		err = cham__fail(h, -ENOENT, "no program can be inlined: there is none");
	if (err)
		return err;
	j = calloc(1, sizeof(*j));
	if (!j)
		return cham__fail(h, -ENOMEM, "%s", strerror(ENOMEM));
	j->h = h;
	j->parts = *parts;
	j->base = strdup(base);
	memset(j->bitcode, 0xff, sizeof(j->bitcode));
	j->in[0] = read_fd(h, path);
	err = j->in[0] < 0 ? j->in[0] : 0;
	j->n_in = !err;
	if (!err && !j->base)
		err = cham__fail(h, -ENOMEM, "%s", strerror(ENOMEM));
	if (!err)
		err = cham_normaliser(h, base, j->tool, sizeof(j->tool));
	for (i = 0; !err && i < parts->n; i++)
		err = read_part(j, i);
	if (err) {
		cham_joint__close(j);
		return err;
	}
	make_room(j);
	*jp = j;
	return 0;
}

static void free_maps(struct cham_joint *j)
{
	while (j->n_maps)
		free(j->maps[--j->n_maps]);
	free(j->maps);
	j->maps = NULL;
}

/* Before another is made. */
static void forget(struct cham_joint *j)
{
	while (j->n_in > 1)
		close(j->in[--j->n_in]);
	free_maps(j);
	free(j->keep);
	free(j->data);
	j->keep = NULL;
	j->data = NULL;
	memset(&j->claim, 0, sizeof(j->claim));
}

int cham_joint__make(struct cham_joint *j)
{
	unsigned int i;
	int err;

	forget(j);
	for (i = 0; i < j->parts.n; i++)
		take(j, i);
	if (j->n_in == 1)
		return cham__fail(j->h, -ENOENT, "no program can be inlined; the first: %s",
				  j->parts.part[0].why);
	err = keep_names(j);
	for (i = 0; !err && i < j->parts.n; i++)
		err = j->parts.part[i].inlined ? claim_maps(j, i) : 0;
	if (!err)
		err = compile(j);
	if (!err)
		err = cham_prove(j->h, j->data, j->size, &j->claim);
	if (!err)
		err = cham_lines__thin(j->h, j->data, j->size);
	return err ? err : cham_types__fit(j->h, j->data, j->size);
}

int cham_joint__put(struct cham_joint *j, struct cham_parts *parts)
{
	const char *path = joint_path(parts->number);
	int err = cham_file__write(j->h, path, j->data, j->size);

	if (err)
		return err;
	*parts = j->parts;
	parts->joint = path;
	return 0;
}

void cham_joint__close(struct cham_joint *j)
{
	unsigned int i;

	if (!j)
		return;
	for (i = 0; i < j->n_in; i++)
		close(j->in[i]);
	for (i = 0; i < CHAM_CELLS; i++) {
		cham_object__close(j->object[i]);
		if (j->bitcode[i] >= 0)
			close(j->bitcode[i]);
	}
	free_maps(j);
	free(j->base);
	free(j->keep);
	free(j->data);
	free(j);
}

void cham_tiers__put(const struct cham_parts *parts, const char *why)
{
	const char *path = tiers_path(parts->number);
	unsigned int i;
	FILE *f;

	unlink(path);
	if (!parts->joint)
		unlink(joint_path(parts->number));
	if (!parts->joint && !why)
		return;
	f = fopen(path, "we");
	for (i = 0; f && i < parts->n; i++)
		fprintf(f, "%u %s %s\n", parts->part[i].tenant,
			parts->part[i].inlined && !why ? "joint" : "linked",
			why ? why : parts->part[i].why);
	if (f)
		fclose(f);
}

/* A line of such a file. Return: is it one? */
static bool tier_line(char *line, unsigned int *tenant, bool *joint, const char **why)
{
	char tier[8];
	int at;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%u %7s %n", tenant, tier, &at) != 2)
		return false;
	*joint = !strcmp(tier, "joint");
	*why = line + at;
	return true;
}

enum cham_tier cham_tiers__get(unsigned int number)
{
	FILE *f = fopen(tiers_path(number), "re");
	enum cham_tier tier = f ? CHAM_TIER_REFUSED : CHAM_TIER_LINKED;
	unsigned int tenant;
	const char *why;
	char line[400];
	bool joint;

	while (f && fgets(line, sizeof(line), f))
		if (tier_line(line, &tenant, &joint, &why) && joint)
			tier = CHAM_TIER_JOINT;
	if (f)
		fclose(f);
	return tier;
}

bool cham_prog__joint(uint32_t tenant_id, char *why, size_t size)
{
	bool attached = cham_datapath__attached(), found = false, joint = false;
	unsigned int tenant, number;
	const char *reason;
	char line[400];
	FILE *f;

	why[0] = '\0';
	for (number = 0; attached && !found && number < CHAM_PARTITIONS; number++) {
		f = fopen(tiers_path(number), "re");
		while (f && !found && fgets(line, sizeof(line), f)) {
			found = tier_line(line, &tenant, &joint, &reason) && tenant == tenant_id;
			if (found)
				snprintf(why, size, "%s", reason);
		}
		if (f)
			fclose(f);
	}
	return found && joint;
}
