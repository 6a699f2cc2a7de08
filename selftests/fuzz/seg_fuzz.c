// SPDX-License-Identifier: GPL-2.0
/*
 * Segmentation against the RFCs: which super-packets may be cut at all, and
 * for each segment every byte of its headers. What the module computes, the
 * reference writes down from the definition; checksums are verified as a
 * receiver does.
 */
#include "fuzz.h"
#include "../../kmod/seg.c"

#define SEGMENTS	64	/* looked at of one super-packet */
#define MSS		16384	/* a segment is built in one page */

struct shape {
	unsigned int outer, l3, l4, payload;
	bool inner4, inner6, outer4, outer6;
};

/* May it be cut: Ethernet, one 802.1Q tag at most, plain IP, whole TCP header,
 * room for our copy.
 */
static bool plain_tcp(struct shape *s, const uint8_t *f, unsigned int linear,
		      unsigned int len, unsigned int mss)
{
	unsigned int kind;

	if (mss == 0 || linear > len || linear < s->outer + 14 + 20 + 20)
		return false;
	s->l3 = s->outer + 14;
	kind = be(f + s->l3 - 2, 2);
	if (kind == 0x8100) {
		s->l3 += 4;
		if (linear < s->l3 + 20 + 20)
			return false;
		kind = be(f + s->l3 - 2, 2);
	}
	if (kind == 0x0800) {
		s->inner4 = true;
		s->l4 = s->l3 + 20;
		if (f[s->l3] != 0x45 || f[s->l3 + 9] != 6)
			return false;
	} else if (kind == 0x86dd) {
		s->inner6 = true;
		s->l4 = s->l3 + 40;
		if (linear < s->l4 + 20 || f[s->l3] >> 4 != 6 || f[s->l3 + 6] != 6)
			return false;
	} else {
		return false;
	}
	s->payload = s->l4 + 4 * (f[s->l4 + 12] >> 4);
	return s->payload >= s->l4 + 20 && s->payload <= linear && s->payload <= 256;
}

static void ip4(uint8_t *want, const uint8_t *got, unsigned int len, unsigned int id)
{
	put_be(want + 2, 2, len);
	put_be(want + 4, 2, id);
	/* the checksum by what it is for */
	must(plain_sum(got, 20, 0) == 0xffff, "IPv4 checksum");
	memcpy(want + 10, got + 10, 2);
}

static void segment(const struct shape *s, const struct cham_seg *seg,
		    const uint8_t *frame, unsigned int len, unsigned int index,
		    unsigned int off, unsigned int bytes)
{
	uint8_t *want = malloc(s->payload), *got = malloc(s->payload);
	const uint8_t *data = frame + s->payload + off;
	unsigned int tcp_len = s->payload - s->l4 + bytes, total = s->payload + bytes;
	uint8_t pseudo[40] = {};
	unsigned int pseudo_len;
	uint32_t sum;
	uint8_t *t;

	memcpy(want, frame, s->payload);
	memcpy(got, frame, s->payload);
	cham_seg_header(seg, got, index, off, bytes);

	if (s->outer4) {
		ip4(want + 14, got + 14, total - 14, be(frame + 18, 2) + index);
		put_be(want + 38, 2, total - 34);
	} else if (s->outer6) {
		put_be(want + 18, 2, total - 54);
		put_be(want + 58, 2, total - 54);
	}
	if (s->inner4)
		ip4(want + s->l3, got + s->l3, total - s->l3,
		    be(frame + s->l3 + 4, 2) + index);
	else
		put_be(want + s->l3 + 4, 2, tcp_len);
	t = want + s->l4;
	put_be(t + 4, 4, be(t + 4, 4) + off);
	if (index > 0)
		t[13] &= 0x7f;				/* CWR: the first alone */
	if (s->payload + off + bytes < len)
		t[13] &= 0xf6;				/* FIN, PSH: the last alone */
	t[16] = 0;
	t[17] = 0;
	for (unsigned int i = 0; i < s->payload; i++)
		must(want[i] == got[i], "segment %u, byte %u: %02x and not %02x", index,
		     i, got[i], want[i]);

	/* The seed and the payload give a checksum that verifies. */
	sum = cham_seg_l4_seed(seg, got, bytes) + plain_sum(data, bytes, 0);
	sum = (sum & 0xffff) + (sum >> 16);
	put_be(got + s->l4 + 16, 2, ~((sum & 0xffff) + (sum >> 16)));
	if (s->inner4) {
		memcpy(pseudo, got + s->l3 + 12, 8);
		pseudo[9] = 6;
		put_be(pseudo + 10, 2, tcp_len);
		pseudo_len = 12;
	} else {
		memcpy(pseudo, got + s->l3 + 8, 32);
		put_be(pseudo + 32, 4, tcp_len);
		pseudo[39] = 6;
		pseudo_len = 40;
	}
	sum = plain_sum(pseudo, pseudo_len, 0);
	sum = plain_sum(got + s->l4, s->payload - s->l4, sum);
	must(plain_sum(data, bytes, sum) == 0xffff, "segment %u: TCP checksum", index);
	free(want);
	free(got);
}

/* The fields that let a super-packet through, so that the cut is reached. */
static void repair(uint8_t *f, unsigned int outer, unsigned int have, uint8_t how)
{
	unsigned int l3 = outer + (how & 8 ? 18 : 14), l4 = l3 + (how & 2 ? 40 : 20);

	if (!(how & 1) || have < l4)
		return;
	if (how & 8)
		put_be(f + l3 - 6, 2, 0x8100);
	put_be(f + l3 - 2, 2, how & 2 ? 0x86dd : 0x0800);
	f[l3] = how & 2 ? 0x60 | (f[l3] & 15) : 0x45;
	f[l3 + (how & 2 ? 6 : 9)] = 6;
	if (how & 4 && have > l4 + 12)
		f[l4 + 12] = 0x50 + (how & 0x70);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	uint8_t how = fuzz_u8(&in), fix = fuzz_u8(&in);
	unsigned int mss = fuzz_u16(&in) % MSS, more = fuzz_u16(&in), linear, len, off, i;
	struct shape s = {};
	struct cham_seg seg;
	uint8_t *frame, *head;
	bool sound;
	int err;

	if (how & 1) {
		s.outer4 = true;
		s.outer = 50;
	} else if (how & 2) {
		s.outer6 = true;
		s.outer = 70;
	}
	linear = in.left < 400 ? in.left : 400;
	len = how & 4 ? linear + more : linear;
	if (how & 8)
		linear = linear > len ? len : linear + (how >> 4);	/* may exceed len */
	frame = malloc(len + 16);
	fuzz_bytes(&in, frame, linear < len ? linear : len);
	repair(frame, s.outer, linear < len ? linear : len, fix);
	for (i = linear; i < len; i++)
		frame[i] = i * 7 + (i >> 8);

	/* Exactly the linear part: a step beside it is seen. */
	head = malloc(linear ? linear : 1);
	memcpy(head, frame, linear < len ? linear : len);
	if (linear > len)
		memset(head + len, 0, linear - len);
	sound = plain_tcp(&s, head, linear, len, mss);
	err = cham_seg_parse(&seg, head, linear, len, s.outer, s.outer6 ? 6 : 4, mss);
	must(err == 0 || err == -EINVAL, "error %d", err);
	must(!err == sound, "%s, and should not be", err ? "refused" : "taken");
	if (sound) {
		unsigned int bytes = len - s.payload;
		unsigned int want = bytes ? (bytes - 1) / mss + 1 : 1;

		must(seg.l3 == s.l3 && seg.l4 == s.l4 && seg.hdr == s.payload &&
		     seg.mss == mss && seg.len == len && seg.outer == s.outer,
		     "offsets %u %u %u", seg.l3, seg.l4, seg.hdr);
		must(cham_seg_count(&seg) == want, "%u segments", cham_seg_count(&seg));
		for (i = 0, off = 0; i < want; i++, off += mss)
			if (i < SEGMENTS || i == want - 1)
				segment(&s, &seg, frame, len, i, off,
					bytes - off < mss ? bytes - off : mss);
	}
	free(head);
	free(frame);
	return 0;
}
