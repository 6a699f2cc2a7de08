// SPDX-License-Identifier: GPL-2.0
/*
 * A cache for memcached: a UDP "get" of one key whose value was seen is answered here,
 * everything else goes on to the server, an unmodified memcached on port 11211 of one of
 * the tenant's end points, and values are learned from what it answers.
 *
 * No value is served that was written over, once that write's answer has left:
 * - Keys share slots by their hash. A slot has a version; what is cached in it is good
 *   for one version only, and all slots are for one epoch.
 * - When the answer to a write leaves the server, its slot's version goes up before the
 *   client can have seen it; where it is not clear what an answer is for (kv_tcp.h), or
 *   the server closes a connection, because it may be gone, a new epoch begins.
 * - A value is learned only if version and epoch are what they were when the question
 *   went in: it is then no older than the last write that was answered.
 * Nobody sees answers that nobody wants ("noreply", quiet commands): after what may have
 * been one there are new epochs by the clock; after packets that passed no handler there
 * is one at once. And a value is served for a second, then the server is asked again: it
 * knows what has expired. IPv4; writes by IPv6 count, too.
 */
#include "handler.h"
#include "kv_tcp.h"

#define KV_PORT		bpf_htons(11211)
#define KV_SLOTS	8192
#define KV_DATA		512		/* of what a server answers; a power of two */
#define KV_LIFE_MS	1000
#define KV_FLUSH_MS	100		/* then ten, and a hundred times as long */

CHAM_PROGRAM("kv", 1, CHAM_PROG_SERIAL);

/* Of a client's conversation. */
struct kv_conn {
	struct kv_tcp tcp;
	__u32	slot;		/* TCP: what is written, KV_SLOTS: any; UDP: was cached last */
	__u32	fires;
	__u32	doubt;		/* not only "get" */
	__u32	asked;		/* UDP: the question's number, and 1; what was then: */
	__u32	version, epoch;
	struct kv_key key;
};

struct kv_slot {
	__u32	version, lock;	/* lock: odd while it is written */
	__u32	of_version, of_epoch, until;
	__u32	server, len, pad;
	struct kv_key key;
	__u8	data[KV_DATA];
};

struct kv_cpu {
	struct kv_text text;
	__u64	hits, misses, fills, flushes;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, KV_SLOTS);
	__type(key, __u32);
	__type(value, struct kv_slot);
} kv_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct kv_cpu);
} kv_cpus SEC(".maps");

__u32 kv_zero, kv_epoch, kv_unseen;

static __always_inline void flush(struct kv_cpu *cpu)
{
	__sync_fetch_and_add(&kv_epoch, 1);
	cpu->flushes++;
}

/* What passed unseen may have been a write's answer. */
static __always_inline struct kv_cpu *kv_begin(const struct cham_pkt *pkt)
{
	struct kv_cpu *cpu = bpf_map_lookup_elem(&kv_cpus, &kv_zero);

	if (cpu && *(volatile __u32 *)&kv_unseen != pkt->unseen) {
		flush(cpu);
		*(volatile __u32 *)&kv_unseen = pkt->unseen;
	}
	return cpu;
}

static __always_inline struct kv_slot *slot_of(struct kv_text *t, __u32 index)
{
	t->index = index;
	return bpf_map_lookup_elem(&kv_slots, &t->index);
}

/* The verifier sees that it is from 1 to KV_DATA, and the compiler does not. */
static __always_inline __u32 kv_len(const struct kv_slot *slot)
{
	return ((*(volatile __u32 *)&slot->len - 1) & (KV_DATA - 1)) + 1;
}

/* What is cached in a slot, if there is one, is over. */
static __always_inline void expire(struct kv_cpu *cpu, __u32 index)
{
	struct kv_slot *slot = slot_of(&cpu->text, index);

	if (slot)
		__sync_fetch_and_add(&slot->version, 1);
	else
		flush(cpu);
}

/* It may be a write; what is the same as a key that was learned is none. */
static __always_inline int doubt(struct cham_pkt *pkt, struct kv_conn *c)
{
	c->doubt = 1;
	c->fires = 0;
	pkt->timer = KV_FLUSH_MS;
	return CHAM_PASS;
}

static __always_inline int question(struct xdp_md *ctx, struct cham_pkt *pkt,
				    struct kv_conn *c, struct kv_cpu *cpu)
{
	struct iphdr *ip = cham_at(ctx, pkt->l3, sizeof(*ip));
	__u16 *id = cham_at(ctx, pkt->payload, 2);
	struct kv_slot *slot;
	__u32 lock, n;

	c->asked = 0;
	if (!kv_udp_get(ctx, pkt, &cpu->text))
		return doubt(pkt, c);
	slot = slot_of(&cpu->text, cpu->text.hash % KV_SLOTS);
	if (!slot || !ip || !id || pkt->flags & (CHAM_PKT_IPV6 | CHAM_PKT_VLAN))
		return kv_blank(&cpu->text.key) ? doubt(pkt, c) : CHAM_PASS;
	c->epoch = kv_epoch;
	c->version = slot->version;
	lock = *(volatile __u32 *)&slot->lock;
	if (lock & 1 || slot->of_version != c->version || slot->of_epoch != c->epoch ||
	    slot->until - pkt->now - 1 >= KV_LIFE_MS || slot->server != ip->daddr ||
	    !kv_same(&slot->key, &cpu->text.key)) {
		if (kv_blank(&cpu->text.key))
			return doubt(pkt, c);
		c->asked = *id + 1;
		c->key = cpu->text.key;
		cpu->misses++;
		return CHAM_PASS;
	}
	n = kv_len(slot);
	if (cham_resize_udp(ctx, pkt, KV_FRAME + n))
		return pkt->flags & CHAM_PKT_HOST ? CHAM_PASS : CHAM_LINUX;
	if (bpf_xdp_store_bytes(ctx, pkt->payload + KV_FRAME, slot->data, n) ||
	    __sync_fetch_and_add(&slot->lock, 0) != lock || cham_turn(ctx, pkt))
		return CHAM_DROP_WITH(0);
	cpu->hits++;
	return CHAM_REPLY | CHAM_SUM;
}

/* What the server answers is what others will be told. */
static __always_inline void learn(struct xdp_md *ctx, struct cham_pkt *pkt, struct kv_conn *c,
				  struct kv_cpu *cpu)
{
	__u8 *p = cham_at(ctx, pkt->payload, KV_FRAME + 6);
	struct iphdr *ip = cham_at(ctx, pkt->l3, sizeof(*ip));
	__u32 n = pkt->payload_len - KV_FRAME;
	struct kv_slot *slot;

	if (c->doubt)
		flush(cpu);
	if (c->doubt || !p || !ip || !c->asked || c->asked != *(__u16 *)p + 1U || !n ||
	    n > KV_DATA || *(__u32 *)(p + 2) != KV_ALONE || *(__u32 *)(p + KV_FRAME) != KV_VALUE ||
	    !kv_key_at(ctx, pkt, &cpu->text, pkt->payload + KV_FRAME + 6) ||
	    !kv_same(&cpu->text.key, &c->key))
		return;
	c->asked = 0;
	c->slot = cpu->text.hash % KV_SLOTS;
	slot = slot_of(&cpu->text, c->slot);
	if (!slot || slot->version != c->version || kv_epoch != c->epoch ||
	    __sync_fetch_and_or(&slot->lock, 1) & 1)
		return;
	slot->until = pkt->now;
	slot->len = n;
	if (!bpf_xdp_load_bytes(ctx, pkt->payload + KV_FRAME, slot->data, kv_len(slot))) {
		slot->key = cpu->text.key;
		slot->server = ip->saddr;
		slot->of_version = c->version;
		slot->of_epoch = c->epoch;
		slot->until = pkt->now + KV_LIFE_MS;
		cpu->fills++;
	}
	__sync_fetch_and_add(&slot->lock, 1);
	pkt->timer = KV_LIFE_MS;
}

CHAM_HOOK(rx)
{
	struct udphdr *udp = cham_at(ctx, pkt->l4, sizeof(*udp));
	struct kv_cpu *cpu = kv_begin(pkt);
	struct kv_conn *c = (void *)area;
	int any;

	if (!cpu || !udp || udp->dest != KV_PORT)
		return CHAM_PASS;
	if (pkt->proto == IPPROTO_UDP)
		return question(ctx, pkt, c, cpu);
	if (pkt->proto == IPPROTO_TCP && kv_from_client(ctx, pkt, &c->tcp, &cpu->text, &any)) {
		c->slot = any ? KV_SLOTS : cpu->text.hash % KV_SLOTS;
		return doubt(pkt, c);
	}
	return CHAM_PASS;
}

CHAM_HOOK(tx)
{
	struct udphdr *udp = cham_at(ctx, pkt->l4, sizeof(*udp));
	struct kv_cpu *cpu = kv_begin(pkt);
	struct kv_conn *c = (void *)area;
	__u32 answers = KV_QUIET;

	if (!cpu || !udp || udp->source != KV_PORT)
		return CHAM_PASS;
	if (pkt->proto == IPPROTO_UDP)
		learn(ctx, pkt, c, cpu);
	else if (pkt->proto == IPPROTO_TCP)
		answers = kv_from_server(ctx, pkt, &c->tcp, &cpu->text);
	if (answers == KV_DOUBT)
		flush(cpu);
	else if (answers == KV_WRITES)
		expire(cpu, c->slot);
	return CHAM_PASS;
}

/* A value's time is over; or what may have been a write was done meanwhile. */
CHAM_HOOK(timer)
{
	struct kv_cpu *cpu = bpf_map_lookup_elem(&kv_cpus, &kv_zero);
	struct kv_conn *c = (void *)area;

	if (!cpu)
		return CHAM_CONSUME;
	if (pkt->proto == IPPROTO_UDP && !c->doubt) {
		expire(cpu, c->slot);
	} else if (pkt->proto == IPPROTO_UDP || c->tcp.mode == KV_DOUBT ||
		   c->tcp.mode == KV_WRITES) {
		flush(cpu);
		if (++c->fires < 3)
			pkt->timer = c->fires == 1 ? 10 * KV_FLUSH_MS : 100 * KV_FLUSH_MS;
	}
	return CHAM_CONSUME;
}
