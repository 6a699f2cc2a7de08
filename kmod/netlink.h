/* SPDX-License-Identifier: GPL-2.0 */
/* The outside door: generic netlink family "chamelio". */
#ifndef CHAM_NETLINK_H
#define CHAM_NETLINK_H

#include "chamelio.h"

struct cham_conn;
struct cham_cpu;
struct cham_port;
struct cham_private;
struct cham_prog;
struct cham_query;
struct cham_tenant;

/* RTNL held, may sleep. */
void cham_nl_tenant_event(enum cham_cmd cmd, const struct cham_tenant *t);
/* Process context; RTNL or the port's own lock keeps @port. */
void cham_nl_port_event(enum cham_cmd cmd, struct cham_port *port);
/* Any context; nothing is built when nobody listens. */
void cham_nl_conn_event(enum cham_cmd cmd, const struct cham_tenant *t,
			const struct cham_conn *conn);
/* Softirq; at most one a second and tenant. */
void cham_nl_miss_event(struct cham_tenant *t, const struct cham_query *q,
			enum cham_reason why);
/* Any context; at most one a second and tenant. */
void cham_nl_quota_event(struct cham_tenant *t, enum cham_tenant_attr quota);
/* Any context. */
void cham_nl_broken_event(struct cham_port *port);
/* Any context that @gfp fits. */
void cham_nl_prog_event(enum cham_cmd cmd, const struct cham_tenant *t,
			const struct cham_prog *prog, gfp_t gfp);
/* BH off, RCU read side. Return: whether somebody was told. */
bool cham_nl_handler_event(const struct cham_cpu *cpu, const struct cham_private *priv,
			   u32 event);

int cham_netlink_init(void);
void cham_netlink_exit(void);
#endif
