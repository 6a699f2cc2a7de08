// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
#include <linux/genetlink.h>
#include <string.h>

#include "internal.h"

#define ARRAY_MAX 256

struct walk {
	cham_stat_fn fn;
	void *arg;
	uint64_t classes[ARRAY_MAX];
	uint64_t class_packets[ARRAY_MAX];
	uint64_t reasons[ARRAY_MAX];
};

/* Copied, because an attribute is only four-byte aligned. */
static unsigned int copy(uint64_t *to, const struct nlattr *attr)
{
	size_t n = mnl_attr_get_payload_len(attr) / sizeof(*to);

	if (n > ARRAY_MAX)
		n = ARRAY_MAX;
	memcpy(to, mnl_attr_get_payload(attr), n * sizeof(*to));
	return n;
}

static int got_each(struct cham *h, const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *attr;
	struct walk *w = arg;
	struct cham_stat s;
	int err;

	err = cham_set__parse_msg(CHAM_SET_STAT, nlh, &s, sizeof(s));
	if (err)
		return cham__fail(h, err, "stat-get: malformed answer");
	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		switch (mnl_attr_get_type(attr)) {
		case CHAM_STAT_CLASSES:
			s.classes = w->classes;
			s.n_classes = copy(w->classes, attr);
			break;
		case CHAM_STAT_CLASS_PACKETS:
			s.class_packets = w->class_packets;
			s.n_class_packets = copy(w->class_packets, attr);
			break;
		case CHAM_STAT_REASONS:
			s.reasons = w->reasons;
			s.n_reasons = copy(w->reasons, attr);
			break;
		default:
			continue;
		}
		s.set |= CHAM_BIT(mnl_attr_get_type(attr));
	}
	return w->fn(&s, w->arg);
}

int cham_stat__for_each(struct cham *h, cham_stat_fn fn, void *arg)
{
	struct walk w = { .fn = fn, .arg = arg };

	return cham_nl__dump(h, CHAM_CMD_STAT_GET, CHAM_SET_STAT, NULL, 0,
			     got_each, &w);
}
