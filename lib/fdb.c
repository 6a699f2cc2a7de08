// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include "internal.h"

#define KEY	(CHAM_BIT(CHAM_FDB_TENANT_ID) | CHAM_BIT(CHAM_FDB_MAC))
#define WHERE	(CHAM_BIT(CHAM_FDB_IFINDEX) | CHAM_BIT(CHAM_FDB_REMOTE))

struct walk {
	cham_fdb_fn fn;
	void *arg;
};

int cham_fdb__add(struct cham *h, const struct cham_fdb *f)
{
	return cham_nl__do(h, CHAM_CMD_FDB_NEW, CHAM_SET_FDB, f, KEY | WHERE,
			   NULL, NULL);
}

int cham_fdb__del(struct cham *h, const struct cham_fdb *f)
{
	return cham_nl__do(h, CHAM_CMD_FDB_DEL, CHAM_SET_FDB, f, KEY, NULL,
			   NULL);
}

static int got_each(struct cham *h, const struct nlmsghdr *nlh, void *arg)
{
	const struct walk *w = arg;
	struct cham_fdb f;
	int err;

	err = cham_set__parse_msg(CHAM_SET_FDB, nlh, &f, sizeof(f));
	if (err)
		return cham__fail(h, err, "fdb-get: malformed answer");
	return w->fn(&f, w->arg);
}

int cham_fdb__for_each(struct cham *h, uint32_t tenant_id, cham_fdb_fn fn,
		       void *arg)
{
	struct walk w = { fn, arg };
	struct cham_fdb f = {
		.sz = sizeof(f),
		.set = tenant_id ? CHAM_BIT(CHAM_FDB_TENANT_ID) : 0,
		.tenant_id = tenant_id,
	};

	return cham_nl__dump(h, CHAM_CMD_FDB_GET, CHAM_SET_FDB, &f, f.set,
			     got_each, &w);
}
