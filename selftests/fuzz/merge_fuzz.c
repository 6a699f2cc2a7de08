// SPDX-License-Identifier: GPL-2.0
/*
 * Coalescing in a receive ring against what it promises: what the guest finds
 * in its buffers, cut as a TCP sender would, is exactly the segments that came,
 * in their order, each once; and only what verifies is called valid.
 *
 * merge.c, seg.c and ring_merge.c are the module's. The ring below them is a
 * model: buffers of any size, in order, each with a redzone of ASan's.
 */
#include <linux/tcp.h>
#include <linux/virtio_net.h>

#include "fuzz.h"
#include "../../kmod/seg.c"
#include "../../kmod/merge.c"

/* What ring_merge.c takes from port_priv.h. */
#define CHAM_PORT_PRIV_H
#define likely(x)	(x)
#define unlikely(x)	(x)
#define min(a, b)	((a) < (b) ? (a) : (b))

#define BUFFERS	100
#define FRAMES	40
#define FRAME	600

struct cham_room {
	u8 *at;
	u32 left;
	u32 len;
	u16 head;
	u16 avail;
	u16 used;
};

struct cham_ring_mem {
	u8 *buf[BUFFERS];
	u32 size[BUFFERS];
	u32 used[BUFFERS];	/* what the guest is told */
	u32 n;
};

struct cham_ring {
	int lock;
	struct cham_ring_mem *mem;
	struct cham_merge merge;
	struct cham_room room;
	u8 *vnet_at;
	bool merging;
	u16 last_avail;
	u16 used_next;
	u16 first_used;
};

bool cham_ring_push_tcp(struct cham_ring *r, const u8 *frame, u32 len, bool open);
void cham_ring_merge_end(struct cham_ring *r);

enum { CHAM_RING_CHAINS, CHAM_RING_PACKETS, CHAM_RING_BYTES, CHAM_RING_COALESCED };

static void cham_ring_count(struct cham_ring *r, int what, u32 n)
{
}

static __virtio16 __cpu_to_virtio16(bool little, u32 x)
{
	return x;
}

static bool lockdep_is_held(int *lock)
{
	return true;
}

static struct cham_ring_mem *rcu_dereference_protected(struct cham_ring_mem *m, bool held)
{
	return m;
}

static bool cham_ring_room(struct cham_ring *r, struct cham_ring_mem *m,
			   struct cham_room *room, u32 need, bool seek)
{
	(void)r;
	(void)seek;
	if (room->avail >= m->n || m->size[room->avail] < need)
		return false;
	room->at = m->buf[room->avail];
	room->left = m->size[room->avail];
	room->head = room->avail;
	room->avail++;
	room->used++;
	return true;
}

static void cham_ring_used(struct cham_ring_mem *m, u16 pos, u16 head, u32 len)
{
	must(pos == head && head < m->n && len <= m->size[head], "used %u, head %u, %u bytes",
	     pos, head, len);
	m->used[head] = len;
}

#define CHAM_RING_PIECES	8	/* few, so that it is met */
#include "../../kmod/ring_merge.c"

#define HDR	sizeof(struct virtio_net_hdr_mrg_rxbuf)

/* What was pushed, in order. */
static struct { u8 data[FRAME]; u32 len; } sent[FRAMES];
static unsigned int n_sent, n_found;

/* Pseudo header and TCP; 0xffff when the checksum is right. */
static uint16_t l4_sum(const u8 *f, u32 l3, u32 l4, bool v6, u32 len)
{
	u8 pseudo[40] = {};

	memcpy(pseudo, f + l3 + (v6 ? 8 : 12), v6 ? 32 : 8);
	put_be(pseudo + 32, 4, len - l4);
	pseudo[39] = 6;
	return plain_sum(f + l4, len - l4, plain_sum(pseudo, sizeof(pseudo), 0));
}

static bool sum_ok(const u8 *f, u32 l3, u32 l4, bool v6, u32 len)
{
	return l4_sum(f, l3, l4, v6, len) == 0xffff;
}

static void set_sum(u8 *f, u32 l3, u32 l4, bool v6, u32 len)
{
	put_be(f + l4 + 16, 2, 0);
	put_be(f + l4 + 16, 2, 0xffff & ~l4_sum(f, l3, l4, v6, len));
}

static void same(const u8 *got, u32 len, const char *what)
{
	must(n_found < n_sent, "%s: more than was sent", what);
	must(len == sent[n_found].len, "%s %u: %u bytes and not %u", what, n_found, len,
	     sent[n_found].len);
	for (u32 i = 0; i < len; i++)
		must(got[i] == sent[n_found].data[i], "%s %u, byte %u: %02x and not %02x",
		     what, n_found, i, got[i], sent[n_found].data[i]);
	n_found++;
}

/* Cut as RFC 9293 and the virtio specification have it. */
static void cut(const struct virtio_net_hdr_mrg_rxbuf *h, const u8 *f, u32 len)
{
	u32 mss = h->hdr.gso_size, l4 = h->hdr.csum_start, hdr = h->hdr.hdr_len;
	bool v6 = h->hdr.gso_type == VIRTIO_NET_HDR_GSO_TCPV6;
	u32 l3 = l4 - (v6 ? 40 : 20), off, index;

	must(h->hdr.flags == VIRTIO_NET_HDR_F_NEEDS_CSUM, "flags %u", h->hdr.flags);
	must(v6 || h->hdr.gso_type == VIRTIO_NET_HDR_GSO_TCPV4, "type %u", h->hdr.gso_type);
	must(h->hdr.csum_offset == 16 && mss && hdr > l4 && hdr < len, "offsets");
	must(len - hdr > mss, "one segment is no super-packet");
	must(hdr == l4 + 4 * (f[l4 + 12] >> 4), "header of %u", hdr);
	must(be(f + l3 + (v6 ? 4 : 2), 2) == len - (v6 ? l4 : l3), "IP length");
	must(v6 || plain_sum(f + l3, 20, 0) == 0xffff, "IPv4 checksum");
	for (off = 0, index = 0; hdr + off < len; off += mss, index++) {
		u32 n = len - hdr - off < mss ? len - hdr - off : mss;
		u8 *s = malloc(hdr + n), *ip = s + l3, *tcp = s + l4;

		memcpy(s, f, hdr);
		memcpy(s + hdr, f + hdr + off, n);
		if (v6) {
			put_be(ip + 4, 2, hdr + n - l4);
		} else {
			put_be(ip + 2, 2, hdr + n - l3);
			put_be(ip + 4, 2, be(ip + 4, 2) + index);
			/* RFC 6864: of what cannot be fragmented it says nothing */
			if (be(ip + 6, 2) & 0x4000 && n_found < n_sent)
				memcpy(ip + 4, sent[n_found].data + l3 + 4, 2);
			put_be(ip + 10, 2, 0);
			put_be(ip + 10, 2, 0xffff & ~plain_sum(ip, 20, 0));
		}
		put_be(tcp + 4, 4, be(tcp + 4, 4) + off);
		if (hdr + off + n < len)
			tcp[13] &= ~0x09;
		set_sum(s, l3, l4, v6, hdr + n);
		/* both forms of zero are right */
		if (n_found < n_sent && sent[n_found].len == hdr + n && l4 + 18 <= hdr + n &&
		    sum_ok(sent[n_found].data, l3, l4, v6, hdr + n))
			memcpy(tcp + 16, sent[n_found].data + l4 + 16, 2);
		same(s, hdr + n, "segment");
		free(s);
	}
}

/* What the guest makes of buffers @from to @to. */
static void receive(const struct cham_ring_mem *m, u32 from, u32 to)
{
	while (from < to) {
		struct virtio_net_hdr_mrg_rxbuf h;
		u32 len = 0, i, count;
		u8 *f;

		must(m->used[from] >= HDR, "no header");
		memcpy(&h, m->buf[from], HDR);
		count = h.num_buffers;
		must(count && count <= to - from, "%u buffers of %u", count, to - from);
		for (i = 0; i < count; i++)
			len += m->used[from + i];
		f = malloc(len);
		for (i = 0, len = 0; i < count; i++) {
			memcpy(f + len, m->buf[from + i], m->used[from + i]);
			len += m->used[from + i];
		}
		if (h.hdr.gso_type) {
			cut(&h, f + HDR, len - HDR);
		} else {
			must(!(h.hdr.flags & ~VIRTIO_NET_HDR_F_DATA_VALID), "flags %u",
			     h.hdr.flags);
			if (h.hdr.flags) {
				bool tag = be(f + HDR + 12, 2) == 0x8100;
				u32 l3 = 14 + 4 * tag;
				bool v6 = be(f + HDR + l3 - 2, 2) == 0x86dd;

				must(sum_ok(f + HDR, l3, l3 + (v6 ? 40 : 20), v6,
					    len - HDR), "what is wrong is called valid");
			}
			same(f + HDR, len - HDR, "frame");
		}
		free(f);
		from += count;
	}
}

/* As cham_ring_push(): whatever cham_ring_push_tcp() left. */
static bool push(struct cham_ring *r, const u8 *f, u32 len)
{
	struct virtio_net_hdr_mrg_rxbuf h = {};
	u32 done = 0, total = HDR + len, n;
	u16 at = r->last_avail, b = at;
	struct cham_ring_mem *m = r->mem;

	if (r->merging)
		cham_ring_merge_end(r);
	for (n = 0; n < total && b < m->n; b++)
		n += m->size[b];
	if (n < total)
		return false;
	h.num_buffers = b - at;
	for (b = at; done < total; b++) {
		for (n = 0; n < m->size[b] && done < total; n++, done++)
			m->buf[b][n] = done < HDR ? ((u8 *)&h)[done] : f[done - HDR];
		m->used[b] = n;
	}
	r->last_avail = b;
	r->used_next = b;
	return true;
}

/* The next segment of the stream, more or less. */
static u32 segment(struct fuzz_in *in, u8 *f, u8 shape, u32 *seq, u16 *id)
{
	bool v6 = shape & 1, tag = shape & 2;
	u32 l3 = 14 + 4 * tag, l4 = l3 + (v6 ? 40 : 20), hdr = l4 + 20 + (shape & 4 ? 12 : 0);
	u32 mss = 1 + (shape >> 3) * 12, payload = mss, len, i;
	u8 how = fuzz_u8(in), *ip = f + l3, *tcp = f + l4;

	memset(f, 0x22, 12);
	if (tag)
		put_be(f + 12, 4, 0x81000064);
	put_be(f + l3 - 2, 2, v6 ? 0x86dd : 0x0800);
	memset(ip, 0, hdr - l3);
	if ((how & 7) == 1)
		payload = fuzz_u8(in) * 2 % (mss + 2);
	len = hdr + payload;
	for (i = hdr; i < len; i++)
		f[i] = i * 5 + *seq + (i >> 7);
	if (v6) {
		ip[0] = 0x60;
		put_be(ip + 4, 2, len - l4);
		ip[6] = 6;
		for (i = 7; i < 40; i++)
			ip[i] = i;
	} else {
		ip[0] = 0x45;
		put_be(ip + 2, 2, len - l3);
		put_be(ip + 4, 2, *id);
		put_be(ip + 6, 2, shape & 8 ? 0x4000 : 0);
		ip[8] = 64;
		ip[9] = 6;
		put_be(ip + 12, 4, 0x0a000001);
		put_be(ip + 16, 4, 0x0a000002);
	}
	put_be(tcp, 4, 0x04d20050);
	put_be(tcp + 4, 4, *seq);
	tcp[12] = (hdr - l4) / 4 << 4;
	tcp[13] = 0x10 | ((how & 7) == 2 ? 8 : 0) | ((how & 7) == 3 ? fuzz_u8(in) : 0);
	put_be(tcp + 14, 2, 500);
	memset(tcp + 20, 1, hdr - l4 - 20);
	*id += 1 + ((how & 7) == 4 ? fuzz_u8(in) : 0);
	*seq += payload + ((how & 7) == 5 ? fuzz_u8(in) : 0);
	/* Spoil headers before or after the checksums are right, or bytes anywhere. */
	if (how & 0x08)
		f[fuzz_u8(in) % hdr] ^= 1 << (how >> 5);
	if (how & 0x10)
		f[fuzz_u16(in) % len] ^= fuzz_u8(in);
	if (!v6 && !(how & 0x20)) {
		put_be(ip + 10, 2, 0);
		put_be(ip + 10, 2, 0xffff & ~plain_sum(ip, 20, 0));
	}
	if (!(how & 0x40))
		set_sum(f, l3, l4, v6, len);
	if ((how & 0x90) == 0x80)
		f[fuzz_u16(in) % len] ^= fuzz_u8(in);
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	u8 how = fuzz_u8(&in), shape = fuzz_u8(&in);
	u32 shown = 0, seq = (u32)fuzz_u16(&in) << 16 | 0xfff0, i;
	u16 id = fuzz_u16(&in);
	struct cham_ring_mem m = { .n = how & 1 ? BUFFERS : 1 + fuzz_u8(&in) % BUFFERS };
	struct cham_ring r = { .mem = &m };

	for (i = 0; i < m.n; i++) {
		m.size[i] = how & 2 ? HDR + fuzz_u8(&in) * 3 : 700;
		m.buf[i] = malloc(m.size[i]);
	}
	n_sent = 0;
	n_found = 0;
	while (in.left && n_sent < FRAMES) {
		u8 *f = malloc(FRAME);
		u32 len = segment(&in, f, shape, &seq, &id);
		u8 *exact = malloc(len), what = fuzz_u8(&in);

		memcpy(exact, f, len);
		free(f);
		if (cham_ring_push_tcp(&r, exact, len, !(how & 4)) || push(&r, exact, len)) {
			memcpy(sent[n_sent].data, exact, len);
			sent[n_sent++].len = len;
		}
		free(exact);
		if ((what & 0x1f) == 1)
			shape = fuzz_u8(&in);
		if ((what & 0xe0) == 0xe0) {	/* the burst ends */
			if (r.merging)
				cham_ring_merge_end(&r);
			receive(&m, shown, r.used_next);
			shown = r.used_next;
			must(n_found == n_sent, "%u of %u arrived", n_found, n_sent);
		}
	}
	if (r.merging)
		cham_ring_merge_end(&r);
	receive(&m, shown, r.used_next);
	must(n_found == n_sent, "%u of %u arrived", n_found, n_sent);
	for (i = 0; i < m.n; i++)
		free(m.buf[i]);
	return 0;
}
