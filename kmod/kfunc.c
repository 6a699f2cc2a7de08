// SPDX-License-Identifier: GPL-2.0
/*
 * The kfuncs the datapath calls: begin, lookup, deliver, encap, slow. Those around
 * a tenant's handler are in handler.c.
 *
 * One event at a time and CPU: XDP runs with BH off and does not nest. What
 * an event is follows from the device the packet came in by; metadata before
 * the packet, which survives redirects, is not believed.
 */
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/etherdevice.h>
#include <net/checksum.h>
#include <net/ip6_checksum.h>
#include <net/tcp_states.h>
#include <net/vxlan.h>

#include "conn.h"
#include "fdb.h"
#include "kfunc.h"
#include "ledger.h"
#include "netlink.h"
#include "policy.h"
#include "port.h"
#include "prog.h"
#include "remote.h"
#include "tenant.h"
#include "trace.h"
#include "uplink.h"

/* UDP and VXLAN header, at the end of every outer one. */
#define CHAM_OUTER_UDP	(sizeof(struct udphdr) + sizeof(struct vxlanhdr))

DEFINE_PER_CPU(struct cham_cpu, cham_cpus);

static_assert(sizeof(struct cham_query) % 8 == 0);

/**
 * cham_refuse() - the packet is Linux'
 * @cpu: the event
 * @why: counted
 */
int cham_refuse(struct cham_cpu *cpu, enum cham_reason why)
{
	struct cham_ledger __percpu *books = cham_books(cpu);

	/* Why Linux has it has been counted where it came from. */
	cham_count(books, cpu->host ? CHAM_REASON_UNSEEN : why);
	trace_cham_slow(cpu, why);
	if (cpu->tcp)
		this_cpu_inc(books->tcp_slow);
	cpu->stamp = cham_charge(books, CHAM_CLASS_DEMUX, cpu->stamp);
	cpu->slow = cpu->burst_rxq;
	cpu->ev.act = CHAM_ACT_SLOW;
	cpu->ev.reason = why;
	cham_event_end(cpu);
	return CHAM_ACT_SLOW;
}

/*
 * Ask Linux' knowledge where this direction goes and whether the packet comes
 * from where Linux thinks its source lives. The slow path for a connection,
 * the fast path for a packet: no lock, no allocation.
 */
static enum cham_reason cham_resolve(const struct cham_cpu *cpu,
				     struct cham_fwd *fwd,
				     const struct cham_query *q, u32 ingress)
{
	const struct cham_tenant *t = cpu->tenant;
	struct cham_dest from, to;

	if (cham_policy_is_dirty())
		return CHAM_REASON_BLOCKED;
	if (cpu->port ? cham_port_blocked(cpu->port) : READ_ONCE(t->blocked))
		return CHAM_REASON_BLOCKED;
	if (cpu->port && unlikely(cham_tenant_is_slow(t, cham_port_slot(cpu->port)))) {
		from.action = CHAM_ACTION_PORT;
		from.slot = cham_port_slot(cpu->port);
		from.epoch = NULL;
	} else if (!cham_fdb_resolve_rcu(t, q->macs + ETH_ALEN, &from) ||
		   from.ingress != ingress ||
		   from.action != (cpu->port ? CHAM_ACTION_PORT : CHAM_ACTION_REMOTE)) {
		return CHAM_REASON_SRC_MOVED;
	}
	if (!cham_fdb_resolve_rcu(t, q->macs, &to))
		return CHAM_REASON_NO_FDB;
	/* Back to where it came from: a bridge would not either. */
	if (to.action == from.action &&
	    (to.action == CHAM_ACTION_REMOTE || to.slot == from.slot))
		return CHAM_REASON_NO_FDB;
	if (to.action == CHAM_ACTION_PORT) {
		struct cham_port *port = cham_port_by_slot_rcu(to.slot);

		if (port && !cham_port_takes(port, q->macs, q->tuple.vlan))
			return CHAM_REASON_FILTERED;
	}
	/* Short conversations never grow old enough to be sampled: the address
	 * itself is, too.
	 */
	if (from.epoch && READ_ONCE(*from.epoch) != t->epoch) {
		bool known = READ_ONCE(*from.epoch);

		WRITE_ONCE(*from.epoch, t->epoch);
		if (known)
			return CHAM_REASON_REFRESH;
	}
	fwd->ingress = ingress;
	memcpy(fwd->macs, q->macs, sizeof(fwd->macs));
	fwd->to.egress = to.slot;
	fwd->to.super = 0;
	fwd->to.epoch = t->epoch;
	fwd->to.action = to.action;
	return CHAM_REASON_NONE;
}

static inline bool cham_tcp_open(const struct cham_conn *conn,
				 const struct cham_query *q)
{
	return conn && conn->state == TCP_ESTABLISHED &&
	       q->tuple.proto == IPPROTO_TCP;
}

static struct cham_conn *cham_new_conn(struct cham_cpu *cpu, const struct cham_key *key,
				       enum cham_reason *why)
{
	struct cham_conn *conn = cham_conn_insert(cpu->tenant, key, cham_conn_hash(key), why);

	if (conn)
		cpu->fresh = true;
	else if (*why == CHAM_REASON_QUOTA)
		cham_nl_quota_event(cpu->tenant, CHAM_TENANT_MAX_CONNS);
	return conn;
}

static inline void cham_announce(struct cham_cpu *cpu, const struct cham_conn *conn)
{
	if (unlikely(cpu->fresh)) {
		cpu->fresh = false;
		cham_nl_conn_event(CHAM_CMD_CONN_NTF, cpu->tenant, conn);
	}
}

/* Linux decides, but the tenant's handler sees the packet, and that needs a
 * connection. What Linux gave a guest has been tracked where it came from.
 */
static void cham_show(struct cham_cpu *cpu, struct cham_conn *conn,
		      const struct cham_key *key, unsigned int dir,
		      enum cham_event_act act)
{
	enum cham_reason full;

	if (!conn)
		conn = cham_new_conn(cpu, key, &full);
	if (!conn)
		return;
	cham_announce(cpu, conn);
	cpu->flow = cham_conn_flow(conn, dir);
	cpu->ev.act = act;
}

/* A packet that no valid direction is known for: find out, remember.
 * Return: the connection, or NULL and the event says what is to be done.
 */
static noinline struct cham_conn *
cham_learn(struct cham_cpu *cpu, const struct cham_query *query,
	   struct cham_conn *conn, u32 gen)
{
	struct cham_tenant *t = cpu->tenant;
	enum cham_reason why;
	struct cham_fwd fwd;
	struct cham_key key;
	unsigned int dir;

	key = cham_conn_key(&query->tuple, t->key, &dir);
	if (cpu->host) {
		ether_addr_copy(cpu->host_src, query->macs + ETH_ALEN);
		if (!cpu->timer)
			cham_show(cpu, conn, &key, dir, CHAM_ACT_HOST);
		else if (conn)
			cham_show(cpu, conn, &key, dir, CHAM_ACT_TIMER);
		if (cpu->ev.act == CHAM_ACT_SLOW)
			cham_refuse(cpu, CHAM_REASON_NO_AREA);
		else
			cpu->stamp = cham_charge(t->ledger, CHAM_CLASS_DEMUX, cpu->stamp);
		return NULL;
	}
	why = cham_resolve(cpu, &fwd, query, cpu->ingress);
	if (why) {
		cpu->tcp = cham_tcp_open(conn, query);
		cham_nl_miss_event(t, query, why);
		cham_refuse(cpu, why);
		/* What goes to a port, Linux brings there; what leaves one is seen here. */
		if (cpu->port && READ_ONCE(t->prog) & CHAM_PROG_WORD_HOOK(CHAM_HOOK_TX))
			cham_show(cpu, conn, &key, dir, CHAM_ACT_LINUX);
		return NULL;
	}
	if (!conn) {
		conn = cham_new_conn(cpu, &key, &why);
		if (!conn) {
			cham_refuse(cpu, why);
			return NULL;
		}
	}
	cham_fwd_write(&conn->half[dir].fwd, &fwd, gen);
	return conn;
}

/* Over what is there, so that 0 is right; what it should be when the field is 0. */
static noinline __sum16 cham_outer_sum(const struct xdp_buff *xdp, u32 strip)
{
	const struct udphdr *udp = xdp->data + strip - CHAM_OUTER_UDP;
	const struct iphdr *ip = xdp->data + ETH_HLEN;
	const struct ipv6hdr *ip6 = xdp->data + ETH_HLEN;
	u32 len = xdp_get_buff_len(xdp) - ((void *)udp - xdp->data);
	__wsum sum;

	len = min_t(u32, len, ntohs(udp->len));
	sum = cham_xdp_sum(xdp, (void *)udp - xdp->data, len);
	if (strip < ETH_HLEN + sizeof(*ip6) + CHAM_OUTER_UDP)
		return csum_tcpudp_magic(ip->saddr, ip->daddr, len, IPPROTO_UDP, sum);
	return csum_ipv6_magic(&ip6->saddr, &ip6->daddr, len, IPPROTO_UDP, sum);
}

/* The outer UDP checksum is absent or right. */
static __always_inline bool cham_outer_sum_ok(const struct xdp_buff *xdp, u32 strip)
{
	const struct udphdr *udp = xdp->data + strip - CHAM_OUTER_UDP;

	if (strip < ETH_HLEN + sizeof(struct iphdr) + CHAM_OUTER_UDP ||
	    strip > xdp->data_end - xdp->data)
		return false;
	return likely(!udp->check) || !cham_outer_sum(xdp, strip);
}

/* Checks the outer UDP checksum now, before what it covers is written. */
bool cham_outer_settle(struct cham_cpu *cpu, struct xdp_buff *xdp, u32 strip)
{
	struct udphdr *udp = xdp->data + strip - CHAM_OUTER_UDP;

	if (!cham_outer_sum_ok(xdp, strip))
		return false;
	cpu->summed = udp->check;
	udp->check = 0;
	return true;
}

/**
 * cham_outer_write_sum() - the checksum in an outer header
 * @xdp:   packet
 * @strip: bytes of the outer header
 */
void cham_outer_write_sum(struct xdp_buff *xdp, u32 strip)
{
	struct udphdr *udp = xdp->data + strip - CHAM_OUTER_UDP;

	udp->check = 0;
	udp->check = cham_outer_sum(xdp, strip) ?: CSUM_MANGLED_0;
}

static noinline int cham_lost(struct cham_cpu *cpu, const struct xdp_buff *xdp, int err)
{
	enum cham_reason why = err == -ENOBUFS ? CHAM_REASON_RING_FULL :
			       err == -EMSGSIZE ? CHAM_REASON_OVERSIZE :
			       err == -EPROTO ? CHAM_REASON_BAD_GSO :
			       err == -EBADMSG ? CHAM_REASON_BAD_CSUM :
			       err == -ENOMEM ? CHAM_REASON_TX_NO_MEMORY :
						 CHAM_REASON_RING_BROKEN;

	cham_count(cpu->tenant->ledger, why);
	trace_cham_drop(cpu->tenant, xdp->rxq->dev->ifindex, why, cpu->len);
	cpu->stamp = cham_charge(cpu->tenant->ledger, CHAM_CLASS_DELIVER, cpu->stamp);
	return err;
}

/* Books one that arrived, or did not. */
static __always_inline int cham_delivered(struct cham_cpu *cpu,
					  const struct xdp_buff *xdp, int err)
{
	struct cham_ledger *books;

	if (unlikely(err))
		return cham_lost(cpu, xdp, err);
	books = this_cpu_ptr(cpu->tenant->ledger);
	books->fast_packets += cpu->segs;
	books->fast_bytes += cpu->len;
	books->tcp_fast += cpu->tcp;
	cpu->stamp = cham_charge_here(books, CHAM_CLASS_DELIVER, cpu->stamp);
	return 0;
}

/* Linux answers, but not what a handler made of a packet of the wire. */
static noinline int cham_encap_not(struct cham_cpu *cpu, enum cham_reason why, int err)
{
	if (cpu->port)
		cham_refuse(cpu, why);
	else
		cham_end(cpu, CHAM_REASON_NO_REPLY);
	return err;
}

/* 1 + the queue pair that a guest with several has chosen; or 0. */
static inline u32 cham_sent_on(const struct net_device *dev,
			       const struct xdp_buff *xdp)
{
	return likely(dev->real_num_rx_queues == 1) ? 0 : xdp->rxq->queue_index + 1;
}

/* The uplink's addresses, for the parser; read again when they may have changed. */
static noinline void cham_event_local(struct cham_cpu *cpu, const struct cham_uplink *up)
{
	/* Before the address that it stands for. */
	cpu->local = smp_load_acquire(&up->serial);
	cpu->ev.local4 = up->local4;
	memcpy(cpu->ev.local6, &up->local6, 16);
	ether_addr_copy(cpu->ev.mac, up->dev->dev_addr);
	cpu->ev.udp_port = up->udp_port;
	cpu->ev.redirect = up->redirect ? up->dev->ifindex : 0;
}

static void cham_begin_port(struct cham_cpu *cpu, const struct xdp_buff *xdp,
			    struct cham_port *port, struct cham_tenant *tenant)
{
	const struct net_device *dev = xdp->rxq->dev;

	cpu->tenant = tenant;
	cpu->port = tenant ? port : NULL;
	cpu->side = CHAM_GEN_PORT;
	cpu->ingress = dev->ifindex;
	cpu->sent_on = cham_sent_on(dev, xdp);
}

/* The first packet of a burst, or the first after one that was Linux'. */
static noinline u8 *cham_begin_burst(struct cham_cpu *cpu, const struct xdp_buff *xdp)
{
	if (cpu->slow && cpu->xdp)
		cham_charge_slow(cpu);
	cpu->slow = false;
	cham_begin_port(cpu, xdp, cpu->burst_port, cpu->burst_tenant);
	if (!cpu->port)
		return NULL;
	cpu->xdp = xdp;
	return (u8 *)&cpu->ev;
}

/* The packet with the driver's own description. */
static __always_inline void cham_begin_from(struct cham_cpu *cpu, const struct xdp_buff *xdp)
{
	const struct cham_xdp_buff *from = (const struct cham_xdp_buff *)xdp;

	cpu->from = from;
	cpu->ev.gso_size = 0;
	if (from->vnet.gso_type) {
		cpu->ev.gso_size = (__force u16)from->vnet.gso_size;
		cpu->ev.more += from->lent.bytes;
	}
}

/* What Linux brings to a port: the driver has said whose it is. Or a test run, for
 * that is a user's process. Under generic XDP the guest itself would get what is to
 * leave: all of it is Linux'.
 */
static noinline u8 *cham_begin_other(struct cham_cpu *cpu, const struct xdp_buff *xdp)
{
	struct cham_port *port;

	if (cpu->host == xdp) {
		cham_begin_from(cpu, xdp);
		cpu->xdp = xdp;
		return (u8 *)&cpu->ev;
	}
	if (in_serving_softirq() || current->flags & PF_KTHREAD)
		return NULL;
	port = cham_port_from_dev(xdp->rxq->dev);
	cham_begin_port(cpu, xdp, port, port ? cham_port_tenant_rcu(port) : NULL);
	if (!cpu->port)
		return NULL;
	cpu->from = NULL;
	cpu->ev.gso_size = 0;
	cpu->stamp = cham_clock();
	cpu->xdp = xdp;
	return (u8 *)&cpu->ev;
}

__bpf_kfunc_start_defs();

/**
 * bpf_cham_begin() - open the event of a packet
 * @ctx:           the program's context
 * @rdwr_buf_size: sizeof(struct cham_event)
 *
 * Return: the event, with what the parser needs; NULL when the packet's
 * device is neither the uplink nor a port of a tenant.
 */
__bpf_kfunc u8 *bpf_cham_begin(struct xdp_md *ctx, const int rdwr_buf_size)
{
	struct cham_cpu *cpu = this_cpu_ptr(&cham_cpus);
	struct xdp_buff *xdp = (struct xdp_buff *)ctx;
	struct cham_uplink *up;

	if (rdwr_buf_size != sizeof(struct cham_event))
		return NULL;
	cpu->ev.act = CHAM_ACT_SLOW;
	cpu->tcp = 0;
	cpu->ev.more = xdp_buff_has_frags(xdp) ?
		       xdp_get_shared_info_from_buff(xdp)->xdp_frags_size : 0;
	/* Our own NAPI, and not generic XDP inside it: the buffer is ours, too. */
	if (cpu->burst_rxq == xdp->rxq) {
		cham_begin_from(cpu, xdp);
		/* What all of a burst have in common is there since its first packet. */
		if (unlikely(cpu->slow || !cpu->port))
			return cham_begin_burst(cpu, xdp);
		cpu->xdp = xdp;
		return (u8 *)&cpu->ev;
	}
	up = cham_uplink_rcu();
	if (unlikely(!up || up->dev != xdp->rxq->dev))
		return cham_begin_other(cpu, xdp);
	cpu->stamp = cham_clock();
	cpu->tenant = NULL;
	cpu->port = NULL;
	cpu->side = 0;
	cpu->sent_on = 0;
	cpu->from = NULL;
	cpu->ev.gso_size = 0;
	cpu->xdp = xdp;
	this_cpu_inc(up->packets[0]);
	if (unlikely(cpu->local != READ_ONCE(up->serial)))
		cham_event_local(cpu, up);
	return (u8 *)&cpu->ev;
}

/**
 * bpf_cham_lookup() - the one lookup of a packet
 * @ctx:   the program's context
 * @q:     struct cham_query of the inner packet
 * @q__sz: its size
 *
 * Finds or makes the connection, tracks it, and decides.
 *
 * Return: enum cham_event_act, as in the event; above it the tenant's program,
 * if it has one, see CHAM_PROG_ACT_MASK.
 */
__bpf_kfunc int bpf_cham_lookup(struct xdp_md *ctx, const void *q, u32 q__sz)
{
	struct cham_cpu *cpu = this_cpu_ptr(&cham_cpus);
	const struct cham_query *query = q;
	struct cham_tenant *t = cpu->tenant;
	struct cham_conn *conn;
	struct cham_half *half;
	struct cham_key key;
	union cham_to to;
	unsigned int dir;
	u64 hash;
	u32 gen;

	if (unlikely(cpu->xdp != (struct xdp_buff *)ctx ||
		     q__sz != sizeof(*query)))
		return CHAM_ACT_SLOW;
	if (!cpu->port) {
		t = cham_tenant_by_vni_rcu(query->vni);
		if (unlikely(!t))
			return cham_refuse(cpu, CHAM_REASON_NO_TENANT);
		cpu->tenant = t;
		cpu->ingress = query->outer_src;
	}
	cpu->len = query->len;
	cpu->payload = query->payload;
	cpu->segs = cpu->ev.gso_size ?
		    DIV_ROUND_UP(query->payload, cpu->ev.gso_size) : 1;
	/* Before the tables: a change after this leaves an older generation.
	 * Outer sources and representors have the same numbers: a decision for
	 * the one is of another generation than one for the other.
	 */
	gen = smp_load_acquire(&t->gen) ^ cpu->side;
	key = cham_conn_key(&query->tuple, t->key, &dir);
	hash = cham_conn_hash(&key);
	cpu->hash = hash >> 32;
	conn = cham_conn_lookup_rcu(&key, hash);
	to.word = 0;
	if (likely(conn)) {
		half = &conn->half[dir];
		to.word = cham_fwd_read(&half->fwd, query, cpu->ingress, gen);
	}
	if (unlikely(!to.word)) {
		conn = cham_learn(cpu, query, conn, gen);
		if (!conn)
			return cpu->ev.act ? cpu->ev.act | READ_ONCE(t->prog) :
					     CHAM_ACT_SLOW;
		half = &conn->half[dir];
		to.word = READ_ONCE(half->fwd.to.word);
	}
	cpu->tcp = cham_tcp_open(conn, query);
	cham_conn_track(conn, half, query, cpu->segs);
	if (unlikely(cpu->sent_on))
		cham_conn_set_sent(conn, dir, cpu->sent_on - 1);
	cham_announce(cpu, conn);
	cpu->flow = cham_conn_flow(conn, dir);
	/* Each direction shows Linux one packet a quarter of the ageing time,
	 * so that bridge and vxlan device keep learning it.
	 */
	if (unlikely((to.epoch ^ t->epoch) & CHAM_EPOCH_MASK)) {
		to.epoch = t->epoch;
		WRITE_ONCE(half->fwd.to.word, to.word);
		cham_refuse(cpu, CHAM_REASON_REFRESH);
		cpu->ev.act = CHAM_ACT_LINUX;
		return CHAM_ACT_LINUX | READ_ONCE(t->prog);
	}
	cpu->egress = to.egress;
	if (to.action == CHAM_ACTION_PORT) {
		cpu->ev.act = CHAM_ACT_DELIVER;
	} else {
		const struct cham_remote *r = cham_remote_rcu(cpu->egress);
		const struct cham_outer *o = r ? rcu_dereference(r->outer) : NULL;

		if (unlikely(!o))
			return cham_refuse(cpu, CHAM_REASON_NO_ROUTE);
		cpu->outer = o;
		/* Once by skb, always: two ways would reorder. */
		if (unlikely(cpu->ev.gso_size && o->tso && !to.super)) {
			to.super = 1;
			WRITE_ONCE(half->fwd.to.word, to.word);
		}
		cpu->by_skb = to.super;
		cpu->ev.act = CHAM_ACT_ENCAP;
	}
	cpu->stamp = cham_charge(t->ledger, CHAM_CLASS_DEMUX, cpu->stamp);
	return cpu->ev.act | READ_ONCE(t->prog);
}

/**
 * bpf_cham_deliver() - carry out DELIVER
 * @ctx:   the program's context
 * @strip: bytes before the inner Ethernet header
 *
 * Copies the packet into the guest's ring. The program then drops its own
 * buffer: the packet has arrived, or is counted as dropped.
 *
 * Return: 0, or a negative errno when it was dropped.
 */
__bpf_kfunc int bpf_cham_deliver(struct xdp_md *ctx, u32 strip)
{
	struct cham_cpu *cpu = this_cpu_ptr(&cham_cpus);
	struct xdp_buff *xdp = (struct xdp_buff *)ctx;
	struct cham_port *port;
	bool data = false;
	int err;

	if (cpu->xdp != xdp || cpu->ev.act != CHAM_ACT_DELIVER)
		return -EINVAL;
	cpu->ev.act = CHAM_ACT_SLOW;
	if (!cpu->port) {
		cpu->xdp = NULL;
		err = -EBADMSG;
		if (unlikely(!cham_outer_sum_ok(xdp, strip)))
			goto count;
		data = cpu->tcp && cpu->payload;
	}
	err = -ENOTCONN;
	port = cham_port_by_slot_rcu(cpu->egress);
	if (likely(port))
		err = cham_port_deliver(port, xdp, strip, cpu->from, cpu->flow, data);
count:
	return cham_delivered(cpu, xdp, err);
}

/**
 * bpf_cham_encap() - put the outer header before a packet that ENCAP is for
 * @ctx: the program's context
 * @tos: traffic class of the inner packet
 *
 * The program then returns XDP_TX. Its pointers into the packet stay what they
 * were; only the packet begins earlier. On the uplink, where it is a handler's
 * reply and ctx->data its Ethernet header, the driver sends it.
 *
 * Return: 0, or not 0 and the packet is Linux', or on the uplink lost; counted.
 */
__bpf_kfunc int bpf_cham_encap(struct xdp_md *ctx, u32 tos)
{
	struct cham_cpu *cpu = this_cpu_ptr(&cham_cpus);
	struct xdp_buff *xdp = (struct xdp_buff *)ctx;
	const struct cham_outer *outer = cpu->outer;
	u32 inner = cpu->len - ETH_HLEN;

	if (cpu->xdp != xdp || cpu->ev.act != CHAM_ACT_ENCAP)
		return -EINVAL;
	/* A tag takes room in the tunnel, too. */
	if (cpu->ev.gso_size)
		inner -= cpu->payload - cpu->ev.gso_size;
	if (unlikely(inner > outer->inner_mtu))
		return cham_encap_not(cpu, CHAM_REASON_MTU, -EMSGSIZE);
	if (unlikely(xdp->data - xdp->data_hard_start <
		     sizeof(struct xdp_frame) + sizeof(outer->hdr)))
		return cham_encap_not(cpu, CHAM_REASON_HEADROOM, -ENOSPC);
	if (cpu->tenant->cfg.dscp_pipe)
		tos &= INET_ECN_MASK;
	/* RFC 6335's dynamic range. */
	xdp->data = cham_encap(xdp->data, outer->hdr, outer->family, cpu->len,
			       tos, cpu->ip_id, 49152 | (cpu->hash & 16383));
	/* Nobody on the wire's side wants it. */
	xdp->data_meta = xdp->data;
	cpu->ip_id += cpu->segs;
	cpu->ev.act = CHAM_ACT_SEND;
	if (unlikely(!cpu->port))
		cham_replied(cpu, xdp);
	return 0;
}

/**
 * bpf_cham_slow() - the program itself sends the packet to Linux
 * @ctx:    the program's context
 * @vni:    of the tunnel, or 0; ports know their tenant
 * @reason: enum cham_reason
 */
__bpf_kfunc void bpf_cham_slow(struct xdp_md *ctx, u32 vni, u32 reason)
{
	struct cham_cpu *cpu = this_cpu_ptr(&cham_cpus);

	if (cpu->xdp != (struct xdp_buff *)ctx || reason >= __CHAM_REASON_MAX)
		return;
	if (!cpu->tenant && vni)
		cpu->tenant = cham_tenant_by_vni_rcu(vni);
	cham_refuse(cpu, reason);
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(cham_kfunc_ids)
BTF_ID_FLAGS(func, bpf_cham_begin, KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_cham_lookup)
BTF_ID_FLAGS(func, bpf_cham_deliver)
BTF_ID_FLAGS(func, bpf_cham_encap)
BTF_ID_FLAGS(func, bpf_cham_slow)
BTF_ID_FLAGS(func, bpf_cham_enter, KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_cham_leave)
BTF_KFUNCS_END(cham_kfunc_ids)

static const struct btf_kfunc_id_set cham_kfunc_set = {
	.owner = THIS_MODULE,
	.set = &cham_kfunc_ids,
};

int cham_kfunc_init(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_XDP, &cham_kfunc_set);
}
