// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <errno.h>
#include <string.h>

#include "internal.h"

struct walk {
	cham_port_fn fn;
	void *arg;
};

int cham_port__bind(struct cham *h, uint32_t ifindex, const char *tenant)
{
	struct cham_tenant t = { .sz = sizeof(t) };
	struct cham_port p = {
		.sz = sizeof(p),
		.set = CHAM_BIT(CHAM_PORT_IFINDEX) |
		       CHAM_BIT(CHAM_PORT_TENANT_ID),
		.ifindex = ifindex,
	};
	int err;

	if (tenant) {
		err = cham_tenant__get(h, tenant, &t);
		if (err)
			return err;
		if (!CHAM_HAS(&t, CHAM_TENANT_ID))
			return cham__fail(h, -EBADMSG,
					  "tenant-get: answer without id");
		p.tenant_id = t.id;
	}
	return cham_nl__do(h, CHAM_CMD_PORT_SET, CHAM_SET_PORT, &p, p.set,
			   NULL, NULL);
}

int cham_port__announce(struct cham *h, uint32_t ifindex)
{
	struct cham_port p = {
		.sz = sizeof(p),
		.set = CHAM_BIT(CHAM_PORT_IFINDEX) |
		       CHAM_BIT(CHAM_PORT_ANNOUNCE),
		.ifindex = ifindex,
	};

	return cham_nl__do(h, CHAM_CMD_PORT_SET, CHAM_SET_PORT, &p, p.set,
			   NULL, NULL);
}

int cham_port__set_role(struct cham *h, uint32_t ifindex, enum cham_port_role role)
{
	struct cham_port p = {
		.sz = sizeof(p),
		.set = CHAM_BIT(CHAM_PORT_IFINDEX) | CHAM_BIT(CHAM_PORT_ROLE),
		.ifindex = ifindex,
		.role = role,
	};

	return cham_nl__do(h, CHAM_CMD_PORT_SET, CHAM_SET_PORT, &p, p.set,
			   NULL, NULL);
}

int cham_port__get(struct cham *h, const char *ifname, struct cham_port *p)
{
	struct cham_port which = {
		.sz = sizeof(which),
		.set = CHAM_BIT(CHAM_PORT_IFNAME),
	};

	if (!*ifname || strlen(ifname) >= sizeof(which.ifname))
		return cham__fail(h, -EINVAL, "\"%s\" is no name of a device", ifname);
	memcpy(which.ifname, ifname, strlen(ifname) + 1);
	return cham_nl__get(h, CHAM_CMD_PORT_GET, CHAM_SET_PORT, &which, which.set, p);
}

static int got_each(struct cham *h, const struct nlmsghdr *nlh, void *arg)
{
	const struct walk *w = arg;
	struct cham_port p;
	int err;

	err = cham_set__parse_msg(CHAM_SET_PORT, nlh, &p, sizeof(p));
	if (err)
		return cham__fail(h, err, "port-get: malformed answer");
	return w->fn(&p, w->arg);
}

int cham_port__for_each(struct cham *h, cham_port_fn fn, void *arg)
{
	struct walk w = { fn, arg };

	return cham_nl__dump(h, CHAM_CMD_PORT_GET, CHAM_SET_PORT, NULL, 0,
			     got_each, &w);
}
