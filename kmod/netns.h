/* SPDX-License-Identifier: GPL-2.0 */
/* Tenants' network namespaces. All but init and exit: RTNL held. */
#ifndef CHAM_NETNS_H
#define CHAM_NETNS_H

struct cham_tenant;
struct net;
struct netlink_ext_ack;

/* Return: whose namespace it is, or NULL. */
struct cham_tenant *cham_netns_tenant(const struct net *net);
/* Return: 0, -EINVAL for the host's own, -EBUSY when it is another tenant's. */
int cham_netns_bind(struct cham_tenant *t, struct net *net,
		    struct netlink_ext_ack *extack);
void cham_netns_unbind(struct cham_tenant *t);

int cham_netns_init(void);
void cham_netns_exit(void);
#endif
