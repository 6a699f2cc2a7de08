// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Line numbers of a joint object. A label that a barrier leaves is no instruction, but
 * the compiler gives it a line as if it were: then two lines begin at the instruction
 * behind it, and the kernel refuses that. The first of the two goes. And its types, of
 * which the kernel refuses others.
 */
#include <elf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

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

/* The section called so; *@size: its bytes. Return: NULL when there is none, or damage. */
static uint8_t *section(uint8_t *data, size_t file, const char *name, size_t *size)
{
	const Elf64_Ehdr *eh = (const void *)data;
	const Elf64_Shdr *sh, *names;
	unsigned int i;

	if (file < sizeof(*eh) || eh->e_shentsize != sizeof(*sh) || eh->e_shoff % 8 ||
	    eh->e_shoff > file || eh->e_shnum > (file - eh->e_shoff) / sizeof(*sh) ||
	    eh->e_shstrndx >= eh->e_shnum)
		return NULL;
	sh = (const void *)(data + eh->e_shoff);
	names = &sh[eh->e_shstrndx];
	if (names->sh_offset > file || names->sh_size > file - names->sh_offset ||
	    !names->sh_size || data[names->sh_offset + names->sh_size - 1])
		return NULL;
	for (i = 1; i < eh->e_shnum; i++) {
		if (sh[i].sh_name >= names->sh_size ||
		    strcmp((const char *)data + names->sh_offset + sh[i].sh_name, name))
			continue;
		if (sh[i].sh_offset % 4 || sh[i].sh_offset > file ||
		    sh[i].sh_size > file - sh[i].sh_offset)
			return NULL;
		*size = sh[i].sh_size;
		return data + sh[i].sh_offset;
	}
	return NULL;
}

/* Compilers make less of a static variable than its type says, one byte of an int that is
 * 0 or 1: the kernel takes no type information then. It is a char to whoever asks.
 */
void cham_btf__fit(struct btf *btf)
{
	unsigned int i, k, byte, n = btf__type_cnt(btf);

	for (byte = 1; byte < n; byte++) {
		const struct btf_type *t = btf__type_by_id(btf, byte);

		if (btf_is_int(t) && t->size == 1)
			break;
	}
	for (i = 1; byte < n && i < n; i++) {
		const struct btf_type *sec = btf__type_by_id(btf, i);
		const struct btf_var_secinfo *vi = btf_var_secinfos(sec);

		for (k = 0; btf_is_datasec(sec) && k < btf_vlen(sec); k++) {
			const struct btf_type *var = btf__type_by_id(btf, vi[k].type);

			if (var && btf_is_var(var) && vi[k].size &&
			    btf__resolve_size(btf, var->type) > vi[k].size)
				((struct btf_type *)var)->type = byte;
		}
	}
}

int cham_lines__thin(struct cham *h, uint8_t *data, size_t file)
{
	struct ext_header *x;
	size_t size;

	x = (void *)section(data, file, ".BTF.ext", &size);
	if (!x || size < sizeof(*x) || x->hdr_len > size ||
	    x->line_off > size - x->hdr_len || x->line_len > size - x->hdr_len - x->line_off)
		return cham__fail(h, -EPROTO,
				  "the joint datapath has no line numbers: it is damaged");
	x->line_len = thin((uint8_t *)x + x->hdr_len + x->line_off, x->line_len);
	return 0;
}

int cham_types__fit(struct cham *h, uint8_t *data, size_t file)
{
	const void *fitted;
	uint8_t *types;
	struct btf *btf;
	uint32_t same;
	size_t size;

	types = section(data, file, ".BTF", &size);
	btf = types ? btf__new(types, size) : NULL;
	if (!btf)
		return cham__fail(h, -EPROTO, "the joint datapath has no types: it is damaged");
	cham_btf__fit(btf);
	fitted = btf__raw_data(btf, &same);
	if (fitted && same == size)
		memcpy(types, fitted, size);
	btf__free(btf);
	return 0;
}
