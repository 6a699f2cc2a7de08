// SPDX-License-Identifier: GPL-2.0
#include <linux/etherdevice.h>
#include <linux/moduleparam.h>
#include <linux/rhashtable.h>
#include <linux/rtnetlink.h>
#include <net/switchdev.h>
#include <net/vxlan.h>

#include "fdb.h"
#include "netlink.h"
#include "policy.h"
#include "port.h"
#include "remote.h"
#include "tenant.h"

static unsigned int fdb_max = 131072;
module_param(fdb_max, uint, 0644);
MODULE_PARM_DESC(fdb_max, "mirrored FDB entries in all; what is over takes the slow path");

static struct rhashtable cham_fdb_table;
static DEFINE_SPINLOCK(cham_fdb_lock);	/* serialises writers */
static u32 cham_fdb_changes;		/* under cham_fdb_lock */
static bool cham_fdb_replaying;		/* under RTNL and cham_fdb_lock */

/* Static entries live in a domain no ifindex can be. */
#define CHAM_FDB_DOMAIN_STATIC	0x80000000u

static const struct rhashtable_params cham_fdb_params = {
	.head_offset = offsetof(struct cham_fdb, head),
	.key_offset = offsetof(struct cham_fdb, key),
	.key_len = sizeof(struct cham_fdb_key),
	.automatic_shrinking = true,
};

static struct cham_fdb *cham_fdb_find(u32 domain, const u8 *mac)
{
	struct cham_fdb_key key = { .domain = domain };

	ether_addr_copy(key.mac, mac);
	return rhashtable_lookup(&cham_fdb_table, &key, cham_fdb_params);
}

static bool cham_fdb_dest_remote(const struct cham_tenant *tenant,
				 const struct cham_fdb *fdb,
				 struct cham_dest *dest)
{
	if (!fdb || fdb->opaque || !fdb->remote || READ_ONCE(tenant->blocked))
		return false;
	dest->action = CHAM_ACTION_REMOTE;
	dest->slot = fdb->remote->slot;
	dest->ingress = fdb->remote->fold;
	return true;
}

static bool cham_fdb_dest_port(const struct cham_tenant *tenant, u32 ifindex,
			       struct cham_dest *dest)
{
	struct net_device *dev = dev_get_by_index_rcu(&init_net, ifindex);
	struct cham_port *port = dev ? cham_port_from_dev(dev) : NULL;

	if (!port || cham_port_tenant_rcu(port) != tenant ||
	    cham_port_blocked(port))
		return false;
	dest->action = CHAM_ACTION_PORT;
	dest->slot = cham_port_slot(port);
	dest->ingress = ifindex;
	return true;
}

/**
 * cham_fdb_resolve_rcu() - where does this address live
 * @tenant: whose
 * @mac:    unicast address
 * @dest:   receives the answer
 *
 * Asks the tenant's static entries, then its bridge, then the vxlan device
 * behind the bridge: the way a frame takes through Linux.
 *
 * Context: RCU read side. Return: false when unknown, not one place, or a
 * place that may not be cached.
 */
bool cham_fdb_resolve_rcu(const struct cham_tenant *tenant, const u8 *mac,
			  struct cham_dest *dest)
{
	u32 vxlan = READ_ONCE(tenant->vxlan), bridge = READ_ONCE(tenant->bridge);
	struct cham_fdb *fdb;

	fdb = cham_fdb_find(CHAM_FDB_DOMAIN_STATIC | tenant->id, mac);
	if (fdb) {
		dest->epoch = &fdb->epoch;
		return fdb->remote ? cham_fdb_dest_remote(tenant, fdb, dest) :
				     cham_fdb_dest_port(tenant, fdb->ifindex, dest);
	}
	if (!bridge)
		return false;
	fdb = cham_fdb_find(bridge, mac);
	if (!fdb)
		return false;
	dest->epoch = &fdb->epoch;
	if (fdb->ifindex != vxlan)
		return cham_fdb_dest_port(tenant, fdb->ifindex, dest);
	return cham_fdb_dest_remote(tenant, cham_fdb_find(vxlan, mac), dest);
}

static void cham_fdb_free(struct cham_fdb *fdb)
{
	if (fdb->remote)
		cham_remote_put(fdb->remote);
	kfree_rcu(fdb, rcu);
}

/* cham_fdb_lock held. Generation moves first, then the entry goes. Return: whether it
 * was there: who found it without the lock may be late.
 */
static bool cham_fdb_remove(struct cham_fdb *fdb)
{
	lockdep_assert_held(&cham_fdb_lock);
	if (rhashtable_remove_fast(&cham_fdb_table, &fdb->head, cham_fdb_params))
		return false;
	WRITE_ONCE(cham_fdb_changes, cham_fdb_changes + 1);
	cham_fdb_free(fdb);
	return true;
}

/* cham_fdb_lock held. Consumes the reference to @remote. */
static int cham_fdb_put(u32 domain, const u8 *mac, u8 source, u32 ifindex,
			struct cham_remote *remote, bool opaque)
{
	struct cham_fdb *old, *fdb;
	int err;

	lockdep_assert_held(&cham_fdb_lock);
	if (atomic_read(&cham_fdb_table.nelems) >= READ_ONCE(fdb_max)) {
		err = -ENOSPC;
		goto err_put;
	}
	fdb = kzalloc(sizeof(*fdb), GFP_ATOMIC | __GFP_NOWARN);
	if (!fdb) {
		err = -ENOMEM;
		goto err_put;
	}
	fdb->key.domain = domain;
	ether_addr_copy(fdb->key.mac, mac);
	fdb->ifindex = ifindex;
	fdb->remote = remote;
	fdb->source = source;
	fdb->opaque = opaque;

	rcu_read_lock();
	old = cham_fdb_find(domain, mac);
	if (old)
		err = rhashtable_replace_fast(&cham_fdb_table, &old->head,
					      &fdb->head, cham_fdb_params);
	else
		err = rhashtable_insert_fast(&cham_fdb_table, &fdb->head,
					     cham_fdb_params);
	rcu_read_unlock();
	if (err) {
		kfree(fdb);
		goto err_put;
	}
	if (old)
		cham_fdb_free(old);
	else
		WRITE_ONCE(cham_fdb_changes, cham_fdb_changes + 1);
	return 0;
err_put:
	/* Stale knowledge is worse than none. */
	rcu_read_lock();
	old = cham_fdb_find(domain, mac);
	rcu_read_unlock();
	if (old)
		cham_fdb_remove(old);
	if (remote)
		cham_remote_put(remote);
	return err;
}

static void cham_fdb_del(u32 domain, const u8 *mac)
{
	struct cham_fdb *fdb;

	rcu_read_lock();
	fdb = cham_fdb_find(domain, mac);
	if (fdb)
		cham_fdb_remove(fdb);
	rcu_read_unlock();
}

static void cham_fdb_bridge_event(unsigned long event, struct net_device *dev,
				  const struct switchdev_notifier_fdb_info *info)
{
	struct net_device *master;
	u32 domain;

	/* Entries of a VLAN matter only with filtering, which blocks caching. */
	if (info->vid)
		return;
	rcu_read_lock();
	master = netdev_master_upper_dev_get_rcu(dev);
	domain = master ? master->ifindex : dev->ifindex;
	rcu_read_unlock();

	spin_lock_bh(&cham_fdb_lock);
	/* An address of the host itself is for Linux: no entry, a miss. */
	if (event == SWITCHDEV_FDB_ADD_TO_DEVICE && !info->is_local && master)
		cham_fdb_put(domain, info->addr, CHAM_FDB_BRIDGE, dev->ifindex,
			     NULL, false);
	else
		cham_fdb_del(domain, info->addr);
	spin_unlock_bh(&cham_fdb_lock);
	cham_tenant_invalidate_domain(domain);
}

static void cham_fdb_vxlan_event(unsigned long event, struct net_device *dev,
				 const struct switchdev_notifier_vxlan_fdb_info *info)
{
	u8 family = info->remote_ip.sa.sa_family == AF_INET6 ? 6 : 4;
	u32 vni = be32_to_cpu(info->vni), domain = dev->ifindex;
	const struct vxlan_dev *vx = netdev_priv(dev);
	struct cham_remote *remote = NULL;
	struct cham_fdb *old;
	bool opaque = false;
	u8 addr[16] = {};

	/* The all-zeroes entry is for flooding, which Linux does. */
	if (is_zero_ether_addr(info->eth_addr))
		return;
	if (family == 6)
		memcpy(addr, &info->remote_ip.sin6.sin6_addr, 16);
	else
		memcpy(addr, &info->remote_ip.sin.sin_addr, 4);
	if (!memchr_inv(addr, 0, sizeof(addr)) || info->remote_vni != info->vni ||
	    info->remote_port != vx->cfg.dst_port || info->remote_ifindex)
		opaque = true;		/* a nexthop group, or not our tunnel */

	spin_lock_bh(&cham_fdb_lock);
	rcu_read_lock();
	old = cham_fdb_find(domain, info->eth_addr);
	if (event == SWITCHDEV_VXLAN_FDB_DEL_TO_DEVICE) {
		if (old && old->opaque)
			cham_policy_dirty_domain(domain);	/* asks the device again */
		else if (old)
			cham_fdb_remove(old);
		goto out;
	}
	if (!opaque)
		remote = cham_remote_get(vni, addr, family);
	if (old && old->remote != remote && cham_fdb_replaying)
		opaque = true;		/* really several remotes */
	else if (old && old->remote && old->remote != remote && info->added_by_user) {
		/* Moved or appended: the notification does not tell. */
		opaque = true;
		cham_policy_dirty_domain(domain);
	}
	if (opaque && remote) {
		cham_remote_put(remote);
		remote = NULL;
	}
	cham_fdb_put(domain, info->eth_addr, CHAM_FDB_VXLAN, 0, remote,
		     opaque || !remote);
out:
	rcu_read_unlock();
	spin_unlock_bh(&cham_fdb_lock);
	cham_tenant_invalidate_domain(domain);
}

static int cham_fdb_switchdev(struct notifier_block *nb, unsigned long event,
			      void *ptr)
{
	struct net_device *dev = switchdev_notifier_info_to_dev(ptr);

	if (!net_eq(dev_net(dev), &init_net))
		return NOTIFY_DONE;
	switch (event) {
	case SWITCHDEV_FDB_ADD_TO_DEVICE:
	case SWITCHDEV_FDB_DEL_TO_DEVICE:
		cham_fdb_bridge_event(event, dev, ptr);
		break;
	case SWITCHDEV_VXLAN_FDB_ADD_TO_DEVICE:
	case SWITCHDEV_VXLAN_FDB_DEL_TO_DEVICE:
		cham_fdb_vxlan_event(event, dev, ptr);
		break;
	case SWITCHDEV_PORT_ATTR_SET:
		cham_policy_dirty_dev(dev);
		break;
	}
	return NOTIFY_DONE;
}

static int cham_fdb_switchdev_blocking(struct notifier_block *nb,
				       unsigned long event, void *ptr)
{
	if (event == SWITCHDEV_PORT_ATTR_SET)
		cham_policy_dirty_dev(switchdev_notifier_info_to_dev(ptr));
	return NOTIFY_DONE;
}

static struct notifier_block cham_fdb_nb = {
	.notifier_call = cham_fdb_switchdev,
};

static struct notifier_block cham_fdb_blocking_nb = {
	.notifier_call = cham_fdb_switchdev_blocking,
};

/* Replay must not look like a change of attributes. */
static int cham_fdb_replay_blocking(struct notifier_block *nb,
				    unsigned long event, void *ptr)
{
	return NOTIFY_DONE;
}

static struct notifier_block cham_fdb_replay_nb = {
	.notifier_call = cham_fdb_replay_blocking,
};

void cham_fdb_replay_bridge_port(struct net_device *brport)
{
	ASSERT_RTNL();
	switchdev_bridge_port_replay(brport, brport, NULL, &cham_fdb_nb,
				     &cham_fdb_replay_nb, NULL);
}

void cham_fdb_replay_vxlan(struct net_device *vxlan, u32 vni)
{
	ASSERT_RTNL();
	cham_fdb_flush_domain(vxlan->ifindex);
	WRITE_ONCE(cham_fdb_replaying, true);
	vxlan_fdb_replay(vxlan, cpu_to_be32(vni), &cham_fdb_nb, NULL);
	WRITE_ONCE(cham_fdb_replaying, false);
}

int cham_fdb_static_add(struct cham_tenant *tenant, const u8 *mac,
			struct cham_port *port, const u8 *addr, u8 family,
			struct netlink_ext_ack *extack)
{
	struct cham_remote *remote = NULL;
	u32 domain = CHAM_FDB_DOMAIN_STATIC | tenant->id;
	int err;

	ASSERT_RTNL();
	if (!is_valid_ether_addr(mac)) {
		NL_SET_ERR_MSG_FMT(extack, "%pM is not a unicast address", mac);
		return -EADDRNOTAVAIL;
	}
	if (port && cham_port_tenant_rcu(port) != tenant) {
		NL_SET_ERR_MSG_FMT(extack, "port %s does not belong to tenant %s",
				   cham_port_dev(port)->name, tenant->name);
		return -EINVAL;
	}
	rcu_read_lock();
	if (cham_fdb_find(domain, mac)) {
		rcu_read_unlock();
		NL_SET_ERR_MSG_FMT(extack, "%pM exists already for tenant %s",
				   mac, tenant->name);
		return -EEXIST;
	}
	rcu_read_unlock();
	if (atomic_read(&tenant->fdbs) >= tenant->cfg.max_fdb) {
		NL_SET_ERR_MSG_FMT(extack, "tenant %s has its max-fdb of %u",
				   tenant->name, tenant->cfg.max_fdb);
		cham_nl_quota_event(tenant, CHAM_TENANT_MAX_FDB);
		return -EDQUOT;
	}
	spin_lock_bh(&cham_fdb_lock);
	if (!port) {
		remote = cham_remote_get(tenant->cfg.vni, addr, family);
		if (!remote) {
			spin_unlock_bh(&cham_fdb_lock);
			NL_SET_ERR_MSG_FMT(extack, "no room for another remote, %u at most",
					   CHAM_REMOTES_MAX - 1);
			return -ENOSPC;
		}
	}
	err = cham_fdb_put(domain, mac, CHAM_FDB_STATIC,
			   port ? cham_port_dev(port)->ifindex : 0, remote, false);
	spin_unlock_bh(&cham_fdb_lock);
	if (err) {
		NL_SET_ERR_MSG(extack, "FDB is full, see module parameter fdb_max");
		return err;
	}
	atomic_inc(&tenant->fdbs);
	cham_policy_dirty(tenant);
	return 0;
}

int cham_fdb_static_del(struct cham_tenant *tenant, const u8 *mac,
			struct netlink_ext_ack *extack)
{
	struct cham_fdb *fdb;

	ASSERT_RTNL();
	spin_lock_bh(&cham_fdb_lock);
	rcu_read_lock();
	fdb = cham_fdb_find(CHAM_FDB_DOMAIN_STATIC | tenant->id, mac);
	if (fdb)
		cham_fdb_remove(fdb);
	rcu_read_unlock();
	spin_unlock_bh(&cham_fdb_lock);
	if (!fdb) {
		NL_SET_ERR_MSG_FMT(extack,
				   "no static entry for %pM; the bridge's and vxlan's: bridge fdb",
				   mac);
		return -ENOENT;
	}
	atomic_dec(&tenant->fdbs);
	cham_policy_dirty(tenant);
	return 0;
}

int cham_fdb_walk(int (*fn)(const struct cham_fdb *fdb, void *arg), void *arg)
{
	struct rhashtable_iter iter;
	struct cham_fdb *fdb;
	int err = 0;

	rhashtable_walk_enter(&cham_fdb_table, &iter);
	rhashtable_walk_start(&iter);
	while (!err && (fdb = rhashtable_walk_next(&iter))) {
		if (IS_ERR(fdb)) {
			if (PTR_ERR(fdb) == -EAGAIN)
				continue;
			err = PTR_ERR(fdb);
			break;
		}
		err = fn(fdb, arg);
	}
	rhashtable_walk_stop(&iter);
	rhashtable_walk_exit(&iter);
	return err;
}

u32 cham_fdb_seq(void)
{
	return READ_ONCE(cham_fdb_changes) ?: 1;
}

bool cham_fdb_of_tenant(const struct cham_fdb *fdb, const struct cham_tenant *t)
{
	u32 domain = fdb->key.domain;

	return domain == (CHAM_FDB_DOMAIN_STATIC | t->id) ||
	       (domain && (domain == t->bridge || domain == t->vxlan));
}

struct cham_fdb_flush {
	u32 domain;
	u32 ifindex;
	u32 removed;
};

/* An entry that matches either. */
static int cham_fdb_flush_one(const struct cham_fdb *fdb, void *arg)
{
	struct cham_fdb_flush *flush = arg;

	if ((flush->domain && fdb->key.domain == flush->domain) ||
	    (flush->ifindex && fdb->ifindex == flush->ifindex &&
	     fdb->source == CHAM_FDB_STATIC)) {
		spin_lock_bh(&cham_fdb_lock);
		flush->removed += cham_fdb_remove((struct cham_fdb *)fdb);
		spin_unlock_bh(&cham_fdb_lock);
	}
	return 0;
}

void cham_fdb_flush_domain(u32 domain)
{
	struct cham_fdb_flush flush = { .domain = domain };

	cham_fdb_walk(cham_fdb_flush_one, &flush);
	cham_tenant_invalidate_domain(domain);
}

/* The tenant's own entries; its bridge's and vxlan device's go with those. */
void cham_fdb_flush_tenant(struct cham_tenant *tenant)
{
	cham_fdb_flush_domain(CHAM_FDB_DOMAIN_STATIC | tenant->id);
	atomic_set(&tenant->fdbs, 0);
}

/* The VNI changed: remotes of static entries carry the old one. */
void cham_fdb_flush_tenant_remotes(struct cham_tenant *tenant)
{
	cham_fdb_flush_tenant(tenant);
	cham_tenant_invalidate(tenant);
}

/* @tenant: whose the port was until now. */
void cham_fdb_flush_port(struct cham_tenant *tenant, struct cham_port *port)
{
	struct cham_fdb_flush flush = { .ifindex = cham_port_dev(port)->ifindex };

	cham_fdb_walk(cham_fdb_flush_one, &flush);
	atomic_sub(flush.removed, &tenant->fdbs);
}

static void cham_fdb_free_one(void *ptr, void *arg)
{
	cham_fdb_free(ptr);
}

int cham_fdb_init(void)
{
	int err = rhashtable_init(&cham_fdb_table, &cham_fdb_params);

	if (err)
		return err;
	err = register_switchdev_notifier(&cham_fdb_nb);
	if (err)
		goto err_table;
	err = register_switchdev_blocking_notifier(&cham_fdb_blocking_nb);
	if (err)
		goto err_nb;
	return 0;
err_nb:
	unregister_switchdev_notifier(&cham_fdb_nb);
err_table:
	rhashtable_destroy(&cham_fdb_table);
	return err;
}

void cham_fdb_exit(void)
{
	unregister_switchdev_blocking_notifier(&cham_fdb_blocking_nb);
	unregister_switchdev_notifier(&cham_fdb_nb);
	rhashtable_free_and_destroy(&cham_fdb_table, cham_fdb_free_one, NULL);
}
