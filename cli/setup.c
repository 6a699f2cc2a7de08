// SPDX-License-Identifier: GPL-2.0
/*
 * The Linux side of a tenant, which is its slow path: a bridge with the
 * tenant's representors and a vxlan device that speaks the tenant's VNI.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

#define RUN(c, ...) spawn(c, false, (const char *const []){ __VA_ARGS__, NULL })

int side_names(struct ctl *c, const char *tenant, struct side *n)
{
	if (strlen(tenant) + 3 >= IF_NAMESIZE)
		return ctl_fail(c, EXIT_SYNTAX,
				"\"%s\" is too long for device names br-NAME and vx-NAME: at most %d bytes",
				tenant, IF_NAMESIZE - 4);
	snprintf(n->bridge, sizeof(n->bridge), "br-%.12s", tenant);
	snprintf(n->vxlan, sizeof(n->vxlan), "vx-%.12s", tenant);
	return 0;
}

/* 1: a device of that kind, 0: none of that name, -1: of another kind */
int dev_has_kind(const char *ifname, const char *kind)
{
	char path[64], line[128], want[32];
	int ret = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/net/%s/uevent", ifname);
	f = fopen(path, "r");
	if (!f)
		return 0;
	snprintf(want, sizeof(want), "DEVTYPE=%s\n", kind);
	while (fgets(line, sizeof(line), f))
		if (!strcmp(line, want))
			ret = 1;
	fclose(f);
	return ret;
}

struct find {
	const char *ifname;
	struct cham_uplink u;
	bool found;
};

static int find_uplink(const struct cham_uplink *u, void *arg)
{
	struct find *f = arg;

	if (strcmp(u->ifname, f->ifname))
		return 0;
	f->u = *u;
	f->found = true;
	return 0;
}

static int parse_remotes(struct ctl *c, const struct list *remotes,
			 int *family)
{
	struct cham_addr a;
	int i;

	*family = 0;
	for (i = 0; i < remotes->n; i++) {
		if (cham_addr__parse(&a, remotes->v[i]))
			return ctl_fail(c, EXIT_SYNTAX,
					"remote takes an IP address, not \"%s\"",
					remotes->v[i]);
		if (*family && *family != a.len)
			return ctl_fail(c, EXIT_SYNTAX,
					"remotes must be of one address family");
		*family = a.len;
	}
	return 0;
}

struct fit {
	const struct list *devs;
	const struct cham_uplink *u;
	uint32_t carries;
};

/* Linux' bridge drops what its vxlan device does not take, and tells nobody. */
static int warn_mtu(const struct cham_port *p, void *arg)
{
	const struct fit *f = arg;
	int i;

	for (i = 0; i < f->devs->n; i++)
		if (!strcmp(f->devs->v[i], p->ifname) && p->mtu > f->carries)
			fprintf(stderr,
				"Warning: port %s has MTU %u, but a tunnel over %s (MTU %u) carries %u: larger packets will be lost. Make the port with mtu %u or raise that of %s.\n",
				p->ifname, p->mtu, f->u->ifname, f->u->mtu,
				f->carries, f->carries, f->u->ifname);
	return 0;
}

static void write_line(const char *path, const char *line)
{
	FILE *f = fopen(path, "w");

	if (!f)
		return;
	fprintf(f, "%s\n", line);
	fclose(f);
}

/*
 * The bridge is the tenant's, the stack behind it is the host's: what a guest
 * addresses to the host must not get there, least of all a tunnel packet with
 * another tenant's VNI. Without routes no source passes the reverse path filter;
 * who gives the bridge an address lets its own subnet in.
 */
static void close_bridge(const char *bridge)
{
	char path[80];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/rp_filter", bridge);
	write_line(path, "1");
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", bridge);
	write_line(path, "1");
}

/* A port becomes a member of the bridge. A slow one speaks for the tenant's guests:
 * the bridge must not look for them there.
 */
int side_join(struct ctl *c, const struct side *n, const char *dev)
{
	struct cham_port p = { .sz = sizeof(p) };
	int ret;

	ret = RUN(c, "ip", "link", "set", "dev", dev, "master", n->bridge);
	if (!ret && !cham_port__get(c->h, dev, &p) && p.role == CHAM_PORT_ROLE_SLOW)
		ret = RUN(c, "bridge", "link", "set", "dev", dev, "learning", "off",
			  "flood", "off", "mcast_flood", "off", "bcast_flood", "off");
	return ret ?: RUN(c, "ip", "link", "set", "dev", dev, "up");
}

/* @bridge: has to be made, too */
static int build(struct ctl *c, const struct side *n, bool bridge,
		 const struct cham_tenant *t, const struct cham_uplink *u,
		 int family, const struct list *devs, const struct list *remotes)
{
	char vni[16], port[16], local[64];
	const struct cham_addr *a;
	int ret, i;

	a = family == 16 || (!family && !u->local4.len) ? &u->local6 :
							   &u->local4;
	if (!a->len)
		return ctl_fail(c, EXIT_KERNEL,
				"uplink %s has no %s tunnel address", u->ifname,
				family == 16 ? "IPv6" : "IPv4");
	cham_addr__format(a, local, sizeof(local));
	snprintf(vni, sizeof(vni), "%u", t->vni);
	snprintf(port, sizeof(port), "%u", u->udp_port);

	ret = bridge ? RUN(c, "ip", "link", "add", "name", n->bridge, "arp", "off",
			   "type", "bridge") : 0;
	close_bridge(n->bridge);
	/* RFC 2983: the uniform model copies the DSCP, pipe leaves it 0. */
	if (!ret)
		ret = RUN(c, "ip", "link", "add", "name", n->vxlan, "type",
			  "vxlan", "id", vni, "local", local, "dev", u->ifname,
			  "dstport", port, "tos", t->dscp ? "0" : "inherit");
	if (!ret)
		ret = RUN(c, "ip", "link", "set", "dev", n->vxlan, "master",
			  n->bridge);
	for (i = 0; !ret && i < remotes->n; i++)
		ret = RUN(c, "bridge", "fdb", "append", "00:00:00:00:00:00",
			  "dev", n->vxlan, "dst", remotes->v[i]);
	for (i = 0; !ret && i < devs->n; i++)
		ret = side_join(c, n, devs->v[i]);
	if (!ret)
		ret = RUN(c, "ip", "link", "set", "dev", n->vxlan, "up");
	if (!ret)
		ret = RUN(c, "ip", "link", "set", "dev", n->bridge, "up");
	return ret;
}

static void unbuild(struct ctl *c, const struct side *n, bool with_bridge)
{
	const char *const vxlan[] = { "ip", "link", "del", "dev", n->vxlan, NULL };
	const char *const bridge[] = { "ip", "link", "del", "dev", n->bridge, NULL };

	if (dev_has_kind(n->vxlan, "vxlan") == 1)
		spawn(c, true, vxlan);
	if (with_bridge && dev_has_kind(n->bridge, "bridge") == 1)
		spawn(c, true, bridge);
}

static int setup(struct ctl *c, int argc, char **argv, struct list *devs, struct list *remotes)
{
	struct cham_tenant t = { .sz = sizeof(t) };
	const char *name, *uplink = NULL;
	struct find f = { 0 };
	struct side n;
	struct fit fit;
	uint32_t ifindex;
	uint64_t set = 0;
	int family, bridge, ret, i;
	const struct kw kws[] = {
		{ "dev", KW_LIST, devs, NULL, 0 },
		{ "uplink", KW_STR, &uplink, NULL, 1 },
		{ "remote", KW_LIST, remotes, NULL, 0 },
		{ 0 },
	};

	ret = need_name(c, &argc, &argv, "the tenant's NAME", &name);
	if (!ret)
		ret = side_names(c, name, &n);
	if (!ret)
		ret = kw_parse(c, argc, argv, kws, &set);
	if (!ret && !uplink)
		ret = ctl_fail(c, EXIT_SYNTAX, "uplink is missing");
	if (!ret)
		ret = parse_remotes(c, remotes, &family);
	if (!ret)
		ret = ctl_open(c);
	if (ret)
		return ret;
	if (cham_tenant__get(c->h, name, &t))
		return ctl_kernel(c);
	f.ifname = uplink;
	if (cham_uplink__for_each(c->h, find_uplink, &f))
		return ctl_kernel(c);
	if (!f.found)
		return ctl_fail(c, EXIT_KERNEL,
				"%s is no uplink; first: chamctl uplink add %s local ADDR",
				uplink, uplink);
	for (i = 0; !ret && i < devs->n; i++)
		ret = need_dev(c, devs->v[i], &ifindex);
	if (ret)
		return ret;
	/* A vxlan device goes with its uplink, the bridge and its ports stay. */
	bridge = dev_has_kind(n.bridge, "bridge");
	if (bridge < 0)
		return ctl_fail(c, EXIT_KERNEL, "%s is there, and is no bridge", n.bridge);
	if (dev_has_kind(n.vxlan, "vxlan"))
		return ctl_fail(c, EXIT_KERNEL,
				"%s exists already; first: chamctl tenant teardown %s", n.vxlan,
				name);
	ret = build(c, &n, !bridge, &t, &f.u, family, devs, remotes);
	if (ret) {
		unbuild(c, &n, !bridge);
		return ret;
	}
	fit.devs = devs;
	fit.u = &f.u;
	fit.carries = f.u.mtu - (family == 16 || (!family && !f.u.local4.len) ? 70 : 50);
	/* Ports that change meanwhile are no reason to do all of this again. */
	return cham_port__for_each(c->h, warn_mtu, &fit) < 0 ? ctl_kernel(c) : 0;
}

int tenant_setup(struct ctl *c, int argc, char **argv)
{
	struct list devs = { 0 }, remotes = { 0 };
	int ret = setup(c, argc, argv, &devs, &remotes);

	free(devs.v);
	free(remotes.v);
	return ret;
}

int tenant_teardown(struct ctl *c, int argc, char **argv)
{
	const char *name;
	struct side n;
	int ret;

	ret = need_name(c, &argc, &argv, "the tenant's NAME", &name);
	if (!ret)
		ret = side_names(c, name, &n);
	if (!ret)
		ret = no_args(c, argc, argv);
	if (ret)
		return ret;
	if (dev_has_kind(n.vxlan, "vxlan") < 0 || dev_has_kind(n.bridge, "bridge") < 0)
		return ctl_fail(c, EXIT_KERNEL,
				"%s is no bridge or %s no vxlan device: left alone",
				n.bridge, n.vxlan);
	if (!dev_has_kind(n.vxlan, "vxlan") && !dev_has_kind(n.bridge, "bridge"))
		return ctl_fail(c, EXIT_KERNEL, "neither %s nor %s exists",
				n.bridge, n.vxlan);
	unbuild(c, &n, true);
	if (dev_has_kind(n.vxlan, "vxlan") || dev_has_kind(n.bridge, "bridge"))
		return ctl_fail(c, EXIT_KERNEL, "%s or %s could not be removed",
				n.bridge, n.vxlan);
	return 0;
}
