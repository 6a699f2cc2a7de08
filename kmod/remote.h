/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A remote tunnel end point as one VNI sees it: the ready-made outer header,
 * shared by all connections that go there. Counted by FDB entries; a conn
 * refers to it by slot and its generation tells when that is stale.
 */
#ifndef CHAM_REMOTE_H
#define CHAM_REMOTE_H

#include <linux/refcount.h>
#include <linux/types.h>
#include "chamelio_kfunc.h"
#include "encap.h"

#define CHAM_REMOTES_MAX	16384

/* Longest frame that is put together here; four pages with all around it. */
#define CHAM_XMIT_MAX	(3 * 4096)

struct cham_outer {
	u8	hdr[CHAM_OUTER6];	/* as cham_encap() wants it */
	u16	len;
	u8	family;			/* 4 or 6 */
	bool	tso;			/* the uplink segments in this tunnel */
	u32	ifindex;		/* uplink */
	u32	inner_mtu;		/* largest inner IP packet that fits */
	struct rcu_head rcu;
};

struct cham_remote {
	struct cham_outer __rcu *outer;	/* NULL: no route or neighbour */
	u32	slot;
	u32	vni;
	u32	fold;			/* cham_remote_fold() of @addr */
	u8	family;
	u8	addr[16];
	const struct neigh_table *tbl;	/* neighbour asked for, to match events */
	u8	nexthop[16];
	int	ifindex;
	u32	events;			/* that make what was read before them old */
	refcount_t refs;
	bool	dead;
	struct hlist_node node;
	struct rcu_head rcu;
};

extern struct cham_remote __rcu *cham_remotes[CHAM_REMOTES_MAX];

static inline struct cham_remote *cham_remote_rcu(u32 slot)
{
	return slot < CHAM_REMOTES_MAX ? rcu_dereference(cham_remotes[slot]) : NULL;
}

/* The 32 bits of an end point's address a connection remembers. */
static inline u32 cham_remote_fold(const u8 *addr, u8 family)
{
	const u32 *w = (const u32 *)addr;

	return family == 4 ? w[0] : w[0] ^ w[1] ^ w[2] ^ w[3];
}

struct cham_remote *cham_remote_get(u32 vni, const u8 *addr, u8 family);
void cham_remote_put(struct cham_remote *remote);
void cham_remote_invalidate_all(void);
u32 cham_remote_total(void);
int cham_remote_init(void);
void cham_remote_exit(void);
#endif
