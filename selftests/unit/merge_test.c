// SPDX-License-Identifier: GPL-2.0
/*
 * Coalescing is the reverse of segmentation: a super-packet is cut, its
 * segments are put together again, and the headers must be those it had. Each
 * field that two segments of one super-packet cannot differ in is then spoilt.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../../kmod/seg.c"
#include "../../kmod/merge.c"

#define TAG	10	/* + 4 or 6: tagged */

static int count, failed;

static void ok(int pass, const char *what)
{
	count++;
	failed += !pass;
	printf("%sok %d - %s\n", pass ? "" : "not ", count, what);
}

static u32 rnd(u32 *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* A super-packet as a guest sends it; returns its header's length. */
static u32 make_super(u8 *f, int family, u32 payload, u32 opts, u16 df)
{
	u8 *p = f + 12;
	u32 i;

	memset(f, 0x22, 12);
	if (family > TAG) {
		cham_put32(p, 0x81000064);
		p += 4;
		family -= TAG;
	}
	cham_put16(p, family == 4 ? 0x0800 : 0x86dd);
	p += 2;
	memset(p, 0, 100);
	if (family == 4) {
		p[0] = 0x45;
		cham_put16(p + 2, 40 + opts + payload);
		cham_put16(p + 4, 0xfffe);
		cham_put16(p + 6, df);
		p[8] = 64;
		p[9] = 6;
		cham_put32(p + 12, 0x0a000001);
		cham_put32(p + 16, 0x0a000002);
		cham_put16(p + 10, ~cham_fold(cham_sum(p, 20, 0)));
		p += 20;
	} else {
		p[0] = 0x60;
		cham_put16(p + 4, 20 + opts + payload);
		p[6] = 6;
		p[7] = 64;
		for (i = 8; i < 40; i++)
			p[i] = i;
		p += 40;
	}
	cham_put32(p, 0x04d20050);
	cham_put32(p + 4, 0xfffffc00);
	cham_put32(p + 8, 77);
	p[12] = (20 + opts) / 4 << 4;
	p[13] = 0x10 | CHAM_TCP_PSH;
	cham_put16(p + 14, 500);
	for (i = 20; i < 20 + opts; i++)
		p[i] = 1;
	p += 20 + opts;
	for (i = 0; i < payload; i++)
		p[i] = i * 5 + (i >> 7);
	return p - f;
}

/* Segment @i of the super-packet, in memory of its exact size. */
static u8 *cut(const struct cham_seg *seg, const u8 *super, u32 i, u32 *len)
{
	u32 off = i * seg->mss, payload = seg->len - seg->hdr - off;
	u8 *s;

	payload = payload < seg->mss ? payload : seg->mss;
	*len = seg->hdr + payload;
	s = malloc(*len);
	memcpy(s, super, seg->hdr);
	cham_seg_header(seg, s, i, off, payload);
	memcpy(s + seg->hdr, super + seg->hdr + off, payload);
	return s;
}

static int round_trip(int family, u32 payload, u32 opts, u16 mss, u16 df)
{
	u8 *super = malloc(200 + payload);
	u32 hdr = make_super(super, family, payload, opts, df), len, i, good;
	struct cham_merge m = {};
	struct cham_seg seg;

	good = !cham_seg_parse(&seg, super, hdr + payload, hdr + payload, 0, 0, mss);
	for (i = 0; good && i < cham_seg_count(&seg); i++) {
		u8 *s = cut(&seg, super, i, &len);

		if (!i) {
			good &= cham_merge_start(&m, s, len);
		} else {
			good &= m.open && cham_merge_fits(&m, s, len);
			cham_merge_add(&m, s, len);
		}
		free(s);
	}
	/* PSH of the last closes it */
	good &= !m.open && m.count == cham_seg_count(&seg);
	cham_merge_finish(&m);
	/* all but the TCP checksum, which is now the pseudo header's */
	good &= !memcmp(m.hdr, super, seg.l4 + 16);
	good &= !memcmp(m.hdr + seg.l4 + 18, super + seg.l4 + 18, hdr - seg.l4 - 18);
	cham_put16(m.hdr + seg.l4 + 16, 0);
	cham_put16(super + seg.l4 + 16, 0);
	good &= !memcmp(m.hdr, super, hdr);
	free(super);
	return good;
}

/* Byte @at of the second segment's layer differs by @bits: no merge. */
static int spoilt(int family, int layer, u32 at, u8 bits, u16 df)
{
	u8 super[4000], *a, *b;
	u32 hdr = make_super(super, family, 3000, 12, df), alen, blen, off;
	struct cham_merge m;
	struct cham_seg seg;
	int fits, before;

	cham_seg_parse(&seg, super, hdr + 3000, hdr + 3000, 0, 0, 1000);
	a = cut(&seg, super, 0, &alen);
	b = cut(&seg, super, 1, &blen);
	off = (layer == 2 ? 0 : layer == 3 ? seg.l3 : seg.l4) + at;
	cham_merge_start(&m, a, alen);
	before = cham_merge_fits(&m, b, blen);
	b[off] ^= bits;
	if (layer == 3 && seg.family == 4 && at / 2 != 5) {
		cham_put16(b + seg.l3 + 10, 0);
		cham_put16(b + seg.l3 + 10, ~cham_fold(cham_sum(b + seg.l3, 20, 0)));
	}
	fits = cham_merge_fits(&m, b, blen);
	free(a);
	free(b);
	return before && !fits;
}

static int starts(u32 at, u8 value, u32 trim)
{
	u8 super[4000], *s;
	u32 hdr = make_super(super, 4, 3000, 12, 0), len;
	struct cham_merge m;
	struct cham_seg seg;
	int yes;

	cham_seg_parse(&seg, super, hdr + 3000, hdr + 3000, 0, 0, 1000);
	s = cut(&seg, super, 0, &len);
	if (at) {
		s[at] = value;
		cham_put16(s + 24, 0);
		cham_put16(s + 24, ~cham_fold(cham_sum(s + 14, 20, 0)));
	}
	yes = cham_merge_start(&m, s, len - trim);
	free(s);
	return yes;
}

static int limit(void)
{
	static u8 seg[2000];
	u32 hdr = make_super(seg, 4, 1000, 0, CHAM_IP_DF), n = 1, seq;
	struct cham_merge m;

	seg[hdr - 20 + 13] = 0x10;
	cham_merge_start(&m, seg, hdr + 1000);
	for (; n < 100; n++) {
		seq = cham_get32(seg + hdr - 16) + 1000;
		cham_put32(seg + hdr - 16, seq);
		if (!cham_merge_fits(&m, seg, hdr + 1000))
			break;
		cham_merge_add(&m, seg, hdr + 1000);
	}
	return n == 65 && m.seg.len == hdr + 65000;
}

int main(void)
{
	static const int kinds[] = { 4, 6, TAG + 4, TAG + 6 };
	u32 seed = 7, i, good = 1;

	ok(round_trip(4, 5000, 12, 1400, 0), "IPv4, consecutive identifications");
	ok(round_trip(4, 5000, 12, 1400, CHAM_IP_DF), "IPv4 that may not be fragmented");
	ok(round_trip(6, 5000, 12, 1400, 0), "IPv6");
	ok(round_trip(TAG + 4, 5000, 40, 1400, 0), "tagged IPv4, most options");
	ok(round_trip(TAG + 6, 5000, 0, 1400, 0), "tagged IPv6");
	ok(round_trip(4, 1000, 12, 1400, 0), "one segment");
	ok(round_trip(4, 65000, 12, 1448, 0), "64 KB");
	for (i = 0; i < 2000; i++)
		good &= round_trip(kinds[rnd(&seed) % 4], 1 + rnd(&seed) % 20000,
				   rnd(&seed) % 11 * 4, 1 + rnd(&seed) % 1500,
				   rnd(&seed) & 1 ? CHAM_IP_DF : 0);
	ok(good, "2000 seeded random super-packets, cut and put together");

	for (good = 1, i = 0; i < 14; i++)
		good &= spoilt(4, 2, i, 1, 0);
	ok(good, "another Ethernet header does not join");
	for (good = 1, i = 14; i < 18; i++)
		good &= spoilt(TAG + 4, 2, i, 1, 0);
	ok(good, "another tag does not join");
	for (good = 1, i = 0; i < 20; i++)
		good &= spoilt(4, 3, i, i == 6 ? 0x20 : 1, 0);
	ok(good, "another IPv4 header, or a wrong checksum, does not join");
	for (good = 1, i = 0; i < 40; i++)
		good &= spoilt(6, 3, i, 1, 0);
	ok(good, "another IPv6 header does not join");
	for (good = 1, i = 0; i < 32; i++)
		if (i != 16 && i != 17)
			good &= spoilt(4, 4, i, i == 12 ? 0x10 : 1, 0);
	ok(good, "another TCP header does not join, checksum apart");
	for (good = 1, i = 0; i < 8; i++)
		if (i != 3 && i != 4)
			good &= spoilt(6, 4, 13, 1 << i, 0);
	ok(good, "another flag does not join, PSH apart");
	ok(spoilt(4, 4, 13, 0x10, 0), "nor one without ACK");
	ok(limit(), "64 KB of IP packet is the end");

	ok(starts(0, 0, 0), "a plain segment starts");
	ok(!starts(0, 0, 1), "one longer than its frame does not");
	ok(!starts(34 + 13, 0x12, 0), "SYN does not");
	ok(!starts(34 + 13, 0x11, 0), "FIN does not");
	ok(!starts(34 + 13, 0x14, 0), "RST does not");
	ok(!starts(34 + 13, 0x30, 0), "URG does not");
	ok(!starts(34 + 13, 0x90, 0), "CWR does not");
	ok(!starts(20, 0x20, 0), "a fragment does not");
	printf("1..%d\n", count);
	return failed ? 1 : 0;
}
