// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* A subscription has a socket of its own, so requests never mix with it. */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "internal.h"

struct cham_events {
	struct mnl_socket *nl;
	const struct nlmsghdr *nlh;	/* next message in buf */
	int left;
	uint16_t family;
	char buf[CHAM_BUF_MAX] __attribute__((aligned(8)));
};

/* What comes in a burst waits there: 1,000 events of handlers are 1 MB. */
static void make_room(const struct mnl_socket *nl)
{
	int fd = mnl_socket_get_fd(nl), room = 8 << 20;

	/* beyond the system's limit for who may, up to it for others */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
}

int cham_events__open(struct cham *h, struct cham_events **ep)
{
	struct cham_events *e;
	int err;

	*ep = NULL;
	if (!h->mcgrp)
		return cham__fail(h, -ENOENT,
				  "the module has no multicast group \"%s\"",
				  CHAM_MCGRP_EVENTS);
	e = calloc(1, sizeof(*e));
	if (!e)
		return cham__fail(h, -ENOMEM, "%s", strerror(ENOMEM));
	e->family = h->family;
	e->nl = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!e->nl || mnl_socket_bind(e->nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_setsockopt(e->nl, NETLINK_ADD_MEMBERSHIP, &h->mcgrp,
				  sizeof(h->mcgrp)) < 0) {
		err = -errno;
		cham_events__close(e);
		return cham__fail(h, err, "subscribe to \"%s\": %s",
				  CHAM_MCGRP_EVENTS, strerror(-err));
	}
	make_room(e->nl);
	*ep = e;
	return 0;
}

void cham_events__close(struct cham_events *e)
{
	if (!e)
		return;
	if (e->nl)
		mnl_socket_close(e->nl);
	free(e);
}

int cham_events__fd(const struct cham_events *e)
{
	return mnl_socket_get_fd(e->nl);
}

static int parse(const struct nlmsghdr *nlh, struct cham_ntf *ntf)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*genl))
		return -EBADMSG;
	memset(ntf, 0, sizeof(*ntf));
	ntf->cmd = genl->cmd;
	switch (genl->cmd) {
	case CHAM_CMD_TENANT_NTF:
	case CHAM_CMD_TENANT_DEL_NTF:
	case CHAM_CMD_QUOTA_NTF:
		return cham_set__parse_msg(CHAM_SET_TENANT, nlh, &ntf->tenant,
					   sizeof(ntf->tenant));
	case CHAM_CMD_PORT_NTF:
	case CHAM_CMD_PORT_DEL_NTF:
	case CHAM_CMD_RING_BROKEN_NTF:
		return cham_set__parse_msg(CHAM_SET_PORT, nlh, &ntf->port,
					   sizeof(ntf->port));
	case CHAM_CMD_CONN_NTF:
	case CHAM_CMD_CONN_DEL_NTF:
	case CHAM_CMD_MISS_NTF:
	case CHAM_CMD_HANDLER_NTF:
		return cham_set__parse_msg(CHAM_SET_CONN, nlh, &ntf->conn,
					   sizeof(ntf->conn));
	case CHAM_CMD_PROG_NTF:
	case CHAM_CMD_PROG_DEL_NTF:
		return cham_set__parse_msg(CHAM_SET_PROG, nlh, &ntf->prog,
					   sizeof(ntf->prog));
	}
	return -ENOMSG;		/* a newer module's; skipped */
}

int cham_events__next(struct cham_events *e, struct cham_ntf *ntf,
		      int timeout_ms)
{
	struct pollfd pfd = { .fd = cham_events__fd(e), .events = POLLIN };
	const struct nlmsghdr *nlh;
	ssize_t n;
	int err;

	for (;;) {
		while (e->nlh && mnl_nlmsg_ok(e->nlh, e->left)) {
			nlh = e->nlh;
			e->nlh = mnl_nlmsg_next(nlh, &e->left);
			if (nlh->nlmsg_type != e->family)
				continue;
			err = parse(nlh, ntf);
			if (err != -ENOMSG)
				return err;
		}
		e->nlh = NULL;
		err = poll(&pfd, 1, timeout_ms);
		if (err < 0)
			return -errno;
		if (!err)
			return -EAGAIN;
		n = recv(pfd.fd, e->buf, sizeof(e->buf), MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			continue;
		if (n < 0)
			return -errno;
		e->nlh = (const void *)e->buf;
		e->left = n;
	}
}
