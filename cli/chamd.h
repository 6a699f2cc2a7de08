/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of chamd share. */
#ifndef CHAMD_H
#define CHAMD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cham.h"
#include "submit.h"

#ifndef CHAM_OBJDIR
#define CHAM_OBJDIR "/usr/lib/chamelio"
#endif

/* ---- chamd_peer.c: who is it? ------------------------------------------ */

struct peer {
	int netns;		/* descriptor of its network namespace */
	uint64_t netns_ino;
	bool provider;		/* it is ours */
};

/* Return: 0; -EPERM and why not. */
int peer_get(int fd, struct peer *p, char *why, size_t size);

/* ---- chamd_load.c: in a child ------------------------------------------- */

/* Receives a client's request, carries it out and replies. */
void serve_client(int client, const struct peer *p, const char *objdir)
	__attribute__((noreturn));
/* What such a child has left behind that could not do it itself. */
void submitted_forget(pid_t pid);
/* What those of one that died itself have left. */
void submitted_sweep(void);
/* The last word, and the process's end: what is unread when the socket closes would be a
 * reset at the other end, which hears of that before it has read why. So nothing more comes,
 * and what came is read, as far as that does not take long.
 */
void part(int client, int err, const char *why) __attribute__((noreturn));

#endif
