/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pure half of the packed virtqueue, beside that of the split one and by
 * its rules: see ring_walk.h.
 *
 * One ring of descriptors goes to and fro: the driver makes them available,
 * the device writes over them what it has used, and two flags, whose meaning
 * changes with every round, say whose a descriptor is. A position here counts
 * descriptors without end, as the indices of a split ring do: a ring is a power
 * of two, so that its lowest bits are the place and the next one the round.
 *
 * A buffer's id means something only to the driver: it gets it back as it is.
 */
#ifndef CHAM_RING_PACKED_H
#define CHAM_RING_PACKED_H

#include "ring_walk.h"

#ifdef __KERNEL__
#include <asm/barrier.h>
#else
#define WRITE_ONCE(x, v)	__atomic_store_n(&(x), v, __ATOMIC_RELAXED)
#define cpu_to_le64(x)		htole64(x)
#define smp_rmb()		__sync_synchronize() /* nobody else there */
#define smp_wmb()		__sync_synchronize() /* nobody else there */
#endif

struct cham_packed {
	__le64 addr;
	union {
		struct {
			__le32 len;
			__le16 id;
			__le16 flags;
		};
		__le64 used;	/* all three, as they are given back */
	};
};

/* What one side asks of the other: when to be notified. */
struct cham_notify {
	union {
		struct {
			__le16 at;	/* place, and the round in the top bit */
			__le16 flags;
		};
		__le32 both;
	};
};

#define CHAM_PACKED_F_AVAIL	0x0080
#define CHAM_PACKED_F_USED	0x8000
#define CHAM_PACKED_F_OWNER	(CHAM_PACKED_F_AVAIL | CHAM_PACKED_F_USED)

#define CHAM_NOTIFY_DISABLE	1
#define CHAM_NOTIFY_AT		2
#define CHAM_NOTIFY_FLAGS	3

/* Odd rounds: the wrap counters begin with 1. */
#define CHAM_PACKED_WRAP	0x8000

/**
 * cham_packed_wrap() - a position as driver and device tell it each other
 * @pos: position
 * @num: ring size
 *
 * Return: place, and the wrap counter in the top bit.
 */
static inline u16 cham_packed_wrap(u16 pos, u32 num)
{
	return (pos & (num - 1)) | (pos & num ? 0 : CHAM_PACKED_WRAP);
}

/**
 * cham_packed_pos() - the other way round
 * @wrap: place, and the wrap counter in the top bit
 * @num:  ring size
 */
static inline u16 cham_packed_pos(u16 wrap, u32 num)
{
	return (wrap & (num - 1)) + (wrap & CHAM_PACKED_WRAP ? 0 : num);
}

/* The flags that make a descriptor at this position the device's. */
static inline u16 cham_packed_avail(u16 pos, u32 num)
{
	return pos & num ? CHAM_PACKED_F_USED : CHAM_PACKED_F_AVAIL;
}

/* And those that make it the driver's again. */
static inline u16 cham_packed_used(u16 pos, u32 num)
{
	return pos & num ? 0 : CHAM_PACKED_F_OWNER;
}

/* Whether the driver has made available what is at this position. */
static inline bool cham_packed_pending(const struct cham_packed *ring, u32 num,
				       u16 pos)
{
	u16 flags = le16_to_cpu(READ_ONCE(ring[pos & (num - 1)].flags));

	return (flags & CHAM_PACKED_F_OWNER) == cham_packed_avail(pos, num);
}

/* What a chain is called until it is given back: its id and its length. */
static inline u32 cham_packed_head(u16 id, u16 slots)
{
	return id | (u32)slots << 16;
}

static inline u16 cham_packed_slots(u32 head)
{
	return head >> 16;
}

/**
 * cham_packed_start() - begin a chain
 * @w:     walk state
 * @ring:  shared with the driver
 * @num:   ring size
 * @pos:   where the chain begins
 * @room:  descriptors that the driver may have made available from there
 * @write: whether the device is to write to the buffers
 * @indirect_ok: whether indirect descriptors were negotiated
 * @head:  what to give back, see cham_packed_head()
 *
 * The last descriptor has the id, so that all of the chain is looked at: how
 * long it is counts from then on, whatever its flags become.
 *
 * Return: 1, 0 if there is no chain, or a negative enum cham_ring_err.
 */
static inline int cham_packed_start(struct cham_walk *w,
				    const struct cham_packed *ring, u32 num,
				    u16 pos, u32 room, bool write,
				    bool indirect_ok, u32 *head)
{
	u32 mask = num - 1, n = 0;
	u16 flags;

	w->next = pos & mask;
	do {
		flags = le16_to_cpu(READ_ONCE(ring[pos & mask].flags));
		if ((flags & CHAM_PACKED_F_OWNER) != cham_packed_avail(pos, num))
			return n ? -CHAM_RING_ERR_NOT_AVAIL : 0;
		if (unlikely(n == room))
			return -CHAM_RING_ERR_OVERRUN;
		/* All else after the flags that say it is there. */
		smp_rmb();
		pos++;
		n++;
	} while (flags & CHAM_DESC_F_NEXT);
	*head = cham_packed_head(le16_to_cpu(READ_ONCE(ring[(pos - 1) & mask].id)), n);
	w->packed = ring;
	w->size = num;
	w->left = n;
	w->more = n > 1;
	w->nested = false;
	w->write = write;
	w->indirect_ok = indirect_ok;
	return 1;
}

/**
 * cham_packed_enter() - go on inside an indirect table
 * @w:     walk state that returned CHAM_WALK_TABLE
 * @table: as for cham_walk_enter()
 * @len:   its length as cham_packed_next() reported it
 */
static inline void cham_packed_enter(struct cham_walk *w,
				     const struct cham_packed *table, u32 len)
{
	w->packed = table;
	w->size = len / sizeof(*table);
	w->left = w->size;
	w->next = 0;
	w->nested = true;
}

/**
 * cham_packed_next() - the next descriptor of the chain
 * @w:   walk state
 * @seg: what it describes
 *
 * Inside a table all descriptors count, whatever their flags say of a next one.
 *
 * Return: enum cham_walk_step or a negative enum cham_ring_err.
 */
static inline int cham_packed_next(struct cham_walk *w, struct cham_piece *seg)
{
	const struct cham_packed *d;
	u16 flags;
	int err;

	if (!w->left)
		return CHAM_WALK_END;
	d = &w->packed[array_index_nospec(w->next, w->size)];
	flags = le16_to_cpu(READ_ONCE(d->flags));
	seg->addr = le64_to_cpu(READ_ONCE(d->addr));
	seg->len = le32_to_cpu(READ_ONCE(d->len));
	err = cham_walk_judge(w, seg, flags, w->more, w->size);
	if (unlikely(err))
		return err;
	if (unlikely(flags & CHAM_DESC_F_INDIRECT)) {
		w->left = 0;
		return CHAM_WALK_TABLE;
	}
	w->left--;
	if (++w->next == w->size)
		w->next = 0;
	return CHAM_WALK_SEG;
}

/**
 * cham_packed_publish() - give chains back
 * @ring: shared with the driver
 * @done: of each chain head and bytes written, at the last of its places
 * @num:  ring size
 * @from: first position
 * @to:   behind the last one, at least one and at most @num further
 *
 * From the last chain to the first: while the driver does not see the first one
 * it looks at no other.
 */
static inline void cham_packed_publish(struct cham_packed *ring,
				       const struct cham_used_elem *done,
				       u32 num, u16 from, u16 to)
{
	u32 mask = num - 1;

	do {
		const struct cham_used_elem *e = &done[(to - 1) & mask];
		u32 head = le32_to_cpu(e->id), len = le32_to_cpu(e->len);
		u64 flags;

		to -= cham_packed_slots(head);
		flags = cham_packed_used(to, num) | (len ? CHAM_DESC_F_WRITE : 0);
		if (to == from) {
			/* All others before the one that the driver waits for. */
			smp_wmb();
		}
		WRITE_ONCE(ring[to & mask].used,
			   cpu_to_le64(len | (u64)(u16)head << 32 | flags << 48));
	} while (to != from);
}

/**
 * cham_packed_wants() - whether the driver wants an interrupt
 * @e:   what it asks for
 * @num: ring size
 * @now: position after the batch
 * @old: position before the batch
 */
static inline bool cham_packed_wants(const struct cham_notify *e, u32 num,
				     u16 now, u16 old)
{
	u16 flags = le16_to_cpu(READ_ONCE(e->flags)) & CHAM_NOTIFY_FLAGS;
	u16 mark;

	if (flags != CHAM_NOTIFY_AT)
		return flags != CHAM_NOTIFY_DISABLE;
	/* The mark after the flags that say there is one. */
	smp_rmb();
	mark = cham_packed_pos(le16_to_cpu(READ_ONCE(e->at)), num);
	return ((mark - old) & (2 * num - 1)) < (u16)(now - old);
}

#endif
