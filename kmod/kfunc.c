// SPDX-License-Identifier: GPL-2.0
/*
 * The kfuncs the datapath calls: begin, lookup, outer, deliver, slow.
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
#include "remote.h"
#include "tenant.h"
#include "uplink.h"

/* UDP and VXLAN header, at the end of every outer one. */
#define CHAM_OUTER_UDP	(sizeof(struct udphdr) + sizeof(struct vxlanhdr))

DEFINE_PER_CPU(struct cham_cpu, cham_cpus);

static_assert(sizeof(struct cham_query) % 8 == 0);

static int cham_refuse(struct cham_cpu *cpu, enum cham_reason why)
{
	struct cham_ledger __percpu *books = cham_books(cpu);

	cham_count(books, why);
	if (cpu->tcp)
		this_cpu_inc(books->tcp_slow);
	cpu->stamp = cham_charge(books, CHAM_CLASS_DEMUX, cpu->stamp);
	cpu->slow = cpu->in_burst;
	cpu->ev.act = CHAM_ACT_SLOW;
	cpu->ev.reason = why;
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
	if (!cham_fdb_resolve_rcu(t, q->macs + ETH_ALEN, &from) ||
	    from.ingress != ingress ||
	    from.action != (cpu->port ? CHAM_ACTION_PORT : CHAM_ACTION_REMOTE))
		return CHAM_REASON_SRC_MOVED;
	if (!cham_fdb_resolve_rcu(t, q->macs, &to))
		return CHAM_REASON_NO_FDB;
	/* Back to where it came from: a bridge would not either. */
	if (to.action == from.action &&
	    (to.action == CHAM_ACTION_REMOTE || to.slot == from.slot))
		return CHAM_REASON_NO_FDB;
	/* Short conversations never grow old enough to be sampled: the address
	 * itself is, too.
	 */
	if (READ_ONCE(*from.epoch) != t->epoch) {
		bool known = READ_ONCE(*from.epoch);

		WRITE_ONCE(*from.epoch, t->epoch);
		if (known)
			return CHAM_REASON_REFRESH;
	}
	fwd->ingress = ingress;
	memcpy(fwd->macs, q->macs, sizeof(fwd->macs));
	fwd->egress = to.slot;
	fwd->super = 0;
	fwd->epoch = t->epoch;
	fwd->action = to.action;
	return CHAM_REASON_NONE;
}

static inline bool cham_tcp_open(const struct cham_conn *conn,
				 const struct cham_query *q)
{
	return conn && conn->state == TCP_ESTABLISHED &&
	       q->tuple.proto == IPPROTO_TCP;
}

/* The outer UDP checksum is absent or right. */
static bool cham_outer_sum_ok(const struct xdp_buff *xdp, u32 strip)
{
	const struct udphdr *udp = xdp->data + strip - CHAM_OUTER_UDP;
	const struct iphdr *ip = xdp->data + ETH_HLEN;
	const struct ipv6hdr *ip6 = xdp->data + ETH_HLEN;
	u32 len;
	__wsum sum;

	if (strip < ETH_HLEN + sizeof(struct iphdr) + CHAM_OUTER_UDP ||
	    strip > xdp->data_end - xdp->data)
		return false;
	if (likely(!udp->check))
		return true;
	len = xdp_get_buff_len(xdp) - ((void *)udp - xdp->data);
	len = min_t(u32, len, ntohs(udp->len));
	sum = cham_xdp_sum(xdp, (void *)udp - xdp->data, len);
	if (strip < ETH_HLEN + sizeof(*ip6) + CHAM_OUTER_UDP)
		return !csum_tcpudp_magic(ip->saddr, ip->daddr, len, IPPROTO_UDP, sum);
	return !csum_ipv6_magic(&ip6->saddr, &ip6->daddr, len, IPPROTO_UDP, sum);
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
	struct net_device *dev = xdp->rxq->dev;
	struct cham_port *port;
	struct cham_uplink *up;

	if (rdwr_buf_size != sizeof(struct cham_event))
		return NULL;
	cpu->ev.act = CHAM_ACT_SLOW;
	cpu->tcp = 0;
	cpu->outer = NULL;
	port = cham_port_from_dev(dev);
	cpu->port = port;
	cpu->vnet = NULL;
	if (port) {
		cpu->tenant = cham_port_tenant_rcu(port);
		if (!cpu->tenant)
			return NULL;
		cpu->ev.kind = 2;
		cpu->ev.gso_size = 0;
		/* Under generic XDP or a test run the buffer is not ours. */
		if (likely(cpu->in_burst)) {
			cpu->vnet = &((struct cham_xdp_buff *)xdp)->vnet;
			if (cpu->vnet->gso_type)
				cpu->ev.gso_size = (__force u16)cpu->vnet->gso_size;
			if (unlikely(cpu->slow && cpu->xdp))
				cham_charge_slow(cpu);
			cpu->slow = false;
		} else {
			cpu->stamp = cham_clock();
		}
		cpu->xdp = xdp;
		return (u8 *)&cpu->ev;
	}
	cpu->stamp = cham_clock();
	cpu->tenant = NULL;
	up = cham_uplink_rcu();
	if (!up || up->dev != dev)
		return NULL;
	cpu->ev.kind = 1;
	cpu->ev.local4 = up->local4;
	memcpy(cpu->ev.local6, &up->local6, 16);
	ether_addr_copy(cpu->ev.mac, dev->dev_addr);
	cpu->ev.udp_port = up->udp_port;
	cpu->ev.gso_size = 0;
	this_cpu_inc(up->packets[0]);
	cpu->xdp = xdp;
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
 * Return: enum cham_event_act, as in the event.
 */
__bpf_kfunc int bpf_cham_lookup(struct xdp_md *ctx, const void *q, u32 q__sz)
{
	struct cham_cpu *cpu = this_cpu_ptr(&cham_cpus);
	const struct cham_query *query = q;
	enum cham_reason why;
	struct cham_conn *conn;
	struct cham_tuple key __uninitialized;
	struct cham_fwd fwd __uninitialized;
	struct cham_tenant *t;
	unsigned int dir;
	bool fresh = false;
	u32 ingress, gen;
	u64 hash;

	cpu->ev.act = CHAM_ACT_SLOW;
	if (unlikely(cpu->xdp != (struct xdp_buff *)ctx ||
		     q__sz != sizeof(*query)))
		return CHAM_ACT_SLOW;
	t = cpu->tenant;
	if (!cpu->port) {
		t = cham_tenant_by_vni_rcu(query->vni);
		if (!t)
			return cham_refuse(cpu, CHAM_REASON_NO_TENANT);
		cpu->tenant = t;
		ingress = query->outer_src;
	} else {
		ingress = cpu->xdp->rxq->dev->ifindex;
	}
	cpu->len = query->len;
	cpu->payload = query->payload;
	cpu->segs = cpu->ev.gso_size ?
		    DIV_ROUND_UP(query->payload, cpu->ev.gso_size) : 1;
	/* Before the tables: a change after this leaves an older generation. */
	gen = smp_load_acquire(&t->gen);
	dir = cham_conn_key(&key, &query->tuple, t->id);
	hash = cham_conn_hash(&key);
	conn = cham_conn_lookup_rcu(&key, hash);
	fwd.to = conn ? cham_fwd_read(&conn->half[dir].fwd, query, ingress, gen) : 0;
	if (unlikely(!fwd.to)) {
		why = cham_resolve(cpu, &fwd, query, ingress);
		if (why) {
			cpu->tcp = cham_tcp_open(conn, query);
			cham_nl_miss_event(t, query, why);
			return cham_refuse(cpu, why);
		}
		if (!conn) {
			conn = cham_conn_insert(t, &key, hash, &why);
			if (!conn) {
				if (why == CHAM_REASON_QUOTA)
					cham_nl_quota_event(t, CHAM_TENANT_MAX_CONNS);
				return cham_refuse(cpu, why);
			}
			fresh = true;
		}
		cham_fwd_write(&conn->half[dir].fwd, &fwd, gen);
	}
	cpu->tcp = cham_tcp_open(conn, query);
	cham_conn_track(conn, dir, query, cpu->segs);
	if (unlikely(fresh))
		cham_nl_conn_event(CHAM_CMD_CONN_NTF, t, conn);
	/* Each direction shows Linux one packet a quarter of the ageing time,
	 * so that bridge and vxlan device keep learning it.
	 */
	if (unlikely(fwd.epoch != (t->epoch & CHAM_EPOCH_MASK))) {
		fwd.epoch = t->epoch;
		WRITE_ONCE(conn->half[dir].fwd.to, fwd.to);
		return cham_refuse(cpu, CHAM_REASON_REFRESH);
	}
	cpu->ev.hash = hash;
	if (fwd.action == CHAM_ACTION_PORT) {
		cpu->egress = fwd.egress;
		cpu->ev.act = CHAM_ACT_DELIVER;
	} else {
		const struct cham_remote *r;
		const struct cham_outer *o = NULL;

		r = cham_remote_rcu(fwd.egress);
		if (r)
			o = rcu_dereference(r->outer);
		if (unlikely(!o))
			return cham_refuse(cpu, CHAM_REASON_NO_ROUTE);
		cpu->outer = o;
		cpu->ev.outer_mtu = o->inner_mtu;
		cpu->ev.outer_len = o->len;
		cpu->ev.outer_family = o->family;
		cpu->ev.ip_id = cpu->ip_id;
		cpu->ip_id += cpu->segs;
		/* RFC 6335's dynamic range. */
		cpu->ev.sport = 49152 | (hash >> 32 & 16383);
		cpu->ev.dscp_pipe = t->cfg.dscp_pipe;
		/* Once by skb, always: two ways would reorder. */
		if (unlikely(cpu->ev.gso_size && o->tso && !fwd.super)) {
			fwd.super = 1;
			WRITE_ONCE(conn->half[dir].fwd.to, fwd.to);
		}
		cpu->by_skb = fwd.super;
		cpu->ev.act = CHAM_ACT_ENCAP;
	}
	cpu->stamp = cham_charge(t->ledger, CHAM_CLASS_DEMUX, cpu->stamp);
	return cpu->ev.act;
}

/**
 * bpf_cham_outer() - the outer header of the remote this packet goes to
 * @ctx:             the program's context
 * @rdonly_buf_size: CHAM_OUTER_MAX
 *
 * Return: event->outer_len bytes from the Ethernet to the VXLAN header, all
 * lengths, the IPv4 checksum and the source port zero; NULL without ENCAP.
 */
__bpf_kfunc const u8 *bpf_cham_outer(struct xdp_md *ctx,
				     const int rdonly_buf_size)
{
	const struct cham_cpu *cpu = this_cpu_ptr(&cham_cpus);

	if (cpu->xdp != (struct xdp_buff *)ctx || !cpu->outer ||
	    rdonly_buf_size != CHAM_OUTER_MAX)
		return NULL;
	return cpu->outer->hdr;
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
	struct cham_ledger *books;
	struct cham_port *port;
	int err;

	if (cpu->xdp != (struct xdp_buff *)ctx || cpu->ev.act != CHAM_ACT_DELIVER)
		return -EINVAL;
	cpu->ev.act = CHAM_ACT_SLOW;
	port = cham_port_by_slot_rcu(cpu->egress);
	if (!cpu->port && unlikely(!cham_outer_sum_ok((struct xdp_buff *)ctx, strip)))
		err = -EBADMSG;
	else
		err = port ? cham_port_deliver(port, (struct xdp_buff *)ctx, strip,
				       cpu->vnet, cpu->ev.hash,
				       cpu->tcp && cpu->payload && !cpu->port) :
		     -ENOTCONN;
	books = this_cpu_ptr(cpu->tenant->ledger);
	if (likely(!err)) {
		books->fast_packets += cpu->segs;
		books->fast_bytes += cpu->len;
		books->tcp_fast += cpu->tcp;
	} else {
		books->reasons[err == -ENOBUFS ? CHAM_REASON_RING_FULL :
			       err == -EMSGSIZE ? CHAM_REASON_OVERSIZE :
			       err == -EBADMSG ? CHAM_REASON_BAD_CSUM :
			       CHAM_REASON_RING_BROKEN]++;
	}
	cpu->stamp = cham_charge(cpu->tenant->ledger, CHAM_CLASS_DELIVER,
				 cpu->stamp);
	return err;
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
BTF_ID_FLAGS(func, bpf_cham_outer, KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_cham_deliver)
BTF_ID_FLAGS(func, bpf_cham_slow)
BTF_KFUNCS_END(cham_kfunc_ids)

static const struct btf_kfunc_id_set cham_kfunc_set = {
	.owner = THIS_MODULE,
	.set = &cham_kfunc_ids,
};

int cham_kfunc_init(void)
{
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_XDP, &cham_kfunc_set);
}
