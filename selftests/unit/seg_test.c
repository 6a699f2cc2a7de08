// SPDX-License-Identifier: GPL-2.0
/*
 * Segmentation against an independent reassembly: whatever is cut must, put
 * together by its own headers, give the payload back, and every checksum must
 * verify by the plain definition of RFC 1071.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../../kmod/seg.c"

static int count, failed;

static void ok(int pass, const char *what)
{
	count++;
	failed += !pass;
	printf("%sok %d - %s\n", pass ? "" : "not ", count, what);
}

/* RFC 1071, one byte pair at a time; 0xffff when a checksum verifies. */
static u16 plain_sum(const u8 *p, u32 len, u32 sum)
{
	while (len > 1) {
		sum += p[0] << 8 | p[1];
		p += 2;
		len -= 2;
	}
	if (len)
		sum += p[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static u32 rnd(u32 *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* TAGGED + 4 or 6: with an 802.1Q tag. */
#define TAGGED	10

static u16 make_frame(u8 *f, int family, int outer_family, u32 payload, u32 opts,
		      u32 *outer)
{
	u8 *p = f;
	u32 i;

	if (outer_family) {
		memset(p, 0, 70);
		cham_put16(p + 12, outer_family == 4 ? 0x0800 : 0x86dd);
		p[14] = outer_family == 4 ? 0x45 : 0x60;
		if (outer_family == 4)
			cham_put16(p + 18, 0xfffe);	/* identification wraps */
		p += outer_family == 4 ? 50 : 70;
	}
	*outer = p - f;
	memset(p, 0, 14);
	p += 12;
	if (family > TAGGED) {
		cham_put32(p, 0x8100200a);
		p += 4;
		family -= TAGGED;
	}
	cham_put16(p, family == 4 ? 0x0800 : 0x86dd);
	p += 2;
	memset(p, 0, 40);
	if (family == 4) {
		p[0] = 0x45;
		p[8] = 64;
		p[9] = 6;
		cham_put32(p + 12, 0x0a000001);
		cham_put32(p + 16, 0x0a000002);
		p += 20;
	} else {
		p[0] = 0x60;
		p[6] = 6;
		p[7] = 64;
		for (i = 8; i < 40; i++)
			p[i] = i;
		p += 40;
	}
	memset(p, 0, 60);
	cham_put16(p, 1234);
	cham_put16(p + 2, 80);
	cham_put32(p + 4, 0xfffffff0);			/* sequence wraps */
	p[12] = (20 + opts) / 4 << 4;
	p[13] = 0x10 | CHAM_TCP_FIN | CHAM_TCP_PSH | CHAM_TCP_CWR;
	for (i = 20; i < 20 + opts; i++)
		p[i] = 1;
	p += 20 + opts;
	for (i = 0; i < payload; i++)
		p[i] = i * 7 + (i >> 8);
	return p - f;
}

static int check_cut(int family, int outer_family, u32 payload, u32 opts, u16 mss)
{
	u8 *frame = malloc(200 + payload), *back = calloc(1, payload + 1);
	u32 outer, hdr = make_frame(frame, family, outer_family, payload, opts, &outer);
	struct cham_seg seg;
	u32 i, off = 0, bytes, good = 1, total = hdr + payload;

	if (cham_seg_parse(&seg, frame, total, total, outer, outer_family, mss)) {
		free(frame);
		free(back);
		return 0;
	}
	good &= seg.hdr == hdr;
	family %= TAGGED;
	for (i = 0; i < cham_seg_count(&seg); i++, off += bytes) {
		u8 *s = malloc(hdr + mss), *ip = s + seg.l3, *tcp = s + seg.l4;
		u32 at, sum;

		bytes = payload - off < mss ? payload - off : mss;
		memcpy(s, frame, hdr);
		cham_seg_header(&seg, s, i, off, bytes);
		memcpy(s + hdr, frame + hdr + off, bytes);
		sum = cham_seg_l4_seed(&seg, s, bytes) + plain_sum(s + hdr, bytes, 0);
		cham_put16(tcp + 16, ~cham_fold(sum));

		/* as a receiver would */
		sum = 6 + (hdr - seg.l4) + bytes;
		sum += family == 4 ? plain_sum(ip + 12, 8, 0) : plain_sum(ip + 8, 32, 0);
		good &= plain_sum(tcp, hdr - seg.l4 + bytes, sum) == 0xffff;
		if (family == 4) {
			good &= plain_sum(ip, 20, 0) == 0xffff;
			good &= cham_get16(ip + 2) == hdr - seg.l3 + bytes;
			good &= cham_get16(ip + 4) == i;
		} else {
			good &= cham_get16(ip + 4) == hdr - seg.l4 + bytes;
		}
		if (outer_family == 4) {
			good &= plain_sum(s + 14, 20, 0) == 0xffff;
			good &= cham_get16(s + 16) == hdr + bytes - 14;
			good &= cham_get16(s + 18) == (u16)(0xfffe + i);
			good &= cham_get16(s + 38) == hdr + bytes - 34;
		} else if (outer_family == 6) {
			good &= cham_get16(s + 18) == hdr + bytes - 54;
			good &= cham_get16(s + 58) == hdr + bytes - 54;
		}
		at = cham_get32(tcp + 4) - 0xfffffff0;
		good &= at + bytes <= payload;
		if (good)
			memcpy(back + at, s + hdr, bytes);
		good &= !!(tcp[13] & CHAM_TCP_FIN) == (off + bytes == payload);
		good &= !!(tcp[13] & CHAM_TCP_PSH) == (off + bytes == payload);
		good &= !!(tcp[13] & CHAM_TCP_CWR) == (i == 0);
		free(s);
	}
	good &= off == payload && !memcmp(back, frame + hdr, payload);
	free(frame);
	free(back);
	return good;
}

static int refuses(void (*spoil)(u8 *f, u32 outer), u32 linear, u16 mss)
{
	u8 *frame = malloc(4096), *exact;
	struct cham_seg seg;
	u32 outer, hdr = make_frame(frame, 4, 4, 2000, 12, &outer);
	int err;

	if (spoil)
		spoil(frame, outer);
	if (!linear)
		linear = hdr + 2000;
	exact = malloc(linear);
	memcpy(exact, frame, linear);
	err = cham_seg_parse(&seg, exact, linear, hdr + 2000, outer, 4, mss);
	free(exact);
	free(frame);
	return err == -EINVAL;
}

static void spoil_type(u8 *f, u32 o)
{
	cham_put16(f + o + 12, 0x0806);
}

static void spoil_ihl(u8 *f, u32 o)
{
	f[o + 14] = 0x46;
}

static void spoil_udp(u8 *f, u32 o)
{
	f[o + 14 + 9] = 17;
}

static void spoil_doff0(u8 *f, u32 o)
{
	f[o + 34 + 12] = 0;
}

static void spoil_doff15(u8 *f, u32 o)
{
	f[o + 34 + 12] = 0xf0;
}

int main(void)
{
	static const int outers[] = { 0, 4, 6 };
	u32 seed = 1, i, good = 1;
	u8 noise[300] = {};

	ok(check_cut(4, 4, 5000, 12, 1400), "IPv4 in IPv4");
	ok(check_cut(6, 4, 5000, 12, 1400), "IPv6 in IPv4");
	ok(check_cut(4, 6, 5000, 12, 1400), "IPv4 in IPv6");
	ok(check_cut(6, 6, 5000, 0, 1400), "IPv6 in IPv6");
	ok(check_cut(TAGGED + 4, 4, 5000, 12, 1400), "tagged IPv4 in IPv4");
	ok(check_cut(TAGGED + 6, 6, 5000, 12, 1400), "tagged IPv6 in IPv6");
	ok(check_cut(4, 0, 65000, 40, 1460), "no tunnel, most options, 64 KB");
	ok(check_cut(4, 4, 2800, 12, 1400), "payload a multiple of the segment");
	ok(check_cut(4, 4, 1, 12, 1400), "one byte");
	ok(check_cut(4, 4, 99, 12, 1), "segments of one byte");
	for (i = 0; i < 3000; i++)
		good &= check_cut((rnd(&seed) & 1 ? 4 : 6) + (rnd(&seed) & 1) * TAGGED,
				  outers[rnd(&seed) % 3],
				  1 + rnd(&seed) % 9000, rnd(&seed) % 11 * 4,
				  1 + rnd(&seed) % 1500);
	ok(good, "3000 seeded random super-packets come back whole");

	ok(refuses(NULL, 0, 0), "segment size 0 is refused");
	ok(refuses(NULL, 60, 1400), "linear part that ends in the IP header is refused");
	ok(refuses(NULL, 100, 1400), "linear part that ends in the TCP header is refused");
	ok(refuses(NULL, 10, 1400), "linear part that ends in the Ethernet header is refused");
	ok(refuses(spoil_type, 0, 1400), "ARP is refused");
	ok(refuses(spoil_ihl, 0, 1400), "IPv4 options are refused");
	ok(refuses(spoil_udp, 0, 1400), "UDP is refused");
	ok(refuses(spoil_doff0, 0, 1400), "TCP header length 0 is refused");
	ok(refuses(spoil_doff15, 120, 1400), "TCP header beyond the linear part is refused");
	for (i = 0; i < 200000; i++) {
		struct cham_seg seg;
		u32 j, len = rnd(&seed) % sizeof(noise);
		u8 *exact = malloc(len + !len);

		for (j = 0; j < len; j++)
			exact[j] = rnd(&seed) % 4 ? noise[j] : rnd(&seed);
		if (len > 14 && rnd(&seed) & 1) {
			cham_put16(exact + 12, rnd(&seed) & 1 ? 0x0800 : 0x86dd);
			exact[14] = rnd(&seed) & 1 ? 0x45 : 0x60;
		}
		memset(noise, rnd(&seed), sizeof(noise));
		if (!cham_seg_parse(&seg, exact, len, len + rnd(&seed) % 3000, 0, 0,
				    rnd(&seed)))
			cham_seg_header(&seg, exact, 0, 0, 1);
		free(exact);
	}
	ok(1, "200000 seeded noise headers stay within their memory (sanitizers watch)");
	printf("1..%d\n", count);
	return failed ? 1 : 0;
}
