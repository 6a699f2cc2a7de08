/* SPDX-License-Identifier: GPL-2.0 */
/* Tenants: identity, quotas, generation, and their per-CPU books. */
#ifndef CHAM_TENANT_H
#define CHAM_TENANT_H

#include <linux/hashtable.h>
#include <linux/netdevice.h>
#include "chamelio.h"
#include "ledger.h"

#define CHAM_TENANTS_MAX	2048	/* cham_tuple.tenant */

struct net;
struct netlink_ext_ack;
struct cham_port;
struct cham_prog;

/**
 * struct cham_tenant_cfg - what netlink may set
 * @vni:       VXLAN network identifier, unique, 1..2^24-1
 * @weight:    share of a CPU under contention, 1..10000
 * @max_conns: quota of cached connections
 * @max_ports: quota of bound ports
 * @max_fdb:   quota of static FDB entries
 * @max_cycles: what one run of a handler may cost
 * @dscp_pipe: true keeps the outer DSCP at zero (RFC 2983 pipe model)
 */
struct cham_tenant_cfg {
	u32 vni;
	u32 weight;
	u32 max_cycles;			/* in the line that packets read */
	u32 max_conns;
	u32 max_ports;
	u32 max_fdb;
	bool dscp_pipe;
};

struct cham_tenant {
	/* Read for every packet; written only by configuration. */
	u32 id;				/* also the slot, 1..CHAM_TENANTS_MAX-1 */
	atomic_t gen;			/* conns of another generation re-resolve */
	u32 epoch;			/* moves four times in an FDB ageing time */
	u32 blocked;			/* BIT(CHAM_BLOCK_*) of the way to the wire */
	u32 prog;			/* cham_prog_word(); 0: no handler runs */
	u32 slow;			/* slot of its slow port, 0 none */
	atomic_t marks;			/* changes that policy.c is to look at */
	u32 looked;			/* @marks, when it last began to and has ended */
	u64 key;			/* last word of a tuple with the id alone */
	struct cham_ledger __percpu *ledger;
	struct cham_tenant_cfg cfg;
	atomic_t unseen;		/* packets that no handler was shown; read by each */

	/* Written on connection set-up and tear-down. */
	atomic_t conns ____cacheline_aligned_in_smp;
	atomic_t fdbs;
	unsigned long last_miss_ntf;	/* jiffies, rate limit of miss events */
	unsigned long last_quota_ntf;

	/* Cold; RTNL. */
	u32 bridge;			/* ifindex of the bridge behind the vxlan device */
	u32 vxlan;			/* ifindex of the vxlan device, 0 none */
	struct hlist_node by_bridge;	/* where these two are not 0 */
	struct hlist_node by_vxlan;
	struct net __rcu *net;		/* bound to it, or NULL */
	struct cham_prog __rcu *program;
	u32 prog_version;		/* loads so far */
	u32 ports;
	unsigned long ageing;		/* jiffies, shortest of bridge and vxlan */
	unsigned long epoch_began;	/* jiffies */
	struct net_device *vxlan_dev;	/* these four: valid while policy.c looks */
	struct net_device *bridge_dev;
	u32 looks;			/* @marks, when it began to look */
	bool changed;
	char name[CHAM_NAME_MAX + 1];
	struct hlist_node by_vni;
	struct list_head node;
};

/* A packet passes an end point and no handler: they are told of it before it is there. */
static inline void cham_tenant_unseen(struct cham_tenant *t)
{
	if (READ_ONCE(t->prog))
		atomic_inc(&t->unseen);
}

/* Whether policy.c has not looked at all of it since a change. */
static inline bool cham_tenant_dirty(const struct cham_tenant *t)
{
	/* What it found is there before it says so. */
	return smp_load_acquire(&t->looked) != atomic_read(&t->marks);
}

extern struct cham_tenant __rcu *cham_tenants[CHAM_TENANTS_MAX];

/* Context: RCU read side. Return: NULL when @id is not in use. */
static inline struct cham_tenant *cham_tenant_rcu(u32 id)
{
	return id < CHAM_TENANTS_MAX ? rcu_dereference(cham_tenants[id]) : NULL;
}

#define CHAM_VNI_BITS	8
extern struct hlist_head cham_vnis[1 << CHAM_VNI_BITS];

/**
 * cham_tenant_by_vni_rcu() - whose packet is this
 * @vni: VXLAN network identifier, host order
 *
 * Context: RCU read side. Return: NULL when no tenant has it.
 */
static inline struct cham_tenant *cham_tenant_by_vni_rcu(u32 vni)
{
	struct cham_tenant *t;

	hash_for_each_possible_rcu(cham_vnis, t, by_vni, vni)
		if (t->cfg.vni == vni)
			return t;
	return NULL;
}

/* All below: RTNL held. */
struct cham_tenant *cham_tenant_get(u32 id);
struct cham_tenant *cham_tenant_by_name(const char *name);
struct cham_tenant *cham_tenant_next(struct cham_tenant *tenant);
struct cham_tenant *cham_tenant_new(const char *name,
				    const struct cham_tenant_cfg *cfg,
				    struct netlink_ext_ack *extack);
int cham_tenant_set(struct cham_tenant *tenant,
		    const struct cham_tenant_cfg *cfg,
		    struct netlink_ext_ack *extack);
int cham_tenant_del(struct cham_tenant *tenant, bool force,
		    struct netlink_ext_ack *extack);
int cham_tenant_bind(struct cham_tenant *tenant, struct cham_port *port,
		     struct netlink_ext_ack *extack);
void cham_tenant_unbind(struct cham_port *port);
int cham_tenant_set_slow(struct cham_port *port, bool slow,
			 struct netlink_ext_ack *extack);
void cham_tenant_set_domains(struct cham_tenant *t, u32 bridge, u32 vxlan);

/**
 * cham_tenant_is_slow() - whether a port is its tenant's slow path
 * @tenant: the port's
 * @slot:   cham_port_slot()
 *
 * What it sends is from the tenant, whoever's address it has: it is not learned, and
 * no handler sees it.
 */
static inline bool cham_tenant_is_slow(const struct cham_tenant *tenant, u32 slot)
{
	return READ_ONCE(tenant->slow) == slot;
}

/* Any context. After it returns no packet follows what was cached before. */
static inline void cham_tenant_invalidate(struct cham_tenant *tenant)
{
	/* What has changed is seen by whoever sees the new one; two at once are two: to the
	 * second it could be the number that somebody has resolved by between them.
	 */
	smp_mb__before_atomic();
	atomic_inc(&tenant->gen);
}

void cham_tenant_walk_rcu(void (*fn)(struct cham_tenant *tenant), u32 domain);

static inline void cham_tenant_invalidate_domain(u32 ifindex)
{
	cham_tenant_walk_rcu(cham_tenant_invalidate, ifindex);
}

int cham_tenant_init(void);
void cham_tenant_exit(void);
#endif
