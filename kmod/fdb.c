// SPDX-License-Identifier: GPL-2.0
#include <linux/etherdevice.h>
#include <linux/moduleparam.h>
#include <linux/rhashtable.h>
#include <linux/rtnetlink.h>
#include <linux/xarray.h>
#include <net/netlink.h>
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
static u32 cham_fdb_round;		/* of replays; changes under both locks */
static u32 cham_fdb_asked;		/* domain that is replayed; likewise */

/* The domains that tenants have: what is told of others is nothing to us. Each with
 * the round that found it, and whether its device was asked in there.
 */
static DEFINE_XARRAY(cham_fdb_domains);

#define CHAM_FDB_FOUND(round, asked)	xa_mk_value((unsigned long)(round) << 1 | (asked))

/* A walk lets others run after so many. */
#define CHAM_FDB_STRIDE		512

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
	if (!fdb || !fdb->remote || READ_ONCE(tenant->blocked))
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

/* cham_fdb_lock held. The tenants' generation moves afterwards: what is found until then
 * is not kept beyond it. Return: whether it was there: who found it without the lock may
 * be late.
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

/* cham_fdb_lock held. Consumes the reference to @remote. Return: whether anything is
 * otherwise than before; -ENOSPC: nothing was known of the address, and is not now; or
 * -ENOMEM: it is not any more.
 */
static int cham_fdb_put(u32 domain, const u8 *mac, u8 source, u32 ifindex,
			struct cham_remote *remote)
{
	struct cham_fdb *old, *fdb;
	int err = -ENOSPC;

	lockdep_assert_held(&cham_fdb_lock);
	rcu_read_lock();
	old = cham_fdb_find(domain, mac);
	if (old && old->ifindex == ifindex && old->remote == remote) {
		old->round = cham_fdb_round;
		err = 0;
		goto out_put;
	}
	if (!old && atomic_read(&cham_fdb_table.nelems) >= READ_ONCE(fdb_max))
		goto out_put;
	err = -ENOMEM;
	fdb = kzalloc(sizeof(*fdb), GFP_ATOMIC | __GFP_NOWARN);
	if (!fdb)
		goto out_old;
	fdb->key.domain = domain;
	ether_addr_copy(fdb->key.mac, mac);
	fdb->ifindex = ifindex;
	fdb->remote = remote;
	fdb->source = source;
	fdb->round = cham_fdb_round;
	if (old)
		err = rhashtable_replace_fast(&cham_fdb_table, &old->head,
					      &fdb->head, cham_fdb_params);
	else
		err = rhashtable_insert_fast(&cham_fdb_table, &fdb->head,
					     cham_fdb_params);
	if (err) {
		kfree(fdb);
		goto out_old;
	}
	if (old)
		cham_fdb_free(old);
	else
		WRITE_ONCE(cham_fdb_changes, cham_fdb_changes + 1);
	rcu_read_unlock();
	return 1;
out_old:
	/* Stale knowledge is worse than none. */
	if (old)
		cham_fdb_remove(old);
out_put:
	rcu_read_unlock();
	if (remote)
		cham_remote_put(remote);
	return err;
}

/* cham_fdb_lock held. Return: whether it was there. */
static bool cham_fdb_del(u32 domain, const u8 *mac)
{
	struct cham_fdb *fdb;
	bool was;

	rcu_read_lock();
	fdb = cham_fdb_find(domain, mac);
	was = fdb && cham_fdb_remove(fdb);
	rcu_read_unlock();
	return was;
}

/**
 * cham_fdb_tell() - a device says where an address is
 * @domain:  the bridge or vxlan device
 * @mac:     unicast address
 * @source:  which of the two
 * @ifindex: of the bridge's port; 0 for none
 * @remote:  of the vxlan device, whose reference is consumed; or NULL. With neither the
 *           address is nowhere
 * @replay:  asked, it says what it knew a moment ago
 *
 * What is told meanwhile is newer than a replay's word, and that an address has gone is
 * to be remembered until that has come: by an entry that leads nowhere.
 */
static void cham_fdb_tell(u32 domain, const u8 *mac, u8 source, u32 ifindex,
			  struct cham_remote *remote, bool replay)
{
	const struct cham_fdb *old = NULL;
	bool gone = !ifindex && !remote;
	int changed = 0;

	spin_lock_bh(&cham_fdb_lock);
	rcu_read_lock();
	if (replay)
		old = cham_fdb_find(domain, mac);
	if (old && old->round == cham_fdb_round) {
		if (remote)
			cham_remote_put(remote);
	} else if (gone && (replay || cham_fdb_asked != domain)) {
		changed = cham_fdb_del(domain, mac);
	} else {
		changed = cham_fdb_put(domain, mac, source, ifindex, remote);
	}
	rcu_read_unlock();
	spin_unlock_bh(&cham_fdb_lock);
	if (changed < 0 && gone)
		cham_policy_dirty_domain(domain);
	else if (changed && changed != -ENOSPC)
		cham_tenant_invalidate_domain(domain);
}

static void cham_fdb_bridge_event(unsigned long event, struct net_device *dev,
				  const struct switchdev_notifier_fdb_info *info,
				  bool replay)
{
	struct net_device *master;
	bool here;
	u32 domain;

	/* Entries of a VLAN matter only with filtering, which blocks caching. */
	if (info->vid)
		return;
	rcu_read_lock();
	master = netdev_master_upper_dev_get_rcu(dev);
	domain = master ? master->ifindex : dev->ifindex;
	rcu_read_unlock();
	if (!xa_load(&cham_fdb_domains, domain))
		return;

	/* An address of the host itself is for Linux: no entry, a miss. */
	here = event == SWITCHDEV_FDB_ADD_TO_DEVICE && !info->is_local && master;
	cham_fdb_tell(domain, info->addr, CHAM_FDB_BRIDGE, here ? dev->ifindex : 0, NULL,
		      replay);
}

/* The remote that an entry of a vxlan device speaks of; NULL: none of our tunnel. */
static struct cham_remote *
cham_fdb_vxlan_remote(const struct net_device *dev,
		      const struct switchdev_notifier_vxlan_fdb_info *info)
{
	u8 family = info->remote_ip.sa.sa_family == AF_INET6 ? 6 : 4;
	const struct vxlan_dev *vx = netdev_priv(dev);
	u8 addr[16] = {};

	if (family == 6)
		memcpy(addr, &info->remote_ip.sin6.sin6_addr, 16);
	else
		memcpy(addr, &info->remote_ip.sin.sin_addr, 4);
	if (!memchr_inv(addr, 0, sizeof(addr)) || info->remote_vni != info->vni ||
	    info->remote_port != vx->cfg.dst_port || info->remote_ifindex)
		return NULL;
	return cham_remote_get(be32_to_cpu(info->vni), addr, family);
}

/* A unicast address has one remote, and the device tells each that takes its place.
 * Of next hop groups it tells nothing: no entry, a miss.
 */
static void cham_fdb_vxlan_event(unsigned long event, struct net_device *dev,
				 const struct switchdev_notifier_vxlan_fdb_info *info,
				 bool replay)
{
	struct cham_remote *remote = NULL;

	/* What is flooded Linux copies. */
	if (!is_valid_ether_addr(info->eth_addr) ||
	    !xa_load(&cham_fdb_domains, dev->ifindex))
		return;
	if (event == SWITCHDEV_VXLAN_FDB_ADD_TO_DEVICE)
		remote = cham_fdb_vxlan_remote(dev, info);
	cham_fdb_tell(dev->ifindex, info->eth_addr, CHAM_FDB_VXLAN, 0, remote, replay);
}

/**
 * cham_fdb_heard() - a neighbour came, changed or went
 * @nlh: the broadcast
 *
 * A bridge has told before, by switchdev, unless it keeps the entry from drivers. What
 * it says here is not believed, only that what we know is old: two messages on two
 * CPUs may come in either order, its table does not lie. Any context.
 */
void cham_fdb_heard(const struct nlmsghdr *nlh)
{
	const struct nlattr *mac, *master;
	const struct ndmsg *ndm;
	struct cham_fdb *fdb;
	bool wrong;
	u32 domain;

	if (nlmsg_len(nlh) < sizeof(*ndm))
		return;
	ndm = nlmsg_data(nlh);
	master = nlmsg_find_attr(nlh, sizeof(*ndm), NDA_MASTER);
	mac = nlmsg_find_attr(nlh, sizeof(*ndm), NDA_LLADDR);
	if (ndm->ndm_family != AF_BRIDGE || !master || !mac ||
	    nla_len(master) < sizeof(u32) || nla_len(mac) != ETH_ALEN ||
	    nlmsg_find_attr(nlh, sizeof(*ndm), NDA_VLAN))
		return;
	domain = nla_get_u32(master);
	if (!xa_load(&cham_fdb_domains, domain))
		return;
	spin_lock_bh(&cham_fdb_lock);
	rcu_read_lock();
	fdb = cham_fdb_find(domain, nla_data(mac));
	/* One that leads nowhere is never wrong. */
	wrong = fdb && fdb->ifindex && (nlh->nlmsg_type == RTM_DELNEIGH ||
					fdb->ifindex != ndm->ndm_ifindex) &&
		cham_fdb_remove(fdb);
	rcu_read_unlock();
	spin_unlock_bh(&cham_fdb_lock);
	if (wrong)
		cham_policy_dirty_domain(domain);
}

static struct notifier_block cham_fdb_asked_nb;

static int cham_fdb_switchdev(struct notifier_block *nb, unsigned long event,
			      void *ptr)
{
	struct net_device *dev = switchdev_notifier_info_to_dev(ptr);
	bool replay = nb == &cham_fdb_asked_nb;

	if (!net_eq(dev_net(dev), &init_net))
		return NOTIFY_DONE;
	switch (event) {
	case SWITCHDEV_FDB_ADD_TO_DEVICE:
	case SWITCHDEV_FDB_DEL_TO_DEVICE:
		cham_fdb_bridge_event(event, dev, ptr, replay);
		break;
	case SWITCHDEV_VXLAN_FDB_ADD_TO_DEVICE:
	case SWITCHDEV_VXLAN_FDB_DEL_TO_DEVICE:
		cham_fdb_vxlan_event(event, dev, ptr, replay);
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

/* What a device says when it is asked. */
static struct notifier_block cham_fdb_asked_nb = {
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

/**
 * cham_fdb_walk_begin() - look at all entries
 * @w: end it with cham_fdb_walk_end(); RTNL need not be held in between
 */
void cham_fdb_walk_begin(struct cham_fdb_walk *w)
{
	rhashtable_walk_enter(&cham_fdb_table, &w->iter);
	w->moved = 0;
}

void cham_fdb_walk_end(struct cham_fdb_walk *w)
{
	rhashtable_walk_exit(&w->iter);
}

/**
 * cham_fdb_walk_on() - look at the entries that have not been seen
 * @w:   from cham_fdb_walk_begin()
 * @fn:  gets each, under RCU; not 0 stops, and the entry comes first the next time
 * @arg: for @fn
 *
 * RTNL held, so that tenants stay. Lets others run now and then; entries that go
 * meanwhile may hide others.
 *
 * Return: what @fn did; 0 at the end; -errno.
 */
int cham_fdb_walk_on(struct cham_fdb_walk *w,
		     int (*fn)(const struct cham_fdb *fdb, void *arg), void *arg)
{
	struct cham_fdb *fdb;
	unsigned int seen = 0;
	int err = 0;

	w->moved += !!rhashtable_walk_start_check(&w->iter);
	for (fdb = rhashtable_walk_peek(&w->iter); fdb; fdb = rhashtable_walk_next(&w->iter)) {
		if (!IS_ERR(fdb))
			err = fn(fdb, arg);
		else if (PTR_ERR(fdb) == -EAGAIN)
			w->moved++;
		else
			err = PTR_ERR(fdb);
		if (err)
			break;
		if (++seen % CHAM_FDB_STRIDE)
			continue;
		rhashtable_walk_stop(&w->iter);
		cond_resched();
		w->moved += !!rhashtable_walk_start_check(&w->iter);
	}
	rhashtable_walk_stop(&w->iter);
	return err;
}

#define CHAM_FDB_TRIES	4

struct cham_fdb_prune {
	bool (*which)(const struct cham_fdb *fdb, const struct cham_fdb_prune *what);
	u32 domain;
	u32 ifindex;
	u32 removed;
};

static int cham_fdb_prune_one(const struct cham_fdb *fdb, void *arg)
{
	struct cham_fdb_prune *p = arg;

	spin_lock_bh(&cham_fdb_lock);
	if (p->which(fdb, p))
		p->removed += cham_fdb_remove((struct cham_fdb *)fdb);
	spin_unlock_bh(&cham_fdb_lock);
	return 0;
}

/* All that @p says. Where entries go while a walk pauses, by whomever, it may miss others:
 * until one finds none, and nothing else has changed, or always does. Return: how many.
 */
static u32 cham_fdb_prune(struct cham_fdb_prune *p)
{
	struct cham_fdb_walk w;
	u32 before, changes, tries = 0;

	do {
		before = p->removed;
		changes = READ_ONCE(cham_fdb_changes);
		cham_fdb_walk_begin(&w);
		cham_fdb_walk_on(&w, cham_fdb_prune_one, p);
		cham_fdb_walk_end(&w);
	} while (p->removed != before ||
		 (READ_ONCE(cham_fdb_changes) != changes && ++tries < CHAM_FDB_TRIES));
	return p->removed;
}

/* What the devices tell from here on is of another round. */
void cham_fdb_replay_begin(void)
{
	ASSERT_RTNL();
	spin_lock_bh(&cham_fdb_lock);
	cham_fdb_round++;
	spin_unlock_bh(&cham_fdb_lock);
}

static void cham_fdb_set_asked(u32 domain)
{
	spin_lock_bh(&cham_fdb_lock);
	cham_fdb_asked = domain;
	spin_unlock_bh(&cham_fdb_lock);
}

static int cham_fdb_replay(struct net_device *dev, u32 vni)
{
	struct net_device *lower;
	struct list_head *iter;

	if (netif_is_vxlan(dev))
		return vxlan_fdb_replay(dev, cpu_to_be32(vni), &cham_fdb_asked_nb, NULL);
	/* One member is enough: the bridge replays its whole table. */
	netdev_for_each_lower_dev(dev, lower, iter)
		return switchdev_bridge_port_replay(lower, lower, NULL, &cham_fdb_asked_nb,
						    &cham_fdb_replay_nb, NULL);
	return 0;
}

/**
 * cham_fdb_replay_domain() - a tenant has it
 * @ifindex: of a bridge or vxlan device of the host; 0: none
 * @vni:     the tenant's
 * @ask:     it may have changed: ask it for all that it knows
 *
 * Context: process, RTNL held, between cham_fdb_replay_begin() and _end(). Of several
 * tenants that share a bridge the first that asks does it for all.
 */
void cham_fdb_replay_domain(u32 ifindex, u32 vni, bool ask)
{
	struct net_device *dev = ifindex ? __dev_get_by_index(&init_net, ifindex) : NULL;
	void *was;

	if (!dev)
		return;
	was = xa_load(&cham_fdb_domains, ifindex);
	if (was == CHAM_FDB_FOUND(cham_fdb_round, true))
		return;
	/* Without memory for that its entries go: Linux knows its way without. */
	if (xa_err(xa_store(&cham_fdb_domains, ifindex,
			    CHAM_FDB_FOUND(cham_fdb_round, ask), GFP_KERNEL)) || !ask)
		return;
	cham_fdb_set_asked(ifindex);
	if (cham_fdb_replay(dev, vni)) {
		/* It has not said all that it knows: nothing goes, and once more. */
		xa_store(&cham_fdb_domains, ifindex, CHAM_FDB_FOUND(cham_fdb_round, false),
			 GFP_KERNEL);
		cham_policy_dirty_domain(ifindex);
	}
	cham_fdb_set_asked(0);
}

/* Of nobody's domain; of one that was asked and did not say it; or leads nowhere. */
static bool cham_fdb_stale(const struct cham_fdb *fdb, const struct cham_fdb_prune *what)
{
	void *found;

	if (fdb->source == CHAM_FDB_STATIC)
		return false;
	found = xa_load(&cham_fdb_domains, fdb->key.domain);
	return !found || (!fdb->ifindex && !fdb->remote) ||
	       (found == CHAM_FDB_FOUND(cham_fdb_round, true) &&
		fdb->round != cham_fdb_round);
}

/* Who has asked forgets what it had cached: its ways may be among what goes here. */
void cham_fdb_replay_end(void)
{
	unsigned long ifindex;
	void *found;

	ASSERT_RTNL();
	xa_for_each(&cham_fdb_domains, ifindex, found)
		if (xa_to_value(found) >> 1 != cham_fdb_round)
			xa_erase(&cham_fdb_domains, ifindex);
	cham_fdb_prune(&(struct cham_fdb_prune){ .which = cham_fdb_stale });
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
			   port ? cham_port_dev(port)->ifindex : 0, remote);
	spin_unlock_bh(&cham_fdb_lock);
	if (err < 0) {
		NL_SET_ERR_MSG_FMT(extack, "%s", err == -ENOSPC ?
				   "FDB is full, see module parameter fdb_max" :
				   "no memory for another entry");
		return err;
	}
	atomic_inc(&tenant->fdbs);
	cham_policy_dirty(tenant);
	return 0;
}

int cham_fdb_static_del(struct cham_tenant *tenant, const u8 *mac,
			struct netlink_ext_ack *extack)
{
	bool was;

	ASSERT_RTNL();
	spin_lock_bh(&cham_fdb_lock);
	was = cham_fdb_del(CHAM_FDB_DOMAIN_STATIC | tenant->id, mac);
	spin_unlock_bh(&cham_fdb_lock);
	if (!was) {
		NL_SET_ERR_MSG_FMT(extack,
				   "no static entry for %pM; the bridge's and vxlan's: bridge fdb",
				   mac);
		return -ENOENT;
	}
	atomic_dec(&tenant->fdbs);
	cham_policy_dirty(tenant);
	return 0;
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

static bool cham_fdb_of_domain(const struct cham_fdb *fdb, const struct cham_fdb_prune *what)
{
	return fdb->key.domain == what->domain;
}

static bool cham_fdb_static_to(const struct cham_fdb *fdb, const struct cham_fdb_prune *what)
{
	return fdb->source == CHAM_FDB_STATIC && fdb->ifindex == what->ifindex;
}

/* The tenant's own entries; its bridge's and vxlan device's go with those. */
void cham_fdb_flush_tenant(struct cham_tenant *tenant)
{
	cham_fdb_prune(&(struct cham_fdb_prune){
		.which = cham_fdb_of_domain, .domain = CHAM_FDB_DOMAIN_STATIC | tenant->id,
	});
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
	struct cham_fdb_prune to = {
		.which = cham_fdb_static_to, .ifindex = cham_port_dev(port)->ifindex,
	};

	atomic_sub(cham_fdb_prune(&to), &tenant->fdbs);
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
	xa_destroy(&cham_fdb_domains);
	rhashtable_free_and_destroy(&cham_fdb_table, cham_fdb_free_one, NULL);
}
