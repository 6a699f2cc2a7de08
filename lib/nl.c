// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* The netlink conversation: handle, requests, dumps, and the kernel's errors. */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "text.h"

int cham__fail(struct cham *h, int err, const char *fmt, ...)
{
	char text[sizeof(h->err)];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(h->err, text, strlen(text) + 1);
	cham_printable(h->err);
	n = strlen(h->err);
	while (n && (h->err[n - 1] == '.' || h->err[n - 1] == '\n'))
		h->err[--n] = '\0';
	return err;
}

void cham_one_line(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%.*s", (int)size - 1, text);
	for (; *to; to++)
		if (*to == '\n')
			*to = ' ';
}

const char *cham__last_error(const struct cham *h)
{
	return h->err;
}

bool cham__interrupted(const struct cham *h)
{
	return h->interrupted;
}

/* Which of the request's attributes does the kernel's offset point into? */
static const char *attr_at(const struct nlmsghdr *req,
			   const struct cham_set *set, uint32_t off)
{
	const struct nlattr *attr;
	uint32_t start;

	if (!set)
		return NULL;
	mnl_attr_for_each(attr, req, sizeof(struct genlmsghdr)) {
		start = (const char *)attr - (const char *)req;
		if (off < start || off >= start + attr->nla_len)
			continue;
		if (mnl_attr_get_type(attr) < set->n)
			return set->fields[mnl_attr_get_type(attr)].name;
	}
	return NULL;
}

static void add(char *text, size_t size, const char *fmt, ...)
{
	size_t n = strlen(text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + n, size - n, fmt, ap);
	va_end(ap);
}

/* NLMSGERR_ATTR_POLICY: say which values would have been accepted. */
static void add_policy(char *text, size_t size, const struct nlattr *policy)
{
	const struct nlattr *attr;
	uint64_t v, lo = 0, hi = 0, shortest = 0;
	bool has_lo = false, has_hi = false;

	mnl_attr_for_each_nested(attr, policy) {
		size_t len = mnl_attr_get_payload_len(attr);

		v = 0;
		if (len != 4 && len != 8)
			continue;
		memcpy(&v, mnl_attr_get_payload(attr), len);
		switch (mnl_attr_get_type(attr)) {
		case NL_POLICY_TYPE_ATTR_MIN_VALUE_U:
			lo = v;
			has_lo = true;
			break;
		case NL_POLICY_TYPE_ATTR_MAX_VALUE_U:
			hi = v;
			has_hi = true;
			break;
		case NL_POLICY_TYPE_ATTR_MIN_LENGTH:
			shortest = v;
			break;
		case NL_POLICY_TYPE_ATTR_MAX_LENGTH:
			if (v && v == shortest)
				add(text, size, ", exactly %u bytes",
				    (unsigned int)v);
			else if (v)
				add(text, size, ", %u to %u bytes",
				    (unsigned int)shortest, (unsigned int)v);
			break;
		}
	}
	if (has_lo && has_hi)
		add(text, size, ", accepted %llu..%llu",
		    (unsigned long long)lo, (unsigned long long)hi);
}

static int set_error(struct cham *h, const struct nlmsghdr *req,
		     const struct cham_set *set, int err,
		     const struct nlattr *tlvs, size_t len)
{
	char text[CHAM_ERR_MAX / 2] = "", more[CHAM_ERR_MAX / 4] = "";
	const struct nlattr *attr;
	const char *name;
	uint32_t v;

	mnl_attr_for_each_payload(tlvs, len) {
		size_t n = mnl_attr_get_payload_len(attr);

		switch (mnl_attr_get_type(attr)) {
		case NLMSGERR_ATTR_MSG:
			snprintf(text, sizeof(text), "%.*s", (int)n,
				 mnl_attr_get_str(attr));
			break;
		case NLMSGERR_ATTR_OFFS:
			if (n != sizeof(v))
				break;
			name = attr_at(req, set, mnl_attr_get_u32(attr));
			if (name)
				add(more, sizeof(more), "%sattribute %s",
				    more[0] ? ", " : "", name);
			break;
		case NLMSGERR_ATTR_MISS_TYPE:
			if (n != sizeof(v) || !set)
				break;
			v = mnl_attr_get_u32(attr);
			if (v < set->n && set->fields[v].name)
				add(more, sizeof(more), "%smissing attribute %s",
				    more[0] ? ", " : "", set->fields[v].name);
			break;
		case NLMSGERR_ATTR_POLICY:
			add_policy(more, sizeof(more), attr);
			break;
		}
	}
	if (!text[0] && err == -EPERM)
		snprintf(text, sizeof(text), "%s: CAP_NET_ADMIN is needed",
			 strerror(EPERM));
	if (!text[0])
		snprintf(text, sizeof(text), "%s", strerror(-err));
	v = strlen(text);
	while (v && text[v - 1] == '.')
		text[--v] = '\0';
	if (more[0])
		return cham__fail(h, err, "%s (%s)", text, more);
	return cham__fail(h, err, "%s", text);
}

/* NLMSG_ERROR and NLMSG_DONE both end in a code and maybe extended TLVs. */
static int end_of_answer(struct cham *h, const struct nlmsghdr *req,
			 const struct cham_set *set, const struct nlmsghdr *nlh)
{
	size_t len = mnl_nlmsg_get_payload_len(nlh), skip = sizeof(int);
	const char *p = mnl_nlmsg_get_payload(nlh);
	const struct nlmsgerr *e = (const void *)p;
	int err;

	if (len < sizeof(int))
		return nlh->nlmsg_type == NLMSG_DONE ? 0 :
		       cham__fail(h, -EBADMSG, "short answer from the kernel");
	memcpy(&err, p, sizeof(err));
	if (err >= 0)
		return 0;
	if (nlh->nlmsg_type == NLMSG_ERROR) {
		if (len < sizeof(*e))
			return cham__fail(h, -EBADMSG,
					  "short answer from the kernel");
		skip = sizeof(*e);
		if (!(nlh->nlmsg_flags & NLM_F_CAPPED) &&
		    e->msg.nlmsg_len > sizeof(e->msg))
			skip += MNL_ALIGN(e->msg.nlmsg_len - sizeof(e->msg));
	}
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS) || skip > len)
		skip = len;
	return set_error(h, req, set, err, (const void *)(p + skip),
			 len - skip);
}

static int drain(struct cham *h, const struct nlmsghdr *req,
		 const struct cham_set *set, cham_msg_fn fn, void *arg)
{
	const struct nlmsghdr *nlh;
	int ret = 0, len;
	ssize_t n;

	for (;;) {
		n = mnl_socket_recvfrom(h->nl, h->buf, sizeof(h->buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return cham__fail(h, -errno, "netlink receive: %s",
					  strerror(errno));
		len = n;
		for (nlh = (void *)h->buf; mnl_nlmsg_ok(nlh, len);
		     nlh = mnl_nlmsg_next(nlh, &len)) {
			if (nlh->nlmsg_seq != h->seq)
				continue;
			if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
				h->interrupted = true;
			if (nlh->nlmsg_type == NLMSG_ERROR ||
			    nlh->nlmsg_type == NLMSG_DONE) {
				int err = end_of_answer(h, req, set, nlh);

				return ret ? ret : err;
			}
			if (nlh->nlmsg_type < NLMSG_MIN_TYPE || ret || !fn)
				continue;
			/* After a non-zero return the rest is only drained. */
			ret = fn(h, nlh, arg);
		}
	}
}

static int transact(struct cham *h, struct nlmsghdr *req,
		    const struct cham_set *set, cham_msg_fn fn, void *arg)
{
	h->interrupted = false;
	h->err[0] = '\0';
	if (mnl_socket_sendto(h->nl, req, req->nlmsg_len) < 0)
		return cham__fail(h, -errno, "netlink send: %s",
				  strerror(errno));
	return drain(h, req, set, fn, arg);
}

static struct nlmsghdr *request(struct cham *h, uint16_t type, uint16_t flags,
				uint8_t cmd, uint8_t version)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(h->req);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++h->seq;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = version;
	return nlh;
}

static int call(struct cham *h, uint16_t flags, uint8_t cmd,
		enum cham_set_id id, const void *obj, uint64_t mask,
		cham_msg_fn fn, void *arg)
{
	const struct cham_set *set = cham_set__get(id);
	struct nlmsghdr *nlh;
	int err;

	if (!h->family)
		return -ENOTCONN;
	nlh = request(h, h->family, flags, cmd, CHAM_FAMILY_VERSION);
	err = cham_set__put(nlh, sizeof(h->req), set, obj, mask);
	if (err)
		return cham__fail(h, err, "bad %s in the caller's request: %s",
				  set->name, strerror(-err));
	return transact(h, nlh, set, fn, arg);
}

int cham_nl__do(struct cham *h, uint8_t cmd, enum cham_set_id id,
		const void *obj, uint64_t mask, cham_msg_fn fn, void *arg)
{
	return call(h, NLM_F_ACK, cmd, id, obj, mask, fn, arg);
}

int cham_nl__dump(struct cham *h, uint8_t cmd, enum cham_set_id id,
		  const void *obj, uint64_t mask, cham_msg_fn fn, void *arg)
{
	return call(h, NLM_F_DUMP, cmd, id, obj, mask, fn, arg);
}

int cham_set__parse_msg(enum cham_set_id id, const struct nlmsghdr *nlh,
			void *obj, size_t sz)
{
	const char *p = mnl_nlmsg_get_payload_offset(nlh,
						     sizeof(struct genlmsghdr));
	const char *end = mnl_nlmsg_get_payload_tail(nlh);

	if (p > end)
		return -EBADMSG;
	return cham_set__parse(cham_set__get(id), (const void *)p,
			       (size_t)(end - p), obj, sz);
}

struct got {
	enum cham_set_id id;
	struct cham_head *obj;
};

static int got_one(struct cham *h, const struct nlmsghdr *nlh, void *arg)
{
	const struct got *g = arg;
	int err = cham_set__parse_msg(g->id, nlh, g->obj, g->obj->sz);

	if (err)
		return cham__fail(h, err, "%s-get: malformed answer",
				  cham_set__get(g->id)->name);
	return 0;
}

int cham_nl__get(struct cham *h, uint8_t cmd, enum cham_set_id id,
		 const void *which, uint64_t mask, void *obj)
{
	const struct cham_set *set = cham_set__get(id);
	struct got g = { id, obj };

	if (g.obj->sz < sizeof(*g.obj) || g.obj->sz > set->size)
		return cham__fail(h, -EINVAL, "struct cham_%s: bad sz", set->name);
	if (which != obj)
		g.obj->set = 0;
	return cham_nl__do(h, cmd, id, which, mask, got_one, &g);
}

static void parse_groups(struct cham *h, const struct nlattr *groups)
{
	const struct nlattr *group, *attr;

	mnl_attr_for_each_nested(group, groups) {
		const char *name = NULL;
		uint32_t id = 0;

		mnl_attr_for_each_nested(attr, group) {
			switch (mnl_attr_get_type(attr)) {
			case CTRL_ATTR_MCAST_GRP_NAME:
				if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
					name = mnl_attr_get_str(attr);
				break;
			case CTRL_ATTR_MCAST_GRP_ID:
				if (mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
					id = mnl_attr_get_u32(attr);
				break;
			}
		}
		if (name && !strcmp(name, CHAM_MCGRP_EVENTS))
			h->mcgrp = id;
	}
}

static int got_family(struct cham *h, const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *attr;

	(void)arg;
	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		switch (mnl_attr_get_type(attr)) {
		case CTRL_ATTR_FAMILY_ID:
			if (mnl_attr_validate(attr, MNL_TYPE_U16) >= 0)
				h->family = mnl_attr_get_u16(attr);
			break;
		case CTRL_ATTR_MCAST_GROUPS:
			parse_groups(h, attr);
			break;
		}
	}
	return 0;
}

int cham__open(struct cham **hp)
{
	struct nlmsghdr *nlh;
	struct cham *h;
	int one = 1;
	int err;

	h = calloc(1, sizeof(*h));
	*hp = h;
	if (!h)
		return -ENOMEM;
	h->nl = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!h->nl)
		return cham__fail(h, -errno, "netlink socket: %s",
				  strerror(errno));
	/* Older kernels lack these; errors are then shorter, not wrong. */
	mnl_socket_setsockopt(h->nl, NETLINK_EXT_ACK, &one, sizeof(one));
	mnl_socket_setsockopt(h->nl, NETLINK_CAP_ACK, &one, sizeof(one));
	if (mnl_socket_bind(h->nl, 0, MNL_SOCKET_AUTOPID) < 0)
		return cham__fail(h, -errno, "netlink bind: %s",
				  strerror(errno));
	h->portid = mnl_socket_get_portid(h->nl);

	nlh = request(h, GENL_ID_CTRL, NLM_F_ACK, CTRL_CMD_GETFAMILY, 1);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, CHAM_FAMILY_NAME);
	err = transact(h, nlh, NULL, got_family, NULL);
	if (err == -ENOENT || (!err && !h->family))
		return cham__fail(h, -ENOENT,
				  "the module is not loaded: modprobe chamelio");
	return err;
}

void cham__close(struct cham *h)
{
	if (!h)
		return;
	if (h->nl)
		mnl_socket_close(h->nl);
	free(h);
}
