// SPDX-License-Identifier: GPL-2.0
/*
 * chamd: takes programs in from tenants, and makes joint what is linked.
 *
 * It keeps nothing that anybody would miss. What is attached is in bpffs, what is
 * loaded is in the module and CHAM_STATE_DIR; it may be killed at any time, and begins
 * with what it finds. All that takes time happens in children, some that load and one
 * that joins; they take turns by libcham's lock, as chamctl does.
 *
 * usage: chamd [object DIR] [socket PATH] [delay MS]
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "chamd.h"

#define LOADERS		4	/* at once, of different network namespaces */
#define CLIENTS		64
#define CLIENTS_EACH	2	/* of one network namespace */
#define PARTING		16	/* at once, that are told why; without a word, as many more */
#define SILENT_MS	10000	/* a client says what it wants, or goes */
#define LOAD_MS		120000	/* a request takes no longer */
#define JOIN_MS		600000
#define AGAIN_MS	10000	/* after a child that died */
#define LOOK_MS		5000	/* is the module there? */

struct client {
	int fd;
	uint64_t since;
	struct peer peer;
};

struct child {
	pid_t pid;		/* 0: none */
	uint64_t until;
	int client;		/* that waits for it, or -1 */
	uint64_t netns_ino;	/* whose request it is */
};

static struct {
	const char *objdir, *socket;
	uint64_t delay;
	int listener, signals;
	struct cham *h;
	struct cham_events *events;	/* NULL: the module is not there */
	struct client client[CLIENTS];
	unsigned int n_clients;
	struct child loader[LOADERS], joiner;
	unsigned int parting;	/* children that let somebody go */
	uint64_t join_at, look_at;	/* 0: not at all */
} d = { .objdir = CHAM_OBJDIR, .socket = CHAM_SUBMIT_SOCKET, .delay = 1000 };

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

/* ---- children -------------------------------------------------------------- */

/* Return: true in the child. */
static bool start(struct child *c, uint64_t ms, const struct client *client)
{
	sigset_t none;
	pid_t pid = fork();

	if (pid < 0) {
		warn("<3>fork");
		return false;
	}
	if (pid) {
		*c = (struct child){
			.pid = pid, .until = now() + ms, .client = client ? client->fd : -1,
			.netns_ino = client ? client->peer.netns_ino : 0,
		};
		return false;
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* With the compilers it starts it is ended as one. */
	setpgid(0, 0);
	setpriority(PRIO_PROCESS, 0, 10);
	return true;
}

static void join(void)
{
	struct cham *h = NULL;
	int err;

	d.join_at = 0;
	if (!start(&d.joiner, JOIN_MS, NULL))
		return;
	err = cham__open(&h);
	if (!err)
		err = cham_prog__join(h, d.objdir);
	if (err)
		fprintf(stderr, "<4>not joint: %s\n",
			h ? cham__last_error(h) : strerror(ENOMEM));
	_exit(0);
}

/* Closes a client's socket; @why: what it hears, or NULL. There may be files in it, and to
 * close somebody else's may take as long as that one likes: a TCP socket that lingers. Who
 * exits does not wait for that. So the last to hold it is a child that does; it begins when
 * it is the last, which the pipe's end tells.
 */
static void let_go(int fd, int err, const char *why)
{
	int held[2] = { -1, -1 };
	pid_t pid = -1;
	char c;

	if (!pipe2(held, O_CLOEXEC)) {
		pid = fork();
		if (!pid) {
			close(held[1]);
			while (read(held[0], &c, 1) < 0 && errno == EINTR)
				;
			if (why && d.parting < PARTING)
				part(fd, err, why);
			_exit(0);
		}
	}
	if (pid < 0)
		warn("<3>nobody else closes it");
	else
		d.parting++;
	close(fd);
	if (held[0] >= 0) {
		close(held[0]);
		close(held[1]);
	}
}

static void ended(struct child *c, int status)
{
	char why[64] = "";

	if (WIFSIGNALED(status)) {
		fprintf(stderr, "<3>%s: ended by signal %d\n",
			c == &d.joiner ? "join" : "load", WTERMSIG(status));
		snprintf(why, sizeof(why), "loading was ended by signal %d", WTERMSIG(status));
		d.join_at = now() + AGAIN_MS;
		submitted_forget(c->pid);
	}
	if (c->client >= 0)
		let_go(c->client, -EINTR, *why ? why : NULL);
	c->pid = 0;
}

static void reap(void)
{
	unsigned int i;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < LOADERS && pid != d.loader[i].pid; i++)
			;
		if (i < LOADERS)
			ended(&d.loader[i], status);
		else if (pid == d.joiner.pid)
			ended(&d.joiner, status);
		else
			d.parting--;
	}
}

static void end(struct child *c)
{
	if (c->pid && kill(-c->pid, SIGKILL))
		kill(c->pid, SIGKILL);
}

/* One that is free for the client, or NULL: a namespace has one at a time. */
static struct child *loader_for(const struct client *c)
{
	struct child *free = NULL;
	unsigned int i;

	for (i = 0; i < LOADERS; i++) {
		if (!d.loader[i].pid)
			free = &d.loader[i];
		else if (d.loader[i].netns_ino == c->peer.netns_ino)
			return NULL;
	}
	return free;
}

/* ---- clients --------------------------------------------------------------- */

static void drop(unsigned int i)
{
	close(d.client[i].peer.netns);
	memmove(&d.client[i], &d.client[i + 1], (--d.n_clients - i) * sizeof(d.client[i]));
}

static void greet(void)
{
	int fd = accept4(d.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *c = &d.client[d.n_clients];
	unsigned int i, same = 0;
	char why[160];

	if (fd < 0)
		return;
	if (peer_get(fd, &c->peer, why, sizeof(why))) {
		let_go(fd, -EPERM, why);
		return;
	}
	for (i = 0; i < d.n_clients; i++)
		same += d.client[i].peer.netns_ino == c->peer.netns_ino;
	if (same >= CLIENTS_EACH) {
		let_go(fd, -EBUSY, "others of this network namespace wait already");
		close(c->peer.netns);
		return;
	}
	c->fd = fd;
	c->since = now();
	d.n_clients++;
}

/* What a client sends its child receives: closing somebody else's file may take as long as
 * that one likes.
 */
static void serve(unsigned int i, struct child *loader)
{
	struct client c = d.client[i];

	if (start(loader, LOAD_MS, &c))
		serve_client(c.fd, &c.peer, d.objdir);
	else if (!loader->pid)
		let_go(c.fd, -EAGAIN, "there are no processes left");
	drop(i);
}

/* ---- the module ------------------------------------------------------------ */

static int nothing(const struct cham_prog *p, void *arg)
{
	(void)p;
	(void)arg;
	return 0;
}

/* A module that was loaded anew has never heard of our subscription. */
static void look(void)
{
	d.look_at = now() + LOOK_MS;
	if (d.events && !cham_prog__for_each(d.h, nothing, NULL))
		return;
	cham_events__close(d.events);
	cham__close(d.h);
	d.events = NULL;
	d.h = NULL;
	if (!cham__open(&d.h) && !cham_events__open(d.h, &d.events))
		d.join_at = now();
}

static void hear(void)
{
	struct cham_ntf n;
	int rc;

	while (!(rc = cham_events__next(d.events, &n, 0)) || rc == -ENOBUFS)
		if (rc || (n.cmd == CHAM_CMD_PROG_NTF && !CHAM_HAS(&n.prog, CHAM_PROG_FAULT)) ||
		    n.cmd == CHAM_CMD_PROG_DEL_NTF)
			d.join_at = now() + d.delay;
	if (rc != -EAGAIN && rc != -EINTR) {
		cham_events__close(d.events);
		d.events = NULL;
	}
}

/* ---- the loop --------------------------------------------------------------- */

static void listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(at.sun_path))
		errx(1, "<3>%s: too long for a socket's name", path);
	memcpy(at.sun_path, path, strlen(path));
	if (mkdir(CHAM_STATE_DIR, 0755) && errno != EEXIST)
		err(1, "<3>%s", CHAM_STATE_DIR);
	unlink(path);
	d.listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d.listener < 0 || bind(d.listener, (void *)&at, sizeof(at)) ||
	    chmod(path, 0666) || listen(d.listener, CLIENTS))
		err(1, "<3>%s", path);
}

static void options(int argc, char **argv)
{
	char *rest;
	int i;

	for (i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "object")) {
			d.objdir = argv[i + 1];
		} else if (!strcmp(argv[i], "socket")) {
			d.socket = argv[i + 1];
		} else if (!strcmp(argv[i], "delay")) {
			d.delay = strtoul(argv[i + 1], &rest, 10);
			if (*rest || rest == argv[i + 1] || d.delay > 3600000)
				errx(1, "<3>delay takes milliseconds, 0 to 3600000, not \"%s\"",
				     argv[i + 1]);
		} else {
			break;
		}
	}
	if (i < argc)
		errx(1, "usage: chamd [object DIR] [socket PATH] [delay MS]");
}

static void expire(uint64_t t)
{
	unsigned int i;

	for (i = 0; i < LOADERS; i++)
		if (d.loader[i].pid && t > d.loader[i].until)
			end(&d.loader[i]);
	if (d.joiner.pid && t > d.joiner.until)
		end(&d.joiner);
	if (t >= d.look_at)
		look();
	if (d.join_at && t >= d.join_at && !d.joiner.pid && d.events)
		join();
}

/* The oldest first. @fds: as they were asked, -1 for whom there was no loader. */
static void clients(const struct pollfd *fds, uint64_t t)
{
	unsigned int i, gone = 0, n = d.n_clients;
	struct child *loader;

	for (i = 0; i < n; i++, fds++) {
		struct client *c = &d.client[i - gone];

		loader = fds->fd < 0 ? NULL : loader_for(c);
		if (!loader)
			continue;
		if (fds->revents) {
			serve(i - gone, loader);
			gone++;
		} else if (t - c->since > SILENT_MS) {
			let_go(c->fd, -ETIMEDOUT, "no request came");
			drop(i - gone);
			gone++;
		}
	}
}

static void quit(void)
{
	unsigned int i;

	for (i = 0; i < LOADERS; i++)
		if (d.loader[i].pid) {
			end(&d.loader[i]);
			submitted_forget(d.loader[i].pid);
		}
	end(&d.joiner);
	unlink(d.socket);
	exit(0);
}

int main(int argc, char **argv)
{
	struct pollfd fds[3 + CLIENTS];
	struct signalfd_siginfo info;
	unsigned int i;
	sigset_t set;

	options(argc, argv);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	d.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (d.signals < 0)
		err(1, "<3>signalfd");
	listen_at(d.socket);
	submitted_sweep();
	fprintf(stderr, "<6>ready at %s\n", d.socket);
	for (;;) {
		bool room = d.n_clients < CLIENTS && d.parting < 2 * PARTING;

		expire(now());
		fds[0] = (struct pollfd){ d.signals, POLLIN, 0 };
		fds[1] = (struct pollfd){ room ? d.listener : -1, POLLIN, 0 };
		fds[2] = (struct pollfd){ d.events ? cham_events__fd(d.events) : -1, POLLIN, 0 };
		for (i = 0; i < d.n_clients; i++)
			fds[3 + i] = (struct pollfd){
				loader_for(&d.client[i]) ? d.client[i].fd : -1, POLLIN, 0
			};
		poll(fds, 3 + d.n_clients, d.join_at ? 100 : 1000);
		while (read(d.signals, &info, sizeof(info)) == sizeof(info))
			if (info.ssi_signo != SIGCHLD)
				quit();
		reap();
		clients(fds + 3, now());
		if (fds[2].revents)
			hear();
		if (fds[1].revents)
			greet();
	}
}
