// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Tenants' programs, as the module knows them. */
#include <errno.h>

#include "internal.h"

#define CONFIG	(CHAM_BIT(CHAM_PROG_TENANT_ID) | CHAM_BIT(CHAM_PROG_NAME) | \
		 CHAM_BIT(CHAM_PROG_ABI) | CHAM_BIT(CHAM_PROG_CELL) |	\
		 CHAM_BIT(CHAM_PROG_HOOKS) | CHAM_BIT(CHAM_PROG_LAYOUT) | \
		 CHAM_BIT(CHAM_PROG_FLAGS))

struct walk {
	cham_prog_fn fn;
	void *arg;
};

int cham_prog__set(struct cham *h, const struct cham_prog *p)
{
	return cham_nl__do(h, CHAM_CMD_PROG_SET, CHAM_SET_PROG, p, CONFIG, NULL, NULL);
}

static struct cham_prog of_tenant(uint32_t tenant_id)
{
	return (struct cham_prog){
		.sz = sizeof(struct cham_prog),
		.set = CHAM_BIT(CHAM_PROG_TENANT_ID),
		.tenant_id = tenant_id,
	};
}

int cham_prog__del(struct cham *h, uint32_t tenant_id)
{
	struct cham_prog which = of_tenant(tenant_id);

	return cham_nl__do(h, CHAM_CMD_PROG_DEL, CHAM_SET_PROG, &which, which.set,
			   NULL, NULL);
}

int cham_prog__get(struct cham *h, uint32_t tenant_id, struct cham_prog *p)
{
	struct cham_prog which = of_tenant(tenant_id);

	return cham_nl__get(h, CHAM_CMD_PROG_GET, CHAM_SET_PROG, &which, which.set, p);
}

static int got_each(struct cham *h, const struct nlmsghdr *nlh, void *arg)
{
	const struct walk *w = arg;
	struct cham_prog p;
	int err;

	err = cham_set__parse_msg(CHAM_SET_PROG, nlh, &p, sizeof(p));
	if (err)
		return cham__fail(h, err, "prog-get: malformed answer");
	return w->fn(&p, w->arg);
}

int cham_prog__for_each(struct cham *h, cham_prog_fn fn, void *arg)
{
	struct walk w = { fn, arg };

	return cham_nl__dump(h, CHAM_CMD_PROG_GET, CHAM_SET_PROG, NULL, 0, got_each, &w);
}
