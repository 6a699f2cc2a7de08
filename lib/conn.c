// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <errno.h>
#include <string.h>

#include "internal.h"

struct walk {
	const struct cham_conn *filter;
	cham_conn_fn fn;
	void *arg;
};

static bool same(const struct cham_addr *a, const struct cham_addr *b)
{
	return a->len == b->len && !memcmp(a->a, b->a, a->len);
}

/* The module's dump takes no attributes: the filter works here. */
static bool match(const struct cham_conn *f, const struct cham_conn *c)
{
	if (!f)
		return true;
	if (CHAM_HAS(f, CHAM_CONN_TENANT_ID) && f->tenant_id != c->tenant_id)
		return false;
	if (CHAM_HAS(f, CHAM_CONN_PROTO) && f->proto != c->proto)
		return false;
	if (CHAM_HAS(f, CHAM_CONN_SRC) && !same(&f->src, &c->src))
		return false;
	if (CHAM_HAS(f, CHAM_CONN_DST) && !same(&f->dst, &c->dst))
		return false;
	if (CHAM_HAS(f, CHAM_CONN_SPORT) && f->sport != c->sport)
		return false;
	if (CHAM_HAS(f, CHAM_CONN_DPORT) && f->dport != c->dport)
		return false;
	return true;
}

static int got_each(struct cham *h, const struct nlmsghdr *nlh, void *arg)
{
	const struct walk *w = arg;
	struct cham_conn c;
	int err;

	err = cham_set__parse_msg(CHAM_SET_CONN, nlh, &c, sizeof(c));
	if (err)
		return cham__fail(h, err, "conn-get: malformed answer");
	return match(w->filter, &c) ? w->fn(&c, w->arg) : 0;
}

int cham_conn__for_each(struct cham *h, const struct cham_conn *filter,
			cham_conn_fn fn, void *arg)
{
	struct cham_conn copy = { .sz = sizeof(copy) };
	struct walk w = { NULL, fn, arg };

	if (filter) {
		if (filter->sz < sizeof(struct cham_head) ||
		    filter->sz > sizeof(copy))
			return cham__fail(h, -EINVAL,
					  "struct cham_conn: bad sz");
		memcpy(&copy, filter, filter->sz);
		copy.sz = sizeof(copy);
		w.filter = &copy;
	}
	return cham_nl__dump(h, CHAM_CMD_CONN_GET, CHAM_SET_CONN, NULL, 0,
			     got_each, &w);
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
