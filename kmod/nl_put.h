/* SPDX-License-Identifier: GPL-2.0 */
/* Objects to attributes. All cham_put_*() return 0 or -EMSGSIZE and need no lock
 * beyond what keeps the object alive.
 */
#ifndef CHAM_NL_PUT_H
#define CHAM_NL_PUT_H

#include <linux/skbuff.h>
#include "chamelio.h"

struct cham_conn;
struct cham_cpu;
struct cham_fdb;
struct cham_ledger;
struct cham_port;
struct cham_private;
struct cham_prog;
struct cham_query;
struct cham_tenant;
struct cham_uplink;

int cham_put_tenant(struct sk_buff *msg, const struct cham_tenant *t);
int cham_put_port(struct sk_buff *msg, struct cham_port *port);
int cham_put_uplink(struct sk_buff *msg, const struct cham_uplink *up);
/* @provider: who is told; a tenant does not see the underlay. */
int cham_put_conn(struct sk_buff *msg, const struct cham_conn *conn, bool provider);
/* Layout and area, if it has one. BH off, RCU read side. */
int cham_put_area(struct sk_buff *msg, const struct cham_conn *conn);
/* @f: attributes of CHAM_CONN_*, NULL where anything will do. RCU read side. */
bool cham_conn_match(const struct cham_conn *conn, struct nlattr **f);
int cham_put_fdb(struct sk_buff *msg, const struct cham_fdb *fdb, u32 tenant);
int cham_put_stat(struct sk_buff *msg, u32 tenant, const struct cham_ledger *sum);
int cham_put_prog(struct sk_buff *msg, const struct cham_tenant *t,
		  const struct cham_prog *prog);
int cham_put_miss(struct sk_buff *msg, u32 tenant, const struct cham_query *q,
		  enum cham_reason why);
int cham_put_event(struct sk_buff *msg, const struct cham_cpu *cpu,
		   const struct cham_private *priv, u32 event);
#endif
