// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * From linked to joint: read with the lock, made without, put with it if it still
 * is of what is loaded. Seconds, in which others load and unload.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datapath.h"

#define JOINS_MAX	8	/* while programs change all the time */

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

/* Makes composition @number anew; @j: takes its place. -ESTALE: not of this any more.
 * @refused: or the datapath that was to be is not taken.
 */
static int recompose(struct cham *h, const char *objdir, unsigned int number,
		     const struct cham_parts *of, struct cham_joint *j, bool *refused)
{
	struct cham_plan *plan;
	int err;

	err = cham_programs__open(h, objdir, &plan);
	if (err)
		return err;
	if (same_parts(of, &plan->of[number])) {
		plan->make = 1U << number;
		cham_plan__changing(plan, true);
		err = cham_joint__put(j, &plan->of[number]);
		if (!err) {
			err = cham_programs__put(h, objdir, plan);
			*refused = err == -E2BIG || err == -EACCES || err == -EINVAL;
		}
		cham_plan__changing(plan, false);
	} else {
		err = cham__fail(h, -ESTALE, "programs were loaded or unloaded meanwhile");
	}
	cham_plan__close(plan);
	return err < 0 ? err : 0;
}

/* One composition, while others load and unload: what it is made of may be old then.
 * Whose program keeps the kernel from taking it does not keep the neighbours' from joining.
 */
static int join(struct cham *h, const char *objdir, unsigned int number)
{
	struct cham_joint *j = NULL;
	struct cham_plan *plan;
	char path[4096];
	bool no;
	int err;

	err = cham_programs__open(h, objdir, &plan);
	if (err)
		return err;
	err = cham_datapath__object(path, sizeof(path), objdir);
	if (!err)
		err = cham_joint__open(h, path, &plan->of[number], &j);
	cham_plan__unlock(plan);
	if (err)
		goto out;
	do {
		err = cham_joint__make(j);
		no = err && err != -ENOENT && err != -ENOMEM;
		if (!err)
			err = recompose(h, objdir, number, &plan->of[number], j, &no);
	} while (no && cham_joint__leave_out(j, cham__last_error(h)));
out:
	cham_joint__close(j);
	cham_plan__close(plan);
	return err;
}

/* What prog show is to say of it, for as long as it is that. */
static void refused(struct cham *h, const struct cham_parts *of, const char *said)
{
	struct cham_plan *plan;
	char why[200];

	cham_one_line(why, sizeof(why), said);
	if (cham_plan__open(h, &plan))
		return;
	/* A joint one that is attached stays. */
	if (same_parts(of, &plan->of[of->number]) &&
	    cham_tiers__get(of->number) != CHAM_TIER_JOINT)
		cham_tiers__put(&plan->of[of->number], why);
	cham_plan__close(plan);
}

static int link_all(struct cham *h, const char *objdir)
{
	struct cham_plan *plan;
	int err;

	err = cham_programs__open(h, objdir, &plan);
	if (err)
		return err;
	cham_plan__changing(plan, true);
	err = cham_programs__put(h, objdir, plan);
	cham_plan__changing(plan, false);
	cham_plan__close(plan);
	return err < 0 ? err : 0;
}

/* One that is to be joint, and if it cannot, prog show says why. */
static int join_one(struct cham *h, const char *objdir, const struct cham_parts *of)
{
	char said[4096];
	int err, tries = 0;

	do
		err = join(h, objdir, of->number);
	while (err == -ESTALE && ++tries < JOINS_MAX);
	if (!err)
		return 0;
	snprintf(said, sizeof(said), "%s", cham__last_error(h));
	refused(h, of, said);
	return cham__fail(h, err, "%s", said);
}

/* @which: the tiers that are to become joint. The first that cannot is said. Return: programs. */
static int join_all(struct cham *h, const char *objdir, unsigned int which)
{
	unsigned int n, programs = 0;
	struct cham_plan *plan;
	char said[4096];
	int one, err;

	err = cham_programs__open(h, objdir, &plan);
	if (err)
		return err;
	cham_plan__unlock(plan);
	for (n = 0; n < CHAM_PARTITIONS; n++) {
		programs += plan->of[n].n;
		if (!plan->of[n].n || !(which >> cham_tiers__get(n) & 1))
			continue;
		one = join_one(h, objdir, &plan->of[n]);
		if (one && !err) {
			err = one;
			snprintf(said, sizeof(said), "%s", cham__last_error(h));
		}
	}
	cham_plan__close(plan);
	if (err)
		return cham__fail(h, err, "%s", said);
	return programs;
}

int cham_prog__compose(struct cham *h, const char *objdir, bool joint)
{
	int n;

	if (!joint)
		return link_all(h, objdir);
	n = join_all(h, objdir, ~0U);
	if (!n)
		return cham__fail(h, -ENOENT, "no program can be inlined: there is none");
	return n < 0 ? n : 0;
}

int cham_prog__join(struct cham *h, const char *objdir)
{
	int n = 0;

	/* Without a datapath there is nothing to make joint. */
	if (cham_datapath__attached())
		n = join_all(h, objdir, 1U << CHAM_TIER_LINKED);
	return n < 0 ? n : 0;
}
