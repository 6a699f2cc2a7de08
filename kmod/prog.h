/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tenants' programs: which hooks of a tenant are taken, and the private area
 * that its handlers have for each connection.
 *
 * The code is in the datapath that user space composed; here is only what both
 * have to agree on. A tenant's word says what the lookup tells the datapath:
 * 0 without a program, and never anything in the low byte, which is the lookup's
 * own answer.
 */
#ifndef CHAM_PROG_H
#define CHAM_PROG_H

#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/types.h>
#include "chamelio.h"
#include "chamelio_handler.h"
#include "chamelio_kfunc.h"

struct cham_conn;
struct cham_cpu;
struct cham_tenant;
struct netlink_ext_ack;

#define CHAM_PROG_HEAD	64	/* bytes of a packet that a fault report has */

/* Of the packet whose handler arms a timer: what the timer's event will need. */
struct cham_origin {
	u32 port;		/* slot; the event is on this port */
	u8 macs[12];		/* destination and source */
	u8 dir;			/* direction in the connection */
	bool sent;		/* the port had sent it */
};

/* A connection's private area and what guards it, then its timer. */
struct cham_private {
	u32 layout;		/* the area is of */
	u32 reply_gen;		/* reply is of this generation of the tenant */
	u32 reply;		/* slot of the remote that replies go to */
	spinlock_t lock;	/* CHAM_PROG_SERIAL: one handler at a time */
	struct cham_area area;
	struct cham_conn *conn;
	struct timer_list timer;
	struct cham_origin armed;	/* @lock */
	struct rcu_head rcu;
};

enum cham_prog_state {
	CHAM_PROG_RUNS,
	CHAM_PROG_STOPPING,	/* whoever made it that writes the fault */
	CHAM_PROG_STOPPED,
};

/* Why a program was stopped, as it was found. */
struct cham_prog_fault {
	enum cham_fault why;
	u32 hook;		/* enum cham_hook */
	u32 value;		/* what the handler returned, or the port it named */
	u32 len;		/* bytes of the packet */
	u8 head[CHAM_PROG_HEAD];
	struct cham_area area;
};

struct cham_prog_books {
	u64 dropped[CHAM_DROP_REASONS];	/* by handlers' own reasons */
	u64 events;		/* told */
	u64 events_lost;	/* too many, or nobody listened */
	u64 overruns;		/* runs that took too long */
	u64 since;		/* the tenant's runs here when @streak began */
	u32 streak;		/* overruns since then, at least half of all runs */
};

/**
 * struct cham_prog - a tenant's program
 * @name:    as its owner calls it
 * @version: counts a tenant's loads
 * @layout:  of the areas: another number, other areas
 * @cell:    its place in the composition, 1..CHAM_CELL_MAX
 * @hooks:   bits of enum cham_hook
 * @flags:   bits of enum cham_prog_flag
 * @state:   enum cham_prog_state
 * @fault:   when it is CHAM_PROG_STOPPED; its place is here from the start, because a
 *           fault that nobody could tell would be none
 * @books:   what its handlers did; per CPU
 * @second:  of jiffies, that @told is of
 * @told:    events in that second
 * @rcu:     frees it
 */
struct cham_prog {
	char name[CHAM_PROG_NAME_MAX + 1];
	u32 version;
	u32 layout;
	u8 cell;
	u8 hooks;
	u8 flags;
	u32 state;
	struct cham_prog_fault fault;
	struct cham_prog_books __percpu *books;
	unsigned long second;
	atomic_t told;
	struct rcu_head rcu;
};

static inline u32 cham_prog_word(u8 cell, u8 hooks, u8 flags)
{
	return cell << CHAM_PROG_CELL_SHIFT | hooks << CHAM_PROG_HOOKS_SHIFT |
	       (flags & CHAM_PROG_SERIAL ? CHAM_PROG_WORD_SERIAL : 0);
}

void cham_private_free(struct cham_private *priv);
struct cham_private *cham_private_new(const struct cham_tenant *t, struct cham_conn *conn,
				      const struct cham_private *draft);
struct cham_private *cham_private_get(const struct cham_tenant *t,
				      struct cham_conn *conn, u32 layout);

/* timer.c. BH off. */
void cham_timer_note(struct cham_cpu *cpu, const u8 *macs);
void cham_timer_set(const struct cham_cpu *cpu, struct cham_private *priv, u32 after);
void cham_timer_fire(struct timer_list *timer);

/* RTNL held, may sleep. */
int cham_prog_set(struct cham_tenant *t, const struct cham_prog *want,
		  struct netlink_ext_ack *extack);
void cham_prog_del(struct cham_tenant *t);

/* RCU read side. */
void cham_prog_stop(struct cham_cpu *cpu, const struct cham_private *priv,
		    enum cham_fault why, u32 value);
void cham_prog_overran(struct cham_cpu *cpu, const struct cham_private *priv, u32 cycles);
void cham_prog_count_drop(const struct cham_tenant *t, u32 reason);
u32 cham_prog_event(const struct cham_cpu *cpu, const struct cham_private *priv,
		    u32 event);

int cham_prog_init(void);
void cham_prog_exit(void);
#endif
