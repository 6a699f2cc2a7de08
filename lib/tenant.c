// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

#define CONFIG	(CHAM_BIT(CHAM_TENANT_VNI) | CHAM_BIT(CHAM_TENANT_WEIGHT) | \
		 CHAM_BIT(CHAM_TENANT_MAX_CONNS) |			\
		 CHAM_BIT(CHAM_TENANT_MAX_PORTS) |			\
		 CHAM_BIT(CHAM_TENANT_MAX_FDB) | CHAM_BIT(CHAM_TENANT_DSCP) | \
		 CHAM_BIT(CHAM_TENANT_MAX_CYCLES))
#define NETNS	(CHAM_BIT(CHAM_TENANT_NETNS_FD) | CHAM_BIT(CHAM_TENANT_NO_NETNS))
#define WHICH	(CHAM_BIT(CHAM_TENANT_ID) | CHAM_BIT(CHAM_TENANT_NAME))

struct walk {
	cham_tenant_fn fn;
	void *arg;
};

static int set_name(struct cham *h, struct cham_tenant *t, const char *name)
{
	size_t n = strlen(name);

	if (!n || n > CHAM_NAME_MAX)
		return cham__fail(h, -EINVAL,
				  "a tenant's name has 1 to %d bytes",
				  CHAM_NAME_MAX);
	memcpy(t->name, name, n + 1);
	t->set |= CHAM_BIT(CHAM_TENANT_NAME);
	return 0;
}

int cham_tenant__new(struct cham *h, const struct cham_tenant *t)
{
	return cham_nl__do(h, CHAM_CMD_TENANT_NEW, CHAM_SET_TENANT, t,
			   CONFIG | CHAM_BIT(CHAM_TENANT_NAME), NULL, NULL);
}

int cham_tenant__set(struct cham *h, const struct cham_tenant *t)
{
	return cham_nl__do(h, CHAM_CMD_TENANT_SET, CHAM_SET_TENANT, t,
			   CONFIG | NETNS | WHICH, NULL, NULL);
}

int cham_tenant__del(struct cham *h, const char *name, bool force)
{
	struct cham_tenant t = { .sz = sizeof(t) };
	int err;

	err = set_name(h, &t, name);
	if (err)
		return err;
	if (force)
		t.set |= CHAM_BIT(CHAM_TENANT_FORCE);
	return cham_nl__do(h, CHAM_CMD_TENANT_DEL, CHAM_SET_TENANT, &t,
			   CHAM_BIT(CHAM_TENANT_NAME) |
			   CHAM_BIT(CHAM_TENANT_FORCE), NULL, NULL);
}

int cham_tenant__get(struct cham *h, const char *name, struct cham_tenant *t)
{
	struct cham_tenant which = { .sz = sizeof(which) };
	int err;

	err = set_name(h, &which, name);
	if (err)
		return err;
	return cham_nl__get(h, CHAM_CMD_TENANT_GET, CHAM_SET_TENANT, &which,
			    CHAM_BIT(CHAM_TENANT_NAME), t);
}

int cham_tenant__by_id(struct cham *h, uint32_t id, struct cham_tenant *t)
{
	const struct cham_tenant which = {
		.sz = sizeof(which), .set = CHAM_BIT(CHAM_TENANT_ID), .id = id,
	};

	return cham_nl__get(h, CHAM_CMD_TENANT_GET, CHAM_SET_TENANT, &which,
			    CHAM_BIT(CHAM_TENANT_ID), t);
}

static int got_each(struct cham *h, const struct nlmsghdr *nlh, void *arg)
{
	const struct walk *w = arg;
	struct cham_tenant t;
	int err;

	err = cham_set__parse_msg(CHAM_SET_TENANT, nlh, &t, sizeof(t));
	if (err)
		return cham__fail(h, err, "tenant-get: malformed answer");
	return w->fn(&t, w->arg);
}

int cham_tenant__for_each(struct cham *h, cham_tenant_fn fn, void *arg)
{
	struct walk w = { fn, arg };

	return cham_nl__dump(h, CHAM_CMD_TENANT_GET, CHAM_SET_TENANT, NULL, 0,
			     got_each, &w);
}
