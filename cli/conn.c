// SPDX-License-Identifier: GPL-2.0
#include <netinet/in.h>
#include <string.h>

#include "cli.h"

static const char *tcp_state(uint8_t s)
{
	return show_number(cham_tcp_state__name(s), "tcp-state", s);
}

static const char *action(uint8_t a)
{
	return show_number(cham_action__name(a), "action", a);
}

static void dir_json(struct ctl *c, const char *name, const struct cham_dir *d)
{
	json_open(&c->j, name, '{');
	J_U64(c, DIR, PACKETS, d, packets);
	J_U64(c, DIR, BYTES, d, bytes);
	J_U64(c, DIR, RETRANS, d, retrans);
	J_U64(c, DIR, SEQ, d, seq);
	J_U64(c, DIR, ACK, d, ack);
	J_U64(c, DIR, WINDOW, d, window);
	J_U64(c, DIR, WSCALE, d, wscale);
	J_STR(c, DIR, ACTION, d, action(d->action));
	J_U64(c, DIR, IFINDEX, d, ifindex);
	J_STR(c, DIR, REMOTE, d, show_addr(&d->remote));
	json_close(&c->j, '}');
}

static const char *flag(unsigned int i)
{
	return show_number(cham_conn_flag__name(i), "flag", i);
}

static void flags_json(struct ctl *c, uint32_t flags)
{
	unsigned int i;

	json_open(&c->j, "flags", '[');
	for (i = 0; i < 32; i++)
		if (flags & 1u << i)
			json_str(&c->j, NULL, flag(i));
	json_close(&c->j, ']');
}

void conn_json(struct ctl *c, const struct cham_conn *x)
{
	J_U64(c, CONN, TENANT_ID, x, tenant_id);
	J_STR(c, CONN, PROTO, x, show_proto(x->proto));
	J_STR(c, CONN, SRC, x, show_addr(&x->src));
	J_STR(c, CONN, DST, x, show_addr(&x->dst));
	J_U64(c, CONN, SPORT, x, sport);
	J_U64(c, CONN, DPORT, x, dport);
	J_STR(c, CONN, TCP_STATE, x, tcp_state(x->tcp_state));
	if (CHAM_HAS(x, CHAM_CONN_FLAGS))
		flags_json(c, x->flags);
	J_U64(c, CONN, IDLE_MS, x, idle_ms);
	J_U64(c, CONN, SRTT_US, x, srtt_us);
	J_U64(c, CONN, RTTVAR_US, x, rttvar_us);
	if (CHAM_HAS(x, CHAM_CONN_FORWARD))
		dir_json(c, "forward", &x->forward);
	if (CHAM_HAS(x, CHAM_CONN_REVERSE))
		dir_json(c, "reverse", &x->reverse);
	J_U64(c, CONN, VLAN_ID, x, vlan_id);
	J_STR(c, CONN, REASON, x,
	      show_number(cham_reason__name(x->reason), "reason", x->reason));
	J_U64(c, CONN, CODE, x, code);
	J_STR(c, CONN, HOOK, x, show_number(cham_hook__name(x->hook), "hook", x->hook));
	J_U64(c, CONN, LAYOUT, x, layout);
	if (CHAM_HAS(x, CHAM_CONN_AREA))
		json_hex(&c->j, "area", x->area, sizeof(x->area));
}

/* Where a direction leaves, as "ip route" says it; nothing before it has. */
static void dir_way(FILE *f, const char *name, const struct cham_dir *d)
{
	bool dev = CHAM_HAS(d, CHAM_DIR_IFINDEX);
	bool remote = CHAM_HAS(d, CHAM_DIR_REMOTE);

	if (!dev && !remote)
		return;
	fprintf(f, " %s", name);
	if (remote)
		fprintf(f, " via %s", show_addr(&d->remote));
	if (dev)
		fprintf(f, " dev %s", show_ifname(d->ifindex));
}

static void dir_text(FILE *f, const char *name, const struct cham_dir *d)
{
	fprintf(f, "    %s: packets %llu bytes %llu", name,
		(unsigned long long)d->packets, (unsigned long long)d->bytes);
	if (CHAM_HAS(d, CHAM_DIR_RETRANS))
		fprintf(f, " retrans %u", d->retrans);
	if (CHAM_HAS(d, CHAM_DIR_SEQ))
		fprintf(f, " seq %u ack %u window %u", d->seq, d->ack,
			d->window);
	if (CHAM_HAS(d, CHAM_DIR_WSCALE))
		fprintf(f, " wscale %u", d->wscale);
	fputc('\n', f);
}

static void one(struct ctl *c, const struct cham_conn *x, bool details)
{
	FILE *f = c->j.f;
	unsigned int i;

	if (c->json) {
		json_open(&c->j, NULL, '{');
		conn_json(c, x);
		json_close(&c->j, '}');
		return;
	}
	fprintf(f, "tenant %s", tenant_name(x->tenant_id));
	if (CHAM_HAS(x, CHAM_CONN_VLAN_ID))
		fprintf(f, " vlan %u", x->vlan_id);
	fprintf(f, " %s %s -> %s", show_proto(x->proto),
		show_end(&x->src, x->sport), show_end(&x->dst, x->dport));
	if (CHAM_HAS(x, CHAM_CONN_TCP_STATE))
		fprintf(f, " %s", tcp_state(x->tcp_state));
	if (CHAM_HAS(x, CHAM_CONN_IDLE_MS))
		fprintf(f, " idle %ums", x->idle_ms);
	if (CHAM_HAS(x, CHAM_CONN_SRTT_US) && x->srtt_us)
		fprintf(f, " rtt %u/%uus", x->srtt_us, x->rttvar_us);
	if (CHAM_HAS(x, CHAM_CONN_FORWARD))
		dir_way(f, "forward", &x->forward);
	if (CHAM_HAS(x, CHAM_CONN_REVERSE))
		dir_way(f, "reverse", &x->reverse);
	for (i = 0; i < 32; i++)
		if (x->flags & 1u << i)
			fprintf(f, " %s", flag(i));
	fputc('\n', f);
	if (details && CHAM_HAS(x, CHAM_CONN_FORWARD))
		dir_text(f, "forward", &x->forward);
	if (details && CHAM_HAS(x, CHAM_CONN_REVERSE))
		dir_text(f, "reverse", &x->reverse);
}

void conn_show_one(struct ctl *c, const struct cham_conn *x)
{
	one(c, x, false);
}

/* What is asked for that the kernel does not filter by. */
struct wanted {
	struct ctl *c;
	bool details;
	struct prefix src, dst;
	struct range sport, dport;
};

static bool in_prefix(const struct cham_addr *a, const struct prefix *p)
{
	unsigned int whole = p->bits / 8, rest = p->bits % 8;

	if (!p->addr.len)
		return true;
	return a->len == p->addr.len && !memcmp(a->a, p->addr.a, whole) &&
	       (!rest || !((a->a[whole] ^ p->addr.a[whole]) >> (8 - rest)));
}

static bool in_range(uint16_t port, const struct range *r)
{
	return port >= r->first && port <= r->last;
}

static int each(const struct cham_conn *x, void *arg)
{
	const struct wanted *w = arg;

	if (in_prefix(&x->src, &w->src) && in_prefix(&x->dst, &w->dst) &&
	    in_range(x->sport, &w->sport) && in_range(x->dport, &w->dport))
		one(w->c, x, w->details);
	return 0;
}

#define DETAILS	(1ULL << 63)

static int show(struct ctl *c, int argc, char **argv)
{
	struct wanted w = { .c = c, .sport.last = UINT16_MAX, .dport.last = UINT16_MAX };
	struct cham_conn x = { .sz = sizeof(x) };
	const char *tenant = NULL;
	const struct kw kws[] = {
		{ "tenant", KW_STR, &tenant, NULL, CHAM_BIT(CHAM_CONN_TENANT_ID) },
		{ "proto", KW_PROTO, &x.proto, NULL, CHAM_BIT(CHAM_CONN_PROTO) },
		{ "src", KW_PREFIX, &w.src, NULL, CHAM_BIT(CHAM_CONN_SRC) },
		{ "dst", KW_PREFIX, &w.dst, NULL, CHAM_BIT(CHAM_CONN_DST) },
		{ "sport", KW_RANGE, &w.sport, NULL, CHAM_BIT(CHAM_CONN_SPORT) },
		{ "dport", KW_RANGE, &w.dport, NULL, CHAM_BIT(CHAM_CONN_DPORT) },
		{ "state", KW_STATE, &x.tcp_state, NULL, CHAM_BIT(CHAM_CONN_TCP_STATE) },
		{ "vlan", KW_U16, &x.vlan_id, NULL, CHAM_BIT(CHAM_CONN_VLAN_ID) },
		{ "details", KW_FLAG, NULL, NULL, DETAILS },
		{ "-d", KW_FLAG, NULL, NULL, DETAILS },
		{ 0 },
	};
	int ret;

	ret = kw_parse(c, argc, argv, kws, &x.set);
	if (!ret)
		ret = ctl_open(c);
	if (!ret && tenant)
		ret = need_tenant(c, tenant, &x.tenant_id);
	if (ret)
		return ret;
	/* One address or port the kernel looks for, and need not send the others. */
	x.src = w.src.addr;
	x.dst = w.dst.addr;
	x.sport = w.sport.first;
	x.dport = w.dport.first;
	if (w.src.bits < w.src.addr.len * 8)
		x.set &= ~CHAM_BIT(CHAM_CONN_SRC);
	if (w.dst.bits < w.dst.addr.len * 8)
		x.set &= ~CHAM_BIT(CHAM_CONN_DST);
	if (w.sport.first != w.sport.last)
		x.set &= ~CHAM_BIT(CHAM_CONN_SPORT);
	if (w.dport.first != w.dport.last)
		x.set &= ~CHAM_BIT(CHAM_CONN_DPORT);
	list_open(c);
	w.details = x.set & DETAILS;
	ret = ctl_walked(c, cham_conn__for_each(c->h, &x, each, &w));
	list_close(c);
	return ret;
}

static int flush(struct ctl *c, int argc, char **argv)
{
	uint32_t id;
	int ret = opt_tenant(c, argc, argv, &id);

	if (ret)
		return ret;
	return cham_conn__flush(c->h, id) ? ctl_kernel(c) : 0;
}

/* What names one connection, and its area where that is to be changed. */
static int one_conn(struct ctl *c, int argc, char **argv, bool area, struct cham_conn *x)
{
	const char *tenant = NULL;
	const struct kw kws[] = {
		{ "tenant", KW_STR, &tenant, NULL, CHAM_BIT(CHAM_CONN_TENANT_ID) },
		{ "proto", KW_PROTO, &x->proto, NULL, CHAM_BIT(CHAM_CONN_PROTO) },
		{ "src", KW_ADDR, &x->src, NULL, CHAM_BIT(CHAM_CONN_SRC) },
		{ "dst", KW_ADDR, &x->dst, NULL, CHAM_BIT(CHAM_CONN_DST) },
		{ "sport", KW_U16, &x->sport, NULL, CHAM_BIT(CHAM_CONN_SPORT) },
		{ "dport", KW_U16, &x->dport, NULL, CHAM_BIT(CHAM_CONN_DPORT) },
		{ "vlan", KW_U16, &x->vlan_id, NULL, CHAM_BIT(CHAM_CONN_VLAN_ID) },
		/* Not everybody takes one; the list ends here then. */
		{ area ? "area" : NULL, KW_AREA, x->area, NULL, CHAM_BIT(CHAM_CONN_AREA) },
		{ 0 },
	};
	size_t i;
	int ret;

	ret = kw_parse(c, argc, argv, kws, &x->set);
	for (i = 0; !ret && i < 6; i++)
		if (!(x->set & kws[i].bit))
			ret = ctl_fail(c, EXIT_SYNTAX, "%s is missing", kws[i].name);
	if (!ret)
		ret = ctl_open(c);
	return ret ?: need_tenant(c, tenant, &x->tenant_id);
}

static int get(struct ctl *c, int argc, char **argv)
{
	struct cham_conn x = { .sz = sizeof(x) };
	int ret = one_conn(c, argc, argv, false, &x);

	if (!ret && cham_conn__get(c->h, &x))
		ret = ctl_kernel(c);
	if (ret)
		return ret;
	list_open(c);
	one(c, &x, true);
	list_close(c);
	if (c->json || !CHAM_HAS(&x, CHAM_CONN_AREA))
		return 0;
	fprintf(c->j.f, "    layout 0x%08x", x.layout);
	show_hex(c, "area", x.area, sizeof(x.area));
	fputc('\n', c->j.f);
	return 0;
}

static int change(struct ctl *c, int argc, char **argv, bool area,
		  int (*how)(struct cham *h, const struct cham_conn *x))
{
	struct cham_conn x = { .sz = sizeof(x) };
	int ret = one_conn(c, argc, argv, area, &x);

	if (!ret && how(c->h, &x))
		ret = ctl_kernel(c);
	return ret;
}

static int add(struct ctl *c, int argc, char **argv)
{
	return change(c, argc, argv, true, cham_conn__add);
}

static int set(struct ctl *c, int argc, char **argv)
{
	return change(c, argc, argv, true, cham_conn__set);
}

static int del(struct ctl *c, int argc, char **argv)
{
	return change(c, argc, argv, false, cham_conn__del);
}

#define WHICH	"tenant NAME proto tcp|udp|icmp|icmpv6 src ADDR dst ADDR sport N dport N [vlan N]"

const struct cmd conn_cmds[] = {
	{ "show",
	  "[tenant NAME] [proto tcp|udp|icmp|icmpv6] [src ADDR[/LEN]] [dst ADDR[/LEN]] [sport N[-N]] [dport N[-N]] [state STATE] [vlan N] [details]",
	  show },
	{ "get", WHICH, get },
	{ "add", WHICH " [area HEX]", add },
	{ "set", WHICH " area HEX", set },
	{ "del", WHICH, del },
	{ "flush", "[tenant NAME]", flush },
	{ 0 },
};
