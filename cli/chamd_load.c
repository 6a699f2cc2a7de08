// SPDX-License-Identifier: GPL-2.0
/*
 * One request, in a process of its own: what it reads is a tenant's, and takes seconds.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chamd.h"

static void enough(int sig)
{
	(void)sig;
	_exit(0);
}

void part(int client, int err, const char *why)
{
	struct cham_submitted r = { .err = err };
	char buf[64];

	snprintf(r.text, sizeof(r.text), "%s", why);
	shutdown(client, SHUT_RD);
	send(client, &r, sizeof(r), MSG_NOSIGNAL | MSG_DONTWAIT);
	/* A file that came along is closed here, and may wait for whom it belongs to. */
	signal(SIGALRM, enough);
	alarm(1);
	while (recv(client, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	_exit(0);
}

static int take(const struct cham_tenant *t, void *arg)
{
	*(struct cham_tenant *)arg = *t;
	return 1;
}

/* The module itself says which tenant the namespace is bound to: it shows no other. */
static int bound(const struct peer *p, struct cham_tenant *t, char *why, size_t size)
{
	struct cham *there = NULL;
	int home, err;

	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0 || setns(p->netns, CLONE_NEWNET)) {
		err = -errno;
		snprintf(why, size, "the tenant's network namespace: %s", strerror(errno));
		return err;
	}
	t->id = 0;
	err = cham__open(&there);
	if (!err)
		err = cham_tenant__for_each(there, take, t);
	cham__close(there);
	if (setns(home, CLONE_NEWNET)) {
		snprintf(why, size, "the provider's network namespace: %s", strerror(errno));
		return -errno;
	}
	close(home);
	if (err < 0 || !t->id) {
		snprintf(why, size,
			 "this network namespace is bound to no tenant: the provider does that with chamctl tenant set NAME netns NETNS");
		return -EPERM;
	}
	return 0;
}

/* Whose program it is: the tenant's own, or whom the provider names. */
static int whose(struct cham *h, const struct peer *p, const struct cham_submit *s,
		 struct cham_tenant *t, char *why, size_t size)
{
	char name[CHAM_NAME_MAX + 1];
	int err;

	snprintf(name, sizeof(name), "%.*s", CHAM_NAME_MAX, s->tenant);
	if (p->provider) {
		if (!*name) {
			snprintf(why, size, "whose program? the provider says \"tenant NAME\"");
			return -EINVAL;
		}
		err = cham_tenant__get(h, name, t);
		if (err)
			snprintf(why, size, "%s", cham__last_error(h));
		return err;
	}
	if (*name && strcmp(name, t->name)) {
		snprintf(why, size, "this network namespace is tenant %s's, not %s's", t->name,
			 name);
		return -EPERM;
	}
	return 0;
}

/* One message, and the first descriptor that comes with it. */
static ssize_t receive(int fd, struct cham_submit *s, int *file)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec io = { s, sizeof(*s) };
	/* No room for a second one, padding is. */
	struct msghdr msg = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control.buf,
			      .msg_controllen = CMSG_LEN(sizeof(int)) };
	ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&msg);

	*file = -1;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(file, CMSG_DATA(c), sizeof(int));
	return msg.msg_flags & MSG_TRUNC ? -1 : n;
}

/* A copy: who sent it may write to it still. */
static int copy(int file, const char *path, char *why, size_t size)
{
	static char buf[65536];
	struct stat st;
	off_t at = 0;
	ssize_t n = -1;
	int fd;

	if (fstat(file, &st) || !S_ISREG(st.st_mode) || st.st_size > CHAM_PROG_FILE_MAX) {
		snprintf(why, size, "a program is a regular file of at most %d bytes",
			 CHAM_PROG_FILE_MAX);
		return -EINVAL;
	}
	/* One that was ended has left it; the directory is nobody else's. */
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	while (fd >= 0 && at <= CHAM_PROG_FILE_MAX && (n = pread(file, buf, sizeof(buf), at)) > 0) {
		if (write(fd, buf, n) != n) {
			n = -1;
			break;
		}
		at += n;
	}
	if (fd >= 0 && !n)
		return close(fd);
	n = -errno;
	snprintf(why, size, "the program's file cannot be copied: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return n ? n : -EIO;
}

static void submitted_path(char *path, size_t size, pid_t pid, bool c)
{
	snprintf(path, size, CHAM_STATE_DIR "/submitted.%d%s", (int)pid, c ? ".c" : "");
}

void submitted_forget(pid_t pid)
{
	char path[96];
	int c;

	for (c = 0; c < 2; c++) {
		submitted_path(path, sizeof(path), pid, c);
		unlink(path);
	}
}

void submitted_sweep(void)
{
	DIR *dir = opendir(CHAM_STATE_DIR);
	struct dirent *e;
	int pid;

	while (dir && (e = readdir(dir)))
		if (sscanf(e->d_name, "submitted.%d", &pid) == 1 && pid > 0 &&
		    kill(pid, 0) && errno == ESRCH)
			submitted_forget(pid);
	if (dir)
		closedir(dir);
}

static int load(struct cham *h, const struct cham_tenant *t, const struct cham_submit *s,
		int file, const char *objdir, char *why, size_t size)
{
	bool c = !memcmp(s->suffix, ".c", 3);
	char path[96];
	int err;

	submitted_path(path, sizeof(path), getpid(), c);
	err = copy(file, path, why, size);
	if (!err) {
		err = cham_prog__load(h, objdir, t->id, path);
		if (err)
			snprintf(why, size, "%s", cham__last_error(h));
	}
	unlink(path);
	return err;
}

/* For the log, where a line's beginning says whose it is. */
static void one_line(char *s)
{
	for (; *s; s++)
		if (*s == '\n')
			*s = ' ';
}

void serve_client(int client, const struct peer *p, const char *objdir)
{
	struct cham_tenant t = { .sz = sizeof(t) };
	char why[CHAM_SUBMIT_TEXT] = "", line[CHAM_SUBMIT_TEXT];
	struct cham_submit s = { 0 };
	struct cham *h = NULL;
	int file = -1, err;
	ssize_t n;

	err = cham__open(&h);
	if (err)
		snprintf(why, sizeof(why), "%s", h ? cham__last_error(h) : strerror(ENOMEM));
	/* Who is nobody's tenant is not even listened to. */
	if (!err && !p->provider)
		err = bound(p, &t, why, sizeof(why));
	if (!err) {
		n = receive(client, &s, &file);
		if (n != sizeof(s) || s.magic != CHAM_SUBMIT_MAGIC ||
		    s.op >= __CHAM_SUBMIT_MAX ||
		    (s.op == CHAM_SUBMIT_LOAD ? file < 0 : file >= 0)) {
			snprintf(why, sizeof(why),
				 "this is no request of this version (libcham and chamd of different ones?)");
			err = -EPROTO;
		}
	}
	if (!err)
		err = whose(h, p, &s, &t, why, sizeof(why));
	if (!err && s.op == CHAM_SUBMIT_UNLOAD) {
		err = cham_prog__unload(h, objdir, t.id);
		if (err)
			snprintf(why, sizeof(why), "%s", cham__last_error(h));
	} else if (!err) {
		err = load(h, &t, &s, file, objdir, why, sizeof(why));
	}
	snprintf(line, sizeof(line), "%s", why);
	one_line(line);
	fprintf(stderr, "<6>tenant %s: %s%s%s\n", t.id ? t.name : "unknown",
		s.op == CHAM_SUBMIT_UNLOAD ? "unload" : "load", err ? ": " : "",
		err ? line : "");
	part(client, err, why);
}
