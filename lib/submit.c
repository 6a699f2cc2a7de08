// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* A program for chamd to load: for tenants, who may not themselves. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "internal.h"
#include "submit.h"

static int dial(struct cham *h, const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(to.sun_path))
		return cham__fail(h, -ENAMETOOLONG, "%s: too long for a socket's name", path);
	memcpy(to.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return cham__fail(h, -errno, "socket: %s", strerror(errno));
	if (!connect(fd, (void *)&to, sizeof(to)))
		return fd;
	err = -errno;
	close(fd);
	return cham__fail(h, err, "%s: %s; does chamd run there?", path, strerror(-err));
}

/* @file: a descriptor that goes with it, or -1. */
static int send_it(int fd, const struct cham_submit *s, int file)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec io = { (void *)s, sizeof(*s) };
	struct msghdr msg = { .msg_iov = &io, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (file >= 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &file, sizeof(int));
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int ask(struct cham *h, const char *path, const struct cham_submit *s, int file)
{
	struct cham_submitted got = { 0 };
	int fd = dial(h, path), err;
	ssize_t n;

	if (fd < 0)
		return fd;
	err = send_it(fd, s, file);
	/* Who was refused at once has the reply, and nobody to send to. */
	do
		n = recv(fd, &got, sizeof(got), 0);
	while (n < 0 && errno == EINTR);
	close(fd);
	if (n != sizeof(got))
		return cham__fail(h, err ? err : -ECONNRESET, "%s: %s", path,
				  err ? strerror(-err) : "no reply");
	got.text[sizeof(got.text) - 1] = '\0';
	return got.err ? cham__fail(h, got.err, "%s", got.text) : 0;
}

int cham_prog__submit(struct cham *h, const char *socket, const char *tenant,
		      const char *file)
{
	struct cham_submit s = {
		.magic = CHAM_SUBMIT_MAGIC,
		.op = file ? CHAM_SUBMIT_LOAD : CHAM_SUBMIT_UNLOAD,
	};
	size_t n = file ? strlen(file) : 0;
	int fd = -1, err;

	if (tenant && strlen(tenant) > CHAM_NAME_MAX)
		return cham__fail(h, -ENOENT, "%s: a tenant's name has at most %d bytes",
				  tenant, CHAM_NAME_MAX);
	if (tenant)
		memcpy(s.tenant, tenant, strlen(tenant));
	if (n > 2 && !strcmp(file + n - 2, ".c"))
		memcpy(s.suffix, ".c", 2);
	if (file) {
		fd = open(file, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return cham__fail(h, -errno, "%s: %s", file, strerror(errno));
	}
	err = ask(h, socket ? socket : CHAM_SUBMIT_SOCKET, &s, fd);
	if (fd >= 0)
		close(fd);
	return err;
}
