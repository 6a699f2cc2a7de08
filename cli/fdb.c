// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "cli.h"

static int each(const struct cham_fdb *x, void *arg)
{
	struct ctl *c = arg;
	const char *source = show_number(cham_fdb_source__name(x->source),
					 "source", x->source);

	if (c->json) {
		json_open(&c->j, NULL, '{');
		J_U64(c, FDB, TENANT_ID, x, tenant_id);
		J_STR(c, FDB, MAC, x, show_mac(x->mac));
		J_U64(c, FDB, IFINDEX, x, ifindex);
		J_STR(c, FDB, REMOTE, x, show_addr(&x->remote));
		J_STR(c, FDB, SOURCE, x, source);
		json_close(&c->j, '}');
		return 0;
	}
	fprintf(c->j.f, "tenant %s mac %s", tenant_name(x->tenant_id),
		show_mac(x->mac));
	if (CHAM_HAS(x, CHAM_FDB_REMOTE))
		fprintf(c->j.f, " remote %s", show_addr(&x->remote));
	else
		fprintf(c->j.f, " port %s", show_ifname(x->ifindex));
	fprintf(c->j.f, " source %s\n", source);
	return 0;
}

static int show(struct ctl *c, int argc, char **argv)
{
	uint32_t id;
	int ret = opt_tenant(c, argc, argv, &id);

	if (ret)
		return ret;
	list_open(c);
	ret = ctl_walked(c, cham_fdb__for_each(c->h, id, each, c));
	list_close(c);
	return ret;
}

static int change(struct ctl *c, int argc, char **argv, bool make)
{
	struct cham_fdb x = { .sz = sizeof(x) };
	const char *tenant = NULL, *port = NULL;
	const struct kw kws[] = {
		{ "tenant", KW_STR, &tenant, NULL, CHAM_BIT(CHAM_FDB_TENANT_ID) },
		{ "mac", KW_MAC, x.mac, NULL, CHAM_BIT(CHAM_FDB_MAC) },
		/* A key is enough to delete; the list ends here then. */
		{ make ? "port" : NULL, KW_STR, &port, NULL, CHAM_BIT(CHAM_FDB_IFINDEX) },
		{ "remote", KW_ADDR, &x.remote, NULL, CHAM_BIT(CHAM_FDB_REMOTE) },
		{ 0 },
	};
	int ret;

	ret = kw_parse(c, argc, argv, kws, &x.set);
	if (!ret && !tenant)
		ret = ctl_fail(c, EXIT_SYNTAX, "tenant is missing");
	if (!ret && !CHAM_HAS(&x, CHAM_FDB_MAC))
		ret = ctl_fail(c, EXIT_SYNTAX, "mac is missing");
	if (!ret && make && !port == !x.remote.len)
		ret = ctl_fail(c, EXIT_SYNTAX,
			       "one is needed of: port DEV, remote ADDR");
	if (!ret)
		ret = ctl_open(c);
	if (!ret)
		ret = need_tenant(c, tenant, &x.tenant_id);
	if (!ret && port)
		ret = need_dev(c, port, &x.ifindex);
	if (ret)
		return ret;
	ret = make ? cham_fdb__add(c->h, &x) : cham_fdb__del(c->h, &x);
	return ret ? ctl_kernel(c) : 0;
}

static int add(struct ctl *c, int argc, char **argv)
{
	return change(c, argc, argv, true);
}

static int del(struct ctl *c, int argc, char **argv)
{
	return change(c, argc, argv, false);
}

const struct cmd fdb_cmds[] = {
	{ "show", "[tenant NAME]", show },
	{ "add", "tenant NAME mac MAC port DEV|remote ADDR", add },
	{ "del", "tenant NAME mac MAC", del },
	{ 0 },
};
