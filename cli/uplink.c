// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "cli.h"

static int each(const struct cham_uplink *u, void *arg)
{
	struct ctl *c = arg;
	FILE *f = c->j.f;

	if (c->json) {
		json_open(&c->j, NULL, '{');
		J_U64(c, UPLINK, IFINDEX, u, ifindex);
		J_STR(c, UPLINK, IFNAME, u, u->ifname);
		J_STR(c, UPLINK, LOCAL4, u, show_addr(&u->local4));
		J_STR(c, UPLINK, LOCAL6, u, show_addr(&u->local6));
		J_U64(c, UPLINK, UDP_PORT, u, udp_port);
		J_U64(c, UPLINK, MTU, u, mtu);
		if (CHAM_HAS(u, CHAM_UPLINK_BLOCKED))
			show_blocked(c, u->blocked);
		J_U64(c, UPLINK, RX_PACKETS, u, rx_packets);
		J_U64(c, UPLINK, TX_PACKETS, u, tx_packets);
		J_U64(c, UPLINK, REMOTES, u, remotes);
		if (CHAM_HAS(u, CHAM_UPLINK_IGNORE_FILTER))
			json_bool(&c->j, "ignore-filter", u->ignore_filter);
		json_close(&c->j, '}');
		return 0;
	}
	fprintf(f, "%u: %s: local %s", u->ifindex, u->ifname,
		show_addr(&u->local4));
	if (u->local6.len)
		fprintf(f, " local6 %s", show_addr(&u->local6));
	fprintf(f, " udp-port %u mtu %u ignore-filter %s\n", u->udp_port,
		u->mtu, u->ignore_filter ? "on" : "off");
	fprintf(f, "    tunnel packets: rx %llu tx %llu remotes %u\n",
		(unsigned long long)u->rx_packets,
		(unsigned long long)u->tx_packets, u->remotes);
	show_blocked(c, u->blocked);
	return 0;
}

static int show(struct ctl *c, int argc, char **argv)
{
	struct cham_uplink u = { .sz = sizeof(u) };
	int ret;

	if (argc > 1)
		return no_args(c, argc - 1, argv + 1);
	ret = ctl_open(c);
	if (ret)
		return ret;
	if (c->json)
		json_open(&c->j, NULL, '[');
	if (argc) {
		if (cham_uplink__get(c->h, argv[0], &u))
			return ctl_kernel(c);
		each(&u, c);
	} else {
		ret = ctl_walked(c, cham_uplink__for_each(c->h, each, c));
	}
	if (c->json)
		json_close(&c->j, ']');
	return ret;
}

static int add(struct ctl *c, int argc, char **argv)
{
	struct cham_uplink u = { .sz = sizeof(u) };
	const struct kw kws[] = {
		{ "local", KW_ADDR, &u.local4, NULL, CHAM_BIT(CHAM_UPLINK_LOCAL4) },
		{ "local6", KW_ADDR, &u.local6, NULL, CHAM_BIT(CHAM_UPLINK_LOCAL6) },
		{ "udp-port", KW_U16, &u.udp_port, NULL, CHAM_BIT(CHAM_UPLINK_UDP_PORT) },
		{ "ignore-filter", KW_WORDS, &u.ignore_filter, "off|on",
		  CHAM_BIT(CHAM_UPLINK_IGNORE_FILTER) },
		{ 0 },
	};
	const char *dev;
	int ret;

	ret = need_name(c, &argc, &argv, "the DEV", &dev);
	if (!ret)
		ret = kw_parse(c, argc, argv, kws, &u.set);
	if (!ret && !u.local4.len && !u.local6.len)
		ret = ctl_fail(c, EXIT_SYNTAX,
			       "one is needed of: local ADDR, local6 ADDR");
	if (!ret && u.local4.len == 16)
		ret = ctl_fail(c, EXIT_SYNTAX,
			       "local takes an IPv4 address; local6 takes IPv6");
	if (!ret && u.local6.len == 4)
		ret = ctl_fail(c, EXIT_SYNTAX,
			       "local6 takes an IPv6 address; local takes IPv4");
	if (!ret)
		ret = ctl_open(c);
	if (!ret)
		ret = need_dev(c, dev, &u.ifindex);
	if (ret)
		return ret;
	u.set |= CHAM_BIT(CHAM_UPLINK_IFINDEX);
	if (cham_uplink__add(c->h, &u))
		return ctl_kernel(c);
	return datapath_follow(c);
}

static int del(struct ctl *c, int argc, char **argv)
{
	const char *dev;
	uint32_t ifindex;
	int ret;

	ret = need_name(c, &argc, &argv, "the DEV", &dev);
	if (!ret)
		ret = no_args(c, argc, argv);
	if (!ret)
		ret = ctl_open(c);
	if (!ret)
		ret = need_dev(c, dev, &ifindex);
	if (ret)
		return ret;
	if (cham_uplink__del(c->h, ifindex))
		return ctl_kernel(c);
	return datapath_follow(c);
}

const struct cmd uplink_cmds[] = {
	{ "show", "[DEV]", show },
	{ "add", "DEV [local ADDR] [local6 ADDR] [udp-port N] [ignore-filter on|off]", add },
	{ "del", "DEV", del },
	{ 0 },
};
