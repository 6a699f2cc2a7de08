// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <errno.h>
#include <string.h>

#include "internal.h"

#define FILTER	(CHAM_BIT(CHAM_CONN_TENANT_ID) | CHAM_BIT(CHAM_CONN_PROTO) | \
		 CHAM_BIT(CHAM_CONN_SRC) | CHAM_BIT(CHAM_CONN_DST) |	\
		 CHAM_BIT(CHAM_CONN_SPORT) | CHAM_BIT(CHAM_CONN_DPORT) | \
		 CHAM_BIT(CHAM_CONN_TCP_STATE) | CHAM_BIT(CHAM_CONN_VLAN_ID))

#define KEY	(FILTER & ~CHAM_BIT(CHAM_CONN_TCP_STATE))
#define AREA	(CHAM_BIT(CHAM_CONN_LAYOUT) | CHAM_BIT(CHAM_CONN_AREA))

struct walk {
	cham_conn_fn fn;
	void *arg;
};

static int got_each(struct cham *h, const struct nlmsghdr *nlh, void *arg)
{
	const struct walk *w = arg;
	struct cham_conn c;
	int err;

	err = cham_set__parse_msg(CHAM_SET_CONN, nlh, &c, sizeof(c));
	if (err)
		return cham__fail(h, err, "conn-get: malformed answer");
	return w->fn(&c, w->arg);
}

int cham_conn__for_each(struct cham *h, const struct cham_conn *filter,
			cham_conn_fn fn, void *arg)
{
	struct walk w = { fn, arg };

	return cham_nl__dump(h, CHAM_CMD_CONN_GET, CHAM_SET_CONN, filter, FILTER,
			     got_each, &w);
}

int cham_conn__get(struct cham *h, struct cham_conn *c)
{
	return cham_nl__get(h, CHAM_CMD_CONN_GET, CHAM_SET_CONN, c, KEY, c);
}

int cham_conn__add(struct cham *h, const struct cham_conn *c)
{
	return cham_nl__do(h, CHAM_CMD_CONN_NEW, CHAM_SET_CONN, c, KEY | AREA, NULL, NULL);
}

int cham_conn__set(struct cham *h, const struct cham_conn *c)
{
	return cham_nl__do(h, CHAM_CMD_CONN_SET, CHAM_SET_CONN, c, KEY | AREA, NULL, NULL);
}

int cham_conn__del(struct cham *h, const struct cham_conn *c)
{
	return cham_nl__do(h, CHAM_CMD_CONN_DEL, CHAM_SET_CONN, c, KEY, NULL, NULL);
}

int cham_conn__flush(struct cham *h, uint32_t tenant_id)
{
	struct cham_conn c = {
		.sz = sizeof(c),
		.set = tenant_id ? CHAM_BIT(CHAM_CONN_TENANT_ID) : 0,
		.tenant_id = tenant_id,
	};

	return cham_nl__do(h, CHAM_CMD_CONN_FLUSH, CHAM_SET_CONN, &c, c.set,
			   NULL, NULL);
}

int cham_packet__send(struct cham *h, uint32_t tenant_id, const void *frame, size_t size)
{
	const struct cham_packet p = {
		.sz = sizeof(p),
		.set = CHAM_BIT(CHAM_PACKET_TENANT_ID) | CHAM_BIT(CHAM_PACKET_FRAME),
		.tenant_id = tenant_id,
		.frame = { frame, size },
	};

	if (size > CHAM_SEND_MAX)
		return cham__fail(h, -EMSGSIZE, "a frame has at most %d bytes, not %zu",
				  CHAM_SEND_MAX, size);
	return cham_nl__do(h, CHAM_CMD_PACKET_SEND, CHAM_SET_PACKET, &p, p.set, NULL, NULL);
}
