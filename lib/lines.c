// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Line numbers of a joint object. A label that a barrier leaves is no instruction, but
 * the compiler gives it a line as if it were: then two lines begin at the instruction
 * behind it, and the kernel refuses that. The first of the two goes.
 */
#include <elf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "prove.h"

struct ext_header {
	__u16 magic;
	__u8 version, flags;
	__u32 hdr_len, func_off, func_len, line_off, line_len;
};

/* Return: bytes that are left of the @len of line information. */
static uint32_t thin(uint8_t *at, uint32_t len)
{
	uint32_t size, n, i, left, done = 4, to = 4, count_at;
	__u32 off, next;

	if (len < 4)
		return len;
	memcpy(&size, at, 4);
	if (size < sizeof(struct bpf_line_info) || size > 256)
		return len;
	while (len - done >= 8) {
		memmove(at + to, at + done, 8);
		memcpy(&n, at + to + 4, 4);
		count_at = to + 4;
		done += 8;
		to += 8;
		if (n > (len - done) / size)
			return len;
		for (i = 0, left = 0; i < n; i++, done += size) {
			memcpy(&off, at + done, 4);
			if (i + 1 < n) {
				memcpy(&next, at + done + size, 4);
				if (next == off)
					continue;
			}
			memmove(at + to, at + done, size);
			to += size;
			left++;
		}
		memcpy(at + count_at, &left, 4);
	}
	return to;
}

int cham_lines__thin(struct cham *h, uint8_t *data, size_t size)
{
	const Elf64_Ehdr *eh = (const void *)data;
	const Elf64_Shdr *sh, *names;
	unsigned int i;

	if (size < sizeof(*eh) || eh->e_shentsize != sizeof(*sh) || eh->e_shoff % 8 ||
	    eh->e_shoff > size || eh->e_shnum > (size - eh->e_shoff) / sizeof(*sh) ||
	    eh->e_shstrndx >= eh->e_shnum)
		goto damaged;
	sh = (const void *)(data + eh->e_shoff);
	names = &sh[eh->e_shstrndx];
	if (names->sh_offset > size || names->sh_size > size - names->sh_offset ||
	    !names->sh_size || data[names->sh_offset + names->sh_size - 1])
		goto damaged;
	for (i = 1; i < eh->e_shnum; i++) {
		struct ext_header *x;

		if (sh[i].sh_name >= names->sh_size ||
		    strcmp((const char *)data + names->sh_offset + sh[i].sh_name, ".BTF.ext"))
			continue;
		if (sh[i].sh_offset % 4 || sh[i].sh_offset > size ||
		    sh[i].sh_size > size - sh[i].sh_offset || sh[i].sh_size < sizeof(*x))
			goto damaged;
		x = (void *)(data + sh[i].sh_offset);
		if (x->hdr_len > sh[i].sh_size || x->line_off > sh[i].sh_size - x->hdr_len ||
		    x->line_len > sh[i].sh_size - x->hdr_len - x->line_off)
			goto damaged;
		x->line_len = thin((uint8_t *)x + x->hdr_len + x->line_off, x->line_len);
		return 0;
	}
damaged:
	return cham__fail(h, -EPROTO, "the joint datapath has no line numbers: it is damaged");
}
