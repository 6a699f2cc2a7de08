// SPDX-License-Identifier: GPL-2.0
#include <linux/hashtable.h>
#include <linux/rtnetlink.h>
#include <linux/seqlock.h>
#include <net/netlink.h>

#include "conn.h"
#include "fdb.h"
#include "netlink.h"
#include "netns.h"
#include "policy.h"
#include "port.h"
#include "prog.h"
#include "tenant.h"

struct cham_tenant __rcu *cham_tenants[CHAM_TENANTS_MAX];

DEFINE_HASHTABLE(cham_vnis, CHAM_VNI_BITS);	/* writers: RTNL */
static LIST_HEAD(cham_tenant_list);	/* writers: RTNL */

/* Whose are a bridge's and a vxlan device's addresses; writers: RTNL. A tenant goes from
 * chain to chain without a grace period: whom it took along looks again.
 */
static DEFINE_HASHTABLE(cham_bridges, 10);
static DEFINE_HASHTABLE(cham_vxlans, 10);
static DEFINE_SEQLOCK(cham_domain_lock);

struct cham_tenant *cham_tenant_get(u32 id)
{
	ASSERT_RTNL();
	return id < CHAM_TENANTS_MAX ? rtnl_dereference(cham_tenants[id]) : NULL;
}

struct cham_tenant *cham_tenant_by_name(const char *name)
{
	struct cham_tenant *t;

	ASSERT_RTNL();
	list_for_each_entry(t, &cham_tenant_list, node)
		if (!strcmp(t->name, name))
			return t;
	return NULL;
}

/* Iterates in order of creation; NULL starts and ends. */
struct cham_tenant *cham_tenant_next(struct cham_tenant *tenant)
{
	ASSERT_RTNL();
	if (!tenant)
		return list_first_entry_or_null(&cham_tenant_list,
						struct cham_tenant, node);
	if (list_is_last(&tenant->node, &cham_tenant_list))
		return NULL;
	return list_next_entry(tenant, node);
}

static int cham_tenant_check(const struct cham_tenant *self,
			     const struct cham_tenant_cfg *cfg,
			     struct netlink_ext_ack *extack)
{
	struct cham_tenant *other;

	if (!cfg->vni || cfg->vni >= 1 << 24) {
		NL_SET_ERR_MSG_FMT(extack, "vni %u is out of range, 1..16777215",
				   cfg->vni);
		return -ERANGE;
	}
	if (!cfg->weight || cfg->weight > 10000) {
		NL_SET_ERR_MSG_FMT(extack, "weight %u is out of range, 1..10000",
				   cfg->weight);
		return -ERANGE;
	}
	other = cham_tenant_by_vni_rcu(cfg->vni);
	if (other && other != self) {
		NL_SET_ERR_MSG_FMT(extack, "vni %u belongs to tenant %s",
				   cfg->vni, other->name);
		return -EEXIST;
	}
	return 0;
}

struct cham_tenant *cham_tenant_new(const char *name,
				    const struct cham_tenant_cfg *cfg,
				    struct netlink_ext_ack *extack)
{
	static u32 last;	/* under RTNL */
	struct cham_tenant *t;
	u32 id, n;
	int err;

	ASSERT_RTNL();
	if (!*name || strpbrk(name, " \t\n/")) {
		NL_SET_ERR_MSG(extack,
			       "name must be 1..31 characters without blanks and slashes");
		return ERR_PTR(-EINVAL);
	}
	if (cham_tenant_by_name(name)) {
		NL_SET_ERR_MSG_FMT(extack, "tenant %s exists already", name);
		return ERR_PTR(-EEXIST);
	}
	err = cham_tenant_check(NULL, cfg, extack);
	if (err)
		return ERR_PTR(err);
	/* Not soon again one that has been: who still means that tenant by its number, as a
	 * program that is being compiled, shall find nobody.
	 */
	for (n = 1; n < CHAM_TENANTS_MAX; n++) {
		id = 1 + (last + n - 1) % (CHAM_TENANTS_MAX - 1);
		if (!rtnl_dereference(cham_tenants[id]))
			break;
	}
	if (n == CHAM_TENANTS_MAX) {
		NL_SET_ERR_MSG_FMT(extack, "%u tenants exist, the most there can be",
				   CHAM_TENANTS_MAX - 1);
		return ERR_PTR(-ENOSPC);
	}
	t = kzalloc(sizeof(*t), GFP_KERNEL);
	if (!t)
		return ERR_PTR(-ENOMEM);
	t->ledger = alloc_percpu(struct cham_ledger);
	if (!t->ledger) {
		kfree(t);
		return ERR_PTR(-ENOMEM);
	}
	t->id = id;
	t->key = cham_conn_key_tenant(id);
	atomic_set(&t->gen, 1);
	t->cfg = *cfg;
	t->blocked = BIT(CHAM_BLOCK_NO_FDB);
	t->ageing = 300 * HZ;
	t->epoch = 1;
	t->epoch_began = jiffies;
	strscpy(t->name, name, sizeof(t->name));
	last = id;
	list_add_tail_rcu(&t->node, &cham_tenant_list);
	hash_add_rcu(cham_vnis, &t->by_vni, cfg->vni);
	rcu_assign_pointer(cham_tenants[id], t);
	cham_policy_dirty(t);
	cham_nl_tenant_event(CHAM_CMD_TENANT_NTF, t);
	return t;
}

int cham_tenant_set(struct cham_tenant *t, const struct cham_tenant_cfg *cfg,
		    struct netlink_ext_ack *extack)
{
	int err = cham_tenant_check(t, cfg, extack);

	if (err)
		return err;
	if (cfg->max_ports < t->ports) {
		NL_SET_ERR_MSG_FMT(extack, "max-ports %u is less than the %u in use",
				   cfg->max_ports, t->ports);
		return -EBUSY;
	}
	if (cfg->vni != t->cfg.vni) {
		/* Readers may miss the tenant in between: the slow path has it. */
		hash_del_rcu(&t->by_vni);
		synchronize_net();
		t->cfg = *cfg;
		hash_add_rcu(cham_vnis, &t->by_vni, cfg->vni);
		cham_fdb_flush_tenant_remotes(t);
	} else {
		t->cfg = *cfg;
	}
	cham_policy_dirty(t);
	cham_nl_tenant_event(CHAM_CMD_TENANT_NTF, t);
	return 0;
}

static int cham_tenant_unbind_one(struct cham_port *port, void *arg)
{
	if (cham_port_tenant_rcu(port) == arg)
		cham_tenant_unbind(port);
	return 0;
}

/**
 * cham_tenant_del() - remove a tenant
 * @t:      the tenant
 * @force:  unbind its ports first instead of refusing
 * @extack: receives the reason of a refusal
 *
 * Drains in order: ports leave, no new packet finds the tenant, connections
 * and static FDB entries go, then the memory.
 *
 * Context: RTNL held, may sleep. Return: 0 or -EBUSY.
 */
int cham_tenant_del(struct cham_tenant *t, bool force,
		    struct netlink_ext_ack *extack)
{
	ASSERT_RTNL();
	if (t->ports && !force) {
		NL_SET_ERR_MSG_FMT(extack,
				   "tenant %s has %u port(s); unbind them or say force",
				   t->name, t->ports);
		return -EBUSY;
	}
	if (t->ports)
		cham_port_for_each(cham_tenant_unbind_one, t);
	hash_del_rcu(&t->by_vni);
	cham_tenant_set_domains(t, 0, 0);
	list_del_rcu(&t->node);
	RCU_INIT_POINTER(cham_tenants[t->id], NULL);
	synchronize_net();
	cham_prog_del(t);
	cham_conn_flush(t->id);
	cham_fdb_flush_tenant(t);
	cham_netns_unbind(t);
	cham_nl_tenant_event(CHAM_CMD_TENANT_DEL_NTF, t);
	synchronize_net();
	free_percpu(t->ledger);
	kfree(t);
	return 0;
}

int cham_tenant_bind(struct cham_tenant *t, struct cham_port *port,
		     struct netlink_ext_ack *extack)
{
	struct cham_tenant *old = cham_port_tenant_rcu(port);

	ASSERT_RTNL();
	if (old == t)
		return 0;
	if (old) {
		NL_SET_ERR_MSG_FMT(extack, "port belongs to tenant %s; unbind it first",
				   old->name);
		return -EBUSY;
	}
	if (t->ports >= t->cfg.max_ports) {
		NL_SET_ERR_MSG_FMT(extack, "tenant %s has its max-ports of %u",
				   t->name, t->cfg.max_ports);
		cham_nl_quota_event(t, CHAM_TENANT_MAX_PORTS);
		return -EDQUOT;
	}
	t->ports++;
	cham_port_bind(port, t);
	cham_policy_dirty(t);
	cham_nl_port_event(CHAM_CMD_PORT_NTF, port);
	return 0;
}

void cham_tenant_unbind(struct cham_port *port)
{
	struct cham_tenant *t = cham_port_tenant_rcu(port);

	ASSERT_RTNL();
	if (!t)
		return;
	cham_port_bind(port, NULL);
	if (cham_tenant_is_slow(t, cham_port_slot(port)))
		WRITE_ONCE(t->slow, 0);
	cham_policy_dirty(t);
	cham_fdb_flush_port(t, port);
	t->ports--;
	cham_nl_port_event(CHAM_CMD_PORT_NTF, port);
}

/**
 * cham_tenant_set_slow() - make a port its tenant's slow path, or an end point again
 * @port:   port
 * @slow:   which
 * @extack: receives the reason of a refusal
 *
 * Context: RTNL held. Return: 0, -ENOTCONN without a tenant, or -EBUSY.
 */
int cham_tenant_set_slow(struct cham_port *port, bool slow,
			 struct netlink_ext_ack *extack)
{
	struct cham_tenant *t = cham_port_tenant_rcu(port);
	u32 slot = cham_port_slot(port);
	struct cham_port *other;

	ASSERT_RTNL();
	if (!t) {
		NL_SET_ERR_MSG_FMT(extack, "%s belongs to no tenant; bind it first",
				   cham_port_dev(port)->name);
		return -ENOTCONN;
	}
	if (cham_tenant_is_slow(t, slot) == slow)
		return 0;
	other = slow ? cham_port_by_slot_rcu(t->slow) : NULL;
	if (other) {
		NL_SET_ERR_MSG_FMT(extack,
				   "tenant %s has a slow port, %s; make that a guest's first",
				   t->name, cham_port_dev(other)->name);
		return -EBUSY;
	}
	WRITE_ONCE(t->slow, slow ? slot : 0);
	cham_port_event_changed(port);
	return 0;
}

/**
 * cham_tenant_set_domains() - where a tenant's addresses are learned
 * @t:      the tenant
 * @bridge: ifindex, 0 for none
 * @vxlan:  ifindex, 0 for none
 *
 * A walk meanwhile may miss it: whoever changes them invalidates the tenant afterwards.
 *
 * Context: RTNL held.
 */
void cham_tenant_set_domains(struct cham_tenant *t, u32 bridge, u32 vxlan)
{
	ASSERT_RTNL();
	if (bridge == t->bridge && vxlan == t->vxlan)
		return;
	write_seqlock_bh(&cham_domain_lock);
	hash_del_rcu(&t->by_bridge);
	hash_del_rcu(&t->by_vxlan);
	/* Who asks a domain is by then among those that hear of its changes. */
	if (bridge)
		hash_add_rcu(cham_bridges, &t->by_bridge, bridge);
	if (vxlan)
		hash_add_rcu(cham_vxlans, &t->by_vxlan, vxlan);
	WRITE_ONCE(t->vxlan, vxlan);
	WRITE_ONCE(t->bridge, bridge);
	write_sequnlock_bh(&cham_domain_lock);
}

/* Begins again when a tenant has come or gone meanwhile. */
static void cham_tenant_walk_domain(void (*fn)(struct cham_tenant *tenant), u32 domain)
{
	struct cham_tenant *t;
	unsigned int seq;

	do {
		seq = read_seqbegin(&cham_domain_lock);
		hash_for_each_possible_rcu(cham_bridges, t, by_bridge, domain)
			if (READ_ONCE(t->bridge) == domain)
				fn(t);
		hash_for_each_possible_rcu(cham_vxlans, t, by_vxlan, domain)
			if (READ_ONCE(t->vxlan) == domain)
				fn(t);
	} while (read_seqretry(&cham_domain_lock, seq));
}

/**
 * cham_tenant_walk_rcu() - of a forwarding domain, or all
 * @fn:     what to do with each, perhaps twice
 * @domain: ifindex of the bridge or vxlan device it belongs to; 0: of all tenants
 *
 * Only the tenants of that domain re-resolve, and only they are looked at, as each
 * address that a bridge learns comes here: another tenant's churn must not cost anybody
 * else. Context: any.
 */
void cham_tenant_walk_rcu(void (*fn)(struct cham_tenant *tenant), u32 domain)
{
	struct cham_tenant *t;

	rcu_read_lock();
	if (domain)
		cham_tenant_walk_domain(fn, domain);
	else
		list_for_each_entry_rcu(t, &cham_tenant_list, node)
			fn(t);
	rcu_read_unlock();
}

int cham_tenant_init(void)
{
	hash_init(cham_vnis);
	return 0;
}

void cham_tenant_exit(void)
{
	struct cham_tenant *t;

	rtnl_lock();
	while ((t = cham_tenant_next(NULL)))
		cham_tenant_del(t, true, NULL);
	rtnl_unlock();
}

/* ---- what the port room tells us ---- */

void cham_port_event_broken(struct cham_port *port, const char *why)
{
	cham_nl_broken_event(port);
}

void cham_port_event_changed(struct cham_port *port)
{
	cham_policy_dirty_dev(cham_port_dev(port));
	cham_nl_port_event(CHAM_CMD_PORT_NTF, port);
}

void cham_port_event_removing(struct cham_port *port)
{
	cham_tenant_unbind(port);
	cham_nl_port_event(CHAM_CMD_PORT_DEL_NTF, port);
}
