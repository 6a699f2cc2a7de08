/* SPDX-License-Identifier: GPL-2.0 */
/*
 * May the fast path do what Linux would do? Decides, per port and tenant,
 * whether caching is allowed, and from which devices a tenant's forwarding
 * knowledge comes.
 */
#ifndef CHAM_POLICY_H
#define CHAM_POLICY_H

#include <linux/netdevice.h>
#include "port.h"

struct net_device;
struct cham_tenant;

/* Something changed: nothing of the tenant's is cached or followed (cham_tenant_dirty()
 * says so) until it was looked at again. What one tenant does, or its guest, must not cost
 * anybody else: name it wherever it is known.
 * Any context; RCU read side or RTNL.
 */
void cham_policy_dirty(struct cham_tenant *tenant);
void cham_policy_dirty_all(void);
/* Those whose bridge or vxlan device has this ifindex. */
void cham_policy_dirty_domain(u32 ifindex);
/* Whoever's ways lead by this device; nobody's is nobody's business. */
void cham_policy_dirty_dev(const struct net_device *dev);

/**
 * cham_policy_filtered() - would filters on a port's representor see a frame to it?
 * @port: port
 *
 * What goes there by decision of the tenant's handler must not pass them by. Those of
 * the bridge are not asked: it has not been through the bridge.
 * Context: RCU read side.
 */
static inline bool cham_policy_filtered(const struct cham_port *port)
{
	return cham_port_blocked(port) & BIT(CHAM_BLOCK_TC) ||
	       rcu_access_pointer(cham_port_dev(port)->nf_hooks_egress);
}

int cham_policy_init(void);
void cham_policy_exit(void);
#endif
