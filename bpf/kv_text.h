/* SPDX-License-Identifier: GPL-2.0 */
/* memcached's text protocol, as far as kv.bpf.c wants to know it. */
#ifndef CHAM_KV_TEXT_H
#define CHAM_KV_TEXT_H

#define KV_KEY_MAX	32	/* a key is shorter */
#define KV_LINE		64
#define KV_CRLF		0x0a0d
#define KV_FRAME	8		/* memcached's header of a datagram: its number, and */
#define KV_ALONE	bpf_htonl(1)	/* that it is the first one, of one */
/* The first four bytes, as they are read. */
#define KV_WORD(a, b, c, d) ((a) | (b) << 8 | (c) << 16 | (__u32)(d) << 24)
#define KV_GET		KV_WORD('g', 'e', 't', ' ')
#define KV_GETS		KV_WORD('g', 'e', 't', 's')
#define KV_VALUE	KV_WORD('V', 'A', 'L', 'U')

/* Behind the key's end all ones. */
struct kv_key {
	__u64	word[KV_KEY_MAX / 8];
};

static __always_inline int kv_same(const struct kv_key *a, const struct kv_key *b)
{
	return !((a->word[0] ^ b->word[0]) | (a->word[1] ^ b->word[1]) |
		 (a->word[2] ^ b->word[2]) | (a->word[3] ^ b->word[3]));
}

/* Where text is taken apart: in a map, since what is on the stack is not inlined. */
struct kv_text {
	struct kv_key key;
	__u32	hash;		/* of it */
	__u32	index;		/* to look up with */
	__u32	hidden;
	__u32	number[4];
	union {
		__u8	byte[KV_LINE];
		__u64	word[KV_LINE / 8];
	};
};

/* A bit in each byte of @w that is @c or less. Right up to the first such byte. */
static __always_inline __u64 kv_upto(__u64 w, __u64 c)
{
	return (w - (c + 1) * 0x0101010101010101) & ~w & 0x8080808080808080;
}

static __always_inline __u64 kv_hash(__u64 hash, __u64 w)
{
	hash = (hash ^ w) * 0x9e3779b97f4a7c15;
	return hash ^ hash >> 29;
}

/* The payload from @off on, at most @max bytes, a power of two; zeroes behind.
 * Return: bytes
 */
static __always_inline __u32 kv_take(struct xdp_md *ctx, const struct cham_pkt *pkt, __u64 *to,
				     __u32 off, __u32 max)
{
	__u32 left = pkt->payload + pkt->payload_len - off, i;

	if (!left || left > pkt->payload_len)
		return 0;
	left = left > max ? max : left;
#pragma unroll
	for (i = 0; i < max / 8; i++)
		to[i] = 0;
	return bpf_xdp_load_bytes(ctx, off, to, ((left - 1) & (max - 1)) + 1) ? 0 : left;
}

/* The key at @off, up to a blank or the line's end. Return: its length; 0: none that fits */
static __always_inline __u32 kv_key_at(struct xdp_md *ctx, const struct cham_pkt *pkt,
				       struct kv_text *t, __u32 off)
{
	__u64 behind = 0, below, hash = 0, w;
	__u32 n = 0, i;
	__u8 *p;

	if (!kv_take(ctx, pkt, t->key.word, off, KV_KEY_MAX))
		return 0;
#pragma unroll
	for (i = 0; i < KV_KEY_MAX / 8; i++) {
		w = t->key.word[i];
		below = kv_upto(w, ' ');
		behind = behind ? ~0ULL : ~(((below & -below) >> 7) - 1);
		/* A one for each byte of the key, added up in the highest. */
		n += ((~behind & 0x0101010101010101) * 0x0101010101010101) >> 56;
		w |= behind;
		t->key.word[i] = w;
		hash = kv_hash(hash, w);
	}
	t->hash = hash;
	p = cham_at(ctx, off + n, 1);
	return behind && p && (*p == ' ' || *p == '\r') ? n : 0;
}

/* What has been in a map neither of them follows: the compiler keeps a mask that the verifier
 * has to see, and the verifier looks once, and not twice, at what is computed of a
 * comparison's outcome.
 */
static __always_inline __u32 kv_hide(struct kv_text *t, __u32 value)
{
	*(volatile __u32 *)&t->hidden = value;
	return *(volatile __u32 *)&t->hidden;
}

/* The @n bytes at @off, as a key that kv_blank() is to be asked of. Return: whether they fit */
static __always_inline int kv_key_of(struct xdp_md *ctx, struct kv_text *t, __u32 off, __u32 n)
{
	__u64 hash = 0;
	__u32 i;

	if (n - 1 >= KV_KEY_MAX - 1)
		return 0;
#pragma unroll
	for (i = 0; i < KV_KEY_MAX / 8; i++)
		t->key.word[i] = ~0ULL;
	if (bpf_xdp_load_bytes(ctx, off, t->key.word, (kv_hide(t, n - 1) & (KV_KEY_MAX - 1)) + 1))
		return 0;
#pragma unroll
	for (i = 0; i < KV_KEY_MAX / 8; i++)
		hash = kv_hash(hash, t->key.word[i]);
	t->hash = hash;
	return 1;
}

/* Whether it is no key: there is a blank in it, or the end of a line. */
static __always_inline int kv_blank(const struct kv_key *k)
{
	return (kv_upto(k->word[0], ' ') | kv_upto(k->word[1], ' ') |
		kv_upto(k->word[2], ' ') | kv_upto(k->word[3], ' ')) != 0;
}

/*
 * Numbers from @off to the line's end, a blank between two, of nine digits at most.
 * Return: offset behind the line; 0: something else is there
 */
static __always_inline __u32 kv_numbers(struct xdp_md *ctx, const struct cham_pkt *pkt,
					struct kv_text *t, __u32 off, __u32 *second, __u32 *third)
{
	__u32 digits = 0, count = 0, wrong = 0, i;

	*second = *third = 0xffffff;
	if (!kv_take(ctx, pkt, t->word, off, 32))
		return 0;
#pragma unroll
	for (i = 0; i < 4; i++)
		t->number[i] = 0;
#pragma unroll
	for (i = 0; i < 31; i++) {
		__u32 c = t->byte[i], digit = kv_hide(t, c - '0' < 10);
		__u32 ends = kv_hide(t, c == ' ' || c == '\r'), *n = &t->number[count & 3];

		*n = *n * (1 + 9 * digit) + (c - '0') * digit;
		/* no digits, or more than nine; neither; a fifth number */
		wrong |= ends & ((digits - 1) | (9 - digits)) >> 31;
		wrong |= (digit ^ ends ^ 1) | count >> 2;
		digits = (digits + 1) * digit;
		count += ends;
		if (c != '\r')
			continue;
		if (wrong || t->byte[i + 1] != '\n')
			return 0;
		*second = count > 1 ? t->number[1] : *second;
		*third = count > 2 ? t->number[2] : *third;
		return off + i + 2;
	}
	return 0;
}

/* Whether the whole payload is one short line. */
static __always_inline int kv_one_line(struct xdp_md *ctx, const struct cham_pkt *pkt,
				       struct kv_text *t)
{
	__u32 n = pkt->payload_len, i;
	__u64 found = 0;

	if (n < 3 || n > KV_LINE || kv_take(ctx, pkt, t->word, pkt->payload, KV_LINE) != n ||
	    t->byte[(n - 1) & (KV_LINE - 1)] != '\n' || t->byte[(n - 2) & (KV_LINE - 1)] != '\r')
		return 0;
	t->byte[(n - 1) & (KV_LINE - 1)] = 0;
#pragma unroll
	for (i = 0; i < KV_LINE / 8; i++)
		found |= kv_upto(t->word[i] ^ 0x0a0a0a0a0a0a0a0a, 0);
	return !found;
}

/* Whether a datagram is one line with "get", and of what: in @t, for kv_blank(). */
static __always_inline int kv_udp_get(struct xdp_md *ctx, const struct cham_pkt *pkt,
				      struct kv_text *t)
{
	__u8 *p = cham_at(ctx, pkt->payload, KV_FRAME + 4);
	__u16 *tail = cham_at(ctx, pkt->payload + pkt->payload_len - 2, 2);

	if (!p || *(__u32 *)(p + 2) != KV_ALONE || *(__u32 *)(p + KV_FRAME) != KV_GET ||
	    !tail || *tail != KV_CRLF)
		return 0;
	return kv_key_of(ctx, t, pkt->payload + KV_FRAME + 4, pkt->payload_len - KV_FRAME - 6);
}

#endif
