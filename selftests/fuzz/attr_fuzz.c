// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink attributes of any shape become the library's objects, for a caller whose
 * structs may be older and shorter: nothing outside is read or written, what is in the
 * set is in the object, and what can be said again means the same.
 */
#include "fail.h"

#include <errno.h>
#include <string.h>

#define SETS	(CHAM_SET_PROG + 1)

/* On copies of just the size. */
static int parse(const struct cham_set *set, const void *data, size_t size, void *obj,
		 size_t sz)
{
	uint8_t *copy = malloc(size ?: 1);
	int err;

	must(copy, "no memory");
	memcpy(copy, data, size);
	err = cham_set__parse(set, (const void *)copy, size, obj, sz);
	free(copy);
	must(!err || err == -EBADMSG, "%s: answers %d", set->name, err);
	return err;
}

/* Nests and flags of one way only are not said again. */
static void leave_out_nests(const struct cham_set *set, void *obj)
{
	struct cham_head *head = obj;
	unsigned int i;

	for (i = 0; i < set->n; i++) {
		const struct cham_field *f = &set->fields[i];

		if (f->kind != K_DIR || !(head->set & CHAM_BIT(i)))
			continue;
		memset((char *)obj + f->off, 0, f->size);
		head->set &= ~CHAM_BIT(i);
	}
}

static void check_set(const struct cham_set *set, const struct cham_head *head)
{
	unsigned int i;

	for (i = 0; i < 64; i++) {
		if (!(head->set & CHAM_BIT(i)))
			continue;
		must(i < set->n && set->fields[i].kind != K_NONE, "%s: has %u", set->name, i);
		must(set->fields[i].kind == K_FLAG ||
		     set->fields[i].off + set->fields[i].size <= head->sz,
		     "%s: %u is behind the end", set->name, i);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	const struct cham_set *set = cham_set__get(fuzz_u8(&in) % SETS);
	size_t cut = fuzz_u8(&in), room = 64 + 16 * fuzz_u8(&in), sz;
	void *obj, *again;
	uint64_t *msg;
	struct nlmsghdr *nlh;
	int err;

	libbpf_set_print(quiet);
	/* in.p is where the attributes begin */
	sz = set->size - 8 * (cut % (1 + (set->size - sizeof(struct cham_head)) / 8));
	obj = malloc(sz);
	again = malloc(sz);
	msg = calloc(1, room);
	must(obj && again && msg, "no memory");
	if (parse(set, in.p, in.left, obj, sz))
		goto out;
	check_set(set, obj);
	leave_out_nests(set, obj);
	nlh = mnl_nlmsg_put_header(msg);
	err = cham_set__put(nlh, room, set, obj, ~0ULL);
	must(!err || err == -EMSGSIZE || err == -EINVAL, "put answers %d", err);
	must(nlh->nlmsg_len <= room, "put %u bytes into %zu", nlh->nlmsg_len, room);
	if (err)
		goto out;
	must(!parse(set, mnl_nlmsg_get_payload(nlh), mnl_nlmsg_get_payload_len(nlh), again, sz),
	     "what was put is not understood");
	must(!memcmp(obj, again, sz), "%s: means something else", set->name);
out:
	free(msg);
	free(again);
	free(obj);
	return 0;
}
