// SPDX-License-Identifier: GPL-2.0
/*
 * The datapath program itself, compiled for the host, against a model of what
 * it must do with a frame: which kfuncs it calls with what, its verdict, and
 * every byte of the frame it leaves behind.
 *
 * The model reads bytes at offsets. Where several things are wrong with a
 * packet, the program may name any of them.
 */
#include "fuzz.h"

#include <errno.h>
#include <sanitizer/asan_interface.h>
#include "../../kmod/encap.h"
#include "../../xdp/datapath.bpf.c"
#define LICENSE LICENSE_dispatch
#include "../../xdp/dispatch.bpf.c"

#define HEADROOM	128
#define FRAME		512
#define FRAGS		64000		/* a port takes less than 64 KB */

/* Ours, and what the frame generator puts there when it means to hit. */
static const uint8_t my_mac[6] = { 2, 0, 0, 0, 0, 1 };
static const uint8_t my_ip4[4] = { 192, 0, 2, 1 };
static const uint8_t my_ip6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 1 };
static const uint16_t my_port = 4789;

static struct kernel {
	/* the input's choices */
	struct cham_event ev;
	bool no_event, no_encap;
	int answer;
	uint8_t outer[CHAM_OUTER6], family;
	uint16_t id, sport;
	unsigned int frags;		/* bytes behind the linear part */
	/* what the program did */
	unsigned int lookups, delivers, encaps, slows;
	struct cham_query query;
	uint32_t strip, vni, reason;
	unsigned int calls, number;	/* first tail call */
} k;

long bpf_tail_call(void *ctx, void *map, __u32 i)
{
	must(ctx && map == &cham_uplinks, "another map");
	if (!k.calls++)
		k.number = i;
	return -1;
}

__u8 *bpf_cham_begin(struct xdp_md *ctx, int size)
{
	must(ctx && size == sizeof(k.ev), "size %d", size);
	return k.no_event ? NULL : (__u8 *)&k.ev;
}

int bpf_cham_lookup(struct xdp_md *ctx, const void *q, __u32 size)
{
	must(ctx && size == sizeof(k.query), "size %u", size);
	memcpy(&k.query, q, size);
	k.lookups++;
	return k.answer;
}

/* As the module's, without what may refuse: that is between the kfunc and Linux. */
int bpf_cham_encap(struct xdp_md *ctx, __u32 tos)
{
	unsigned int n = k.family == 4 ? CHAM_OUTER4 : CHAM_OUTER6;
	uint8_t *frame = (void *)ctx->data;

	must(tos < 256, "traffic class %u", tos);
	k.encaps++;
	if (k.no_encap)
		return -EMSGSIZE;
	ctx->data -= n;
	ASAN_UNPOISON_MEMORY_REGION((void *)ctx->data, n);
	must(cham_encap(frame, k.outer, k.family, k.query.len, tos, k.id, k.sport) ==
	     (uint8_t *)ctx->data, "the header begins elsewhere");
	return 0;
}

int bpf_cham_deliver(struct xdp_md *ctx, __u32 strip)
{
	must(ctx, "context");
	k.delivers++;
	k.strip = strip;
	return 0;
}

void bpf_cham_slow(struct xdp_md *ctx, __u32 vni, __u32 reason)
{
	must(ctx, "context");
	k.slows++;
	k.vni = vni;
	k.reason = reason;
}

/* The lookup names no program here: nobody's packet is for a handler. */
__u8 *bpf_cham_enter(struct xdp_md *ctx, __u32 layout, __u32 strip, __u32 hook,
		     int size)
{
	must(0, "a handler where there is none");
	return NULL;
}

int bpf_cham_leave(struct xdp_md *ctx, __u32 verdict, __u32 port, __u32 timer,
		   __u32 event)
{
	must(0, "a handler where there is none");
	return 0;
}

long bpf_xdp_adjust_head(struct xdp_md *ctx, int delta)
{
	must(0, "a handler's answer where there is no handler");
	return -1;
}

long bpf_redirect(__u32 ifindex, __u64 flags)
{
	must(0, "a handler's answer where there is no handler");
	return 0;
}

long bpf_loop(__u32 n, long (*step)(__u32, struct cham_options *),
	      struct cham_options *arg, __u64 flags)
{
	__u32 i = 0;

	must(!flags, "flags");
	while (i < n && !step(i, arg))
		i++;
	return i;
}

/* The model. */

#define R(name)		(1ull << CHAM_REASON_##name)

struct model {
	uint64_t why;			/* reasons it is not for the fast path */
	struct cham_query q;
	unsigned int l3;		/* from the inner frame's start */
	unsigned int l3_len;
	int room;			/* for the inner frame, by the outer headers */
	uint8_t tos;
};

/* Option by option, as RFC 9293 and 7323 have them: an option that does not
 * fit into the header is none. The program looks at 20 options.
 */
static uint8_t model_wscale(const uint8_t *opt, const uint8_t *end)
{
	for (int i = 0; i < 20 && opt < end && *opt != 0; i++) {
		if (*opt == 1) {
			opt++;
			continue;
		}
		if (end - opt < 2 || opt[1] < 2 || end - opt < opt[1])
			return 0xff;
		if (*opt == 3)
			return opt[1] != 3 ? 0xff : opt[2] > 14 ? 14 : opt[2];
		opt += opt[1];
	}
	return 0xff;
}

static void model_l4(struct model *m, const uint8_t *p, const uint8_t *end,
		     uint8_t proto, unsigned int l3_hdr, bool v6)
{
	unsigned int have = p < end ? end - p : 0, hdr = 8;
	const uint8_t *opt_end;
	bool icmp6 = proto == 58;

	m->q.tuple.proto = proto;
	switch (proto) {
	case 6:
		if (have < 20) {
			m->why |= R(TRUNCATED);
			return;
		}
		hdr = 4 * (p[12] >> 4);
		if (hdr < 20)
			m->why |= R(MALFORMED);
		memcpy(&m->q.tuple.sport, p, 2);
		memcpy(&m->q.tuple.dport, p + 2, 2);
		m->q.seq = be(p + 4, 4);
		m->q.ack = be(p + 8, 4);
		m->q.tcp_flags = p[13];
		m->q.window = be(p + 14, 2);
		opt_end = have < hdr ? end : p + hdr;
		if (p[13] & 2)
			m->q.wscale = model_wscale(p + 20, opt_end);
		break;
	case 17:
		if (have < 8) {
			m->why |= R(TRUNCATED);
			return;
		}
		memcpy(&m->q.tuple.sport, p, 2);
		memcpy(&m->q.tuple.dport, p + 2, 2);
		break;
	case 1:
	case 58:
		if (v6 != icmp6) {
			m->why |= R(PROTO) | R(IP_OPTION);
			if (have < 8)
				m->why |= R(TRUNCATED);
			return;
		}
		if (have < 8) {
			m->why |= R(TRUNCATED);
			return;
		}
		if (v6 ? p[0] != 128 && p[0] != 129 : p[0] != 8 && p[0] != 0)
			m->why |= R(PROTO);
		memcpy(&m->q.tuple.sport, p + 4, 2);
		memcpy(&m->q.tuple.dport, p + 4, 2);
		break;
	default:
		m->why |= v6 ? R(IP_OPTION) : R(PROTO);
		return;
	}
	if (l3_hdr + hdr > m->l3_len) {
		m->why |= R(MALFORMED);
		return;
	}
	m->q.payload = m->l3_len - l3_hdr - hdr;
}

static void model_inner(struct model *m, const uint8_t *f, const uint8_t *end)
{
	unsigned int have = f < end ? end - f : 0, kind;
	bool v6;

	if (have < 14) {
		m->why |= R(TRUNCATED);
		return;
	}
	if (f[0] & 1)
		m->why |= R(MULTICAST);
	memcpy(m->q.macs, f, 12);
	m->l3 = 14;
	kind = be(f + 12, 2);
	if (kind == 0x8100) {
		if (have < 18) {
			m->why |= R(TRUNCATED);
			return;
		}
		m->q.tuple.vlan = be(f + 14, 2) & 0xfff;
		m->l3 = 18;
		kind = be(f + 16, 2);
	}
	if (kind == 0x8100 || kind == 0x88a8) {
		m->why |= R(VLAN);
		return;
	}
	v6 = kind == 0x86dd;
	if (!v6 && kind != 0x0800) {
		m->why |= R(NOT_IP);
		return;
	}
	f += m->l3;
	have -= m->l3;
	if (have < (v6 ? 40 : 20)) {
		m->why |= R(TRUNCATED);
		return;
	}
	if (f[0] >> 4 != (v6 ? 6 : 4))
		m->why |= R(MALFORMED);
	if (v6) {
		m->l3_len = 40 + be(f + 4, 2);
		m->tos = be(f, 2) >> 4;
		memcpy(m->q.tuple.saddr, f + 8, 16);
		memcpy(m->q.tuple.daddr, f + 24, 16);
		m->q.tuple.ipv6 = 1;
	} else {
		if ((f[0] & 15) != 5)
			m->why |= R(IP_OPTION);
		if (be(f + 6, 2) & 0x3fff)
			m->why |= R(FRAGMENT);
		m->l3_len = be(f + 2, 2);
		m->tos = f[1];
		memcpy(m->q.tuple.saddr, f + 12, 4);
		memcpy(m->q.tuple.daddr, f + 16, 4);
	}
	m->q.len = m->l3 + m->l3_len;
	if (m->l3_len > have + k.frags)
		m->why |= R(MALFORMED);
	if (v6)
		model_l4(m, f + 40, end, f[6], 40, true);
	else
		model_l4(m, f + 20, end, f[9], 20, false);
}

/* -> bytes of outer header, 0: not a tunnelled packet for us, or broken */
static unsigned int model_outer(struct model *m, const uint8_t *f, unsigned int len,
				uint8_t *tos)
{
	const uint8_t *ip = f + 14, *udp;
	unsigned int hdr, i;
	bool v6;

	m->why = R(NOT_TUNNEL);
	if (len < 50 || memcmp(f, my_mac, 6))
		return 0;
	v6 = be(f + 12, 2) == 0x86dd;
	hdr = v6 ? 70 : 50;
	if ((!v6 && be(f + 12, 2) != 0x0800) || len < hdr)
		return 0;
	udp = f + hdr - 16;
	if (v6) {
		if (ip[0] >> 4 != 6 || ip[6] != 17 || ip[7] == 0 ||
		    memcmp(ip + 24, my_ip6, 16))
			return 0;
		if (be(ip + 4, 2) != be(udp + 4, 2))
			m->why |= R(MALFORMED);
		*tos = be(ip, 2) >> 4;
		for (i = 0; i < 16; i++)
			((uint8_t *)&m->q.outer_src)[i % 4] ^= ip[8 + i];
	} else {
		if (ip[0] != 0x45 || ip[9] != 17 || ip[8] == 0 ||
		    be(ip + 6, 2) & 0x3fff || memcmp(ip + 16, my_ip4, 4))
			return 0;
		if (plain_sum(ip, 20, 0) != 0xffff ||
		    be(ip + 2, 2) != 20 + be(udp + 4, 2))
			m->why |= R(MALFORMED);
		*tos = ip[1];
		memcpy(&m->q.outer_src, ip + 12, 4);
	}
	if (be(udp + 2, 2) != my_port || (v6 && !be(udp + 6, 2)))
		return 0;
	if (be(udp + 8, 4) != 0x08000000 || udp[15])
		m->why |= R(MALFORMED);
	if (m->why != R(NOT_TUNNEL)) {
		m->why = R(MALFORMED);
		return 0;
	}
	m->why = 0;
	m->q.vni = be(udp + 12, 4) >> 8;
	m->room = be(udp + 4, 2) - 16;
	return hdr;
}

/* RFC 6040, figure 4, row inner, column outer: the outgoing field, or minus
 * one for what Linux shall judge (drop, or a change that is worth a log).
 */
static int model_ecn(uint8_t inner, uint8_t outer)
{
	static const signed char table[4][4] = {
		/* outer   Not-ECT ECT(1) ECT(0) CE */
		[0] = {	0,	0,	0,	-1 },	/* Not-ECT */
		[1] = {	1,	1,	1,	3 },	/* ECT(1) */
		[2] = {	2,	-1,	2,	3 },	/* ECT(0) */
		[3] = {	3,	3,	3,	3 },	/* CE */
	};

	return table[inner & 3][outer & 3];
}

/* The outer checksum stays as right, or as wrong, as it was. */
static void set_tos(uint8_t *ip, uint8_t *udp, bool v6, uint8_t tos)
{
	if (v6) {
		unsigned int was = be(ip, 2), sum = be(udp + 6, 2);

		put_be(ip, 2, (was & 0xf00f) | tos << 4);
		if (sum && be(ip, 2) != was) {
			sum = (sum + 0xffff + was - be(ip, 2)) % 0xffff;
			put_be(udp + 6, 2, sum ? sum : 0xffff);
		}
		return;
	}
	if (ip[1] == tos)
		return;
	ip[1] = tos;
	put_be(ip + 10, 2, 0);
	put_be(ip + 10, 2, ~plain_sum(ip, 20, 0));
}

struct outcome {
	int verdict;
	unsigned int strip, grown;
	bool looked_up, delivered, encapped;
	uint64_t why;			/* slow() with one of these, 0: none */
	uint32_t vni;
	uint8_t frame[FRAME + HEADROOM];
};

static void same_query(const struct cham_query *want)
{
	const uint8_t *a = (const uint8_t *)&k.query, *b = (const uint8_t *)want;

	must(k.lookups == 1, "%u lookups, reason %u", k.lookups, k.reason);
	for (unsigned int i = 0; i < sizeof(*want); i++)
		must(a[i] == b[i], "query, byte %u: %02x and not %02x", i, a[i], b[i]);
}

static void model_uplink(struct outcome *o, const uint8_t *f, unsigned int len)
{
	struct model m = { .q.wscale = 0xff };
	uint8_t tos = 0;
	unsigned int hdr = model_outer(&m, f, len, &tos);
	int ecn;

	o->verdict = XDP_PASS;
	if (!hdr) {
		o->why = m.why;
		return;
	}
	model_inner(&m, f + hdr, f + len);
	if (!m.why && (int)m.q.len > m.room)
		m.why = R(MALFORMED);
	/* The outer packet is the frame, no more and no less. */
	if (hdr + m.room != len + k.frags)
		m.why = R(MALFORMED);
	if (m.why) {
		o->why = m.why;
		o->vni = m.q.vni;
		return;
	}
	o->looked_up = true;
	same_query(&m.q);
	if (k.answer != CHAM_ACT_DELIVER)
		return;
	ecn = model_ecn(m.tos, tos);
	if (ecn < 0) {
		o->why = R(ECN);
		return;
	}
	set_tos(o->frame + hdr + m.l3, o->frame + hdr - 16, m.q.tuple.ipv6, (m.tos & 0xfc) | ecn);
	o->delivered = true;
	o->strip = hdr;
	o->verdict = XDP_DROP;
}

static void model_port(struct outcome *o, const uint8_t *f, unsigned int len)
{
	struct model m = { .q.wscale = 0xff };
	uint8_t *out = o->frame, tos = 0;
	unsigned int udp;

	o->verdict = XDP_PASS;
	model_inner(&m, f, f + len);
	if (m.why) {
		o->why = m.why;
		return;
	}
	o->looked_up = true;
	same_query(&m.q);
	if (k.answer == CHAM_ACT_DELIVER) {
		o->delivered = true;
		o->verdict = XDP_DROP;
		return;
	}
	if (k.answer != CHAM_ACT_ENCAP)
		return;
	o->encapped = true;
	if (k.no_encap)
		return;
	tos = m.tos;
	o->grown = k.family == 4 ? CHAM_OUTER4 : CHAM_OUTER6;
	udp = m.l3 + m.l3_len + 16;
	memmove(out + o->grown, out, len);
	memcpy(out, k.outer, o->grown);
	if (k.family == 4) {
		out[15] = tos;
		put_be(out + 16, 2, udp + 20);
		put_be(out + 18, 2, k.id);
		put_be(out + 24, 2, 0);
		put_be(out + 24, 2, ~plain_sum(out + 14, 20, 0));
	} else {
		/* version from the template; the label is not ours to set */
		out[14] = (out[14] & 0xf0) | tos >> 4;
		out[15] = tos << 4;
		put_be(out + 18, 2, udp);
	}
	put_be(out + o->grown - 16, 2, k.sport);
	put_be(out + o->grown - 12, 2, udp);
	o->verdict = XDP_TX;
}

/* Give a frame the fields that let it through, so that what is behind them is
 * reached, too: each bit of @how repairs one.
 */
static void repair(uint8_t *f, unsigned int len, uint16_t how, bool uplink)
{
	unsigned int at = 0;

	if (uplink && how & 1 && len >= 70) {
		bool v6 = how & 2;

		memcpy(f, my_mac, 6);
		put_be(f + 12, 2, v6 ? 0x86dd : 0x0800);
		at = v6 ? 70 : 50;
		if (!(how & 0x8000 && f[19] & 1)) {
			put_be(f + at - 12, 2, len + k.frags - at + 16);
			put_be(f + (v6 ? 18 : 16), 2,
			       len + k.frags - (v6 ? 54 : 14));
			f[at - 9] |= v6;
		}
		if (v6) {
			f[14] = 0x60 | (f[14] & 15);
			f[20] = 17;
			f[21] |= 1;
			memcpy(f + 38, my_ip6, 16);
		} else {
			f[14] = 0x45;
			f[20] &= how & 0x8000 ? 0x60 : 0x40;
			f[21] = 0;
			f[22] |= 1;
			f[23] = 17;
			memcpy(f + 30, my_ip4, 4);
			put_be(f + 24, 2, 0);
			put_be(f + 24, 2, ~plain_sum(f + 14, 20, 0));
		}
		put_be(f + at - 14, 2, my_port);
		put_be(f + at - 8, 4, 0x08000000);
		f[at - 1] = 0;
	}
	if (how & 4 && len >= at + 14 + 44) {
		unsigned int ip = at + (how & 0x8000 && f[at + 14] & 1 ? 18 : 14);
		unsigned int l4 = ip + (how & 8 ? 40 : 20);
		static const uint8_t protos[] = { 6, 17, 1, 58 };

		f[at] &= 0xfe;
		if (ip != at + 14)
			put_be(f + at + 12, 2, 0x8100);
		put_be(f + ip - 2, 2, how & 8 ? 0x86dd : 0x0800);
		if (how & 8) {
			f[ip] = 0x60 | (f[ip] & 15);
			put_be(f + ip + 4, 2, len + k.frags - l4);
			f[ip + 6] = protos[how >> 4 & 3];
		} else {
			f[ip] = 0x45;
			put_be(f + ip + 2, 2, len + k.frags - ip);
			put_be(f + ip + 6, 2, how & 0x8000 ? be(f + ip + 6, 2) & 0xe001 : 0);
			f[ip + 9] = protos[how >> 4 & 3];
		}
		if (how & 0x40 && len > l4 + 13)
			f[l4 + 13] |= 2;
		if (how & 0x80 && len > l4 + 12)
			f[l4 + 12] = 0x50 + (how >> 4 & 0xf0);
		if (how & 0x4000 && len > l4 + 22) {
			put_be(f + l4 + 20, 2, 0x0303);
			f[l4 + 22] &= 15;
		}
	}
}

/* Which composition has the VNI that is where a tunnelled frame has it. */
static uint32_t number_of(uint32_t vni)
{
	return vni % 3;
}

static void check_dispatch(struct xdp_md *ctx, const uint8_t *frame, unsigned int len)
{
	unsigned int i, at = CHAM_OUTER4;

	if (!cham_by_vni[1])
		for (i = 0; i <= CHAM_VNI_MAX; i++)
			cham_by_vni[cham_vni_index(i)] = number_of(i);
	if (len >= 14 && (frame[12] != 8 || frame[13]))
		at = CHAM_OUTER6;
	must(cham_dispatch(ctx) == XDP_PASS && k.calls == 1, "%u calls", k.calls);
	if (len < CHAM_OUTER4 || len < at)
		must(!k.number, "a VNI out of nowhere");
	else
		must(k.number == number_of(frame[at - 4] << 16 | frame[at - 3] << 8 |
					   frame[at - 2]), "to composition %u", k.number);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	uint8_t flags = fuzz_u8(&in), *room;
	uint16_t how = fuzz_u16(&in);
	bool uplink = flags & 1;
	struct outcome o = {};
	struct xdp_md ctx;
	unsigned int len, got;
	int verdict;

	memset(&k, 0, sizeof(k));
	k.no_event = (flags & 0x0e) == 0x0e;
	k.no_encap = flags & 0x10;
	k.frags = flags & 0x40 ? fuzz_u16(&in) % FRAGS : 0;
	k.answer = fuzz_u8(&in) % 4;
	memcpy(&k.ev.local4, my_ip4, 4);
	memcpy(k.ev.local6, my_ip6, 16);
	memcpy(k.ev.mac, my_mac, 6);
	k.ev.udp_port = bpf_htons(my_port);
	k.ev.gso_size = flags & 0x80 ? fuzz_u16(&in) : 0;
	k.ev.more = k.frags;
	k.family = how & 0x1000 ? 6 : 4;
	k.id = fuzz_u16(&in);
	k.sport = fuzz_u16(&in);
	memset(k.outer, 0x5a, sizeof(k.outer));
	if (k.family == 4) {		/* as kmod/remote.c leaves them */
		k.outer[15] = 0;
		memset(k.outer + 16, 0, 4);
		put_be(k.outer + 24, 2, 0);
		put_be(k.outer + 24, 2, plain_sum(k.outer + 14, 20, 0));
	} else {
		memset(k.outer + 14, 0, 2);
		k.outer[14] = 0x60;
	}

	len = in.left < FRAME ? in.left : FRAME;
	room = malloc(HEADROOM + len);
	fuzz_bytes(&in, room + HEADROOM, len);
	repair(room + HEADROOM, len, how, uplink);
	memcpy(o.frame, room + HEADROOM, len);
	ASAN_POISON_MEMORY_REGION(room, HEADROOM);
	ctx.data = (unsigned long)room + HEADROOM;
	ctx.data_end = ctx.data + len;
	if (uplink)
		check_dispatch(&ctx, o.frame, len);
	verdict = uplink ? cham_uplink(&ctx) : cham_port(&ctx);

	if (k.no_event) {
		must(verdict == XDP_PASS && !k.lookups && !k.delivers && !k.slows,
		     "an event that is none");
	} else {
		uint8_t before[FRAME];

		memcpy(before, o.frame, len);
		if (uplink)
			model_uplink(&o, before, len);
		else
			model_port(&o, before, len);
		if (o.why)
			must(k.slows == 1 && k.reason < 64 && o.why >> k.reason & 1,
			     "reason %u, wanted one of %#llx", k.reason,
			     (unsigned long long)o.why);
		else
			must(!k.slows, "slow for reason %u", k.reason);
		must(!k.slows || k.vni == o.vni, "VNI %u, wanted %u", k.vni, o.vni);
		must(k.lookups == o.looked_up, "%u lookups", k.lookups);
		must(k.encaps == o.encapped, "%u headers", k.encaps);
		must(k.delivers == o.delivered && k.strip == o.strip,
		     "%u delivered without %u bytes", k.delivers, k.strip);
		must(verdict == o.verdict, "verdict %d, wanted %d", verdict, o.verdict);
	}
	got = ctx.data_end - ctx.data;
	must(got == len + o.grown, "%u bytes, wanted %u", got, len + o.grown);
	for (unsigned int i = 0; i < got; i++)
		must(((uint8_t *)ctx.data)[i] == o.frame[i], "byte %u: %02x and not %02x",
		     i, ((uint8_t *)ctx.data)[i], o.frame[i]);
	ASAN_UNPOISON_MEMORY_REGION(room, HEADROOM);
	free(room);
	return 0;
}
