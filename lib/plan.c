// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * What the datapath is to be made of: the module knows it, and one at a time
 * changes it. The lock is a file; while things are changed it says so.
 *
 *	CHAM_STATE_DIR/lock
 *	CHAM_STATE_DIR/programs/<tenant>.KIND	of each program, see CHAM_PART_OBJECT
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datapath.h"

static int take_lock(struct cham *h)
{
	int fd;

	if ((mkdir(CHAM_STATE_DIR, 0755) && errno != EEXIST) ||
	    (mkdir(CHAM_PROGRAMS_DIR, 0700) && errno != EEXIST))
		return cham__fail(h, -errno, "%s: %s", CHAM_PROGRAMS_DIR, strerror(errno));
	fd = open(CHAM_STATE_DIR "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX)) {
		int err = -errno;

		if (fd >= 0)
			close(fd);
		return cham__fail(h, err, "%s/lock: %s", CHAM_STATE_DIR, strerror(-err));
	}
	return fd;
}

int cham_plan__changing(const struct cham_plan *plan, bool yes)
{
	if (yes ? pwrite(plan->lock, &plan->replaces, sizeof(plan->replaces), 0) < 0 :
		  ftruncate(plan->lock, 0))
		return -errno;
	return 0;
}

bool cham_plan__torn(struct cham_plan *plan)
{
	return pread(plan->lock, &plan->replaces, sizeof(plan->replaces), 0) > 0;
}

void cham_part__path(char *path, size_t size, uint32_t tenant, const char *kind)
{
	snprintf(path, size, CHAM_PROGRAMS_DIR "/%u.%s", tenant, kind);
}

static bool is_kind(const char *s)
{
	return !strcmp(s, CHAM_PART_OBJECT) || !strcmp(s, CHAM_PART_BITCODE) ||
	       !strcmp(s, CHAM_PART_FORMER);
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
		.stopped = p->set & CHAM_BIT(CHAM_PROG_FAULT),
	};
	return 0;
}

static int read_plan(struct cham *h, struct cham_plan *plan)
{
	int tries = 3, err;
	unsigned int i;

	do {
		memset(plan->of, 0, sizeof(plan->of));
		for (i = 0; i < CHAM_PARTITIONS; i++)
			plan->of[i].number = i;
		err = cham_prog__for_each(h, take_part, plan);
	} while (!err && cham__interrupted(h) && --tries);
	return err;
}

int cham_plan__open(struct cham *h, struct cham_plan **planp)
{
	struct cham_plan *plan = malloc(sizeof(*plan));
	int err;

	*planp = NULL;
	if (!plan)
		return cham__fail(h, -ENOMEM, "%s", strerror(ENOMEM));
	plan->make = CHAM_PLAN_ALL;
	plan->replaces = 0;
	plan->lock = take_lock(h);
	err = plan->lock < 0 ? plan->lock : read_plan(h, plan);
	if (err)
		cham_plan__close(plan);
	else
		*planp = plan;
	return err;
}

void cham_plan__unlock(struct cham_plan *plan)
{
	if (plan->lock >= 0)
		close(plan->lock);
	plan->lock = -1;
}

void cham_plan__close(struct cham_plan *plan)
{
	cham_plan__unlock(plan);
	free(plan);
}

void cham_plan__sweep(struct cham_plan *plan)
{
	struct cham_parts *parts;
	char path[400], end[8];
	struct dirent *e;
	unsigned int id;
	DIR *d;

	d = opendir(CHAM_PROGRAMS_DIR);
	while (d && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    (sscanf(e->d_name, "%u.%7s", &id, end) == 2 &&
		     is_kind(end) && cham_plan__find(plan, id, &parts)))
			continue;
		snprintf(path, sizeof(path), CHAM_PROGRAMS_DIR "/%s", e->d_name);
		unlink(path);
	}
	if (d)
		closedir(d);
}

struct cham_part *cham_plan__find(struct cham_plan *plan, uint32_t tenant,
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

	return cham_plan__find((struct cham_plan *)plan, tenant, &parts) ? parts->number : 0;
}

struct cham_part *cham_plan__add(struct cham *h, struct cham_plan *plan, uint32_t tenant,
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

void cham_plan__drop(struct cham_plan *plan, struct cham_parts *parts, uint32_t tenant)
{
	unsigned int i;

	for (i = 0; parts->part[i].tenant != tenant; i++)
		;
	parts->part[i] = parts->part[--parts->n];
	plan->make = 1U << parts->number;
}
