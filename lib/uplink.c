// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <errno.h>
#include <string.h>

#include "internal.h"

#define CONFIG	(CHAM_BIT(CHAM_UPLINK_IFINDEX) |			\
		 CHAM_BIT(CHAM_UPLINK_LOCAL4) |				\
		 CHAM_BIT(CHAM_UPLINK_LOCAL6) |				\
		 CHAM_BIT(CHAM_UPLINK_UDP_PORT) |			\
		 CHAM_BIT(CHAM_UPLINK_IGNORE_FILTER))

struct walk {
	cham_uplink_fn fn;
	void *arg;
};

int cham_uplink__add(struct cham *h, const struct cham_uplink *u)
{
	return cham_nl__do(h, CHAM_CMD_UPLINK_NEW, CHAM_SET_UPLINK, u, CONFIG,
			   NULL, NULL);
}

int cham_uplink__del(struct cham *h, uint32_t ifindex)
{
	struct cham_uplink u = {
		.sz = sizeof(u),
		.set = CHAM_BIT(CHAM_UPLINK_IFINDEX),
		.ifindex = ifindex,
	};

	return cham_nl__do(h, CHAM_CMD_UPLINK_DEL, CHAM_SET_UPLINK, &u, u.set,
			   NULL, NULL);
}

int cham_uplink__get(struct cham *h, const char *ifname, struct cham_uplink *u)
{
	struct cham_uplink which = {
		.sz = sizeof(which),
		.set = CHAM_BIT(CHAM_UPLINK_IFNAME),
	};

	if (!*ifname || strlen(ifname) >= sizeof(which.ifname))
		return cham__fail(h, -EINVAL, "\"%s\" is no name of a device", ifname);
	memcpy(which.ifname, ifname, strlen(ifname) + 1);
	return cham_nl__get(h, CHAM_CMD_UPLINK_GET, CHAM_SET_UPLINK, &which, which.set, u);
}

static int got_each(struct cham *h, const struct nlmsghdr *nlh, void *arg)
{
	const struct walk *w = arg;
	struct cham_uplink u;
	int err;

	err = cham_set__parse_msg(CHAM_SET_UPLINK, nlh, &u, sizeof(u));
	if (err)
		return cham__fail(h, err, "uplink-get: malformed answer");
	return w->fn(&u, w->arg);
}

int cham_uplink__for_each(struct cham *h, cham_uplink_fn fn, void *arg)
{
	struct walk w = { fn, arg };

	return cham_nl__dump(h, CHAM_CMD_UPLINK_GET, CHAM_SET_UPLINK, NULL, 0,
			     got_each, &w);
}
