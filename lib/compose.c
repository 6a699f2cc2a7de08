// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * One datapath of the provider's object and the tenants': linked, attached, told
 * to the module, in this order. A tenant's packets go to its handlers when the
 * module says so, and then every device has them already; when a program goes,
 * the module says so first.
 *
 * One program holds so many handlers and no more: there are several compositions
 * beside each other then, and a change makes only that anew which it is in.
 *
 * Between two devices old and new datapath are both at work. Each knows the
 * layout of areas that its handlers were made for, and the module gives neither
 * an area of the other's.
 *
 *	CHAM_STATE_DIR/programs/<tenant>.o	what was loaded
 *	CHAM_STATE_DIR/programs/<tenant>.bc	the bitcode that it was made from
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "compile.h"
#include "cost.h"
#include "datapath.h"
#include "jail.h"
#include "judge.h"

#define PROGRAMS	CHAM_STATE_DIR "/programs"
#define JOINS_MAX	8	/* while programs change all the time */

int cham_compose__lock(struct cham *h)
{
	int fd;

	if ((mkdir(CHAM_STATE_DIR, 0755) && errno != EEXIST) ||
	    (mkdir(PROGRAMS, 0700) && errno != EEXIST))
		return cham__fail(h, -errno, "%s: %s", PROGRAMS, strerror(errno));
	fd = open(CHAM_STATE_DIR "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX)) {
		int err = -errno;

		if (fd >= 0)
			close(fd);
		return cham__fail(h, err, "%s/lock: %s", CHAM_STATE_DIR, strerror(-err));
	}
	return fd;
}

/*
 * While things are changed the lock says so, and says it still when who changed them
 * died: then what is attached, what is kept and what the module knows may be of
 * different ages.
 */
static void changing(int lock, bool yes)
{
	if (yes ? pwrite(lock, "c", 1, 0) != 1 : ftruncate(lock, 0))
		return;	/* not a reason to stop */
}

static bool torn(int lock)
{
	char c;

	return pread(lock, &c, 1, 0) == 1;
}

void cham_part__path(char *path, size_t size, uint32_t tenant)
{
	snprintf(path, size, PROGRAMS "/%u.o", tenant);
}

void cham_part__bitcode(char *path, size_t size, uint32_t tenant)
{
	snprintf(path, size, PROGRAMS "/%u.bc", tenant);
}

static int take_part(const struct cham_prog *p, void *arg)
{
	struct cham_plan *plan = arg;
	struct cham_parts *parts = &plan->of[(p->cell - 1) / CHAM_CELLS];

	if (parts->n == CHAM_CELLS)
		return -ENOSPC;
	parts->part[parts->n++] = (struct cham_part){
		.tenant = p->tenant_id, .cell = (p->cell - 1) % CHAM_CELLS + 1,
		.layout = p->layout, .version = p->version,
	};
	return 0;
}

int cham_plan__get(struct cham *h, struct cham_plan **planp)
{
	struct cham_plan *plan = malloc(sizeof(*plan));
	int tries = 3, err;
	unsigned int i;

	*planp = plan;
	if (!plan)
		return cham__fail(h, -ENOMEM, "%s", strerror(ENOMEM));
	do {
		memset(plan, 0, sizeof(*plan));
		for (i = 0; i < CHAM_PARTITIONS; i++)
			plan->of[i].number = i;
		plan->make = CHAM_PLAN_ALL;
		err = cham_prog__for_each(h, take_part, plan);
	} while (!err && cham__interrupted(h) && --tries);
	return err;
}

static struct cham_part *find_part(struct cham_plan *plan, uint32_t tenant,
				   struct cham_parts **parts)
{
	unsigned int n, i;

	for (n = 0; n < CHAM_PARTITIONS; n++)
		for (i = 0; i < plan->of[n].n; i++)
			if (plan->of[n].part[i].tenant == tenant) {
				*parts = &plan->of[n];
				return &plan->of[n].part[i];
			}
	return NULL;
}

unsigned int cham_plan__number(const struct cham_plan *plan, uint32_t tenant)
{
	struct cham_parts *parts;

	return find_part((struct cham_plan *)plan, tenant, &parts) ? parts->number : 0;
}

/* After cham_log_begin(): what libbpf's linker answered, and said. */
static int linked(struct cham *h, const char *what, int err)
{
	const char *said = cham_log_end();

	return err ? cham__fail(h, err, "%s: cannot be linked: %s\n%s", what,
				strerror(-err), said) : 0;
}

/* Adds one tenant's object, under the names of its place. */
static int add_part(struct cham *h, struct bpf_linker *linker,
		    const struct cham_part *part)
{
	char file[128], placed[128];
	struct cham_object *o;
	int fd, err;

	cham_part__path(file, sizeof(file), part->tenant);
	err = cham_object__open(h, file, &o);
	if (err)
		return err;
	snprintf(placed, sizeof(placed), PROGRAMS "/.%u.placed", part->tenant);
	fd = open(placed, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		err = cham__fail(h, -errno, "%s: %s", placed, strerror(errno));
	} else {
		err = cham_object__place(h, o, part->tenant, part->cell, fd);
		close(fd);
	}
	if (!err) {
		cham_log_begin();
		err = linked(h, file, bpf_linker__add_file(linker, placed, NULL));
	}
	unlink(placed);
	cham_object__close(o);
	return err;
}

int cham_compose(struct cham *h, const char *base, const struct cham_parts *parts,
		 char *out, size_t size)
{
	struct bpf_linker *linker;
	unsigned int i, n = 0;
	int err;

	out[0] = '\0';
	for (i = 0; i < parts->n; i++)
		n += !parts->part[i].inlined;
	if (!n)
		return 0;
	snprintf(out, size, PROGRAMS "/.datapath.%d", getpid());
	cham_log_begin();
	linker = bpf_linker__new(out, NULL);
	err = linked(h, base, linker ? bpf_linker__add_file(linker, base, NULL) : -errno);
	for (i = 0; !err && i < parts->n; i++)
		if (!parts->part[i].inlined)
			err = add_part(h, linker, &parts->part[i]);
	if (!err) {
		cham_log_begin();
		err = linked(h, "the datapath", bpf_linker__finalize(linker));
	}
	bpf_linker__free(linker);
	if (err)
		unlink(out);
	return err;
}

/* ---- load, unload --------------------------------------------------------- */

/* A place for one more: in the first that has room. */
static struct cham_part *new_part(struct cham *h, struct cham_plan *plan, uint32_t tenant,
				  struct cham_parts **partsp)
{
	struct cham_parts *parts = plan->of;
	struct cham_part *part;
	uint32_t used = 0, cell = 1;
	unsigned int i;

	while (parts < plan->of + CHAM_PARTITIONS && parts->n == CHAM_CELLS)
		parts++;
	if (parts == plan->of + CHAM_PARTITIONS) {
		cham__fail(h, -ENOSPC, "%d tenants have programs, the most that there can be",
			   CHAM_CELL_MAX);
		return NULL;
	}
	for (i = 0; i < parts->n; i++)
		used |= 1U << parts->part[i].cell;
	while (used & 1U << cell)
		cell++;
	part = &parts->part[parts->n++];
	*part = (struct cham_part){ .tenant = tenant, .cell = cell };
	*partsp = parts;
	return part;
}

static void drop_part(struct cham_plan *plan, struct cham_parts *parts, uint32_t tenant)
{
	unsigned int i;

	for (i = 0; parts->part[i].tenant != tenant; i++)
		;
	parts->part[i] = parts->part[--parts->n];
	plan->make = 1U << parts->number;
}

/* The areas stay with the program that made them, in the layout that it gave. */
static int choose_layout(struct cham *h, const char *file, const struct cham_object *o,
			 const struct cham_part *old, uint32_t *layout)
{
	struct cham_object *was;
	bool same;

	if (old) {
		if (cham_object__open(h, file, &was) == 0) {
			same = was->meta.layout == o->meta.layout &&
			       !strcmp(was->meta.name, o->meta.name);
			cham_object__close(was);
			if (same) {
				*layout = old->layout;
				return 0;
			}
		}
	}
	do {
		if (getrandom(layout, sizeof(*layout), 0) != sizeof(*layout))
			return cham__fail(h, -errno, "getrandom: %s", strerror(errno));
	} while (!*layout || (old && *layout == old->layout));
	return 0;
}

/* So that restore() finds it: the file, or that there was none. */
static int keep(struct cham *h, const char *file)
{
	char before[160];

	snprintf(before, sizeof(before), "%s.before", file);
	unlink(before);
	if (link(file, before) && errno != ENOENT)
		return cham__fail(h, -errno, "%s: %s", before, strerror(errno));
	return 0;
}

static void kept(const char *file, bool restore)
{
	char before[160];

	snprintf(before, sizeof(before), "%s.before", file);
	if (restore && rename(before, file))
		unlink(file);
	unlink(before);
}

/* What was judged, and not what is at the path by now; and what it was made from. */
static int store(struct cham *h, const struct cham_source *s, const char *file,
		 const char *bitcode)
{
	int err = keep(h, file);

	if (!err)
		err = keep(h, bitcode);
	if (!err)
		err = cham_file__write(h, file, s->object->data, s->object->size);
	if (!err && s->bitcode)
		err = cham_file__write(h, bitcode, s->bitcode, s->bitcode_size);
	else if (!err)
		unlink(bitcode);
	return err;
}

static int need_datapath(struct cham *h)
{
	if (cham_datapath__attached())
		return 0;
	return cham__fail(h, -ENOENT,
			  "no datapath is attached, in which a program could run: chamctl datapath attach");
}

/* In the mode that it is attached in. */
static int reattach(struct cham *h, const char *objdir, const struct cham_plan *plan)
{
	return cham_datapath__put(h, objdir, cham_datapath__generic() ?
				  CHAM_DATAPATH_GENERIC : 0, plan);
}

/* Of who loads a program and died at it: the tenant keeps what it had. */
static int restore_part(const struct cham_prog *p, void *arg)
{
	char file[128], before[160];

	(void)arg;
	cham_part__path(file, sizeof(file), p->tenant_id);
	snprintf(before, sizeof(before), "%s.before", file);
	if (access(before, F_OK))
		return 0;
	kept(file, true);
	cham_part__bitcode(file, sizeof(file), p->tenant_id);
	kept(file, true);
	return 0;
}

int cham_compose__mend(struct cham *h, int lock, const char *objdir)
{
	struct cham_plan *plan = NULL;
	int err;

	if (!torn(lock))
		return 0;
	err = cham_prog__for_each(h, restore_part, NULL);
	if (!err)
		err = cham_plan__get(h, &plan);
	if (!err && cham_datapath__attached())
		err = reattach(h, objdir, plan);
	free(plan);
	if (err >= 0)
		changing(lock, false);
	return err < 0 ? err : 0;
}

static int load_locked(struct cham *h, int lock, const char *objdir, uint32_t tenant,
		       const struct cham_source *s, struct cham_plan *plan)
{
	const struct cham_object *o = s->object;
	struct cham_prog p = {
		.sz = sizeof(p), .tenant_id = tenant, .abi = o->meta.abi,
		.hooks = o->hooks, .flags = o->meta.flags,
		.set = CHAM_BIT(CHAM_PROG_TENANT_ID) | CHAM_BIT(CHAM_PROG_NAME) |
		       CHAM_BIT(CHAM_PROG_ABI) | CHAM_BIT(CHAM_PROG_CELL) |
		       CHAM_BIT(CHAM_PROG_HOOKS) | CHAM_BIT(CHAM_PROG_LAYOUT) |
		       CHAM_BIT(CHAM_PROG_FLAGS),
	};
	char file[128], bitcode[128];
	struct cham_parts *parts = NULL;
	struct cham_part *part;
	bool attached = false;
	int err;

	part = find_part(plan, tenant, &parts);
	cham_part__path(file, sizeof(file), tenant);
	err = choose_layout(h, file, o, part, &p.layout);
	if (err)
		return err;
	if (!part)
		part = new_part(h, plan, tenant, &parts);
	if (!part)
		return -ENOSPC;
	part->layout = p.layout;
	p.cell = parts->number * CHAM_CELLS + part->cell;
	memcpy(p.name, o->meta.name, sizeof(p.name));
	plan->make = 1U << parts->number;

	/* What is refused leaves everything as it was, the files included. */
	cham_part__bitcode(bitcode, sizeof(bitcode), tenant);
	changing(lock, true);
	err = store(h, s, file, bitcode);
	if (!err)
		err = reattach(h, objdir, plan);
	if (err >= 0) {
		attached = true;
		err = cham_prog__set(h, &p);
	}
	kept(file, err);
	kept(bitcode, err);
	/* What is attached and the module does not know the next change mends. */
	changing(lock, attached && err);
	return err;
}

/* What is judged is what would run; the caller closes @s in any case. */
static int judge_file(struct cham *h, const char *file, struct cham_source *s,
		      struct cham_prog_report *report)
{
	int err;

	memset(report, 0, sizeof(*report));
	err = cham_source__open(h, file, s);
	if (!err)
		err = cham_judge(h, s->object, report);
	cham_source__tell(s, file, report);
	report->form = s->form;
	report->landlock = s->form != CHAM_PROG_FORM_OBJECT && cham_jail__landlock();
	return err;
}

int cham_prog__check(struct cham *h, const char *file, struct cham_prog_report *report)
{
	struct cham_source s;
	int err = judge_file(h, file, &s, report);

	cham_source__close(&s);
	return err;
}

const char *cham_helper__name(unsigned int helper)
{
	return cham_helper_name(helper);
}

int cham_prog__load(struct cham *h, const char *objdir, uint32_t tenant_id,
		    const char *file)
{
	struct cham_prog_report *report = malloc(sizeof(*report));
	struct cham_plan *plan = NULL;
	struct cham_source s;
	int lock, err;

	if (!report)
		return cham__fail(h, -ENOMEM, "%s", strerror(ENOMEM));
	err = judge_file(h, file, &s, report);
	free(report);
	lock = err ? err : cham_compose__lock(h);
	if (lock < 0) {
		cham_source__close(&s);
		return lock;
	}
	err = need_datapath(h);
	if (!err)
		err = cham_compose__mend(h, lock, objdir);
	if (!err)
		err = cham_plan__get(h, &plan);
	if (!err)
		err = load_locked(h, lock, objdir, tenant_id, &s, plan);
	free(plan);
	close(lock);
	cham_source__close(&s);
	return err;
}

int cham_prog__unload(struct cham *h, const char *objdir, uint32_t tenant_id)
{
	struct cham_plan *plan = NULL;
	struct cham_parts *parts;
	char file[128];
	int lock, err;

	lock = cham_compose__lock(h);
	if (lock < 0)
		return lock;
	err = cham_compose__mend(h, lock, objdir);
	if (!err)
		err = cham_plan__get(h, &plan);
	changing(lock, true);
	if (!err)
		err = cham_prog__del(h, tenant_id);
	/* Nothing runs it any more: that it still is in the datapath does no harm. */
	if (!err && find_part(plan, tenant_id, &parts)) {
		drop_part(plan, parts, tenant_id);
		if (cham_datapath__attached())
			err = reattach(h, objdir, plan);
	}
	if (err >= 0) {
		cham_part__path(file, sizeof(file), tenant_id);
		unlink(file);
		cham_part__bitcode(file, sizeof(file), tenant_id);
		unlink(file);
		err = 0;
	}
	changing(lock, false);
	free(plan);
	close(lock);
	return err;
}

/* ---- tiers ----------------------------------------------------------------- */

/* Is it made of what a joint one was made from? */
static bool same_parts(const struct cham_parts *a, const struct cham_parts *b)
{
	unsigned int i;

	for (i = 0; i < a->n && i < b->n; i++)
		if (a->part[i].tenant != b->part[i].tenant ||
		    a->part[i].cell != b->part[i].cell ||
		    a->part[i].layout != b->part[i].layout ||
		    a->part[i].version != b->part[i].version)
			return false;
	return a->n == b->n;
}

/* Makes composition @number anew; @j: takes its place. -ESTALE: not of this any more. */
static int recompose(struct cham *h, const char *objdir, unsigned int number,
		     const struct cham_parts *of, struct cham_joint *j)
{
	struct cham_plan *plan = NULL;
	int lock, err;

	lock = cham_compose__lock(h);
	if (lock < 0)
		return lock;
	err = need_datapath(h);
	if (!err)
		err = cham_compose__mend(h, lock, objdir);
	if (!err)
		err = cham_plan__get(h, &plan);
	if (!err && !same_parts(of, &plan->of[number]))
		err = cham__fail(h, -ESTALE, "programs were loaded or unloaded meanwhile");
	if (!err) {
		plan->make = 1U << number;
		changing(lock, true);
		err = cham_joint__put(j, &plan->of[number]);
		if (!err)
			err = reattach(h, objdir, plan);
		changing(lock, false);
	}
	free(plan);
	close(lock);
	return err < 0 ? err : 0;
}

/* One composition, while others load and unload: what it is made of may be old then. */
static int join(struct cham *h, const char *objdir, unsigned int number)
{
	struct cham_plan *plan = NULL;
	struct cham_joint *j = NULL;
	char path[4096];
	int lock, err;

	lock = cham_compose__lock(h);
	if (lock < 0)
		return lock;
	err = need_datapath(h);
	if (!err)
		err = cham_datapath__object(path, sizeof(path), objdir);
	if (!err)
		err = cham_plan__get(h, &plan);
	if (!err)
		err = cham_joint__open(h, path, &plan->of[number], &j);
	close(lock);
	if (!err)
		err = cham_joint__make(j);
	if (!err)
		err = recompose(h, objdir, number, &plan->of[number], j);
	cham_joint__close(j);
	free(plan);
	return err;
}

/* What prog show is to say of it, for as long as it is that. */
static void refused(struct cham *h, unsigned int number, const struct cham_parts *of,
		    const char *said)
{
	struct cham_plan *plan = NULL;
	int lock = cham_compose__lock(h);
	char why[200];

	if (lock < 0)
		return;
	snprintf(why, sizeof(why), "%.*s", (int)strcspn(said, "\n"), said);
	/* A joint one that is attached stays. */
	if (!cham_plan__get(h, &plan) && same_parts(of, &plan->of[number]) &&
	    cham_tiers__get(number) != CHAM_TIER_JOINT)
		cham_tiers__put(&plan->of[number], why);
	free(plan);
	close(lock);
}

static int link_all(struct cham *h, const char *objdir)
{
	struct cham_plan *plan = NULL;
	int lock, err;

	lock = cham_compose__lock(h);
	if (lock < 0)
		return lock;
	err = need_datapath(h);
	if (!err)
		err = cham_plan__get(h, &plan);
	changing(lock, true);
	if (!err)
		err = reattach(h, objdir, plan);
	changing(lock, false);
	free(plan);
	close(lock);
	return err < 0 ? err : 0;
}

/* @which: the tiers that are to become joint. The first that cannot is said. */
static int join_all(struct cham *h, const char *objdir, unsigned int which)
{
	struct cham_plan *plan = NULL;
	unsigned int n, tries = 0;
	int one, err = 0, got;
	char *said = NULL;

	got = cham_plan__get(h, &plan);
	for (n = 0; !got && n < CHAM_PARTITIONS; n++) {
		/* What has no program is as good as it gets; asked for, it is an error. */
		if ((!plan->of[n].n && (n || which != ~0U)) || !(which >> cham_tiers__get(n) & 1))
			continue;
		do
			one = join(h, objdir, n);
		while (one == -ESTALE && ++tries < JOINS_MAX);
		if (one && !err) {
			err = one;
			said = strdup(cham__last_error(h));
		}
		if (one)
			refused(h, n, &plan->of[n], cham__last_error(h));
	}
	free(plan);
	if (said)
		cham__fail(h, err, "%s", said);
	free(said);
	return got ? got : err;
}

int cham_prog__compose(struct cham *h, const char *objdir, bool joint)
{
	return joint ? join_all(h, objdir, ~0U) : link_all(h, objdir);
}

int cham_prog__join(struct cham *h, const char *objdir)
{
	int lock = cham_compose__lock(h), err;

	if (lock < 0)
		return lock;
	err = cham_datapath__attached() ? cham_compose__mend(h, lock, objdir) : -ENOENT;
	close(lock);
	/* Without a datapath there is nothing to make joint. */
	return err ? (err == -ENOENT ? 0 : err) : join_all(h, objdir, 1U << CHAM_TIER_LINKED);
}
