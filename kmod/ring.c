// SPDX-License-Identifier: GPL-2.0
/*
 * A virtqueue's memory side: translation of device addresses, the ring areas,
 * filling a receive ring. The walks themselves are in ring_walk.h and
 * ring_packed.h.
 */
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vhost_iotlb.h>
#include <linux/vmalloc.h>

#include "port_priv.h"
#include "trace.h"

static_assert(sizeof(struct cham_desc) == sizeof(struct vring_desc));
static_assert(sizeof(struct cham_used_elem) == sizeof(struct vring_used_elem));
static_assert(sizeof(struct cham_packed) == sizeof(struct vring_packed_desc));
static_assert(offsetof(struct cham_packed, flags) ==
	      offsetof(struct vring_packed_desc, flags));
static_assert(sizeof(struct cham_packed) == sizeof(struct cham_desc));
static_assert(sizeof(struct cham_notify) == sizeof(struct vring_packed_desc_event));
static_assert(offsetof(struct cham_avail, ring) == 4);
static_assert(offsetof(struct cham_used, ring) == 4);

/* In the order of enum cham_ring_err. */
static const char * const cham_ring_err_texts[__CHAM_RING_ERR_MAX] = {
	"no error",
#define X(id, text) text,
	CHAM_RING_ERR_LIST(X)
#undef X
};

const char *cham_ring_err_text(int err)
{
	return cham_ring_err_texts[array_index_nospec(-err, __CHAM_RING_ERR_MAX)];
}

/* Device address spaces. */

static u64 cham_range_pages(const struct cham_range *r)
{
	return r->bytes >> PAGE_SHIFT;
}

static void cham_map_put_pages(const struct cham_range *r, u64 pages)
{
	struct page *page = virt_to_page(r->kaddr);
	u64 i;

	for (i = 0; i < pages; i++) {
		put_page(page + i);
		if (!(i & 4095))
			cond_resched();
	}
}

/* Takes a reference on every page of a range that vhost-vdpa has pinned. */
static const char *cham_map_get_pages(const struct cham_range *r)
{
	unsigned long pfn = PHYS_PFN(virt_to_phys(r->kaddr));
	u64 i, n = cham_range_pages(r);

	for (i = 0; i < n; i++) {
		if (!pfn_valid(pfn + i) || !try_get_page(pfn_to_page(pfn + i))) {
			cham_map_put_pages(r, i);
			return "device memory is mapped to what is not RAM";
		}
		if (!(i & 4095))
			cond_resched();
	}
	return NULL;
}

/**
 * cham_map_from_iotlb() - what a user-space owner mapped
 * @iotlb: ranges of physical addresses, sorted by the tree
 * @why:   set to a text when the answer is %NULL
 *
 * vhost-vdpa unpins pages before it tells the device that they are gone. The
 * map therefore holds references of its own: a page cannot become somebody
 * else's while a ring may still write to it.
 *
 * Context: process, may sleep.
 * Return: a map, possibly empty, or %NULL.
 */
struct cham_map *cham_map_from_iotlb(struct vhost_iotlb *iotlb, const char **why)
{
	u32 n = 0, max = iotlb->nmaps;
	struct vhost_iotlb_map *e;
	struct cham_map *map;

	map = kvzalloc(struct_size(map, range, max), GFP_KERNEL);
	if (!map) {
		*why = "no memory for the device's mappings";
		return NULL;
	}
	map->n = max;
	map->pinned = true;
	for (e = vhost_iotlb_itree_first(iotlb, 0, U64_MAX); e && n < max;
	     e = vhost_iotlb_itree_next(e, 0, U64_MAX)) {
		struct cham_range *r = &map->range[n];

		*why = "device memory is not mapped in whole pages";
		if (!PAGE_ALIGNED(e->start | e->addr | (e->last + 1)))
			goto fail;
		*why = "device memory is mapped to what is not RAM";
		if (e->addr + (e->last - e->start) < e->addr ||
		    !pfn_valid(PHYS_PFN(e->addr)))
			goto fail;
		r->start = e->start;
		r->bytes = e->last - e->start + 1;
		r->kaddr = phys_to_virt(e->addr);
		r->perm = e->perm;
		*why = cham_map_get_pages(r);
		if (*why)
			goto fail;
		/* Neighbours in both address spaces are one range. */
		if (n && r[-1].start + r[-1].bytes == r->start && r[-1].perm == r->perm &&
		    r[-1].kaddr + r[-1].bytes == r->kaddr)
			r[-1].bytes += r->bytes;
		else
			n++;
	}
	map->n = n;
	return map;
fail:
	map->n = n;
	cham_map_free(map);
	return NULL;
}

/**
 * cham_map_identity() - the address space of the in-kernel virtio driver
 * @dma_dev: device it maps its buffers for
 * @why:     set to a text when the answer is %NULL
 *
 * One range, the direct map: the driver's DMA addresses are physical ones as
 * long as no IOMMU and no DMA operations of the platform are in between. A
 * bounce buffer is RAM like any other.
 *
 * Return: a map or %NULL.
 */
struct cham_map *cham_map_identity(struct device *dma_dev, const char **why)
{
	void *first = (void *)PAGE_OFFSET;
	struct cham_map *map;

	*why = "DMA is not direct on this platform";
	if (get_dma_ops(dma_dev) || device_iommu_mapped(dma_dev))
		return NULL;
	*why = "no memory for the device's mappings";
	map = kvzalloc(struct_size(map, range, 1), GFP_KERNEL);
	if (!map)
		return NULL;
	map->n = 1;
	map->range[0].kaddr = first;
	map->range[0].start = phys_to_dma(dma_dev, virt_to_phys(first));
	map->range[0].bytes = high_memory - first;
	map->range[0].perm = VHOST_MAP_RW;
	return map;
}

/**
 * cham_map_free() - let go of an address space
 * @map: map that no ring uses any more, or %NULL
 */
void cham_map_free(struct cham_map *map)
{
	u32 i;

	if (!map)
		return;
	for (i = 0; map->pinned && i < map->n; i++)
		cham_map_put_pages(&map->range[i],
				   cham_range_pages(&map->range[i]));
	kvfree(map);
}

/* Nothing is in it. */
static const struct cham_range cham_range_none;

static const struct cham_range *cham_map_find(const struct cham_map *map, u64 addr)
{
	u32 low = 0, high = map->n;

	while (low < high) {
		u32 mid = (low + high) / 2;
		const struct cham_range *r = &map->range[mid];

		if (addr < r->start)
			high = mid;
		else if (addr - r->start >= r->bytes)
			low = mid + 1;
		else
			return r;
	}
	return NULL;
}

static void *cham_range_at(const struct cham_range *r, u64 addr, u32 *len)
{
	u64 off = array_index_nospec(addr - r->start, r->bytes);

	if (*len > r->bytes - off)
		*len = r->bytes - off;
	return r->kaddr + off;
}

/**
 * cham_ring_lookup() - the slow half of cham_ring_at()
 * @m:    ring memory
 * @addr: device address
 * @len:  in: bytes wanted; out: bytes contiguous from there
 *
 * Return: %NULL if @addr is not mapped for what this ring does.
 */
void *cham_ring_lookup(struct cham_ring_mem *m, u64 addr, u32 *len)
{
	const struct cham_range *r = cham_map_find(m->map, addr);

	if (!r || !(r->perm & m->perm))
		return NULL;
	m->hit = r;
	return cham_range_at(r, addr, len);
}

/**
 * cham_ring_seek() - another range than the last one has the buffer
 * @m:    ring memory
 * @addr: device address
 * @len:  its bytes
 *
 * A process' memory is in as many ranges as its pages are apart.
 *
 * Return: %NULL if it is not in one range, or not mapped for what this ring does.
 */
u8 *cham_ring_seek(struct cham_ring_mem *m, u64 addr, u32 len)
{
	u32 got = len;
	u8 *at = len ? cham_ring_lookup(m, addr, &got) : NULL;

	return got == len ? at : NULL;
}

/**
 * cham_ring_turn() - the next buffers are of the other direction
 * @m:    ring memory
 * @perm: VHOST_MAP_RO or VHOST_MAP_WO: what the ring does to them
 *
 * What was hit last may be mapped for the other only.
 *
 * Context: the ring's consumer.
 */
void cham_ring_turn(struct cham_ring_mem *m, u32 perm)
{
	m->perm = perm;
	if (!(m->hit->perm & perm))
		m->hit = &cham_range_none;
}

static int cham_ring_chain_enter(struct cham_ring_mem *m, struct cham_chain *c,
				 const void *table, u32 len)
{
	c->seg.len = 0;
	if (cham_ring_is_packed(m))
		cham_packed_enter(&c->walk, table, len);
	else
		cham_walk_enter(&c->walk, table, len);
	return cham_ring_chain_step(m, c);
}

/**
 * cham_ring_chain_table() - go on in an indirect table
 * @m: ring memory
 * @c: chain whose current buffer is the table
 *
 * A table in several places is put together first.
 *
 * Return: as cham_ring_chain_more().
 */
int cham_ring_chain_table(struct cham_ring_mem *m, struct cham_chain *c)
{
	u32 len = c->seg.len, done = 0, n;
	const struct cham_range *r;
	u8 *at;

	/* In one piece it is read in place: each field once, as the ring's own
	 * table is.
	 */
	if (likely(m->hit->perm & VHOST_MAP_RO &&
		   cham_range_has(m->hit, c->seg.addr, len, &at)))
		return cham_ring_chain_enter(m, c, at, len);
	while (done < len) {
		/* Read, whatever the ring does to its buffers. */
		r = cham_map_find(m->map, c->seg.addr + done);
		if (!r || !(r->perm & VHOST_MAP_RO))
			return -CHAM_RING_ERR_UNMAPPED;
		n = len - done;
		memcpy((u8 *)m->table + done,
		       cham_range_at(r, c->seg.addr + done, &n), n);
		done += n;
	}
	return cham_ring_chain_enter(m, c, m->table, len);
}

/* A ring area as one piece of kernel memory; -ENXIO if not all is mapped, or -ENOMEM. */
static void *cham_ring_area(const struct cham_map *map, u64 iova, u32 size,
			    u32 perm, void **mapped)
{
	u32 n = DIV_ROUND_UP(offset_in_page(iova) + size, PAGE_SIZE), i, len;
	struct page **pages;
	bool whole = true;
	void *area = ERR_PTR(-ENXIO);

	pages = kcalloc(n, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return ERR_PTR(-ENOMEM);
	/* Ranges are whole pages, so that one address finds a page. */
	for (i = 0; i < n; i++) {
		u64 addr = (iova & PAGE_MASK) + (u64)i * PAGE_SIZE;
		const struct cham_range *r = cham_map_find(map, addr);

		if (!r || (r->perm & perm) != perm)
			goto out;
		len = 1;
		pages[i] = virt_to_page(cham_range_at(r, addr, &len));
		whole &= page_address(pages[i]) ==
			 page_address(pages[0]) + i * PAGE_SIZE;
	}
	area = page_address(pages[0]);
	if (!whole) {
		area = vmap(pages, n, VM_MAP, PAGE_KERNEL);
		*mapped = area;
	}
	area = area ? area + offset_in_page(iova) : ERR_PTR(-ENOMEM);
out:
	kfree(pages);
	return area;
}

/* The first of three areas that is none; 0 if all are. */
static int cham_ring_areas_err(const void *a, const void *b, const void *c)
{
	return PTR_ERR_OR_ZERO(a) ?: PTR_ERR_OR_ZERO(b) ?: PTR_ERR_OR_ZERO(c);
}

static int cham_ring_areas_split(struct cham_ring_mem *m, const struct cham_ring *r)
{
	u32 num = m->num;

	m->desc = cham_ring_area(m->map, r->desc_iova, num * sizeof(*m->desc),
				 VHOST_MAP_RO, &m->vmap[0]);
	/* Behind each index ring lies the event index of the other side. */
	m->avail = cham_ring_area(m->map, r->avail_iova, sizeof(*m->avail) +
				  (num + 1) * sizeof(__le16),
				  VHOST_MAP_RO, &m->vmap[1]);
	m->used = cham_ring_area(m->map, r->used_iova, sizeof(*m->used) +
				 num * sizeof(*m->used->ring) + sizeof(__le16),
				 VHOST_MAP_WO, &m->vmap[2]);
	return cham_ring_areas_err(m->desc, m->avail, m->used);
}

static int cham_ring_areas_packed(struct cham_ring_mem *m, const struct cham_ring *r)
{
	int err;

	if (r->avail_iova & 3)
		return -EINVAL;
	m->packed = cham_ring_area(m->map, r->desc_iova, m->num * sizeof(*m->packed),
				   VHOST_MAP_RW, &m->vmap[0]);
	m->asks = cham_ring_area(m->map, r->avail_iova, sizeof(*m->asks),
				 VHOST_MAP_RO, &m->vmap[1]);
	m->asked = cham_ring_area(m->map, r->used_iova, sizeof(*m->asked),
				  VHOST_MAP_WO, &m->vmap[2]);
	err = cham_ring_areas_err(m->packed, m->asks, m->asked);
	if (err)
		return err;
	m->used = kvmalloc(struct_size(m->used, ring, m->num), GFP_KERNEL);
	return m->used ? 0 : -ENOMEM;
}

/**
 * cham_ring_mem_new() - resolve what a ring needs to run
 * @r:        ring, as the driver set it up
 * @map:      address space, which must outlive the result
 * @features: negotiated
 * @write:    receive ring: the device writes to buffers
 *
 * Context: process, may sleep.
 * Return: ring memory; -%ENXIO while areas are not mapped, -%EINVAL for
 * addresses or a size no ring can have, -%ENOMEM.
 */
struct cham_ring_mem *cham_ring_mem_new(const struct cham_ring *r,
					const struct cham_map *map,
					u64 features, bool write)
{
	struct cham_ring_mem *m;
	u32 num = r->num;
	int err;

	if (!num || num > CHAM_RING_NUM_MAX || (r->desc_iova & 15) ||
	    (r->avail_iova & 1) || (r->used_iova & 3))
		return ERR_PTR(-EINVAL);
	if (!map->n)
		return ERR_PTR(-ENXIO);
	m = kzalloc(sizeof(*m), GFP_KERNEL);
	if (!m)
		return ERR_PTR(-ENOMEM);
	m->map = map;
	m->perm = write ? VHOST_MAP_WO : VHOST_MAP_RO;
	m->hit = map->range[0].perm & m->perm ? &map->range[0] : &cham_range_none;
	m->num = num;
	m->mask = num - 1;
	m->event_idx = features & BIT_ULL(VIRTIO_RING_F_EVENT_IDX);
	m->indirect = features & BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC);
	err = -ENOMEM;
	if (m->indirect) {
		m->table = kvmalloc_array(num, sizeof(*m->desc), GFP_KERNEL);
		if (!m->table)
			goto fail;
	}
	err = features & BIT_ULL(VIRTIO_F_RING_PACKED) ?
	      cham_ring_areas_packed(m, r) : cham_ring_areas_split(m, r);
	if (err)
		goto fail;
	return m;
fail:
	cham_ring_mem_free(m);
	return ERR_PTR(err);
}

/**
 * cham_ring_mem_free() - give ring memory back
 * @m: ring memory after a grace period without users, or %NULL
 */
void cham_ring_mem_free(struct cham_ring_mem *m)
{
	unsigned int i;

	if (!m)
		return;
	for (i = 0; i < ARRAY_SIZE(m->vmap); i++)
		vunmap(m->vmap[i]);
	if (m->packed)
		kvfree(m->used);
	kvfree(m->table);
	kfree(m);
}

/* The running ring. */

/**
 * cham_ring_drop() - count a packet that is lost at this ring
 * @r:   ring
 * @why: CHAM_RING_DROP_* or CHAM_RING_FILTERED
 * @len: bytes, 0 when they were not read
 *
 * Context: the ring's consumer, BH off.
 */
void cham_ring_drop(struct cham_ring *r, enum cham_ring_stat why, u32 len)
{
	cham_ring_count(r, why, 1);
	trace_cham_port_drop(r, why, len);
}

/* All of @vec into one buffer, if the next chain is like nearly all are. */
static bool cham_ring_push_fast(struct cham_ring *r, struct cham_ring_mem *m,
				const struct kvec *vec, u32 total)
{
	struct cham_room room = { .avail = r->last_avail, .used = r->used_next };
	u32 left = total;

	if (!cham_ring_room(r, m, &room, total, true))
		return false;
	for (; left; vec++) {
		memcpy(room.at, vec->iov_base, vec->iov_len);
		room.at += vec->iov_len;
		left -= vec->iov_len;
	}
	cham_ring_used(m, r->used_next, room.head, total);
	cham_ring_pushed(r, 1, 1, total);
	return true;
}

/**
 * cham_ring_push() - copy one packet into a receive ring
 * @r:     ring, its lock held
 * @vec:   the whole virtio header with num_buffers 1, then the packet
 * @total: bytes in @vec, exactly
 * @mergeable: VIRTIO_NET_F_MRG_RXBUF: the packet may take several chains
 *
 * Nothing is given to the driver until cham_ring_publish(), and nothing at
 * all if the packet does not fit.
 *
 * Context: BH off.
 * Return: 0, -%ENOBUFS, -%ENOTCONN or -%EMSGSIZE; counted.
 */
int cham_ring_push(struct cham_ring *r, const struct kvec *vec, u32 total,
		   bool mergeable)
{
	const u32 at = offsetof(struct virtio_net_hdr_mrg_rxbuf, num_buffers);
	u32 left = total, src_left = vec->iov_len, len = total - vec->iov_len;
	u16 chains = 0, slots = 0, pieces = 0;
	const u8 *src = vec->iov_base;
	struct cham_ring_mem *m;
	struct cham_chain c;
	u8 *nbuf[2] = {};
	int err;

	m = rcu_dereference_protected(r->mem, lockdep_is_held(&r->lock));
	if (unlikely(!m)) {
		cham_ring_drop(r, CHAM_RING_DROP_DOWN, len);
		return -ENOTCONN;
	}
	if (r->merging)
		cham_ring_merge_end(r);
	if (likely(cham_ring_push_fast(r, m, vec, total)))
		return 0;
	do {
		u32 used = 0;

		err = cham_ring_chain_begin(r, m, &c, r->last_avail + slots);
		if (unlikely(err <= 0)) {
			if (err)
				goto broken;
			cham_ring_drop(r, CHAM_RING_DROP_FULL, len);
			return -ENOBUFS;
		}
		while (left) {
			u32 done = total - left, n;
			void *p;

			err = cham_ring_chain_more(m, &c);
			if (err <= 0)
				break;
			if (unlikely(++pieces > CHAM_RING_PIECES))
				goto oversize;
			err = cham_ring_chain_piece(m, &c, left, &p);
			if (unlikely(err < 0))
				break;
			n = err;
			/* A driver may cut the header anywhere. */
			if (done <= at && at - done < n)
				nbuf[0] = p + (at - done);
			if (done <= at + 1 && at + 1 - done < n)
				nbuf[1] = p + (at + 1 - done);
			left -= n;
			used += n;
			while (n) {
				u32 k;

				while (unlikely(!src_left)) {
					vec++;
					src = vec->iov_base;
					src_left = vec->iov_len;
				}
				k = min(n, src_left);
				memcpy(p, src, k);
				p += k;
				src += k;
				src_left -= k;
				n -= k;
			}
		}
		if (unlikely(err < 0))
			goto broken;
		slots += c.slots;
		cham_ring_used(m, r->used_next + slots - 1, c.head, used);
		chains++;
	} while (unlikely(left) && mergeable);
	if (unlikely(left))
		goto oversize;
	if (unlikely(chains > 1)) {
		*nbuf[0] = chains;
		*nbuf[1] = chains >> 8;
	}
	cham_ring_pushed(r, chains, slots, total);
	return 0;
oversize:
	cham_ring_drop(r, CHAM_RING_DROP_OVERSIZE, len);
	return -EMSGSIZE;
broken:
	cham_port_break(r->port, cham_ring_err_text(err));
	cham_ring_drop(r, CHAM_RING_DROP_DOWN, len);
	return -ENOTCONN;
}

/**
 * cham_ring_publish() - show the driver what has been used
 * @r: ring
 * @m: its memory
 *
 * Context: the ring's consumer, BH off.
 * Return: whether the driver wants an interrupt: cham_ring_signal().
 */
bool cham_ring_publish(struct cham_ring *r, struct cham_ring_mem *m)
{
	u16 old = r->used_pub, now = r->used_next, event;

	if (old == now)
		return false;
	if (r->merging)
		cham_ring_merge_end(r);
	r->used_pub = now;
	if (cham_ring_is_packed(m)) {
		cham_packed_publish(m->packed, m->used->ring, m->num, old, now);
		/* As below. */
		smp_mb();
		return cham_packed_wants(m->asks, m->num, now, old);
	}
	/* Entries before the index that says they are there. */
	smp_wmb();
	WRITE_ONCE(m->used->idx, cpu_to_le16(now));
	/* The driver sets its mark, then looks at the index; we the reverse. */
	smp_mb();
	if (!m->event_idx)
		return !(le16_to_cpu(READ_ONCE(m->avail->flags)) &
			 VRING_AVAIL_F_NO_INTERRUPT);
	event = le16_to_cpu(READ_ONCE(m->avail->ring[m->num]));
	return cham_walk_need_event(event, now, old);
}

/**
 * cham_ring_signal() - interrupt the driver
 * @r: ring that runs, its lock not held
 *
 * Context: BH off, in the RCU read section in which the ring was seen to run:
 * the bus driver takes its callback away only after a grace period.
 */
void cham_ring_signal(struct cham_ring *r)
{
	struct vdpa_callback cb;

	/* vhost-vdpa replaces the pair at any time. */
	spin_lock(&r->lock);
	cb = r->cb;
	cham_ring_count(r, CHAM_RING_SIGNALS, 1);
	spin_unlock(&r->lock);
	if (cb.callback)
		cb.callback(cb.private);
}

/**
 * cham_ring_flush() - publish a receive ring's batch, interrupt if wanted
 * @r: receive ring, its lock not held
 *
 * Context: BH off.
 */
void cham_ring_flush(struct cham_ring *r)
{
	struct cham_ring_mem *m;
	bool wanted = false;

	spin_lock(&r->lock);
	r->flush_due = false;
	m = rcu_dereference_protected(r->mem, lockdep_is_held(&r->lock));
	if (m)
		wanted = cham_ring_publish(r, m);
	spin_unlock(&r->lock);
	if (wanted)
		cham_ring_signal(r);
}

/**
 * cham_ring_enable_kicks() - ask for a kick with the next available chain
 * @r: ring
 * @m: its memory
 *
 * Context: the ring's consumer.
 * Return: false if a chain was made available meanwhile without a kick.
 */
bool cham_ring_enable_kicks(struct cham_ring *r, struct cham_ring_mem *m)
{
	u32 ask = 0;

	if (cham_ring_is_packed(m)) {
		if (m->event_idx)
			ask = cham_packed_wrap(r->last_avail, m->num) |
			      CHAM_NOTIFY_AT << 16;
		WRITE_ONCE(m->asked->both, cpu_to_le32(ask));
	} else if (m->event_idx) {
		WRITE_ONCE(*(__le16 *)&m->used->ring[m->num], cpu_to_le16(r->last_avail));
	} else {
		WRITE_ONCE(m->used->flags, 0);
	}
	/* Ask first, look then; the driver does it the other way round. */
	smp_mb();
	if (cham_ring_is_packed(m))
		return !cham_packed_pending(m->packed, m->num, r->last_avail);
	return le16_to_cpu(READ_ONCE(m->avail->idx)) == r->last_avail;
}

/**
 * cham_ring_disable_kicks() - the ring is being watched
 * @m: ring memory
 *
 * With an event index there is nothing to do: the mark has been passed.
 */
void cham_ring_disable_kicks(struct cham_ring_mem *m)
{
	if (m->event_idx)
		return;
	if (cham_ring_is_packed(m))
		WRITE_ONCE(m->asked->flags, cpu_to_le16(CHAM_NOTIFY_DISABLE));
	else
		WRITE_ONCE(m->used->flags, cpu_to_le16(VRING_USED_F_NO_NOTIFY));
}
