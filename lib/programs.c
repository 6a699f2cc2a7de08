// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Tenants' programs come and go: linked, attached, told to the module, in this
 * order. A tenant's packets go to its handlers when the module says so, and then
 * every device has them already; when a program goes, the module says so first.
 *
 * One program holds so many handlers and no more: there are several compositions
 * beside each other then, and a change makes only that anew which it is in.
 *
 * Between two devices old and new datapath are both at work. Each knows the
 * layout of areas that its handlers were made for, and the module gives neither
 * an area of the other's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "compile.h"
#include "cost.h"
#include "datapath.h"
#include "jail.h"
#include "judge.h"

/* The areas stay with the program that made them, in the layout that it gave. One that was
 * stopped has not seen what went by since: what it knows is not true any more.
 */
static int choose_layout(struct cham *h, const char *file, const struct cham_object *o,
			 const struct cham_part *old, uint32_t *layout)
{
	struct cham_object *was;
	bool same;

	if (old && !old->stopped) {
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

/* What the program was made from that another has taken the place of. */
static void keep_former(uint32_t tenant, const char *file, const char *bitcode)
{
	char former[128], before[160];

	cham_part__path(former, sizeof(former), tenant, CHAM_PART_FORMER);
	snprintf(before, sizeof(before), "%s.before", bitcode);
	if (!rename(before, former))
		return;
	snprintf(before, sizeof(before), "%s.before", file);
	if (rename(before, former))
		unlink(former);
}

/* What was judged, and not what is at the path by now; and what it was made from. */
static int store(struct cham *h, const struct cham_source *s, const char *file,
		 const char *bitcode)
{
	int err = cham_file__write(h, file, s->object->data, s->object->size);

	if (!err && s->bitcode)
		err = cham_file__write(h, bitcode, s->bitcode, s->bitcode_size);
	else if (!err)
		unlink(bitcode);
	return err;
}

int cham_programs__put(struct cham *h, const char *objdir, struct cham_plan *plan)
{
	return cham_datapath__put(h, objdir, cham_datapath__generic() ?
				  CHAM_DATAPATH_GENERIC : 0, plan);
}

/* Of who loaded a program and died at it: the tenant keeps what it had, unless the module
 * knows the new one already.
 */
static int restore_part(const struct cham_prog *p, void *arg)
{
	char file[128], bitcode[128], before[160];
	const struct cham_plan *plan = arg;
	bool back = p->version == plan->replaces;

	cham_part__path(file, sizeof(file), p->tenant_id, CHAM_PART_OBJECT);
	cham_part__path(bitcode, sizeof(bitcode), p->tenant_id, CHAM_PART_BITCODE);
	snprintf(before, sizeof(before), "%s.before", file);
	if (access(before, F_OK))
		return 0;
	if (!back)
		keep_former(p->tenant_id, file, bitcode);
	kept(file, back);
	kept(bitcode, back);
	return 0;
}

/* Ends what somebody died at. */
static int mend(struct cham *h, const char *objdir, struct cham_plan *plan)
{
	int err;

	err = cham_prog__for_each(h, restore_part, plan);
	if (!err && cham_datapath__attached())
		err = cham_programs__put(h, objdir, plan);
	if (err < 0)
		return err;
	cham_plan__changing(plan, false);
	return 0;
}

static int open_mended(struct cham *h, const char *objdir, struct cham_plan **plan)
{
	int err = cham_plan__open(h, plan);

	if (err)
		return err;
	if (cham_plan__torn(*plan))
		err = mend(h, objdir, *plan);
	if (err) {
		cham_plan__close(*plan);
		return err;
	}
	cham_plan__sweep(*plan);
	cham_maps__sweep(*plan);
	return 0;
}

static int nowhere(struct cham *h)
{
	return cham__fail(h, -ENOENT,
			  "no datapath is attached, in which a program could run: chamctl datapath attach");
}

int cham_programs__open(struct cham *h, const char *objdir, struct cham_plan **plan)
{
	int err;

	if (!cham_datapath__attached())
		return nowhere(h);
	err = open_mended(h, objdir, plan);
	/* While somebody else had the lock it may have been detached. */
	if (err || cham_datapath__attached())
		return err;
	cham_plan__close(*plan);
	return nowhere(h);
}

int cham_datapath__attach(struct cham *h, const char *objdir, unsigned int flags)
{
	struct cham_plan *plan;
	int err;

	err = open_mended(h, objdir, &plan);
	if (err)
		return err;
	err = cham_datapath__put(h, objdir, flags, plan);
	cham_plan__close(plan);
	return err;
}

static int load_into(struct cham *h, const char *objdir, uint32_t tenant,
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

	part = cham_plan__find(plan, tenant, &parts);
	cham_part__path(file, sizeof(file), tenant, CHAM_PART_OBJECT);
	err = choose_layout(h, file, o, part, &p.layout);
	if (err)
		return err;
	if (!part)
		part = cham_plan__add(h, plan, tenant, &parts);
	if (!part)
		return -ENOSPC;
	plan->replaces = part->version;
	part->layout = p.layout;
	p.cell = parts->number * CHAM_CELLS + part->cell;
	memcpy(p.name, o->meta.name, sizeof(p.name));
	plan->make = 1U << parts->number;

	/* What is refused leaves everything as it was, the files included. */
	cham_part__path(bitcode, sizeof(bitcode), tenant, CHAM_PART_BITCODE);
	err = keep(h, bitcode);
	if (!err)
		err = keep(h, file);
	/* What is not kept is not touched. */
	if (err) {
		kept(bitcode, false);
		return err;
	}
	err = cham_plan__changing(plan, true);
	if (err)
		cham__fail(h, err, CHAM_STATE_DIR "/lock: cannot be written: %s", strerror(-err));
	else
		err = store(h, s, file, bitcode);
	if (!err)
		err = cham_programs__put(h, objdir, plan);
	if (err >= 0) {
		attached = true;
		err = cham_prog__set(h, &p);
	}
	if (!err)
		keep_former(tenant, file, bitcode);
	kept(file, err);
	kept(bitcode, err);
	/* What is attached and the module does not know the next change mends. */
	cham_plan__changing(plan, attached && err);
	if (!err)
		cham_maps__sweep(plan);
	return err;
}

static void tell_joint(struct cham_prog_report *report, enum cham_prog_joint joint,
		       const char *why)
{
	report->joint = joint;
	cham_one_line(report->not_joint, sizeof(report->not_joint), why);
}

/* Of a joint datapath a program is not the object that was judged: what that object's
 * compiler has concluded from the bitcode is taken back, and what it had no place for may
 * be there again. So that is judged, too; the verifier sees it in its place.
 */
static int judge_alone(struct cham *h, const char *file, int in, uint32_t max_cycles)
{
	struct cham_prog_report *report = calloc(1, sizeof(*report));
	struct cham_object *o = NULL;
	int err;

	if (!report)
		return cham__fail(h, -ENOMEM, "%s", strerror(ENOMEM));
	err = cham_joint__alone(h, file, in, &o);
	if (!err)
		err = cham_judge(h, o, max_cycles, report);
	cham_object__close(o);
	free(report);
	return err;
}

/* What the joint tier says of it. Inline assembly is for no tier: an object does not
 * show it any more, and is judged by its instructions alone. Bitcode is kept for that tier
 * if it is admitted, or if the normaliser itself says no, as it will again; not if that
 * had no time or memory, which it may have the next time.
 */
static int judge_joint(struct cham *h, const char *base, const char *file,
		       uint32_t max_cycles, struct cham_source *s,
		       struct cham_prog_report *report)
{
	char tool[4096];
	uint8_t *data;
	size_t size;
	int in, err;
	bool refused;

	if (!s->bitcode) {
		tell_joint(report, CHAM_PROG_JOINT_NO, CHAM_NOT_BITCODE);
		return 0;
	}
	if (cham_normaliser(h, base, tool, sizeof(tool))) {
		tell_joint(report, CHAM_PROG_JOINT_UNKNOWN, cham__last_error(h));
		cham_source__forget(s);
		return 0;
	}
	in = cham_memfd(h, s->bitcode, s->bitcode_size, true);
	if (in < 0)
		return in;
	err = cham_normalise(h, tool, file, 0, 0, in, &data, &size);
	close(in);
	if (err && strstr(cham__last_error(h), "inline assembly"))
		return err;
	refused = err == -EINVAL;
	if (!err) {
		in = cham_memfd(h, data, size, true);
		free(data);
		if (in < 0)
			return in;
		err = judge_alone(h, file, in, max_cycles);
		close(in);
	}
	if (!err) {
		report->joint = CHAM_PROG_JOINT_YES;
		return 0;
	}
	tell_joint(report, CHAM_PROG_JOINT_NO, cham__last_error(h));
	if (!refused)
		cham_source__forget(s);
	return 0;
}

/* This kernel never runs the datapath: what it says is not what would be said there. */
static bool too_old(void)
{
	unsigned int major, minor;
	struct utsname u;

	return !uname(&u) && sscanf(u.release, "%u.%u", &major, &minor) == 2 &&
	       (major < 6 || (major == 6 && minor < 12));
}

/* What this kernel's verifier says of it. Who only wants to know may not be allowed to
 * ask, or not have what it takes.
 */
static int verify(struct cham *h, const char *base, const struct cham_object *o, bool must,
		  struct cham_prog_report *report)
{
	int err;

	if (!must && too_old())
		err = cham__fail(h, -ENOENT, "this kernel is older than 6.12");
	else
		err = cham_alone(h, base, o, &report->verified);
	if (must || (err != -EPERM && err != -ENOENT))
		return err;
	cham_one_line(report->not_verified, sizeof(report->not_verified), cham__last_error(h));
	return 0;
}

/* What is judged is what would run; the caller closes @s in any case. */
static int judge_file(struct cham *h, const char *objdir, const char *file,
		      uint32_t max_cycles, bool load, struct cham_source *s,
		      struct cham_prog_report *report)
{
	char base[4096];
	int err;

	max_cycles = max_cycles ?: CHAM_CYCLES_DEFAULT;
	memset(report, 0, sizeof(*report));
	err = cham_source__open(h, file, s);
	if (!err && cham_datapath__object(base, sizeof(base), objdir))
		err = cham__fail(h, -ENAMETOOLONG, "%s: is too long", objdir);
	if (!err)
		err = cham_judge(h, s->object, max_cycles, report);
	if (!err)
		err = verify(h, base, s->object, load, report);
	if (!err)
		err = judge_joint(h, base, file, max_cycles, s, report);
	cham_source__tell(s, file, report);
	report->form = s->form;
	report->landlock = s->form != CHAM_PROG_FORM_OBJECT && cham_jail__landlock();
	return err;
}

int cham_prog__check(struct cham *h, const char *objdir, const char *file,
		     uint32_t max_cycles, struct cham_prog_report *report)
{
	struct cham_source s;
	int err = judge_file(h, objdir, file, max_cycles, false, &s, report);

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
	struct cham_tenant tenant = { .sz = sizeof(tenant) };
	struct cham_prog_report *report;
	struct cham_plan *plan;
	struct cham_source s;
	int err = cham_tenant__by_id(h, tenant_id, &tenant);

	if (err)
		return err;
	report = malloc(sizeof(*report));
	if (!report)
		return cham__fail(h, -ENOMEM, "%s", strerror(ENOMEM));
	err = judge_file(h, objdir, file, tenant.max_cycles, true, &s, report);
	free(report);
	if (!err)
		err = cham_programs__open(h, objdir, &plan);
	if (!err) {
		err = load_into(h, objdir, tenant_id, &s, plan);
		cham_plan__close(plan);
	}
	cham_source__close(&s);
	return err;
}

int cham_prog__rollback(struct cham *h, const char *objdir, uint32_t tenant_id)
{
	char file[128];

	cham_part__path(file, sizeof(file), tenant_id, CHAM_PART_FORMER);
	if (access(file, F_OK))
		return cham__fail(h, -ENOENT,
				  "no program before this one is kept: none was loaded since the tenant had none");
	return cham_prog__load(h, objdir, tenant_id, file);
}

int cham_prog__unload(struct cham *h, const char *objdir, uint32_t tenant_id)
{
	struct cham_parts *parts;
	struct cham_plan *plan;
	bool deleted;
	int err;

	err = open_mended(h, objdir, &plan);
	if (err)
		return err;
	cham_plan__changing(plan, true);
	err = cham_prog__del(h, tenant_id);
	deleted = !err;
	/* Nothing runs it any more: that it still is in the datapath does no harm. */
	if (!err && cham_plan__find(plan, tenant_id, &parts)) {
		cham_plan__drop(plan, parts, tenant_id);
		if (cham_datapath__attached())
			err = cham_programs__put(h, objdir, plan);
	}
	if (err >= 0) {
		cham_plan__sweep(plan);
		cham_maps__sweep(plan);
		err = 0;
	} else if (deleted) {
		cham__fail(h, err,
			   "the program is gone, but the datapath could not be made without it: %s; the next change does that, or chamctl datapath attach, or chamd by itself",
			   cham__last_error(h));
	}
	/* The next change mends it. */
	cham_plan__changing(plan, deleted && err);
	cham_plan__close(plan);
	return err;
}

int cham_prog__read(struct cham *h, uint32_t tenant_id, uint8_t **data, size_t *size)
{
	char file[128];

	cham_part__path(file, sizeof(file), tenant_id, CHAM_PART_BITCODE);
	if (access(file, F_OK))
		cham_part__path(file, sizeof(file), tenant_id, CHAM_PART_OBJECT);
	return cham_file__read(h, file, data, size);
}
