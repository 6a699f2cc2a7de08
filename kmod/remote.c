// SPDX-License-Identifier: GPL-2.0
#include <linux/etherdevice.h>
#include <linux/hashtable.h>
#include <linux/if_vlan.h>
#include <linux/inetdevice.h>
#include <linux/ipv6.h>
#include <linux/jhash.h>
#include <linux/slab.h>
#include <linux/udp.h>
#include <linux/workqueue.h>
#include <net/checksum.h>
#include <net/arp.h>
#include <net/fib_notifier.h>
#include <net/ip6_fib.h>
#include <net/ip6_route.h>
#include <net/ip_fib.h>
#include <net/netevent.h>
#include <net/neighbour.h>
#include <net/nexthop.h>
#include <net/route.h>
#include <net/vxlan.h>

#include "compat.h"
#include "remote.h"
#include "tenant.h"
#include "uplink.h"

struct cham_remote __rcu *cham_remotes[CHAM_REMOTES_MAX];

static DEFINE_HASHTABLE(cham_remote_hash, 10);	/* under the lock */
static DEFINE_SPINLOCK(cham_remote_lock);
static u32 cham_remote_count;
static u32 cham_remote_hint = 1;
static struct delayed_work cham_remote_work;

static void cham_remote_kick(void)
{
	mod_delayed_work(system_wq, &cham_remote_work, 0);
}

static u32 cham_remote_key(u32 vni, const u8 *addr)
{
	return jhash(addr, 16, vni);
}

/**
 * cham_remote_get() - the remote for an end point, made if need be
 * @vni:    network it is used in
 * @addr:   16 bytes, IPv4 in the first four
 * @family: 4 or 6
 *
 * The outer header is filled in by a worker; until then packets to it take
 * the slow path. Context: any, BH off or process. Return: NULL when full or
 * out of memory.
 */
struct cham_remote *cham_remote_get(u32 vni, const u8 *addr, u8 family)
{
	u32 key = cham_remote_key(vni, addr), i, slot;
	struct cham_remote *r;

	spin_lock_bh(&cham_remote_lock);
	hash_for_each_possible(cham_remote_hash, r, node, key) {
		if (r->vni == vni && r->family == family &&
		    !memcmp(r->addr, addr, 16)) {
			refcount_inc(&r->refs);
			goto out;
		}
	}
	r = NULL;
	/* Others wait for the lock: no look at each slot to find that none is free. */
	if (cham_remote_count >= CHAM_REMOTES_MAX - 1)
		goto out;
	for (i = 0; i < CHAM_REMOTES_MAX; i++) {
		slot = (cham_remote_hint + i) % CHAM_REMOTES_MAX;
		if (slot && !rcu_access_pointer(cham_remotes[slot]))
			break;
	}
	if (WARN_ON_ONCE(i == CHAM_REMOTES_MAX))
		goto out;
	r = kzalloc(sizeof(*r), GFP_ATOMIC | __GFP_NOWARN);
	if (!r)
		goto out;
	cham_remote_hint = slot + 1;
	r->slot = slot;
	r->vni = vni;
	r->family = family;
	memcpy(r->addr, addr, 16);
	r->fold = cham_remote_fold(addr, family);
	refcount_set(&r->refs, 1);
	hash_add(cham_remote_hash, &r->node, key);
	rcu_assign_pointer(cham_remotes[slot], r);
	cham_remote_count++;
	cham_remote_kick();
out:
	spin_unlock_bh(&cham_remote_lock);
	return r;
}

static void cham_remote_free(struct rcu_head *head)
{
	struct cham_remote *r = container_of(head, struct cham_remote, rcu);

	kfree(rcu_dereference_raw(r->outer));
	kfree(r);
}

void cham_remote_put(struct cham_remote *r)
{
	spin_lock_bh(&cham_remote_lock);
	if (refcount_dec_and_test(&r->refs)) {
		r->dead = true;
		hash_del(&r->node);
		RCU_INIT_POINTER(cham_remotes[r->slot], NULL);
		cham_remote_count--;
		call_rcu(&r->rcu, cham_remote_free);
	}
	spin_unlock_bh(&cham_remote_lock);
}

u32 cham_remote_total(void)
{
	return READ_ONCE(cham_remote_count);
}

/* cham_remote_lock held. @outer NULL invalidates. */
static void cham_remote_publish(struct cham_remote *r, struct cham_outer *outer)
{
	struct cham_outer *old;

	old = rcu_replace_pointer(r->outer, outer,
				  lockdep_is_held(&cham_remote_lock));
	if (old)
		kfree_rcu(old, rcu);
}

/* Whether the uplink's hardware cuts super-packets in such a tunnel. */
static bool cham_remote_tso(const struct net_device *dev, u8 family)
{
	netdev_features_t need = NETIF_F_SG | NETIF_F_TSO | NETIF_F_TSO6;

	/* Over IPv6 the outer checksum is not optional. */
	need |= family == 4 ? NETIF_F_GSO_UDP_TUNNEL : NETIF_F_GSO_UDP_TUNNEL_CSUM;
	return (dev->features & dev->hw_enc_features & need) == need;
}

/* What the template says of the packet that will follow it. */
static void cham_remote_fill(struct cham_outer *o, const struct cham_remote *r,
			     const struct cham_uplink *up, const u8 *dmac,
			     struct dst_entry *dst)
{
	struct ethhdr *eth = (struct ethhdr *)o->hdr;
	u32 mtu = dst_mtu(dst);
	struct vxlanhdr *vx;
	struct udphdr *udp;

	ether_addr_copy(eth->h_dest, dmac);
	ether_addr_copy(eth->h_source, up->dev->dev_addr);
	o->family = r->family;
	o->ifindex = up->ifindex;
	o->tso = cham_remote_tso(up->dev, r->family);
	if (r->family == 4) {
		struct iphdr *ip = (struct iphdr *)(eth + 1);

		eth->h_proto = htons(ETH_P_IP);
		ip->version = 4;
		ip->ihl = 5;
		ip->ttl = ip4_dst_hoplimit(dst);
		ip->protocol = IPPROTO_UDP;
		ip->saddr = up->local4;
		memcpy(&ip->daddr, r->addr, 4);
		/* Of what does not change, for cham_encap() to go on from. */
		ip->check = (__force __sum16)~(__force u16)ip_fast_csum(ip, ip->ihl);
		udp = (struct udphdr *)(ip + 1);
		o->inner_mtu = mtu - sizeof(*ip);
	} else {
		struct ipv6hdr *ip6 = (struct ipv6hdr *)(eth + 1);

		eth->h_proto = htons(ETH_P_IPV6);
		ip6->version = 6;
		ip6->nexthdr = IPPROTO_UDP;
		ip6->hop_limit = ip6_dst_hoplimit(dst);
		ip6->saddr = up->local6;
		memcpy(&ip6->daddr, r->addr, 16);
		udp = (struct udphdr *)(ip6 + 1);
		o->inner_mtu = mtu - sizeof(*ip6);
	}
	udp->dest = up->udp_port;
	vx = (struct vxlanhdr *)(udp + 1);
	vx->vx_flags = VXLAN_HF_VNI;
	vx->vx_vni = vxlan_vni_field(cpu_to_be32(r->vni));
	o->len = (u8 *)(vx + 1) - o->hdr;
	o->inner_mtu -= sizeof(*udp) + sizeof(*vx) + ETH_HLEN;
	/* What we build ourselves is in one piece of memory. */
	o->inner_mtu = min_t(u32, o->inner_mtu, CHAM_XMIT_MAX - CHAM_OUTER6);
}

static struct dst_entry *cham_remote_route(struct cham_remote *r,
					   const struct cham_uplink *up)
{
	struct dst_entry *dst;

	if (r->family == 4) {
		struct flowi4 fl4 = { .flowi4_proto = IPPROTO_UDP,
				      .saddr = up->local4,
				      .fl4_dport = up->udp_port };
		struct rtable *rt;

		if (!up->local4)
			return ERR_PTR(-EADDRNOTAVAIL);
		memcpy(&fl4.daddr, r->addr, 4);
		rt = ip_route_output_key(&init_net, &fl4);
		dst = IS_ERR(rt) ? ERR_CAST(rt) : &rt->dst;
	} else {
		struct flowi6 fl6 = { .flowi6_proto = IPPROTO_UDP,
				      .saddr = up->local6,
				      .fl6_dport = up->udp_port };

		if (ipv6_addr_any(&up->local6))
			return ERR_PTR(-EADDRNOTAVAIL);
		memcpy(&fl6.daddr, r->addr, 16);
		dst = cham_ip6_route(&init_net, NULL, &fl6, NULL);
	}
	if (IS_ERR(dst))
		return dst;
	/* Another device, a tunnel or an IPsec transform is Linux' business. */
	if (dst->dev != up->dev || dst->xfrm || dst->lwtstate) {
		dst_release(dst);
		return ERR_PTR(-ENETUNREACH);
	}
	return dst;
}

/* Several next hops: Linux spreads flows over them, one template cannot. */
static bool cham_remote_multipath(const struct dst_entry *dst,
				  const struct cham_remote *r,
				  const struct cham_uplink *up)
{
	bool multi = false;

	rcu_read_lock();
	if (r->family == 4) {
		struct flowi4 fl4 = { .flowi4_proto = IPPROTO_UDP,
				      .saddr = up->local4 };
		struct fib_result res;

		memcpy(&fl4.daddr, r->addr, 4);
		if (!fib_lookup(&init_net, &fl4, &res, 0))
			multi = fib_info_num_path(res.fi) > 1;
	} else {
		const struct fib6_info *from;

		from = rcu_dereference(container_of(dst, struct rt6_info, dst)->from);
		multi = from && (from->fib6_nsiblings ||
				 (from->nh && nexthop_is_multipath(from->nh)));
	}
	rcu_read_unlock();
	return multi;
}

/*
 * Ask Linux for route and neighbour of one remote and publish the template.
 * Also keeps the neighbour entry alive: traffic that bypasses Linux does not.
 */
static void cham_remote_refresh(struct cham_remote *r, const struct cham_uplink *up,
				u32 events)
{
	struct cham_outer *o = NULL, *cur;
	struct neighbour *n = NULL;
	struct dst_entry *dst;
	u8 ha[ETH_ALEN];
	bool valid;

	dst = up ? cham_remote_route(r, up) : ERR_PTR(-ENODEV);
	if (!IS_ERR(dst) && !cham_remote_multipath(dst, r, up)) {
		n = dst_neigh_lookup(dst, r->addr);
		if (n) {
			neigh_event_send(n, NULL);
			/* Before it is read: what happens to it then counts. */
			spin_lock_bh(&cham_remote_lock);
			r->tbl = n->tbl;
			r->ifindex = n->dev->ifindex;
			memcpy(r->nexthop, n->primary_key, n->tbl->key_len);
			spin_unlock_bh(&cham_remote_lock);
			read_lock_bh(&n->lock);
			valid = n->nud_state & NUD_VALID && !n->dead;
			ether_addr_copy(ha, n->ha);
			read_unlock_bh(&n->lock);
			if (valid)
				o = kzalloc(sizeof(*o), GFP_KERNEL);
			if (o)
				cham_remote_fill(o, r, up, ha, dst);
			neigh_release(n);
		}
	}
	if (!IS_ERR(dst))
		dst_release(dst);

	spin_lock_bh(&cham_remote_lock);
	cur = rcu_dereference_protected(r->outer,
					lockdep_is_held(&cham_remote_lock));
	if (r->events != events)
		cham_remote_kick();
	if (r->dead || r->events != events ||
	    (o && cur && !memcmp(cur, o, offsetof(struct cham_outer, rcu))))
		kfree(o);
	else
		cham_remote_publish(r, o);
	spin_unlock_bh(&cham_remote_lock);
}

static void cham_remote_refresh_all(struct work_struct *work)
{
	struct cham_uplink *up;
	struct cham_remote *r;
	u32 slot, events = 0;

	rtnl_lock();
	up = cham_uplink_rcu();
	for (slot = 1; slot < CHAM_REMOTES_MAX; slot++) {
		spin_lock_bh(&cham_remote_lock);
		r = rcu_dereference_protected(cham_remotes[slot],
					      lockdep_is_held(&cham_remote_lock));
		if (r) {
			refcount_inc(&r->refs);
			events = r->events;
		}
		spin_unlock_bh(&cham_remote_lock);
		if (!r)
			continue;
		cham_remote_refresh(r, up, events);
		cham_remote_put(r);
	}
	rtnl_unlock();
	queue_delayed_work(system_wq, &cham_remote_work, 5 * HZ);
}

/* Any context: whoever matches is unusable until the worker has looked. */
static void cham_remote_invalidate(bool (*match)(const struct cham_remote *r,
						 const void *arg),
				   const void *arg)
{
	struct cham_remote *r;
	bool any = false;
	int i;

	spin_lock_bh(&cham_remote_lock);
	hash_for_each(cham_remote_hash, i, r, node) {
		if (match && !match(r, arg))
			continue;
		r->events++;
		cham_remote_publish(r, NULL);
		any = true;
	}
	spin_unlock_bh(&cham_remote_lock);
	if (any)
		cham_remote_kick();
}

void cham_remote_invalidate_all(void)
{
	cham_remote_invalidate(NULL, NULL);
}

static bool cham_remote_match_neigh(const struct cham_remote *r, const void *arg)
{
	const struct neighbour *n = arg;
	const struct cham_outer *o;

	/* Of another family than the remote, or another device's, even another namespace's. */
	if (n->tbl != r->tbl || n->dev->ifindex != r->ifindex ||
	    !net_eq(dev_net(n->dev), &init_net) ||
	    memcmp(r->nexthop, n->primary_key, n->tbl->key_len))
		return false;
	o = rcu_dereference_protected(r->outer,
				      lockdep_is_held(&cham_remote_lock));
	/* A mere change of state with the same address needs nothing. */
	return !o || !(READ_ONCE(n->nud_state) & NUD_VALID) ||
	       memcmp(o->hdr, n->ha, ETH_ALEN);
}

static int cham_remote_netevent(struct notifier_block *nb, unsigned long event,
				void *ptr)
{
	if (event == NETEVENT_NEIGH_UPDATE)
		cham_remote_invalidate(cham_remote_match_neigh, ptr);
	return NOTIFY_DONE;
}

static bool cham_remote_match_fib4(const struct cham_remote *r, const void *arg)
{
	const struct fib_entry_notifier_info *info = arg;
	__be32 addr;

	memcpy(&addr, r->addr, 4);
	return r->family == 4 &&
	       !((addr ^ htonl(info->dst)) & inet_make_mask(info->dst_len));
}

static bool cham_remote_match_fib6(const struct cham_remote *r, const void *arg)
{
	const struct fib6_entry_notifier_info *info = arg;

	return r->family == 6 &&
	       ipv6_prefix_equal((const struct in6_addr *)r->addr,
				 &info->rt->fib6_dst.addr,
				 info->rt->fib6_dst.plen);
}

static bool cham_remote_match_family(const struct cham_remote *r, const void *arg)
{
	const struct fib_notifier_info *info = arg;

	return (r->family == 4) == (info->family == AF_INET);
}

static int cham_remote_fib(struct notifier_block *nb, unsigned long event,
			   void *ptr)
{
	const struct fib_notifier_info *info = ptr;

	switch (event) {
	case FIB_EVENT_ENTRY_REPLACE:
	case FIB_EVENT_ENTRY_APPEND:
	case FIB_EVENT_ENTRY_ADD:
	case FIB_EVENT_ENTRY_DEL:
		if (info->family == AF_INET)
			cham_remote_invalidate(cham_remote_match_fib4, ptr);
		else if (info->family == AF_INET6)
			cham_remote_invalidate(cham_remote_match_fib6, ptr);
		break;
	case FIB_EVENT_RULE_ADD:
	case FIB_EVENT_RULE_DEL:
	case FIB_EVENT_NH_ADD:
	case FIB_EVENT_NH_DEL:
		cham_remote_invalidate(cham_remote_match_family, ptr);
		break;
	}
	return NOTIFY_DONE;
}

/* What routes have in common changes: no route is told of. */
static int cham_remote_nexthop(struct notifier_block *nb, unsigned long event,
			       void *ptr)
{
	if (event == NEXTHOP_EVENT_REPLACE || event == NEXTHOP_EVENT_DEL)
		cham_remote_invalidate_all();
	return NOTIFY_DONE;
}

static struct notifier_block cham_remote_nexthop_nb = {
	.notifier_call = cham_remote_nexthop,
};

static struct notifier_block cham_remote_netevent_nb = {
	.notifier_call = cham_remote_netevent,
};

static struct notifier_block cham_remote_fib_nb = {
	.notifier_call = cham_remote_fib,
};

int cham_remote_init(void)
{
	int err;

	INIT_DELAYED_WORK(&cham_remote_work, cham_remote_refresh_all);
	err = register_netevent_notifier(&cham_remote_netevent_nb);
	if (err)
		return err;
	err = register_fib_notifier(&init_net, &cham_remote_fib_nb, NULL, NULL);
	if (err)
		goto err_netevent;
	err = register_nexthop_notifier(&init_net, &cham_remote_nexthop_nb, NULL);
	if (err)
		goto err_fib;
	queue_delayed_work(system_wq, &cham_remote_work, 5 * HZ);
	return 0;
err_fib:
	unregister_fib_notifier(&init_net, &cham_remote_fib_nb);
err_netevent:
	unregister_netevent_notifier(&cham_remote_netevent_nb);
	return err;
}

void cham_remote_exit(void)
{
	unregister_nexthop_notifier(&init_net, &cham_remote_nexthop_nb);
	unregister_fib_notifier(&init_net, &cham_remote_fib_nb);
	unregister_netevent_notifier(&cham_remote_netevent_nb);
	cancel_delayed_work_sync(&cham_remote_work);
	rcu_barrier();
}
