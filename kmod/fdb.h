/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a MAC address lives, mirrored from Linux' bridges and vxlan devices
 * and added to by netlink.
 *
 * One table; a domain is the ifindex of a bridge or vxlan device, or a
 * tenant's own static entries. Readers: RCU. Writers: a spinlock, because
 * switchdev notifies in atomic context.
 *
 * Switchdev's notifications say where an address is. Of some changes they say
 * nothing (entries that are "master dynamic"), the broadcasts that `bridge monitor`
 * prints do: what contradicts those goes, and the bridge is asked again.
 */
#ifndef CHAM_FDB_H
#define CHAM_FDB_H

#include <linux/if_ether.h>
#include <linux/rhashtable-types.h>
#include "chamelio.h"

struct cham_port;
struct cham_remote;
struct cham_tenant;
struct netlink_ext_ack;
struct nlmsghdr;

struct cham_fdb_key {
	u32	domain;
	u8	mac[ETH_ALEN];
	u16	zero;
};

struct cham_fdb {
	struct rhash_head	head;
	struct cham_fdb_key	key;
	u32			ifindex;	/* bridge, static port: where to */
	struct cham_remote	*remote;	/* vxlan, static: where to */
	u8			source;		/* enum cham_fdb_source */
	u32			round;		/* of replays, that last told it */
	u32			epoch;		/* tenant's, when Linux last saw it; 0: new */
	struct rcu_head		rcu;
};

/* Where a frame for an address goes; filled by cham_fdb_resolve_rcu(). */
struct cham_dest {
	u8	action;		/* enum cham_action */
	u32	slot;		/* of the port or remote */
	u32	ingress;	/* what a packet *from* there arrives with */
	u32	*epoch;		/* the entry's */
};

bool cham_fdb_resolve_rcu(const struct cham_tenant *tenant, const u8 *mac,
			  struct cham_dest *dest);
int cham_fdb_static_add(struct cham_tenant *tenant, const u8 *mac,
			struct cham_port *port, const u8 *addr, u8 family,
			struct netlink_ext_ack *extack);
int cham_fdb_static_del(struct cham_tenant *tenant, const u8 *mac,
			struct netlink_ext_ack *extack);
void cham_fdb_flush_tenant(struct cham_tenant *tenant);
void cham_fdb_flush_tenant_remotes(struct cham_tenant *tenant);
void cham_fdb_flush_port(struct cham_tenant *tenant, struct cham_port *port);
/* RTNL held: what bridges and vxlan devices know, asked again. */
void cham_fdb_replay_begin(void);
void cham_fdb_replay_domain(u32 ifindex, u32 vni, bool ask);
void cham_fdb_replay_end(void);
/* A broadcast about neighbours. Any context. */
void cham_fdb_heard(const struct nlmsghdr *nlh);

/* A look at all entries that may stop and go on. */
struct cham_fdb_walk {
	struct rhashtable_iter iter;
	u32 moved;		/* times the table was made anew: what was seen may come again */
};

void cham_fdb_walk_begin(struct cham_fdb_walk *w);
int cham_fdb_walk_on(struct cham_fdb_walk *w,
		     int (*fn)(const struct cham_fdb *fdb, void *arg), void *arg);
void cham_fdb_walk_end(struct cham_fdb_walk *w);
/* Moves with each entry that comes or goes; never 0. */
u32 cham_fdb_seq(void);
bool cham_fdb_of_tenant(const struct cham_fdb *fdb, const struct cham_tenant *t);
int cham_fdb_init(void);
void cham_fdb_exit(void);
#endif
