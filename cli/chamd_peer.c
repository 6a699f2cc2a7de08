// SPDX-License-Identifier: GPL-2.0
/*
 * Who is at the other end of the socket? A tenant is known by its network namespace,
 * which the provider has bound to it, and whoever has CAP_NET_ADMIN over that may speak
 * for it: the same as the module asks of who opens a netlink socket there. In a user
 * namespace of one's own everybody has all capabilities, so that it must be the one
 * that owns the network namespace.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/nsfs.h>

#include "chamd.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77		/* Linux 6.5 */
#endif

static int proc(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static uint64_t inode(int fd)
{
	struct stat st;

	return fd < 0 || fstat(fd, &st) ? 0 : st.st_ino;
}

/* All of a file of the process's, as text. Return: whether it could be read. */
static bool read_proc(pid_t pid, const char *name, char *text, size_t size)
{
	int fd = proc(pid, name);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* Who is root in the process's user namespace, as we number users; -1: nobody. */
static unsigned int root_of(pid_t pid)
{
	unsigned int in, out, n;
	char text[4096], *line;

	if (!read_proc(pid, "uid_map", text, sizeof(text)))
		return -1;
	for (line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (sscanf(line, "%u %u %u", &in, &out, &n) == 3 && !in)
			return out;
	return -1;
}

/* May the process that @uid has connected from? What it is now it may not have been then:
 * who connects and then executes a set-user-ID program, or one with capabilities of its
 * own, is still the same process. So it has to be its user namespace's root, then and in
 * all respects now; or be unable to gain anything by what it executes.
 */
static bool net_admin(pid_t pid, uid_t uid)
{
	unsigned int id[4], i, fixed;
	unsigned long long caps;
	char text[4096], *at;

	if (!read_proc(pid, "status", text, sizeof(text)))
		return false;
	at = strstr(text, "\nUid:");
	if (!at || sscanf(at, "\nUid: %u %u %u %u", &id[0], &id[1], &id[2], &id[3]) != 4)
		return false;
	for (i = 0; i < 4; i++)
		if (id[i] != uid)
			return false;
	at = strstr(text, "\nNoNewPrivs:");
	if (!at || sscanf(at, "\nNoNewPrivs: %u", &fixed) != 1 || (!fixed && uid != root_of(pid)))
		return false;
	at = strstr(text, "\nCapEff:");
	return at && sscanf(at, "\nCapEff: %llx", &caps) == 1 && caps >> CAP_NET_ADMIN & 1;
}

/* Does the process's user namespace own that network namespace? */
static bool owns(pid_t pid, int netns)
{
	int user = proc(pid, "ns/user"), owner = ioctl(netns, NS_GET_USERNS);
	uint64_t ino = inode(user);
	bool yes = ino && ino == inode(owner);

	if (user >= 0)
		close(user);
	if (owner >= 0)
		close(owner);
	return yes;
}

int peer_get(int fd, struct peer *p, char *why, size_t size)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int pidfd = -1, self, err = -EPERM;
	bool may;

	p->netns = -1;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len)) {
		snprintf(why, size, "who asks is not known: %s", strerror(errno));
		return -EPERM;
	}
	len = sizeof(pidfd);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len)) {
		snprintf(why, size, "process %d, who asks, is gone", (int)cred.pid);
		return -EPERM;
	}
	p->netns = proc(cred.pid, "ns/net");
	p->netns_ino = inode(p->netns);
	may = p->netns_ino && owns(cred.pid, p->netns) && net_admin(cred.pid, cred.uid);
	self = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	p->provider = p->netns_ino && p->netns_ino == inode(self);
	close(self);
	/* While it lives the number was its own. */
	if (syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0))
		snprintf(why, size, "process %d, who asks, is gone", (int)cred.pid);
	else if (!may)
		snprintf(why, size,
			 "process %d may not: it needs CAP_NET_ADMIN over its network namespace, as its root or with no_new_privs",
			 (int)cred.pid);
	else
		err = 0;
	close(pidfd);
	if (err && p->netns >= 0)
		close(p->netns);
	return err;
}
