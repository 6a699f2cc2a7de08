/* SPDX-License-Identifier: GPL-2.0 */
/* What the relay's fast path (relay.bpf.c) and slow path (relayd.c) agree on. */
#ifndef CHAM_RELAY_H
#define CHAM_RELAY_H

#include <linux/types.h>

#define RELAY_PORT	9300	/* where clients send to */
#define RELAY_TOKEN	8	/* bytes, at the end of what clients send and get */
#define RELAY_TRIES	3	/* unanswered questions before a client counts as gone */

enum relay_side {
	RELAY_NONE,
	RELAY_OUTSIDE,		/* client and relay */
	RELAY_INSIDE,		/* client and server */
};

/* The area of each of a session's two connections. */
struct relay {
	__u64	token;
	__u32	side;		/* enum relay_side */
	__u32	addr;		/* outside: the server's, inside: the relay's; network order */
	__u16	port;		/* with that; network order */
	__u16	end;		/* outside: the relay's port, inside: the server's */
	__u32	ifindex;	/* outside: the server's representor */
	__u32	silence;	/* outside: ms after which a client is asked */
	__u32	asked;		/* outside: questions since it last said something */
	__u16	mac[3];		/* outside: the server's */
	__u16	pad;
};

/* Why packets are dropped. */
enum relay_drop {
	RELAY_DROP_SHORT,	/* no token */
	RELAY_DROP_TOKEN,	/* not the session's */
	RELAY_DROP_ROOM,	/* cannot be resized */
};

/* What the slow path is told. */
enum relay_event {
	RELAY_GONE = 1,		/* no answer to any question */
};

#endif
