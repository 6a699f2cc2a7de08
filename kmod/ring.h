/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One virtqueue, split or packed, seen from the device.
 *
 * A ring has one consumer at a time: a receive ring's holds cham_ring.lock, a
 * transmit ring's is the ring's NAPI poll, the control queue's holds
 * cham_port.ctl. What the ring's memory is, is a
 * struct cham_ring_mem under RCU: NULL means that the ring does not run.
 */
#ifndef CHAM_RING_H
#define CHAM_RING_H

#include <linux/cache.h>
#include <linux/irq_work.h>
#include <linux/netdevice.h>
#include <linux/overflow.h>
#include <linux/spinlock.h>
#include <linux/u64_stats_sync.h>
#include <linux/uio.h>
#include <linux/vdpa.h>

#include "compat.h"
#include "merge.h"
#include "ring_packed.h"
#include "ring_walk.h"

#define CHAM_RING_NUM_MAX	1024

/* A packet to the guest is in so many of its buffers at most: those who send to it pay
 * for them.
 */
#define CHAM_RING_PIECES	256

/* Guest memory is reached through the direct map. */
static_assert(IS_ENABLED(CONFIG_64BIT) && !IS_ENABLED(CONFIG_HIGHMEM));

/* A piece of the device's address space that is contiguous in the host, too. */
struct cham_range {
	u64 start;
	u64 bytes;
	u8 *kaddr;
	u32 perm;		/* VHOST_MAP_RO, VHOST_MAP_WO or both */
};

/**
 * struct cham_map - the device's address space
 * @n:      number of ranges
 * @pinned: the map holds a reference on every page
 * @range:  sorted by address, without overlaps
 *
 * Immutable once built.
 */
struct cham_map {
	u32 n;
	bool pinned;
	struct cham_range range[] __counted_by(n);
};

/**
 * struct cham_ring_mem - a running ring's memory
 * @packed:  packed: descriptor ring; like all areas the driver's memory, and
 *           %NULL in a ring of the other kind
 * @desc:    split: descriptor table
 * @avail:   split: driver area
 * @used:    chains to be given back, by position: split: device area; packed:
 *           memory of our own, because in the ring they would lie over what is
 *           available
 * @asks:    packed: driver area
 * @asked:   packed: device area
 * @hit:     range of the last translation, the consumer's private cache; has
 *           @perm
 * @map:     where buffers are
 * @table:   private copy of the indirect table in work
 * @num:     ring size, a power of two
 * @mask:    @num - 1
 * @perm:    what the ring does to buffers: VHOST_MAP_RO reads, _WO writes
 * @event_idx: VIRTIO_F_EVENT_IDX negotiated
 * @indirect: VIRTIO_F_INDIRECT_DESC negotiated
 * @vmap:    areas that are contiguous only by way of vmap()
 */
struct cham_ring_mem {
	struct cham_packed *packed;
	struct cham_desc *desc;
	struct cham_avail *avail;
	struct cham_used *used;
	const struct cham_range *hit;
	u32 num;
	u32 mask;
	u32 perm;
	bool event_idx;
	bool indirect;

	const struct cham_map *map;
	void *table;
	const struct cham_notify *asks;
	struct cham_notify *asked;
	void *vmap[3];
};

/* Asks what the way of a split ring needs first. */
static inline bool cham_ring_is_packed(const struct cham_ring_mem *m)
{
	return unlikely(!m->avail);
}

/* Names as ethtool -S shows them, seen from the representor: what a guest
 * sends it receives. A ring counts only what applies to its direction.
 */
#define CHAM_RING_STAT_LIST(X)						\
	X(PACKETS,	"packets")					\
	X(BYTES,	"bytes")					\
	X(CHAINS,	"descriptor_chains")				\
	X(SIGNALS,	"guest_interrupts")				\
	X(COALESCED,	"coalesced")					\
	X(FILTERED,	"filtered")					\
	X(REFUSED,	"refused_commands")				\
	X(DROP_FULL,	"drop_ring_full")				\
	X(DROP_DOWN,	"drop_ring_down")				\
	X(DROP_OVERSIZE, "drop_oversize")				\
	X(DROP_GSO,	"drop_bad_gso")					\
	X(DROP_RUNT,	"drop_runt")					\
	X(DROP_NOMEM,	"drop_no_memory")				\
	X(DROP_ADMIN,	"drop_admin_down")				\
	X(XDP_PASS,	"xdp_pass")					\
	X(XDP_DROP,	"xdp_drop")					\
	X(XDP_TX,	"xdp_tx")					\
	X(XDP_REDIRECT,	"xdp_redirect")					\
	X(XDP_ERROR,	"xdp_error")

enum cham_ring_stat {
#define X(id, name) CHAM_RING_##id,
	CHAM_RING_STAT_LIST(X)
#undef X
	__CHAM_RING_STAT_MAX,
};

/**
 * struct cham_room - the rest of a guest's buffer
 * @at:    where
 * @left:  its bytes
 * @len:   bytes of the chain that are in use
 * @head:  the chain
 * @avail: available entry after it
 * @used:  used entry after it
 */
struct cham_room {
	u8 *at;
	u32 left;
	u32 len;
	u32 head;
	u16 avail;
	u16 used;
};

/**
 * struct cham_ring - one virtqueue
 * @lock:       receive ring: the consumer; all: @cb
 * @last_avail: next available entry to take; like the others a position in a
 *              packed ring, see ring_packed.h
 * @avail_seen: split: driver's available index when last read
 * @used_next:  next used entry to write
 * @used_pub:   used index the driver has been shown
 * @flush_due:  the flush NAPI will publish what is not published
 * @merging:    receive ring: @merge may still grow
 * @mem:        running memory; cleared by whoever finds the ring broken
 * @stats:      written by the consumer only, see enum cham_ring_stat
 * @napi:       transmit ring: the burst; receive ring: the flush
 * @port:       owner
 * @cb:         how to interrupt the driver
 * @kick:       gets a kick out of a region with interrupts off
 * @owned:      what @mem was set to; freed by the control path only
 * @desc_iova:  descriptor area as the driver gave it
 * @avail_iova: driver area
 * @used_iova:  device area
 * @num:        ring size as the driver gave it, 0 if that was nonsense
 * @index:      virtqueue index
 * @ready:      driver enabled the queue
 * @started:    the used index has been taken from where it is
 * @pool:       transmit ring: pages for packets
 * @lends_to:   transmit ring: the program that takes super-packets lent; compared
 *              only
 * @rxq:        transmit ring: the representor's receive queue
 * @merge:      receive ring: the super-packet in the making
 * @room:       where it ends
 * @vnet_at:    where its virtio header is in the guest's memory
 * @first_used: used entry of its first chain
 */
struct cham_ring {
	spinlock_t lock;	/* receive ring: the consumer; all: cb */
	u16 last_avail;
	u16 avail_seen;
	u16 used_next;
	u16 used_pub;
	bool flush_due;
	bool merging;
	struct cham_ring_mem __rcu *mem;
	u64_stats_t stats[__CHAM_RING_STAT_MAX];

	struct napi_struct napi ____cacheline_aligned_in_smp;
	struct cham_port *port;
	struct vdpa_callback cb;
	struct irq_work kick;
	struct cham_ring_mem *owned;
	u64 desc_iova;
	u64 avail_iova;
	u64 used_iova;
	u32 num;
	u16 index;
	bool ready;
	bool started;
	struct page_pool *pool;
	const struct bpf_prog *lends_to;
	struct xdp_rxq_info rxq;
	struct cham_merge merge;
	struct cham_room room;
	u8 *vnet_at;
	u16 first_used;
} ____cacheline_aligned_in_smp;

/* Not with a lock that carries its debugging along. */
static_assert(sizeof(spinlock_t) > 4 ||
	      offsetof(struct cham_ring, stats) <= 32);

static inline void cham_ring_count(struct cham_ring *r, enum cham_ring_stat s,
				   u64 n)
{
	/* One writer; readers on 64 bit see whole words. */
	u64_stats_add(&r->stats[s], n);
}

void cham_ring_drop(struct cham_ring *r, enum cham_ring_stat why, u32 len);

/* A chain on its way through the ring. */
struct cham_chain {
	struct cham_walk walk;
	struct cham_piece seg;	/* rest of the current buffer */
	u32 head;		/* what to give back */
	u16 slots;		/* entries of the ring that it takes: split: 1 */
};

struct cham_map *cham_map_from_iotlb(struct vhost_iotlb *iotlb,
				     const char **why);
struct cham_map *cham_map_identity(struct device *dma_dev, const char **why);
void cham_map_free(struct cham_map *map);

struct cham_ring_mem *cham_ring_mem_new(const struct cham_ring *r,
					const struct cham_map *map,
					u64 features, bool write);
void cham_ring_mem_free(struct cham_ring_mem *m);

const char *cham_ring_err_text(int err);
int cham_ring_chain_table(struct cham_ring_mem *m, struct cham_chain *c);
void *cham_ring_lookup(struct cham_ring_mem *m, u64 addr, u32 *len);
void cham_ring_turn(struct cham_ring_mem *m, u32 perm);

int cham_ring_push(struct cham_ring *r, const struct kvec *vec, u32 total,
		   bool mergeable);

/* As what cham_ring_push() has counted a packet that did not go. */
static inline enum cham_ring_stat cham_ring_lost(int err)
{
	return err == -ENOBUFS ? CHAM_RING_DROP_FULL :
	       err == -ENOTCONN ? CHAM_RING_DROP_DOWN : CHAM_RING_DROP_OVERSIZE;
}

bool cham_ring_push_tcp(struct cham_ring *r, const u8 *frame, u32 len, bool open);
void cham_ring_merge_end(struct cham_ring *r);
bool cham_ring_publish(struct cham_ring *r, struct cham_ring_mem *m);
void cham_ring_flush(struct cham_ring *r);
bool cham_ring_enable_kicks(struct cham_ring *r, struct cham_ring_mem *m);
void cham_ring_disable_kicks(struct cham_ring_mem *m);
void cham_ring_signal(struct cham_ring *r);

u8 *cham_ring_seek(struct cham_ring_mem *m, u64 addr, u32 len);

/* Where @len bytes at a device address are, if in the range and not none. */
static inline bool cham_range_has(const struct cham_range *r, u64 addr, u32 len,
				  u8 **at)
{
	u64 off = addr - r->start;

	if (unlikely(off >= r->bytes || (u64)len - 1 >= r->bytes - off))
		return false;
	*at = r->kaddr + array_index_nospec(off, r->bytes);
	return true;
}

/**
 * cham_ring_at() - kernel address of a device address
 * @m:    ring memory
 * @addr: device address
 * @len:  in: bytes wanted, at least 1; out: bytes contiguous from there
 *
 * Context: the ring's consumer.
 * Return: NULL if @addr is not mapped for what this ring does.
 */
static inline void *cham_ring_at(struct cham_ring_mem *m, u64 addr, u32 *len)
{
	u8 *at;

	return likely(cham_range_has(m->hit, addr, *len, &at)) ? at :
	       cham_ring_lookup(m, addr, len);
}

/**
 * cham_ring_chain_begin() - take the next available chain
 * @r:    ring
 * @m:    its memory
 * @c:    chain
 * @pos:  which available entry
 *
 * Return: 1, 0 if there is none, or a negative enum cham_ring_err.
 */
static inline int cham_ring_chain_begin(struct cham_ring *r,
					struct cham_ring_mem *m,
					struct cham_chain *c, u16 pos)
{
	int n;

	c->seg.len = 0;
	if (cham_ring_is_packed(m)) {
		u16 taken = pos - r->last_avail + r->used_next - r->used_pub;

		n = cham_packed_start(&c->walk, m->packed, m->num, pos, m->num - taken,
				      m->perm == VHOST_MAP_WO, m->indirect, &c->head);
		if (n > 0)
			c->slots = cham_packed_slots(c->head);
		return n;
	}
	c->slots = 1;
	if (pos == r->avail_seen) {
		u16 avail = le16_to_cpu(READ_ONCE(m->avail->idx));

		n = cham_walk_pending(avail, pos, m->num);
		if (n <= 0)
			return n;
		r->avail_seen = avail;
		/* Entries before the index that says they are there. */
		smp_rmb();
	}
	c->head = le16_to_cpu(READ_ONCE(m->avail->ring[pos & m->mask]));
	n = cham_walk_start(&c->walk, m->desc, m->num, c->head,
			    m->perm == VHOST_MAP_WO, m->indirect);
	return n ?: 1;
}

static inline int cham_ring_chain_step(struct cham_ring_mem *m, struct cham_chain *c)
{
	return cham_ring_is_packed(m) ? cham_packed_next(&c->walk, &c->seg) :
					cham_walk_next(&c->walk, &c->seg);
}

/**
 * cham_ring_chain_more() - make sure that there is a current buffer
 * @m: ring memory
 * @c: chain
 *
 * Return: 1, 0 at the end of the chain, or a negative enum cham_ring_err.
 */
static inline int cham_ring_chain_more(struct cham_ring_mem *m,
				       struct cham_chain *c)
{
	int ret;

	if (c->seg.len)
		return 1;
	ret = cham_ring_chain_step(m, c);
	if (unlikely(ret == CHAM_WALK_TABLE))
		return cham_ring_chain_table(m, c);
	return ret;
}

/**
 * cham_ring_chain_piece() - the next contiguous bytes of the current buffer
 * @m:    ring memory
 * @c:    chain for which cham_ring_chain_more() said 1
 * @want: at most so many bytes, at least 1
 * @p:    where they are
 *
 * Return: number of bytes or a negative enum cham_ring_err.
 */
static inline int cham_ring_chain_piece(struct cham_ring_mem *m,
					struct cham_chain *c, u32 want,
					void **p)
{
	u32 len = min(want, c->seg.len);

	*p = cham_ring_at(m, c->seg.addr, &len);
	if (unlikely(!*p))
		return -CHAM_RING_ERR_UNMAPPED;
	c->seg.addr += len;
	c->seg.len -= len;
	return len;
}

/* Whether a split ring has a chain at this entry. */
static inline bool cham_ring_any(struct cham_ring *r, const struct cham_ring_mem *m,
				 u16 pos)
{
	u16 avail;

	if (likely(pos != r->avail_seen))
		return true;
	avail = le16_to_cpu(READ_ONCE(m->avail->idx));
	if (cham_walk_pending(avail, pos, m->num) <= 0)
		return false;
	r->avail_seen = avail;
	/* Entries before the index that says they are there. */
	smp_rmb();
	return true;
}

/**
 * cham_ring_room() - take the next chain, if it is like nearly all are
 * @r:    receive ring
 * @m:    its memory
 * @room: @room->avail says which entry; receives where its buffer is
 * @need: bytes it must have room for
 * @seek: look in other ranges than the last one's; known where it is compiled, because
 *        a call that may be made costs those that do not make it
 *
 * One descriptor, one buffer, contiguous. Whatever else it is, or whatever is wrong, is
 * for the long way to find out.
 *
 * Context: the ring's consumer.
 * Return: whether there was one; then both positions have moved on.
 */
static __always_inline bool cham_ring_room(struct cham_ring *r,
					   struct cham_ring_mem *m,
					   struct cham_room *room, u32 need, bool seek)
{
	u32 len, head;
	u64 addr;
	u8 *at;

	if (cham_ring_is_packed(m)) {
		const struct cham_packed *d = &m->packed[room->avail & m->mask];
		u16 taken = room->avail - r->last_avail + r->used_next - r->used_pub;

		if ((le16_to_cpu(READ_ONCE(d->flags)) &
		     (CHAM_PACKED_F_OWNER | CHAM_DESC_F_NEXT | CHAM_DESC_F_WRITE |
		      CHAM_DESC_F_INDIRECT)) !=
		    (cham_packed_avail(room->avail, m->num) | CHAM_DESC_F_WRITE) ||
		    taken >= m->num)
			return false;
		/* All else after the flags that say it is there. */
		smp_rmb();
		head = cham_packed_head(le16_to_cpu(READ_ONCE(d->id)), 1);
		len = le32_to_cpu(READ_ONCE(d->len));
		addr = le64_to_cpu(READ_ONCE(d->addr));
	} else {
		const struct cham_desc *d;

		if (!cham_ring_any(r, m, room->avail))
			return false;
		head = le16_to_cpu(READ_ONCE(m->avail->ring[room->avail & m->mask]));
		if (unlikely(head >= m->num))
			return false;
		d = &m->desc[array_index_nospec(head, m->num)];
		if (unlikely((le16_to_cpu(READ_ONCE(d->flags)) &
			      (CHAM_DESC_F_NEXT | CHAM_DESC_F_WRITE |
			       CHAM_DESC_F_INDIRECT)) != CHAM_DESC_F_WRITE))
			return false;
		len = le32_to_cpu(READ_ONCE(d->len));
		addr = le64_to_cpu(READ_ONCE(d->addr));
	}
	if (unlikely(len < need))
		return false;
	if (unlikely(!cham_range_has(m->hit, addr, len, &at))) {
		at = seek ? cham_ring_seek(m, addr, len) : NULL;
		if (!at)
			return false;
	}
	room->at = at;
	room->left = len;
	room->head = head;
	room->avail++;
	room->used++;
	return true;
}

/**
 * struct cham_plain - a chain that is like nearly all are
 * @range: where all of it is
 * @table: its descriptors, the ring's or an indirect table
 * @size:  how many; packed: from the current one on
 * @desc:  the current one
 * @packed: the same in a packed ring
 */
struct cham_plain {
	struct cham_range range;
	const struct cham_desc *table;
	u32 size;
	union {
		const struct cham_desc *desc;
		const struct cham_packed *packed;
	};
};

/* Buffers of a plain chain. */
#define CHAM_PLAIN_MAX	4

/**
 * cham_ring_plain() - the next chain, if it is like nearly all are
 * @r: transmit ring
 * @m: its memory
 * @p: receives it; nothing is consumed
 * @head: receives its number
 *
 * Few descriptors, in the ring or in one indirect table, all in the range of
 * the last ones. Each field is read once and judged before it is used.
 * Whatever else it is, or whatever is wrong, is for the long way to find out.
 *
 * Context: the ring's consumer.
 */
static inline bool cham_ring_plain(struct cham_ring *r, struct cham_ring_mem *m,
				   struct cham_plain *p, u32 *head)
{
	const struct cham_desc *d;
	u16 flags;
	u32 len;
	u8 *at;

	if (!cham_ring_any(r, m, r->last_avail))
		return false;
	*head = le16_to_cpu(READ_ONCE(m->avail->ring[r->last_avail & m->mask]));
	if (unlikely(*head >= m->num))
		return false;
	p->range = *m->hit;
	p->table = m->desc;
	p->size = m->num;
	d = &m->desc[array_index_nospec(*head, m->num)];
	flags = le16_to_cpu(READ_ONCE(d->flags));
	if (flags & CHAM_DESC_F_INDIRECT) {
		len = le32_to_cpu(READ_ONCE(d->len));
		if (unlikely(!m->indirect || flags & CHAM_DESC_F_NEXT ||
			     len % sizeof(*d) || len > CHAM_PLAIN_MAX * sizeof(*d)))
			return false;
		if (unlikely(!cham_range_has(&p->range, le64_to_cpu(READ_ONCE(d->addr)),
					     len, &at)))
			return false;
		d = (const struct cham_desc *)at;
		p->table = d;
		p->size = len / sizeof(*d);
	}
	p->desc = d;
	return true;
}

/**
 * cham_plain_piece() - the current buffer, and go to the next
 * @p:   chain
 * @at:  receives where it is
 * @len: receives its bytes, at least 1
 *
 * Return: false when it is not plain; true and @p->desc is the next or %NULL.
 */
static inline bool cham_plain_piece(struct cham_plain *p, u8 **at, u32 *len)
{
	const struct cham_desc *d = p->desc;
	u16 flags = le16_to_cpu(READ_ONCE(d->flags));
	u32 next;

	if (unlikely(flags & (CHAM_DESC_F_WRITE | CHAM_DESC_F_INDIRECT)))
		return false;
	p->desc = NULL;
	if (flags & CHAM_DESC_F_NEXT) {
		next = le16_to_cpu(READ_ONCE(d->next));
		if (unlikely(next >= p->size))
			return false;
		p->desc = &p->table[array_index_nospec(next, p->size)];
	}
	*len = le32_to_cpu(READ_ONCE(d->len));
	return cham_range_has(&p->range, le64_to_cpu(READ_ONCE(d->addr)), *len, at);
}

/* cham_ring_plain() of a packed ring: a chain that takes one place in it. */
static inline bool cham_ring_plain_packed(struct cham_ring *r, struct cham_ring_mem *m,
					  struct cham_plain *p, u32 *head)
{
	const struct cham_packed *d = &m->packed[r->last_avail & m->mask];
	u16 flags = le16_to_cpu(READ_ONCE(d->flags));
	u32 len;
	u8 *at;

	if ((flags & (CHAM_PACKED_F_OWNER | CHAM_DESC_F_NEXT)) !=
	    cham_packed_avail(r->last_avail, m->num) ||
	    (u16)(r->used_next - r->used_pub) >= m->num)
		return false;
	/* All else after the flags that say it is there. */
	smp_rmb();
	*head = cham_packed_head(le16_to_cpu(READ_ONCE(d->id)), 1);
	p->range = *m->hit;
	p->size = 1;
	p->packed = d;
	if (flags & CHAM_DESC_F_INDIRECT) {
		len = le32_to_cpu(READ_ONCE(d->len));
		if (unlikely(!m->indirect || len % sizeof(*d) ||
			     len > CHAM_PLAIN_MAX * sizeof(*d)))
			return false;
		if (unlikely(!cham_range_has(&p->range, le64_to_cpu(READ_ONCE(d->addr)),
					     len, &at)))
			return false;
		p->packed = (const struct cham_packed *)at;
		p->size = len / sizeof(*d);
	}
	return true;
}

/* As cham_plain_piece(), with @p->packed. */
static inline bool cham_plain_piece_packed(struct cham_plain *p, u8 **at, u32 *len)
{
	const struct cham_packed *d = p->packed;

	if (unlikely(le16_to_cpu(READ_ONCE(d->flags)) &
		     (CHAM_DESC_F_WRITE | CHAM_DESC_F_INDIRECT)))
		return false;
	p->packed = --p->size ? d + 1 : NULL;
	*len = le32_to_cpu(READ_ONCE(d->len));
	return cham_range_has(&p->range, le64_to_cpu(READ_ONCE(d->addr)), *len, at);
}

/* Gives a chain back; the driver sees it after cham_ring_publish(). @pos is the
 * last of the entries that it takes.
 */
static inline void cham_ring_used(struct cham_ring_mem *m, u16 pos, u32 head,
				  u32 len)
{
	struct cham_used_elem *e = &m->used->ring[pos & m->mask];

	WRITE_ONCE(e->id, cpu_to_le32(head));
	WRITE_ONCE(e->len, cpu_to_le32(len));
}

/* Takes a chain, and gives it back at once. */
static inline void cham_ring_give(struct cham_ring *r, struct cham_ring_mem *m,
				  const struct cham_chain *c, u32 len)
{
	r->last_avail += c->slots;
	r->used_next += c->slots;
	cham_ring_used(m, r->used_next - 1, c->head, len);
}

static __always_inline void cham_ring_copy32(void *to, const void *from)
{
	const u64 *f = from;
	u64 a = get_unaligned(f), b = get_unaligned(f + 1),
	    c = get_unaligned(f + 2), d = get_unaligned(f + 3), *t = to;

	put_unaligned(a, t);
	put_unaligned(b, t + 1);
	put_unaligned(c, t + 2);
	put_unaligned(d, t + 3);
}

/* Headers and small packets, for which the call of memcpy() costs as much as they
 * do. Reads what overlaps twice; nobody looks in between.
 */
static __always_inline void cham_ring_copy(u8 *to, const u8 *from, u32 n)
{
	if (n - 32 > 128 - 32) {
		memcpy(to, from, n);
		return;
	}
	cham_ring_copy32(to, from);
	if (n > 64) {
		cham_ring_copy32(to + 32, from + 32);
		cham_ring_copy32(to + n - 64, from + n - 64);
	}
	cham_ring_copy32(to + n - 32, from + n - 32);
}

static inline void cham_ring_pushed(struct cham_ring *r, u16 chains, u16 slots,
				    u32 total)
{
	r->last_avail += slots;
	r->used_next += slots;
	cham_ring_count(r, CHAM_RING_CHAINS, chains);
	cham_ring_count(r, CHAM_RING_PACKETS, 1);
	cham_ring_count(r, CHAM_RING_BYTES,
			total - sizeof(struct virtio_net_hdr_mrg_rxbuf));
}

/**
 * cham_ring_push_plain() - copy what nearly every packet is
 * @r:     receive ring, its lock held
 * @frame: linear, from the Ethernet header on, whole and without offloads
 * @len:   its bytes
 *
 * Context: BH off.
 * Return: true; false: not handled, not counted, cham_ring_push() is to do it.
 */
static inline bool cham_ring_push_plain(struct cham_ring *r, const void *frame, u32 len)
{
	const u32 hdr = sizeof(struct virtio_net_hdr_mrg_rxbuf);
	struct cham_room room = { .avail = r->last_avail, .used = r->used_next };
	struct cham_ring_mem *m;

	m = rcu_dereference_protected(r->mem, lockdep_is_held(&r->lock));
	if (unlikely(!m))
		return false;
	if (unlikely(r->merging))
		cham_ring_merge_end(r);
	if (unlikely(!cham_ring_room(r, m, &room, hdr + len, false)))
		return false;
	memset(room.at, 0, hdr);
	/* num_buffers is 1 */
	room.at[offsetof(struct virtio_net_hdr_mrg_rxbuf, num_buffers)] = 1;
	cham_ring_copy(room.at + hdr, frame, len);
	cham_ring_used(m, r->used_next, room.head, hdr + len);
	cham_ring_pushed(r, 1, 1, hdr + len);
	return true;
}

#endif
