/* SPDX-License-Identifier: GPL-2.0 */
/* What the counting program and the tool that loads it share. */
#ifndef BENCH_H
#define BENCH_H

#include <linux/types.h>

/* Whose instructions: by the network namespace they ran for. */
enum bench_who {
	BENCH_HOST,	/* host A: the initial namespace */
	BENCH_GUEST,	/* the tenants' ends */
	BENCH_REMOTE,	/* host B */
	BENCH_NOBODY,	/* timers, tails of softirqs, kernel threads */
	BENCH_IDLE,
	BENCH_SOFTIRQ,	/* not known until a poll ends */
	BENCH_WHO_MASK = 7
};

#define BENCH_SPACES	16

struct bench_space {
	__u32 inum;	/* of the namespace; 0 ends the table */
	__u32 who;
};

struct bench_books {
	__u64 stamp;			/* clock at the last boundary */
	__u64 task;			/* whose task runs; or a softirq */
	__u64 ran[BENCH_WHO_MASK + 1];		/* by tasks */
	__u64 spent[BENCH_WHO_MASK + 1];	/* by softirqs */
	__u64 polled[BENCH_WHO_MASK + 1];	/* packets that NAPI polls reported */
	__u64 polls[BENCH_WHO_MASK + 1];
};

struct bench_shared {
	struct bench_books books;
	struct bench_space spaces[BENCH_SPACES];
};

/* An instruction that does nothing, but lines.c looks for it. */
#define BENCH_MARK	"\x0f\x1f\x84\x00\x43\x48\x41\x4d"

/* What lookup.bpf.c is told and tells. */
#define BENCH_LOOKUPS	2048	/* a run */

struct bench_lookup {
	__u8	macs[12];
	__u32	vni;
	__u32	outer_src;
	__u32	stride;		/* from one source to the next */
	__u32	mask;		/* of sources */
	__u32	live;		/* 0: the loop alone */
	__u64	made;		/* lookups that forwarded while stride was 1 */
	__u64	hits;
};

#endif
