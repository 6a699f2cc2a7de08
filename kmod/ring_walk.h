/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pure half of the split virtqueue: index arithmetic and the walk along a
 * descriptor chain, over plain memory; ring_packed.h has that of the packed
 * one. Nothing here translates an address, takes a lock or sleeps, so
 * selftests/unit/ring_test.c drives every line of it on the build host under
 * ASan and UBSan.
 *
 * The other side owns the memory and may change it at any moment. Every
 * index, length and flag is therefore read once into a local, judged there,
 * and only the local is used.
 */
#ifndef CHAM_RING_WALK_H
#define CHAM_RING_WALK_H

#ifdef __KERNEL__
#include <linux/compiler.h>
#include <linux/nospec.h>
#include <linux/types.h>
#include <asm/byteorder.h>
#else
#include <endian.h>
#include <stdbool.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef uint16_t __le16;
typedef uint32_t __le32;
typedef uint64_t __le64;

#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define le16_to_cpu(x)		le16toh(x)
#define le32_to_cpu(x)		le32toh(x)
#define le64_to_cpu(x)		le64toh(x)
#define array_index_nospec(i, n)	((i) < (n) ? (i) : 0)
#endif

/* The wire layout. Named apart from struct vring_* because those hide the
 * byte order behind __virtio16; ports require VERSION_1, so it is fixed.
 */
struct cham_desc {
	__le64 addr;
	__le32 len;
	__le16 flags;
	__le16 next;
};

struct cham_avail {
	__le16 flags;
	__le16 idx;
	__le16 ring[];		/* then used_event */
};

struct cham_used_elem {
	__le32 id;
	__le32 len;
};

struct cham_used {
	__le16 flags;
	__le16 idx;
	struct cham_used_elem ring[];	/* then avail_event */
};

#define CHAM_DESC_F_NEXT	1
#define CHAM_DESC_F_WRITE	2
#define CHAM_DESC_F_INDIRECT	4

/* Why a ring is called broken; the text is what an operator reads. */
#define CHAM_RING_ERR_LIST(X)						\
	X(JUMP,		"available index moved by more than the ring size") \
	X(HEAD,		"chain head is outside the descriptor table")	\
	X(NEXT,		"next descriptor is outside its table")		\
	X(LOOP,		"descriptor chain is longer than the ring")	\
	X(ZERO,		"descriptor of length zero")			\
	X(WRAP,		"descriptor wraps around the address space")	\
	X(DIRECTION,	"descriptor is for the other direction")	\
	X(NO_INDIRECT,	"indirect descriptor without the feature")	\
	X(NESTED,	"indirect table inside an indirect table")	\
	X(TABLE,	"indirect table has an impossible length")	\
	X(TABLE_NEXT,	"indirect descriptor is chained on")		\
	X(UNMAPPED,	"descriptor points to memory that is not mapped") \
	X(SHORT,	"chain is shorter than the virtio header")	\
	X(NO_ACK,	"control command has no room for its answer")	\
	X(NOT_AVAIL,	"chain runs into a descriptor that is not available") \
	X(OVERRUN,	"more descriptors are available than the ring has")

enum cham_ring_err {
	CHAM_RING_OK,
#define X(id, text) CHAM_RING_ERR_##id,
	CHAM_RING_ERR_LIST(X)
#undef X
	__CHAM_RING_ERR_MAX,
};

/* What cham_walk_next() found; errors are negative enum cham_ring_err. */
enum cham_walk_step {
	CHAM_WALK_END,		/* the chain is complete */
	CHAM_WALK_SEG,		/* a buffer */
	CHAM_WALK_TABLE,	/* copy this indirect table, cham_walk_enter() */
};

struct cham_piece {
	u64 addr;
	u32 len;
};

struct cham_walk {
	union {
		const struct cham_desc *table;
		const struct cham_packed *packed;
	};
	u32 size;		/* entries in @table */
	u32 left;		/* descriptors this chain may still have */
	u32 next;
	bool more;		/* packed: there is more than one */
	bool nested;		/* inside an indirect table */
	bool write;		/* the device writes to this chain */
	bool indirect_ok;
};

/**
 * cham_walk_pending() - how many chains the driver has made available
 * @avail: the driver's index, read once
 * @last:  the device's own
 * @num:   ring size
 *
 * Return: 0..@num, or -CHAM_RING_ERR_JUMP.
 */
static inline int cham_walk_pending(u16 avail, u16 last, u32 num)
{
	u16 n = avail - last;

	return likely(n <= num) ? n : -CHAM_RING_ERR_JUMP;
}

/**
 * cham_walk_need_event() - did an index pass the mark the other side set
 * @event: the mark: notify me when this entry has been passed
 * @now:   index after the batch
 * @old:   index before the batch
 */
static inline bool cham_walk_need_event(u16 event, u16 now, u16 old)
{
	u16 batch = now - old;
	u16 ahead = event - old;	/* entries of the batch before the mark */

	return ahead < batch;
}

/**
 * cham_walk_start() - begin a chain
 * @w:     walk state
 * @table: the ring's descriptor table; the driver may write to it at any time
 * @num:   ring size
 * @head:  first descriptor, as read from the available ring
 * @write: whether the device is to write to the buffers
 * @indirect_ok: whether indirect descriptors were negotiated
 *
 * Return: 0 or -CHAM_RING_ERR_HEAD.
 */
static inline int cham_walk_start(struct cham_walk *w,
				  const struct cham_desc *table, u32 num,
				  u32 head, bool write, bool indirect_ok)
{
	if (unlikely(head >= num))
		return -CHAM_RING_ERR_HEAD;
	w->table = table;
	w->size = num;
	w->left = num;
	w->next = head;
	w->more = true;
	w->nested = false;
	w->write = write;
	w->indirect_ok = indirect_ok;
	return 0;
}

/* What is the same in both kinds of ring. @chained: the descriptor is not alone;
 * @room: entries that an indirect table may have. Return: 0 or negative.
 */
static inline int cham_walk_judge(const struct cham_walk *w,
				  const struct cham_piece *seg, u16 flags,
				  bool chained, u32 room)
{
	if (unlikely(!seg->len))
		return -CHAM_RING_ERR_ZERO;
	if (unlikely(seg->addr + seg->len < seg->addr))
		return -CHAM_RING_ERR_WRAP;
	if (unlikely(flags & CHAM_DESC_F_INDIRECT)) {
		if (!w->indirect_ok)
			return -CHAM_RING_ERR_NO_INDIRECT;
		if (w->nested)
			return -CHAM_RING_ERR_NESTED;
		if (chained)
			return -CHAM_RING_ERR_TABLE_NEXT;
		if (seg->len % sizeof(struct cham_desc) ||
		    seg->len / sizeof(struct cham_desc) > room)
			return -CHAM_RING_ERR_TABLE;
		return 0;
	}
	if (unlikely(!!(flags & CHAM_DESC_F_WRITE) != w->write))
		return -CHAM_RING_ERR_DIRECTION;
	return 0;
}

/**
 * cham_walk_enter() - go on inside an indirect table
 * @w:     walk state that returned CHAM_WALK_TABLE
 * @table: the table, or a copy of it: in place the driver may write to it, and each
 *         field is read once
 * @len:   its length as cham_walk_next() reported it
 */
static inline void cham_walk_enter(struct cham_walk *w,
				   const struct cham_desc *table, u32 len)
{
	w->table = table;
	w->size = len / sizeof(*table);
	w->next = 0;
	w->more = true;
	w->nested = true;
}

/**
 * cham_walk_next() - the next descriptor of the chain
 * @w:   walk state
 * @seg: what it describes
 *
 * Return: enum cham_walk_step or a negative enum cham_ring_err.
 */
static inline int cham_walk_next(struct cham_walk *w, struct cham_piece *seg)
{
	const struct cham_desc *d;
	u16 flags, next;
	int err;

	if (!w->more)
		return CHAM_WALK_END;
	if (unlikely(!w->left))
		return -CHAM_RING_ERR_LOOP;
	w->left--;

	d = &w->table[array_index_nospec(w->next, w->size)];
	flags = le16_to_cpu(READ_ONCE(d->flags));
	seg->addr = le64_to_cpu(READ_ONCE(d->addr));
	seg->len = le32_to_cpu(READ_ONCE(d->len));

	/* A table is in place of its descriptor, which is not a buffer. */
	err = cham_walk_judge(w, seg, flags, flags & CHAM_DESC_F_NEXT, w->left + 1);
	if (unlikely(err))
		return err;
	if (unlikely(flags & CHAM_DESC_F_INDIRECT)) {
		w->left++;
		w->more = false;
		return CHAM_WALK_TABLE;
	}
	if (flags & CHAM_DESC_F_NEXT) {
		next = le16_to_cpu(READ_ONCE(d->next));
		if (unlikely(next >= w->size))
			return -CHAM_RING_ERR_NEXT;
		w->next = next;
	} else {
		w->more = false;
	}
	return CHAM_WALK_SEG;
}

#endif
