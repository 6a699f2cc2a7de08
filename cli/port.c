// SPDX-License-Identifier: GPL-2.0
#include <string.h>

#include "cli.h"

static const char *state(uint32_t s)
{
	return show_number(cham_port_state__name(s), "state", s);
}

static const char *role(uint8_t r)
{
	return show_number(cham_port_role__name(r), "role", r);
}

void port_json(struct ctl *c, const struct cham_port *p)
{
	J_U64(c, PORT, IFINDEX, p, ifindex);
	J_STR(c, PORT, IFNAME, p, p->ifname);
	J_STR(c, PORT, VDPA, p, p->vdpa);
	J_U64(c, PORT, TENANT_ID, p, tenant_id);
	J_STR(c, PORT, TENANT_NAME, p, p->tenant_name);
	J_STR(c, PORT, ROLE, p, role(p->role));
	J_STR(c, PORT, MAC, p, show_mac(p->mac));
	J_STR(c, PORT, FIXED_MAC, p, show_mac(p->fixed_mac));
	J_U64(c, PORT, MTU, p, mtu);
	J_U64(c, PORT, QUEUE_PAIRS, p, queue_pairs);
	J_U64(c, PORT, ACTIVE_PAIRS, p, active_pairs);
	J_STR(c, PORT, STATE, p, state(p->state));
	J_STR(c, PORT, BROKEN_REASON, p, p->broken_reason);
	if (CHAM_HAS(p, CHAM_PORT_BLOCKED))
		show_blocked(c, p->blocked);
	J_STR(c, PORT, FEATURES, p, show_bits(p->features));
	J_STR(c, PORT, DEVICE_FEATURES, p, show_bits(p->device_features));
	J_U64(c, PORT, RX_PACKETS, p, rx_packets);
	J_U64(c, PORT, RX_BYTES, p, rx_bytes);
	J_U64(c, PORT, TX_PACKETS, p, tx_packets);
	J_U64(c, PORT, TX_BYTES, p, tx_bytes);
	J_U64(c, PORT, RX_DROPPED, p, rx_dropped);
	J_U64(c, PORT, TX_DROPPED, p, tx_dropped);
}

void port_show_one(struct ctl *c, const struct cham_port *p)
{
	FILE *f = c->j.f;

	if (c->json) {
		json_open(&c->j, NULL, '{');
		port_json(c, p);
		json_close(&c->j, '}');
		return;
	}
	fprintf(f, "%u: %s: vdpa %s tenant %s role %s state %s", p->ifindex, p->ifname,
		p->vdpa, p->tenant_id ? p->tenant_name : "-", role(p->role),
		state(p->state));
	if (CHAM_HAS(p, CHAM_PORT_BROKEN_REASON))
		fprintf(f, " (%s)", p->broken_reason);
	fprintf(f, "\n    mac %s mtu %u queue-pairs %u of %u features %s\n",
		show_mac(p->mac), p->mtu, p->active_pairs, p->queue_pairs,
		show_bits(p->features));
	fprintf(f, "    from guest: packets %llu bytes %llu dropped %llu\n",
		(unsigned long long)p->rx_packets,
		(unsigned long long)p->rx_bytes,
		(unsigned long long)p->rx_dropped);
	fprintf(f, "    to guest:   packets %llu bytes %llu dropped %llu\n",
		(unsigned long long)p->tx_packets,
		(unsigned long long)p->tx_bytes,
		(unsigned long long)p->tx_dropped);
	show_blocked(c, p->blocked);
}

static int each(const struct cham_port *p, void *arg)
{
	port_show_one(arg, p);
	return 0;
}

static int show(struct ctl *c, int argc, char **argv)
{
	struct cham_port p = { .sz = sizeof(p) };
	int ret;

	if (argc > 1)
		return no_args(c, argc - 1, argv + 1);
	ret = ctl_open(c);
	if (ret)
		return ret;
	if (c->json)
		json_open(&c->j, NULL, '[');
	if (argc) {
		if (cham_port__get(c->h, argv[0], &p))
			return ctl_kernel(c);
		port_show_one(c, &p);
	} else {
		ret = ctl_walked(c, cham_port__for_each(c->h, each, c));
	}
	if (c->json)
		json_close(&c->j, ']');
	return ret;
}

static int set(struct ctl *c, int argc, char **argv)
{
	const char *dev, *tenant = NULL;
	uint64_t bits = 0;
	uint32_t ifindex;
	uint8_t as = 0;
	int ret;
	const struct kw kws[] = {
		{ "tenant", KW_STR, &tenant, NULL, 1 },
		{ "notenant", KW_FLAG, NULL, NULL, 2 },
		{ "role", KW_WORDS, &as, "guest|slow", 4 },
		{ 0 },
	};

	ret = need_name(c, &argc, &argv, "the representor DEV", &dev);
	if (!ret)
		ret = kw_parse(c, argc, argv, kws, &bits);
	if (!ret && bits != 1 && bits != 2 && bits != 4 && bits != 5)
		ret = ctl_fail(c, EXIT_SYNTAX,
			       "needed: tenant NAME, role guest|slow, or both; or notenant");
	if (!ret)
		ret = ctl_open(c);
	if (!ret)
		ret = need_dev(c, dev, &ifindex);
	if (ret)
		return ret;
	if (bits & 3 && cham_port__bind(c->h, ifindex, tenant))
		return ctl_kernel(c);
	if (bits & 4 && cham_port__set_role(c->h, ifindex, as))
		ret = ctl_fail(c, EXIT_KERNEL, "%schamelio: %s",
			       bits & 1 ?
			       "the port is the tenant's now, but not in that role: " : "",
			       cham__last_error(c->h));
	/* The datapath is where the port's tenant has it, whatever its role. */
	return datapath_follow(c) ?: ret;
}

static int announce(struct ctl *c, int argc, char **argv)
{
	const char *dev;
	uint32_t ifindex;
	int ret;

	ret = need_name(c, &argc, &argv, "the representor DEV", &dev);
	if (!ret)
		ret = no_args(c, argc, argv);
	if (!ret)
		ret = ctl_open(c);
	if (!ret)
		ret = need_dev(c, dev, &ifindex);
	if (ret)
		return ret;
	return cham_port__announce(c->h, ifindex) ? ctl_kernel(c) : 0;
}

const struct cmd port_cmds[] = {
	{ "show", "[DEV]", show },
	{ "set", "DEV [tenant NAME] [role guest|slow] | DEV notenant", set },
	{ "announce", "DEV", announce },
	{ 0 },
};
