// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "cli.h"

static const char *dscp_name(uint8_t v)
{
	return show_number(cham_dscp__name(v), "dscp", v);
}

void tenant_json(struct ctl *c, const struct cham_tenant *t)
{
	J_U64(c, TENANT, ID, t, id);
	J_STR(c, TENANT, NAME, t, t->name);
	J_U64(c, TENANT, VNI, t, vni);
	J_U64(c, TENANT, WEIGHT, t, weight);
	J_U64(c, TENANT, MAX_CONNS, t, max_conns);
	J_U64(c, TENANT, MAX_PORTS, t, max_ports);
	J_U64(c, TENANT, MAX_FDB, t, max_fdb);
	J_U64(c, TENANT, MAX_CYCLES, t, max_cycles);
	J_STR(c, TENANT, DSCP, t, dscp_name(t->dscp));
	J_U64(c, TENANT, CONNS, t, conns);
	J_U64(c, TENANT, PORTS, t, ports);
	J_U64(c, TENANT, FDBS, t, fdbs);
	J_U64(c, TENANT, GENERATION, t, generation);
	J_STR(c, TENANT, NETNS, t, show_netns(t->netns));
}

void tenant_show_one(struct ctl *c, const struct cham_tenant *t)
{
	if (c->json) {
		json_open(&c->j, NULL, '{');
		tenant_json(c, t);
		json_close(&c->j, '}');
		return;
	}
	fprintf(c->j.f, "%u: %s: vni %u weight %u dscp %s\n", t->id, t->name,
		t->vni, t->weight, dscp_name(t->dscp));
	fprintf(c->j.f,
		"    conns %u/%u ports %u/%u fdb %u/%u max-cycles %u generation %u",
		t->conns, t->max_conns, t->ports, t->max_ports, t->fdbs,
		t->max_fdb, t->max_cycles, t->generation);
	if (CHAM_HAS(t, CHAM_TENANT_NETNS))
		fprintf(c->j.f, " netns %s", show_netns(t->netns));
	fputc('\n', c->j.f);
}

static int each(const struct cham_tenant *t, void *arg)
{
	tenant_show_one(arg, t);
	return 0;
}

static int show(struct ctl *c, int argc, char **argv)
{
	struct cham_tenant t = { .sz = sizeof(t) };
	int ret;

	if (argc > 1)
		return no_args(c, argc - 1, argv + 1);
	ret = ctl_open(c);
	if (ret)
		return ret;
	if (c->json)
		json_open(&c->j, NULL, '[');
	if (argc) {
		if (cham_tenant__get(c->h, argv[0], &t))
			return ctl_kernel(c);
		tenant_show_one(c, &t);
	} else {
		ret = ctl_walked(c, cham_tenant__for_each(c->h, each, c));
	}
	if (c->json)
		json_close(&c->j, ']');
	return ret;
}

static int change(struct ctl *c, int argc, char **argv, bool make)
{
	struct cham_tenant t = { .sz = sizeof(t) };
	const char *netns = NULL;
	const struct kw kws[] = {
		{ "vni", KW_U32, &t.vni, NULL, CHAM_BIT(CHAM_TENANT_VNI) },
		{ "weight", KW_U32, &t.weight, NULL, CHAM_BIT(CHAM_TENANT_WEIGHT) },
		{ "max-conns", KW_U32, &t.max_conns, NULL, CHAM_BIT(CHAM_TENANT_MAX_CONNS) },
		{ "max-ports", KW_U32, &t.max_ports, NULL, CHAM_BIT(CHAM_TENANT_MAX_PORTS) },
		{ "max-fdb", KW_U32, &t.max_fdb, NULL, CHAM_BIT(CHAM_TENANT_MAX_FDB) },
		{ "max-cycles", KW_U32, &t.max_cycles, NULL, CHAM_BIT(CHAM_TENANT_MAX_CYCLES) },
		{ "dscp", KW_WORDS, &t.dscp, "uniform|pipe", CHAM_BIT(CHAM_TENANT_DSCP) },
		/* A namespace is for who is there already; the list ends here then. */
		{ make ? NULL : "netns", KW_STR, &netns, NULL, CHAM_BIT(CHAM_TENANT_NETNS_FD) },
		{ "nonetns", KW_FLAG, NULL, NULL, CHAM_BIT(CHAM_TENANT_NO_NETNS) },
		{ 0 },
	};
	const char *name;
	int ret;

	ret = need_name(c, &argc, &argv, "the tenant's NAME", &name);
	if (!ret)
		ret = kw_parse(c, argc, argv, kws, &t.set);
	if (ret)
		return ret;
	if (strlen(name) > CHAM_NAME_MAX || !*name)
		return ctl_fail(c, EXIT_SYNTAX,
				"a tenant's name has 1 to %d bytes",
				CHAM_NAME_MAX);
	if (make && !CHAM_HAS(&t, CHAM_TENANT_VNI))
		return ctl_fail(c, EXIT_SYNTAX, "vni is missing");
	if (!make && !t.set)
		return ctl_fail(c, EXIT_SYNTAX,
				"nothing to set; accepted: vni, weight, max-conns, max-ports, max-fdb, max-cycles, dscp, netns, nonetns");
	snprintf(t.name, sizeof(t.name), "%s", name);
	t.set |= CHAM_BIT(CHAM_TENANT_NAME);
	ret = ctl_open(c);
	if (!ret && netns)
		ret = netns_open(c, netns, &t.netns_fd);
	if (ret)
		return ret;
	if (make ? cham_tenant__new(c->h, &t) : cham_tenant__set(c->h, &t))
		return ctl_kernel(c);
	return !make && CHAM_HAS(&t, CHAM_TENANT_VNI) ? datapath_follow(c) : 0;
}

static int add(struct ctl *c, int argc, char **argv)
{
	return change(c, argc, argv, true);
}

static int set(struct ctl *c, int argc, char **argv)
{
	return change(c, argc, argv, false);
}

static int del(struct ctl *c, int argc, char **argv)
{
	const struct kw kws[] = {
		{ "force", KW_FLAG, NULL, NULL, 1 },
		{ 0 },
	};
	const char *name;
	uint64_t bits = 0;
	int ret;

	ret = need_name(c, &argc, &argv, "the tenant's NAME", &name);
	if (!ret)
		ret = kw_parse(c, argc, argv, kws, &bits);
	if (!ret)
		ret = ctl_open(c);
	if (ret)
		return ret;
	if (cham_tenant__del(c->h, name, bits))
		return ctl_kernel(c);
	return bits ? datapath_follow(c) : 0;
}

const struct cmd tenant_cmds[] = {
	{ "show", "[NAME]", show },
	{ "add",
	  "NAME vni N [weight N] [max-conns N] [max-ports N] [max-fdb N] [max-cycles N] [dscp uniform|pipe]",
	  add },
	{ "set",
	  "NAME [vni N] [weight N] [max-conns N] [max-ports N] [max-fdb N] [max-cycles N] [dscp uniform|pipe] [netns NETNS|nonetns]",
	  set },
	{ "del", "NAME [force]", del },
	{ "setup", "NAME [dev DEV]... uplink DEV [remote ADDR]...", tenant_setup },
	{ "teardown", "NAME", tenant_teardown },
	{ 0 },
};
