// SPDX-License-Identifier: GPL-2.0
#include <asm/tsc.h>
#include <net/ipv6.h>
#include <net/netlink.h>

#include "conn.h"
#include "fdb.h"
#include "kfunc.h"
#include "ledger.h"
#include "nl_put.h"
#include "port.h"
#include "prog.h"
#include "remote.h"
#include "tenant.h"
#include "uplink.h"

int cham_put_tenant(struct sk_buff *msg, const struct cham_tenant *t)
{
	const struct net *net;
	u32 netns;

	rcu_read_lock();
	net = rcu_dereference(t->net);
	netns = net ? net->ns.inum : 0;
	rcu_read_unlock();
	return (netns && nla_put_u32(msg, CHAM_TENANT_NETNS, netns)) ||
	       nla_put_u32(msg, CHAM_TENANT_ID, t->id) ||
	       nla_put_string(msg, CHAM_TENANT_NAME, t->name) ||
	       nla_put_u32(msg, CHAM_TENANT_VNI, t->cfg.vni) ||
	       nla_put_u32(msg, CHAM_TENANT_WEIGHT, t->cfg.weight) ||
	       nla_put_u32(msg, CHAM_TENANT_MAX_CONNS, t->cfg.max_conns) ||
	       nla_put_u32(msg, CHAM_TENANT_MAX_PORTS, t->cfg.max_ports) ||
	       nla_put_u32(msg, CHAM_TENANT_MAX_FDB, t->cfg.max_fdb) ||
	       nla_put_u8(msg, CHAM_TENANT_DSCP, t->cfg.dscp_pipe) ||
	       nla_put_u32(msg, CHAM_TENANT_MAX_CYCLES, t->cfg.max_cycles) ||
	       nla_put_u32(msg, CHAM_TENANT_CONNS, atomic_read(&t->conns)) ||
	       nla_put_u32(msg, CHAM_TENANT_PORTS, t->ports) ||
	       nla_put_u32(msg, CHAM_TENANT_FDBS, atomic_read(&t->fdbs)) ||
	       nla_put_u32(msg, CHAM_TENANT_GENERATION, atomic_read(&t->gen)) ?
	       -EMSGSIZE : 0;
}

static int cham_put_u64(struct sk_buff *msg, int attr, u64 value)
{
	/* 0 is every set's unspec attribute, which serves as padding. */
	return nla_put_u64_64bit(msg, attr, value, 0);
}

int cham_put_port(struct sk_buff *msg, struct cham_port *port)
{
	const struct net_device *dev = cham_port_dev(port);
	const struct cham_tenant *t;
	u32 blocked = cham_port_blocked(port);
	struct cham_port_info info;
	int err;

	cham_port_get_info(port, &info);
	rcu_read_lock();
	t = cham_port_tenant_rcu(port);
	/* Whatever shuts the tenant's way to the wire is told at its ports. */
	if (t)
		blocked |= READ_ONCE(t->blocked);
	err = nla_put_u32(msg, CHAM_PORT_TENANT_ID, t ? t->id : 0) ||
	      (t && nla_put_string(msg, CHAM_PORT_TENANT_NAME, t->name)) ||
	      nla_put_u8(msg, CHAM_PORT_ROLE,
			 t && cham_tenant_is_slow(t, cham_port_slot(port)) ?
			 CHAM_PORT_ROLE_SLOW : CHAM_PORT_ROLE_GUEST);
	rcu_read_unlock();
	return err ||
	       nla_put_u32(msg, CHAM_PORT_IFINDEX, dev->ifindex) ||
	       nla_put_string(msg, CHAM_PORT_IFNAME, dev->name) ||
	       nla_put_string(msg, CHAM_PORT_VDPA, info.vdpa_name) ||
	       nla_put(msg, CHAM_PORT_MAC, ETH_ALEN, info.mac) ||
	       (!is_zero_ether_addr(info.fixed_mac) &&
		nla_put(msg, CHAM_PORT_FIXED_MAC, ETH_ALEN, info.fixed_mac)) ||
	       nla_put_u32(msg, CHAM_PORT_MTU, info.mtu) ||
	       nla_put_u32(msg, CHAM_PORT_QUEUE_PAIRS, info.queue_pairs) ||
	       nla_put_u32(msg, CHAM_PORT_ACTIVE_PAIRS, info.queue_pairs_active) ||
	       nla_put_u32(msg, CHAM_PORT_STATE, info.state) ||
	       (info.broken[0] &&
		nla_put_string(msg, CHAM_PORT_BROKEN_REASON, info.broken)) ||
	       nla_put_u32(msg, CHAM_PORT_BLOCKED, blocked) ||
	       cham_put_u64(msg, CHAM_PORT_FEATURES, info.features) ||
	       (info.device_features &&
		cham_put_u64(msg, CHAM_PORT_DEVICE_FEATURES, info.device_features)) ||
	       cham_put_u64(msg, CHAM_PORT_RX_PACKETS, info.rx_packets) ||
	       cham_put_u64(msg, CHAM_PORT_RX_BYTES, info.rx_bytes) ||
	       cham_put_u64(msg, CHAM_PORT_TX_PACKETS, info.tx_packets) ||
	       cham_put_u64(msg, CHAM_PORT_TX_BYTES, info.tx_bytes) ||
	       cham_put_u64(msg, CHAM_PORT_RX_DROPPED, info.rx_dropped) ||
	       cham_put_u64(msg, CHAM_PORT_TX_DROPPED, info.tx_dropped) ?
	       -EMSGSIZE : 0;
}

/* @sent: or received */
static u64 cham_uplink_packets(const struct cham_uplink *up, bool sent)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(up->packets, cpu)[sent]);
	return sum;
}

int cham_put_uplink(struct sk_buff *msg, const struct cham_uplink *up)
{
	return nla_put_u32(msg, CHAM_UPLINK_IFINDEX, up->ifindex) ||
	       nla_put_string(msg, CHAM_UPLINK_IFNAME, up->dev->name) ||
	       (up->local4 && nla_put_be32(msg, CHAM_UPLINK_LOCAL4, up->local4)) ||
	       (!ipv6_addr_any(&up->local6) &&
		nla_put(msg, CHAM_UPLINK_LOCAL6, 16, &up->local6)) ||
	       nla_put_u16(msg, CHAM_UPLINK_UDP_PORT, ntohs(up->udp_port)) ||
	       nla_put_u32(msg, CHAM_UPLINK_MTU, up->dev->mtu) ||
	       nla_put_u32(msg, CHAM_UPLINK_BLOCKED, READ_ONCE(up->blocked)) ||
	       cham_put_u64(msg, CHAM_UPLINK_RX_PACKETS, cham_uplink_packets(up, false)) ||
	       cham_put_u64(msg, CHAM_UPLINK_TX_PACKETS, cham_uplink_packets(up, true)) ||
	       nla_put_u32(msg, CHAM_UPLINK_REMOTES, cham_remote_total()) ||
	       nla_put_u8(msg, CHAM_UPLINK_IGNORE_FILTER, up->ignore_filter) ?
	       -EMSGSIZE : 0;
}

static int cham_put_dir(struct sk_buff *msg, int attr, const struct cham_conn *conn,
			unsigned int dir, bool provider)
{
	const struct cham_track *t = &conn->half[dir].track;
	/* At once: a slot of one action is none of another. */
	union cham_to to = { .word = READ_ONCE(conn->half[dir].fwd.to.word) };
	struct nlattr *nest = nla_nest_start(msg, attr);
	const struct cham_outer *outer;
	struct cham_remote *r = NULL;
	struct cham_port *port = NULL;
	int err;

	if (!nest)
		return -EMSGSIZE;
	rcu_read_lock();
	if (provider && to.action == CHAM_ACTION_REMOTE)
		r = cham_remote_rcu(to.egress);
	else if (provider && to.action == CHAM_ACTION_PORT)
		port = cham_port_by_slot_rcu(to.egress);
	outer = r ? rcu_dereference(r->outer) : NULL;
	err = (r && nla_put(msg, CHAM_DIR_REMOTE, r->family == 4 ? 4 : 16, r->addr)) ||
	      (outer && nla_put_u32(msg, CHAM_DIR_IFINDEX, outer->ifindex)) ||
	      (port && nla_put_u32(msg, CHAM_DIR_IFINDEX,
				   cham_port_dev(port)->ifindex));
	rcu_read_unlock();
	err = err || cham_put_u64(msg, CHAM_DIR_PACKETS, READ_ONCE(t->packets)) ||
	      cham_put_u64(msg, CHAM_DIR_BYTES, READ_ONCE(t->bytes)) ||
	      nla_put_u8(msg, CHAM_DIR_ACTION, to.action);
	if (!err && conn->key.proto == IPPROTO_TCP)
		err = nla_put_u32(msg, CHAM_DIR_RETRANS, READ_ONCE(t->retrans)) ||
		      nla_put_u32(msg, CHAM_DIR_SEQ, READ_ONCE(t->seq)) ||
		      nla_put_u32(msg, CHAM_DIR_ACK, READ_ONCE(t->ack)) ||
		      nla_put_u32(msg, CHAM_DIR_WINDOW, READ_ONCE(t->window)) ||
		      (cham_conn_wscale(conn, dir) != CHAM_WSCALE_NONE &&
		       nla_put_u8(msg, CHAM_DIR_WSCALE, cham_conn_wscale(conn, dir)));
	if (err) {
		nla_nest_cancel(msg, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(msg, nest);
	return 0;
}

static u32 cham_tsc_us(u32 kilocycles)
{
	return div_u64(((u64)kilocycles << 10) * 1000, tsc_khz);
}

static u32 cham_conn_alen(const struct cham_tuple *k)
{
	return k->ipv6 ? 16 : 4;
}

/* The receiver knows directions, not which end point is the smaller one. */
static u32 cham_conn_flags(const struct cham_conn *conn, unsigned int dir)
{
	u8 fin[2] = { CHAM_CONN_F_FIN0, CHAM_CONN_F_FIN1 };
	u32 flags = 0;

	if (conn->flags & CHAM_CONN_F_DEAD)
		flags |= BIT(CHAM_CONN_FLAG_DEAD);
	if (conn->flags & fin[dir])
		flags |= BIT(CHAM_CONN_FLAG_FIN_FORWARD);
	if (conn->flags & fin[!dir])
		flags |= BIT(CHAM_CONN_FLAG_FIN_REVERSE);
	return flags;
}

/* Who speaks to whom; @swap: seen from the destination. */
static bool cham_put_tuple(struct sk_buff *msg, u32 tenant, const struct cham_tuple *k,
			   bool swap)
{
	u32 alen = cham_conn_alen(k);

	return nla_put_u32(msg, CHAM_CONN_TENANT_ID, tenant) ||
	       nla_put_u8(msg, CHAM_CONN_PROTO, k->proto) ||
	       nla_put(msg, CHAM_CONN_SRC, alen, swap ? k->daddr : k->saddr) ||
	       nla_put(msg, CHAM_CONN_DST, alen, swap ? k->saddr : k->daddr) ||
	       nla_put_u16(msg, CHAM_CONN_SPORT, ntohs(swap ? k->dport : k->sport)) ||
	       nla_put_u16(msg, CHAM_CONN_DPORT, ntohs(swap ? k->sport : k->dport)) ||
	       (k->vlan && nla_put_u16(msg, CHAM_CONN_VLAN_ID, k->vlan));
}

int cham_put_conn(struct sk_buff *msg, const struct cham_conn *conn, bool provider)
{
	unsigned int dir = !!(conn->flags & CHAM_CONN_F_SWAPPED);
	u32 idle = (u32)jiffies - READ_ONCE(conn->seen);
	u8 state = READ_ONCE(conn->state);

	return cham_put_tuple(msg, conn->key.tenant, &conn->key, dir) ||
	       (state && nla_put_u8(msg, CHAM_CONN_TCP_STATE, state)) ||
	       nla_put_u32(msg, CHAM_CONN_FLAGS, cham_conn_flags(conn, dir)) ||
	       nla_put_u32(msg, CHAM_CONN_IDLE_MS,
			   (s32)idle < 0 ? 0 : jiffies_to_msecs(idle)) ||
	       nla_put_u32(msg, CHAM_CONN_SRTT_US, cham_tsc_us(conn->srtt >> 3)) ||
	       nla_put_u32(msg, CHAM_CONN_RTTVAR_US, cham_tsc_us(conn->rttvar >> 2)) ||
	       cham_put_dir(msg, CHAM_CONN_FORWARD, conn, dir, provider) ||
	       cham_put_dir(msg, CHAM_CONN_REVERSE, conn, !dir, provider) ? -EMSGSIZE : 0;
}

int cham_put_area(struct sk_buff *msg, const struct cham_conn *conn)
{
	struct cham_private *priv = READ_ONCE(conn->half[0].priv);
	struct nlattr *area;

	if (!priv)
		return 0;
	area = nla_reserve(msg, CHAM_CONN_AREA, sizeof(priv->area));
	if (!area || nla_put_u32(msg, CHAM_CONN_LAYOUT, priv->layout))
		return -EMSGSIZE;
	/* A serialised handler is not at work meanwhile. */
	spin_lock(&priv->lock);
	memcpy(nla_data(area), &priv->area, sizeof(priv->area));
	spin_unlock(&priv->lock);
	return 0;
}

static bool cham_addr_match(const struct nlattr *f, const u8 *addr, u32 alen)
{
	return !f || (nla_len(f) == alen && !memcmp(nla_data(f), addr, alen));
}

static bool cham_u16_match(const struct nlattr *f, u16 value)
{
	return !f || nla_get_u16(f) == value;
}

static bool cham_u8_match(const struct nlattr *f, u8 value)
{
	return !f || nla_get_u8(f) == value;
}

bool cham_conn_match(const struct cham_conn *conn, struct nlattr **f)
{
	unsigned int dir = !!(conn->flags & CHAM_CONN_F_SWAPPED);
	const struct nlattr *tenant = f[CHAM_CONN_TENANT_ID];
	const struct cham_tuple *k = &conn->key;
	u32 alen = cham_conn_alen(k);

	return (!tenant || nla_get_u32(tenant) == k->tenant) &&
	       cham_u8_match(f[CHAM_CONN_PROTO], k->proto) &&
	       cham_u8_match(f[CHAM_CONN_TCP_STATE], READ_ONCE(conn->state)) &&
	       cham_u16_match(f[CHAM_CONN_SPORT], ntohs(dir ? k->dport : k->sport)) &&
	       cham_u16_match(f[CHAM_CONN_DPORT], ntohs(dir ? k->sport : k->dport)) &&
	       cham_u16_match(f[CHAM_CONN_VLAN_ID], k->vlan) &&
	       cham_addr_match(f[CHAM_CONN_SRC], dir ? k->daddr : k->saddr, alen) &&
	       cham_addr_match(f[CHAM_CONN_DST], dir ? k->saddr : k->daddr, alen);
}

int cham_put_miss(struct sk_buff *msg, u32 tenant, const struct cham_query *q,
		  enum cham_reason why)
{
	return cham_put_tuple(msg, tenant, &q->tuple, false) ||
	       nla_put_u32(msg, CHAM_CONN_REASON, why) ? -EMSGSIZE : 0;
}

int cham_put_event(struct sk_buff *msg, const struct cham_cpu *cpu,
		   const struct cham_private *priv, u32 event)
{
	const struct cham_conn *conn = cham_flow_conn(cpu->flow);

	return cham_put_tuple(msg, cpu->tenant->id, &conn->key, cpu->flow & 1) ||
	       nla_put_u32(msg, CHAM_CONN_CODE, event) ||
	       nla_put_u32(msg, CHAM_CONN_HOOK, cpu->hook) ||
	       nla_put_u32(msg, CHAM_CONN_LAYOUT, priv->layout) ||
	       nla_put(msg, CHAM_CONN_AREA, sizeof(priv->area), &priv->area) ?
	       -EMSGSIZE : 0;
}

int cham_put_fdb(struct sk_buff *msg, const struct cham_fdb *fdb, u32 tenant)
{
	const struct cham_remote *r = fdb->remote;

	return nla_put_u32(msg, CHAM_FDB_TENANT_ID, tenant) ||
	       nla_put(msg, CHAM_FDB_MAC, ETH_ALEN, fdb->key.mac) ||
	       nla_put_u8(msg, CHAM_FDB_SOURCE, fdb->source) ||
	       (fdb->ifindex && nla_put_u32(msg, CHAM_FDB_IFINDEX, fdb->ifindex)) ||
	       (r && nla_put(msg, CHAM_FDB_REMOTE, r->family == 4 ? 4 : 16, r->addr)) ?
	       -EMSGSIZE : 0;
}

int cham_put_stat(struct sk_buff *msg, u32 tenant, const struct cham_ledger *sum)
{
	const struct cham_uplink *up = tenant ? NULL : cham_uplink_rcu();
	u64 of[__CHAM_KIND_MAX] = { 0 };
	unsigned int i;

	for (i = 0; i < __CHAM_REASON_MAX; i++)
		of[cham_reason_kinds[i]] += sum->reasons[i];
	return nla_put_u32(msg, CHAM_STAT_TENANT_ID, tenant) ||
	       cham_put_u64(msg, CHAM_STAT_FAST_PACKETS, sum->fast_packets) ||
	       cham_put_u64(msg, CHAM_STAT_FAST_BYTES, sum->fast_bytes) ||
	       cham_put_u64(msg, CHAM_STAT_SLOW_PACKETS, of[CHAM_KIND_SLOW]) ||
	       cham_put_u64(msg, CHAM_STAT_DROPS, of[CHAM_KIND_DROP]) ||
	       cham_put_u64(msg, CHAM_STAT_TCP_FAST, sum->tcp_fast) ||
	       cham_put_u64(msg, CHAM_STAT_TCP_SLOW, sum->tcp_slow) ||
	       nla_put(msg, CHAM_STAT_CLASSES, sizeof(sum->cycles), sum->cycles) ||
	       nla_put(msg, CHAM_STAT_CLASS_PACKETS, sizeof(sum->events), sum->events) ||
	       nla_put(msg, CHAM_STAT_REASONS, sizeof(sum->reasons), sum->reasons) ||
	       nla_put_u32(msg, CHAM_STAT_TSC_KHZ, tsc_khz) ||
	       (up && cham_put_u64(msg, CHAM_STAT_UNOBSERVED,
				   cham_uplink_packets(up, false))) ? -EMSGSIZE : 0;
}

static void cham_prog_sum(const struct cham_prog *prog, struct cham_prog_books *sum)
{
	const struct cham_prog_books *books;
	unsigned int i;
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		books = per_cpu_ptr(prog->books, cpu);
		for (i = 0; i < CHAM_DROP_REASONS; i++)
			sum->dropped[i] += READ_ONCE(books->dropped[i]);
		sum->events += READ_ONCE(books->events);
		sum->events_lost += READ_ONCE(books->events_lost);
		sum->overruns += READ_ONCE(books->overruns);
	}
}

/* RTNL or RCU read side. */
int cham_put_prog(struct sk_buff *msg, const struct cham_tenant *t,
		  const struct cham_prog *prog)
{
	const struct cham_prog_fault *fault = &prog->fault;
	struct cham_prog_books sum;

	cham_prog_sum(prog, &sum);
	if (nla_put_u32(msg, CHAM_PROG_TENANT_ID, t->id) ||
	    nla_put_string(msg, CHAM_PROG_TENANT_NAME, t->name) ||
	    nla_put_string(msg, CHAM_PROG_NAME, prog->name) ||
	    nla_put_u32(msg, CHAM_PROG_ABI, CHAM_ABI_VERSION) ||
	    nla_put_u32(msg, CHAM_PROG_CELL, prog->cell) ||
	    nla_put_u32(msg, CHAM_PROG_HOOKS, prog->hooks) ||
	    nla_put_u32(msg, CHAM_PROG_LAYOUT, prog->layout) ||
	    nla_put_u32(msg, CHAM_PROG_FLAGS, prog->flags) ||
	    nla_put_u32(msg, CHAM_PROG_VERSION, prog->version) ||
	    nla_put(msg, CHAM_PROG_DROPPED, sizeof(sum.dropped), sum.dropped) ||
	    cham_put_u64(msg, CHAM_PROG_EVENTS, sum.events) ||
	    cham_put_u64(msg, CHAM_PROG_EVENTS_LOST, sum.events_lost) ||
	    cham_put_u64(msg, CHAM_PROG_OVERRUNS, sum.overruns))
		return -EMSGSIZE;
	/* Pairs with cham_prog_stop(). */
	if (smp_load_acquire(&prog->state) != CHAM_PROG_STOPPED)
		return 0;
	return nla_put_u32(msg, CHAM_PROG_FAULT, fault->why) ||
	       nla_put_u32(msg, CHAM_PROG_FAULT_HOOK, fault->hook) ||
	       nla_put_u32(msg, CHAM_PROG_FAULT_VALUE, fault->value) ||
	       nla_put(msg, CHAM_PROG_FAULT_PACKET,
		       min_t(u32, fault->len, sizeof(fault->head)), fault->head) ||
	       nla_put(msg, CHAM_PROG_FAULT_AREA, sizeof(fault->area), &fault->area) ?
	       -EMSGSIZE : 0;
}
