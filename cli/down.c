// SPDX-License-Identifier: GPL-2.0
/* Everything off, in the order that lets rmmod follow. */
#include "cli.h"

/* A step that fails does not keep the later ones from being tried. */
static void tell(struct ctl *c, int *failed, const char *what, const char *name,
		 const char *why)
{
	if (why)
		*failed = EXIT_KERNEL;
	if (c->json) {
		json_open(&c->j, NULL, '{');
		json_str(&c->j, "step", what);
		json_str(&c->j, "name", name);
		if (why)
			json_str(&c->j, "error", why);
		json_close(&c->j, '}');
	} else {
		fprintf(c->j.f, "%s%s%s\n", what, *name ? " " : "", name);
	}
	fflush(c->j.f);
	if (why)
		fprintf(stderr, "Error: %s.\n", why);
}

static void step(struct ctl *c, int *failed, const char *what, const char *name, int err)
{
	char why[1536];

	if (err)
		snprintf(why, sizeof(why), "chamelio: %s", cham__last_error(c->h));
	tell(c, failed, what, name, err ? why : NULL);
}

static void step_vdpa(struct ctl *c, int *failed, const char *name)
{
	const char *const del[] = { "vdpa", "dev", "del", name, NULL };
	char why[1536];
	int ret;

	c->why = why;
	c->why_size = sizeof(why);
	ret = spawn(c, false, del);
	c->why = NULL;
	tell(c, failed, "delete vdpa", name, ret ? why : NULL);
}

static int down(struct ctl *c, int argc, char **argv, bool ports)
{
	struct all a = { 0 };
	int failed = 0, ret;
	size_t i;

	ret = no_args(c, argc, argv);
	if (!ret)
		ret = ctl_open(c);
	if (ret)
		return ret;
	ret = all_get(c, &a);
	if (ret)
		goto out;
	if (c->json)
		json_open(&c->j, NULL, '[');
	ret = cham_datapath__detach(c->h);
	step(c, &failed, "detach datapath", "", ret < 0 ? ret : 0);
	step(c, &failed, "flush connections", "", cham_conn__flush(c->h, 0));
	for (i = 0; i < a.n_fdbs; i++)
		step(c, &failed, "delete fdb", show_mac(a.fdbs[i].mac),
		     cham_fdb__del(c->h, &a.fdbs[i]));
	for (i = 0; i < a.n_ports; i++)
		if (a.ports[i].tenant_id)
			step(c, &failed, "unbind port", a.ports[i].ifname,
			     cham_port__bind(c->h, a.ports[i].ifindex, NULL));
	for (i = 0; i < a.n_uplinks; i++)
		step(c, &failed, "delete uplink", a.uplinks[i].ifname,
		     cham_uplink__del(c->h, a.uplinks[i].ifindex));
	for (i = 0; i < a.n_tenants; i++)
		step(c, &failed, "delete tenant", a.tenants[i].name,
		     cham_tenant__del(c->h, a.tenants[i].name, true));
	for (i = 0; ports && i < a.n_ports; i++)
		step_vdpa(c, &failed, a.ports[i].vdpa);
	if (c->json) {
		json_close(&c->j, ']');
		fputc('\n', c->j.f);
	}
	ret = failed;
out:
	all_put(&a);
	return ret;
}

static int all(struct ctl *c, int argc, char **argv)
{
	return down(c, argc, argv, false);
}

static int with_ports(struct ctl *c, int argc, char **argv)
{
	return down(c, argc, argv, true);
}

const struct cmd down_cmds[] = {
	{ "all", "", all },
	{ "ports", "", with_ports },
	{ 0 },
};
