// SPDX-License-Identifier: GPL-2.0
/* Everything the module has, for commands that go through all of it. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static int grow(void **a, size_t *n, const void *o, size_t size)
{
	void *p = realloc(*a, (*n + 1) * size);

	if (!p)
		return 1;
	*a = p;
	memcpy((char *)p + (*n)++ * size, o, size);
	return 0;
}

static int port(const struct cham_port *p, void *arg)
{
	struct all *a = arg;

	return grow((void **)&a->ports, &a->n_ports, p, sizeof(*p));
}

static int uplink(const struct cham_uplink *u, void *arg)
{
	struct all *a = arg;

	return grow((void **)&a->uplinks, &a->n_uplinks, u, sizeof(*u));
}

static int tenant(const struct cham_tenant *t, void *arg)
{
	struct all *a = arg;

	return grow((void **)&a->tenants, &a->n_tenants, t, sizeof(*t));
}

static int fdb(const struct cham_fdb *f, void *arg)
{
	struct all *a = arg;

	if (f->remote.len == 16 && f->tenant_id <= CHAM_TENANT_ID_MAX)
		a->over6[f->tenant_id] = true;
	if (f->source != CHAM_FDB_STATIC)
		return 0;
	if (f->tenant_id <= CHAM_TENANT_ID_MAX)
		a->statics[f->tenant_id]++;
	return grow((void **)&a->fdbs, &a->n_fdbs, f, sizeof(*f));
}

static int prog(const struct cham_prog *p, void *arg)
{
	struct all *a = arg;

	return grow((void **)&a->progs, &a->n_progs, p, sizeof(*p));
}

void all_put(struct all *a)
{
	free(a->ports);
	free(a->uplinks);
	free(a->tenants);
	free(a->fdbs);
	free(a->progs);
	memset(a, 0, sizeof(*a));
}

/* Addresses that guests make bridges learn come and go all the time, and the dump says so:
 * what is asked about is there if the tenants have no other numbers of it.
 */
static bool has_statics(const struct all *a)
{
	size_t i;

	for (i = 0; i < a->n_tenants; i++)
		if (a->tenants[i].id > CHAM_TENANT_ID_MAX ||
		    a->statics[a->tenants[i].id] != a->tenants[i].fdbs)
			return false;
	return true;
}

/* Collected first: a walk's callback must not use the handle. */
int all_get(struct ctl *c, struct all *a)
{
	bool again;
	int tries = 5;

	do {
		all_put(a);
		if (cham_port__for_each(c->h, port, a))
			return ctl_kernel(c);
		again = cham__interrupted(c->h);
		if (cham_uplink__for_each(c->h, uplink, a))
			return ctl_kernel(c);
		again |= cham__interrupted(c->h);
		if (cham_tenant__for_each(c->h, tenant, a))
			return ctl_kernel(c);
		again |= cham__interrupted(c->h);
		if (cham_fdb__for_each(c->h, 0, fdb, a))
			return ctl_kernel(c);
		again |= cham__interrupted(c->h) && !has_statics(a);
		if (cham_prog__for_each(c->h, prog, a))
			return ctl_kernel(c);
		again |= cham__interrupted(c->h);
	} while (again && --tries);
	if (again)
		return ctl_fail(c, EXIT_KERNEL,
				"the configuration keeps changing, nothing was done; try again");
	return 0;
}
