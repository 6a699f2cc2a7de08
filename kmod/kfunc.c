// SPDX-License-Identifier: GPL-2.0
/*
 * The kfuncs the datapath calls: begin, deliver, encap, slow. The lookup is in
 * lookup.c, those around a tenant's handler are in handler.c.
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
#include <net/vxlan.h>

#include "conn.h"
#include "kfunc.h"
#include "ledger.h"
#include "port.h"
#include "prog.h"
#include "remote.h"
#include "tenant.h"
#include "trace.h"
#include "uplink.h"

DEFINE_PER_CPU(struct cham_cpu, cham_cpus);

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
	return cham_outer_fits(xdp, strip) &&
	       (likely(!cham_outer_udp(xdp, strip)->check) || !cham_outer_sum(xdp, strip));
}

/**
 * cham_outer_sum_off() - check the outer header's UDP checksum, and have none
 * @cpu:   the event
 * @xdp:   packet
 * @strip: bytes of the outer header
 *
 * Before what it covers is written. Return: whether it was right.
 */
bool cham_outer_sum_off(struct cham_cpu *cpu, struct xdp_buff *xdp, u32 strip)
{
	if (!cham_outer_sum_ok(xdp, strip))
		return false;
	cham_outer_udp(xdp, strip)->check = 0;
	cpu->summed = true;
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
	trace_cham_drop(cpu->tenant, xdp->rxq->dev->ifindex, why, cpu->ev.len);
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
	books->fast_bytes += cpu->ev.len;
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

/* What is sent of it fits into the tunnel. Return: as bpf_cham_encap(). */
static __always_inline int cham_encap_fit(struct cham_cpu *cpu, struct xdp_buff *xdp, u32 tos)
{
	const struct cham_outer *outer = cpu->outer;

	if (unlikely(xdp->data - xdp->data_hard_start < sizeof(struct xdp_frame) +
		     sizeof(struct virtio_net_hdr) + sizeof(outer->hdr)))
		return cham_encap_not(cpu, CHAM_REASON_HEADROOM, -ENOSPC);
	if (cpu->tenant->cfg.dscp_pipe)
		tos &= INET_ECN_MASK;
	/* RFC 6335's dynamic range. */
	xdp->data = cham_encap(xdp->data, outer->hdr, outer->family, cpu->ev.len,
			       tos, cpu->ip_id, 49152 | (cpu->hash & 16383));
	/* Nobody on the wire's side wants it. */
	xdp->data_meta = xdp->data;
	cpu->ip_id += cpu->segs;
	cpu->ev.act = CHAM_ACT_SEND;
	return unlikely(!cpu->port) ? cham_replied(cpu, xdp) : 0;
}

/* A super-packet, of which each segment has to fit; or a frame longer than its IP packet:
 * what is behind that (padding, mostly) is not sent, nor counted, nor summed up.
 */
static noinline int cham_encap_odd(struct cham_cpu *cpu, struct xdp_buff *xdp, u32 tos)
{
	u32 lent = cpu->from ? cpu->from->lent.bytes : 0, len = cpu->ev.len;

	if (cpu->ev.gso_size) {
		len -= cpu->payload - cpu->ev.gso_size;
	} else if (xdp_get_buff_len(xdp) + lent != len) {
		if (lent || xdp_buff_has_frags(xdp) || xdp->data + len > xdp->data_end)
			return cham_encap_not(cpu, CHAM_REASON_MALFORMED, -EINVAL);
		xdp->data_end = xdp->data + len;
	}
	if (len - ETH_HLEN > cpu->outer->inner_mtu)
		return cham_encap_not(cpu, CHAM_REASON_MTU, -EMSGSIZE);
	return cham_encap_fit(cpu, xdp, tos);
}

__bpf_kfunc_start_defs();

/**
 * bpf_cham_begin() - open the event of a packet
 * @ctx:             the program's context
 * @rdonly_buf_size: sizeof(struct cham_event)
 *
 * Return: the event, with what the parser needs, to read; NULL when the packet's
 * device is neither the uplink nor a port of a tenant.
 */
__bpf_kfunc u8 *bpf_cham_begin(struct xdp_md *ctx, const int rdonly_buf_size)
{
	struct cham_cpu *cpu = this_cpu_ptr(&cham_cpus);
	struct xdp_buff *xdp = (struct xdp_buff *)ctx;
	struct cham_uplink *up;

	if (rdonly_buf_size != sizeof(struct cham_event))
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

	if (cpu->xdp != xdp || cpu->ev.act != CHAM_ACT_ENCAP)
		return -EINVAL;
	/* A tag takes room in the tunnel, too. */
	if (unlikely(xdp->data + cpu->ev.len != xdp->data_end ||
		     cpu->ev.len - ETH_HLEN > cpu->outer->inner_mtu))
		return cham_encap_odd(cpu, xdp, tos);
	return cham_encap_fit(cpu, xdp, tos);
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
	if (reason != CHAM_REASON_NOT_IP && reason != CHAM_REASON_MULTICAST &&
	    reason != CHAM_REASON_PROTO)
		cham_unseen(cpu);
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
