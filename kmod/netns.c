// SPDX-License-Identifier: GPL-2.0
/*
 * Tenants' network namespaces. The provider binds one to a tenant; who has
 * CAP_NET_ADMIN over it then sees and drives this tenant over netlink, and no other.
 * A binding keeps no namespace alive: it ends with either of the two.
 */
#include <linux/rtnetlink.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "netlink.h"
#include "netns.h"
#include "tenant.h"

struct cham_net {
	u32 tenant;		/* id, 0 none; RTNL */
};

static unsigned int cham_net_id __read_mostly;

struct cham_tenant *cham_netns_tenant(const struct net *net)
{
	const struct cham_net *own = net_generic(net, cham_net_id);

	return own->tenant ? cham_tenant_get(own->tenant) : NULL;
}

int cham_netns_bind(struct cham_tenant *t, struct net *net,
		    struct netlink_ext_ack *extack)
{
	const struct cham_tenant *other = cham_netns_tenant(net);
	struct cham_net *own = net_generic(net, cham_net_id);

	if (net_eq(net, &init_net)) {
		NL_SET_ERR_MSG(extack, "the host's own network namespace is the provider's");
		return -EINVAL;
	}
	if (other && other != t) {
		NL_SET_ERR_MSG_FMT(extack, "the network namespace is tenant %s's", other->name);
		return -EBUSY;
	}
	cham_netns_unbind(t);
	own->tenant = t->id;
	rcu_assign_pointer(t->net, net);
	return 0;
}

void cham_netns_unbind(struct cham_tenant *t)
{
	struct net *net = rtnl_dereference(t->net);
	struct cham_net *own;

	if (!net)
		return;
	own = net_generic(net, cham_net_id);
	own->tenant = 0;
	RCU_INIT_POINTER(t->net, NULL);
}

/* A grace period later the namespace goes: until then events may be on their way. */
static void cham_netns_pre_exit(struct net *net)
{
	struct cham_tenant *t;

	rtnl_lock();
	t = cham_netns_tenant(net);
	if (t) {
		cham_netns_unbind(t);
		cham_nl_tenant_event(CHAM_CMD_TENANT_NTF, t);
	}
	rtnl_unlock();
}

static struct pernet_operations cham_netns_ops = {
	.pre_exit = cham_netns_pre_exit,
	.id = &cham_net_id,
	.size = sizeof(struct cham_net),
};

int cham_netns_init(void)
{
	return register_pernet_subsys(&cham_netns_ops);
}

void cham_netns_exit(void)
{
	unregister_pernet_subsys(&cham_netns_ops);
}
