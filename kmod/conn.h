/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connections: one bidirectional object per conversation of a tenant.
 *
 * Found by (tenant, 5-tuple) with the end points in canonical order, so both
 * directions find the same object; which direction a packet is follows from
 * whether its tuple had to be swapped.
 *
 * A bucket is one cache line of eight tagged pointers, a conn is three lines:
 * a packet touches the bucket, the key's line and its direction's.
 */
#ifndef CHAM_CONN_H
#define CHAM_CONN_H

#include <linux/in.h>
#include <linux/jiffies.h>
#include <linux/cache.h>
#include <linux/llist.h>
#include <linux/types.h>
#include "chamelio.h"
#include "chamelio_kfunc.h"

struct cham_private;
struct cham_tenant;

/* Where a direction goes, in one word that is read and written as one. */
union cham_to {
	struct {
		u32 egress : 19;	/* slot of a port or remote */
		u32 super : 1;		/* has sent super-packets by skb */
		u32 epoch : 10;		/* low bits of the tenant's */
		u32 action : 2;		/* enum cham_action */
	};
	u32 word;			/* never 0 when valid */
};

/* Tells generations of directions that come from a port from those of the wire. */
#define CHAM_GEN_PORT	BIT(31)
#define CHAM_GEN_HOST	BIT(30)		/* no decision is of such a one */
#define CHAM_GEN_WRITING CHAM_GEN_HOST	/* alone: somebody writes the direction */

/* Where a direction comes from and goes to; valid while @gen is the tenant's. */
struct cham_fwd {
	u32	gen;
	u32	ingress;	/* ifindex of the representor, or outer source */
	u8	macs[12];	/* destination and source, as on the wire */
	union cham_to to;
};

/* What the host sees of one direction. */
struct cham_track {
	u32	seq;		/* next sequence number expected */
	u32	ack;		/* highest acknowledgment sent in this direction */
	u32	window;		/* bytes, scaled */
	u32	retrans;	/* segments seen again */
	u64	packets;
	u64	bytes;
};

/* All of a direction that its packets touch, in one line. */
struct cham_half {
	struct cham_fwd fwd;
	struct cham_track track;
	union {
		struct cham_private *priv;	/* half[0]: NULL without handlers */
		struct llist_node wheel;	/* half[1] */
	};
};

/* A canonical key in registers: the words of a struct cham_tuple. */
struct cham_key {
	u64	w[5];
};

static_assert(sizeof(struct cham_key) == sizeof(struct cham_tuple));
static_assert(offsetof(struct cham_tuple, sport) == 4 * sizeof(u64));

struct cham_conn {
	/* line 0: compared by lookup; round trip */
	union {
		struct cham_tuple key;	/* canonical; with the tenant id */
		struct cham_key words;
	};
	u32	seen;			/* jiffies of the last packet */
	u8	state;			/* TCP_ESTABLISHED ... ; 0 for others */
	u8	wscale;			/* 4 bits a direction, 15: not offered */
	u8	flags;			/* CHAM_CONN_F_* */
	u8	sent;			/* 4 bits a direction: 1 + the queue pair its
					 * sender, a guest with several, has chosen; or 0
					 */
	u32	rtt_seq;
	u32	rtt_stamp;		/* TSC >> 10, bit 0: direction; 0: none timed */
	u32	srtt;			/* TSC >> 10, shifted left by 3 */
	u32	rttvar;			/* TSC >> 10, shifted left by 2 */

	/* lines 1 and 2 */
	struct cham_half half[2];
} __aligned(64);

#define CHAM_EPOCH_MASK		0x3ff

#define CHAM_CONN_F_DEAD	BIT(0)	/* out of the table, memory still pending */
#define CHAM_CONN_F_SWAPPED	BIT(1)	/* opened by the second end point */
#define CHAM_CONN_F_FIN0	BIT(2)
#define CHAM_CONN_F_FIN1	BIT(3)

/* Both directions, on two CPUs, and who forgets it change flags. Return: the new ones. */
static inline u8 cham_conn_change_flags(struct cham_conn *conn, u8 clear, u8 set)
{
	u8 old = READ_ONCE(conn->flags), flags;

	do {
		flags = (old & ~clear) | set;
	} while (!try_cmpxchg(&conn->flags, &old, flags));
	return flags;
}

#define CHAM_WSCALE_NONE	15

/* Window scale that direction @dir offered. */
static inline unsigned int cham_conn_wscale(const struct cham_conn *conn,
					    unsigned int dir)
{
	return conn->wscale >> (dir * 4) & 15;
}

/* The guest that sends in direction @dir has chosen a queue pair. */
static inline void cham_conn_set_sent(struct cham_conn *conn, unsigned int dir,
				      unsigned int queue)
{
	u8 sent = READ_ONCE(conn->sent);

	/* Two guests may do so at once; who loses does it again. */
	if ((sent >> (dir * 4) & 15) != queue + 1)
		WRITE_ONCE(conn->sent, (sent & (dir ? 0x0f : 0xf0)) |
				       (queue + 1) << (dir * 4));
}

/**
 * cham_conn_flow() - a packet's connection and direction in a word
 * @conn: connection
 * @dir:  direction of the packet
 */
static inline unsigned long cham_conn_flow(const struct cham_conn *conn,
					   unsigned int dir)
{
	return (unsigned long)conn | dir;
}

static inline struct cham_conn *cham_flow_conn(unsigned long flow)
{
	return (struct cham_conn *)(flow & ~1UL);
}

/* Queue pair that the receiver of such a packet sends on, plus 1; or 0. */
static inline unsigned int cham_flow_sent(unsigned long flow)
{
	return READ_ONCE(cham_flow_conn(flow)->sent) >> (flow & 1 ? 0 : 4) & 15;
}

#define CHAM_BUCKET_SLOTS	8

struct cham_bucket {
	u64	slot[CHAM_BUCKET_SLOTS];
} __aligned(64);

/* The last word of a tuple that says only the tenant. */
static inline u64 cham_conn_key_tenant(u32 id)
{
	const struct cham_tuple tuple = { .tenant = id };

	return *(const u64 *)&tuple.sport;
}

/**
 * cham_conn_key() - canonical key of a packet
 * @tuple:  as seen in the packet
 * @tenant: cham_conn_key_tenant() of its tenant
 * @dir:    receives the direction of the packet, 0 or 1
 */
static inline struct cham_key cham_conn_key(const struct cham_tuple *tuple,
					    u64 tenant, unsigned int *dir)
{
	const u64 *s = (const u64 *)tuple->saddr, *d = (const u64 *)tuple->daddr;
	u64 last = *(const u64 *)&tuple->sport;
	bool swap;

	if (s[0] != d[0])
		swap = s[0] > d[0];
	else if (s[1] != d[1])
		swap = s[1] > d[1];
	else
		swap = (__force u16)tuple->sport > (__force u16)tuple->dport;
	*dir = swap;
	/* Ports are the low half of the last word. */
	if (swap)
		return (struct cham_key){ { d[0], d[1], s[0], s[1],
			(last & ~0xffffffffULL) | rol32(last, 16) | tenant } };
	return (struct cham_key){ { s[0], s[1], d[0], d[1], last | tenant } };
}

/**
 * cham_fwd_write() - publish where a direction goes
 * @fwd:     of the connection
 * @val:     everything but the generation
 * @gen:     the tenant's, read before the tables were
 *
 * Generation last, so that a reader which sees it sees the rest. One writes at a time:
 * who comes to it meanwhile leaves it to that one, or to the next packet.
 */
static inline void cham_fwd_write(struct cham_fwd *fwd,
				  const struct cham_fwd *val, u32 gen)
{
	u32 was = READ_ONCE(fwd->gen);

	/* No generation while the fields change; a full barrier. */
	if (was == CHAM_GEN_WRITING || cmpxchg(&fwd->gen, was, CHAM_GEN_WRITING) != was)
		return;
	fwd->ingress = val->ingress;
	memcpy(fwd->macs, val->macs, 12);
	smp_wmb();	/* @to after the fields it belongs to */
	WRITE_ONCE(fwd->to.word, val->to.word);
	/* The generation vouches for all of the above. */
	smp_store_release(&fwd->gen, gen);
}

/**
 * cham_fwd_read() - where this packet goes, if that is still true
 * @fwd:     of the connection and direction
 * @q:       the packet
 * @ingress: where it came from
 * @gen:     the tenant's
 *
 * A writer between the two reads of @to shows as a difference; one before
 * the first left either all new fields or another generation.
 *
 * Return: the word of cham_fwd.to, or 0.
 */
static inline u32 cham_fwd_read(const struct cham_fwd *fwd,
				const struct cham_query *q, u32 ingress, u32 gen)
{
	u32 to = READ_ONCE(fwd->to.word);
	bool same;

	smp_rmb();	/* the fields after the first read of @to */
	/* What a writer is at meanwhile is not believed, below. */
	same = data_race(fwd->ingress == ingress &&
			 !((*(const u64 *)q->macs ^ *(const u64 *)fwd->macs) |
			   (*(const u32 *)(q->macs + 8) ^ *(const u32 *)(fwd->macs + 8))));
	smp_rmb();	/* the generation after the fields */
	if (READ_ONCE(fwd->gen) != gen || !same)
		return 0;
	smp_rmb();	/* the second read of @to last */
	return READ_ONCE(fwd->to.word) == to ? to : 0;
}

/*
 * A slot is (pointer << 7) | tag: objects are 64-byte aligned and x86-64
 * pointers are canonical in at most 57 bits, which leaves 13 bits of tag. A tag
 * is odd, so that an empty slot has none; a foreign connection's line is touched
 * once in 4,096 comparisons. The bucket is of other bits.
 */
#define CHAM_SLOT_TAG	0x1fff

static inline u64 cham_slot_tag(u64 hash)
{
	return (hash & CHAM_SLOT_TAG) | 1;
}

static inline u32 cham_bucket_index(u64 hash, u32 mask)
{
	return hash >> 32 & mask;
}

/* The table, for the lookup only; written by conn.c. */
extern struct cham_bucket *cham_buckets;
extern u32 cham_bucket_mask;
extern u64 cham_hash_seed[4];

static inline struct cham_conn *cham_slot_conn(u64 slot)
{
	return (struct cham_conn *)(unsigned long)(((s64)slot >> 7) & ~63LL);
}

static inline bool cham_key_equal(const struct cham_key *a,
				  const struct cham_key *b)
{
	const u64 *x = a->w, *y = b->w;

	return !((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) |
		 (x[3] ^ y[3]) | (x[4] ^ y[4]));
}

/* The two halves of the product, folded. Of a u128 gcc keeps both together, and that is
 * in memory: eight instructions of a lookup.
 */
static inline u64 cham_mix(u64 a, u64 b)
{
#ifdef CONFIG_X86_64
	u64 high;

	asm("mulq %2" : "+a" (a), "=d" (high) : "r" (b) : "cc");
	return a ^ high;
#else
	u128 m = (u128)a * b;

	return (u64)m ^ (u64)(m >> 64);
#endif
}

/**
 * cham_conn_hash() - keyed 64-bit hash of a canonical key
 * @key: the key
 *
 * Folded 64x64 multiplications (the "mum" construction of wyhash) under a
 * boot-time secret. No two words of the key meet before each has met a part of
 * that: addresses whose halves have the same sum would fill a bucket, and a full
 * one takes nobody's new connection. Nobody walks chains: a bucket is bounded.
 */
static inline u64 cham_conn_hash(const struct cham_key *key)
{
	const u64 *k = key->w;
	u64 s = cham_mix(k[0] ^ cham_hash_seed[0], k[1] ^ cham_hash_seed[1]);
	u64 d = cham_mix(k[2] ^ cham_hash_seed[2], k[3] ^ cham_hash_seed[3]);

	return cham_mix(s ^ k[4], d);
}

static inline struct cham_conn *cham_conn_lookup_rcu(const struct cham_key *key,
						     u64 hash)
{
	const struct cham_bucket *b;
	u32 tag = hash | 1;
	unsigned int i;

	b = &cham_buckets[cham_bucket_index(hash, cham_bucket_mask)];
	for (i = 0; i < CHAM_BUCKET_SLOTS; i++) {
		u64 slot = READ_ONCE(b->slot[i]);
		struct cham_conn *conn;

		if (((u32)slot ^ tag) & CHAM_SLOT_TAG) {
			/* Kept dense; a reader racing a removal may miss. */
			if (!slot)
				break;
			continue;
		}
		conn = cham_slot_conn(slot);
		if (likely(cham_key_equal(&conn->words, key)))
			return conn;
	}
	return NULL;
}

struct cham_conn *cham_conn_insert(struct cham_tenant *tenant,
				   const struct cham_key *key, unsigned int dir,
				   const struct cham_private *draft, bool *fresh,
				   enum cham_reason *why);
void cham_conn_track_tcp(struct cham_conn *conn, struct cham_half *half,
			 const struct cham_query *q, u32 segs);

/**
 * cham_conn_track() - take one packet into account
 * @conn: its connection
 * @half: its direction
 * @q:    what the datapath parsed
 * @segs: segments in it, more than one for a TSO super-packet
 *
 * Two CPUs may track the two directions at once; each writes its own
 * direction, and the shared RTT fields are a measurement, not a balance.
 *
 * Context: BH off.
 */
static inline void cham_conn_track(struct cham_conn *conn, struct cham_half *half,
				   const struct cham_query *q, u32 segs)
{
	struct cham_track *t = &half->track;
	u32 now = jiffies;

	t->packets += segs;
	t->bytes += q->payload;
	if (READ_ONCE(conn->seen) != now)
		WRITE_ONCE(conn->seen, now);
	if (q->tuple.proto == IPPROTO_TCP)
		cham_conn_track_tcp(conn, half, q, segs);
}

int cham_conn_del(const struct cham_key *key);
void cham_conn_flush(u32 tenant);

/* Resumable walk for dumps: fn returns non-zero to stop at this bucket. */
int cham_conn_walk(unsigned long *bucket,
		   int (*fn)(const struct cham_conn *conn, void *arg), void *arg);

int cham_conn_init(void);
void cham_conn_exit(void);
#endif
