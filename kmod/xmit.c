// SPDX-License-Identifier: GPL-2.0
/*
 * Port to wire: the program has decided and put the outer header in front;
 * here it is carried out. Checksums are completed, super-packets cut (cut.c),
 * and the uplink gets its frames in batches.
 */
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <net/checksum.h>
#include <net/ip6_checksum.h>
#include <net/vxlan.h>
#include <net/xdp.h>

#include "compat.h"
#include "cut.h"
#include "kfunc.h"
#include "ledger.h"
#include "port.h"
#include "seg.h"
#include "tenant.h"
#include "trace.h"
#include "uplink.h"

/* The uplink has them: only now they have been handled. */
static void cham_xmit_sent(const struct cham_cpu *cpu, u32 packets, u32 bytes)
{
	const struct cham_uplink *up = cham_uplink_rcu();
	struct cham_ledger *books = this_cpu_ptr(cpu->burst_tenant->ledger);

	if (up)
		this_cpu_add(up->packets[1], packets);
	books->fast_packets += packets;
	books->fast_bytes += bytes;
}

/* The tenant's bytes in a frame that is ready to leave. */
static u32 cham_xmit_inner(struct xdp_frame *frame)
{
	const struct ethhdr *eth = frame->data;

	return xdp_get_frame_len(frame) -
	       (eth->h_proto == htons(ETH_P_IPV6) ? CHAM_OUTER6 : CHAM_OUTER4);
}

/* What the uplink did not take, from frame @sent on. */
static noinline void cham_xmit_refused(struct cham_cpu *cpu, int sent)
{
	int i;

	for (i = sent; i < cpu->nframes; i++) {
		cpu->batch_bytes -= cham_xmit_inner(cpu->frames[i]);
		trace_cham_drop(cpu->burst_tenant, cpu->batch_ifindex, CHAM_REASON_TX_FAIL,
				cpu->frames[i]->len);
		xdp_return_frame(cpu->frames[i]);
	}
	this_cpu_add(cpu->burst_tenant->ledger->reasons[CHAM_REASON_TX_FAIL],
		     cpu->nframes - sent);
}

/* For an uplink whose driver knows nothing of XDP. What its queue drops, the queue
 * counts. Return: how many are its own now.
 */
static noinline int cham_xmit_skbs(struct cham_cpu *cpu, struct net_device *dev)
{
	struct sk_buff *skb;
	int i;

	for (i = 0; i < cpu->nframes; i++) {
		skb = xdp_build_skb_from_frame(cpu->frames[i], dev);
		if (!skb)
			break;
		skb_push(skb, ETH_HLEN);
		skb_set_network_header(skb, ETH_HLEN);
		dev_queue_xmit(skb);
	}
	return i;
}

static noinline void cham_xmit_flush(struct cham_cpu *cpu)
{
	struct net_device *dev;
	int sent;

	if (!cpu->nframes)
		return;
	dev = dev_get_by_index_rcu(&init_net, cpu->batch_ifindex);
	if (!dev || !netif_running(dev) || !netif_carrier_ok(dev))
		sent = 0;
	else if (likely(dev->netdev_ops->ndo_xdp_xmit))
		sent = dev->netdev_ops->ndo_xdp_xmit(dev, cpu->nframes,
						     cpu->frames, XDP_XMIT_FLUSH);
	else
		sent = cham_xmit_skbs(cpu, dev);
	if (sent < 0)
		sent = 0;
	if (unlikely(sent < cpu->nframes))
		cham_xmit_refused(cpu, sent);
	cham_xmit_sent(cpu, sent, cpu->batch_bytes);
	cpu->batch_bytes = 0;
	cpu->nframes = 0;
}

/* @len: the tenant's bytes in it, as cham_xmit_inner() */
static void cham_xmit_queue(struct cham_cpu *cpu, struct xdp_frame *frame,
			    u32 len, u32 ifindex)
{
	if (cpu->nframes == CHAM_XMIT_BATCH ||
	    (cpu->nframes && cpu->batch_ifindex != ifindex))
		cham_xmit_flush(cpu);
	cpu->batch_ifindex = ifindex;
	cpu->batch_bytes += len;
	cpu->frames[cpu->nframes++] = frame;
}

/**
 * cham_xdp_sum() - checksum over a packet in pieces
 * @xdp: packet
 * @off: where to begin
 * @len: bytes, not more than there are
 */
__wsum cham_xdp_sum(const struct xdp_buff *xdp, u32 off, u32 len)
{
	u32 linear = xdp->data_end - xdp->data, n = min(len, linear - off), done = n, i;
	__wsum sum = csum_partial(xdp->data + off, n, 0);
	const struct skb_shared_info *si;

	if (likely(done == len || !xdp_buff_has_frags(xdp)))
		return sum;
	si = xdp_get_shared_info_from_buff(xdp);
	for (i = 0; i < si->nr_frags && done < len; i++, done += n) {
		n = min(len - done, skb_frag_size(&si->frags[i]));
		sum = csum_block_add(sum, csum_partial(skb_frag_address(&si->frags[i]),
						       n, 0), done);
	}
	return sum;
}

/* RFC 8200 wants a UDP checksum over IPv6; @frame is whole and linear. */
static noinline void cham_xmit_udp6(u8 *frame, u32 len)
{
	struct ipv6hdr *ip6 = (struct ipv6hdr *)(frame + ETH_HLEN);
	struct udphdr *udp = (struct udphdr *)(ip6 + 1);
	u32 ulen = len - ETH_HLEN - sizeof(*ip6);

	udp->check = 0;
	udp->check = csum_ipv6_magic(&ip6->saddr, &ip6->daddr, ulen, IPPROTO_UDP,
				     csum_partial(udp, ulen, 0));
	if (!udp->check)
		udp->check = CSUM_MANGLED_0;
}

/* Cuts a super-packet; it stays the caller's. */
static noinline int cham_xmit_segments(struct cham_cpu *cpu,
				       const struct cham_xdp_buff *cx)
{
	const struct cham_outer *outer = cpu->outer;
	struct cham_cut cut __uninitialized;
	struct xdp_frame *frame;
	int err;

	err = cham_cut_begin(&cut, cx, outer->len, outer->family);
	if (err)
		return err;
	while (cham_cut_more(&cut)) {
		frame = cham_cut_next(&cut);
		if (IS_ERR(frame))
			return PTR_ERR(frame);
		if (outer->family == 6)
			cham_xmit_udp6(frame->data, frame->len);
		cham_xmit_queue(cpu, frame, frame->len - outer->len, outer->ifindex);
	}
	return 0;
}

/* For hardware that knows tunnels: offsets, and sums of pseudo headers where it
 * completes checksums.
 */
static void cham_xmit_describe(struct sk_buff *skb, const struct cham_seg *seg,
			       u8 gso_type)
{
	u32 l4len = seg->len - seg->l4, udp = seg->outer - sizeof(struct udphdr) -
					      sizeof(struct vxlanhdr);
	struct skb_shared_info *si = skb_shinfo(skb);
	struct tcphdr *tcp = (void *)(skb->data + seg->l4);

	skb_set_transport_header(skb, udp);
	skb->encapsulation = 1;
	skb_set_inner_protocol(skb, htons(ETH_P_TEB));
	skb_set_inner_mac_header(skb, seg->outer);
	skb_set_inner_network_header(skb, seg->l3);
	skb_set_inner_transport_header(skb, seg->l4);
	if (seg->family == 4) {
		const struct iphdr *ip = (void *)(skb->data + seg->l3);

		tcp->check = ~csum_tcpudp_magic(ip->saddr, ip->daddr, l4len,
						IPPROTO_TCP, 0);
		si->gso_type = SKB_GSO_TCPV4;
	} else {
		const struct ipv6hdr *ip6 = (void *)(skb->data + seg->l3);

		tcp->check = ~csum_ipv6_magic(&ip6->saddr, &ip6->daddr, l4len,
					      IPPROTO_TCP, 0);
		si->gso_type = SKB_GSO_TCPV6;
	}
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_headroom(skb) + seg->l4;
	skb->csum_offset = offsetof(struct tcphdr, check);
	if (seg->outer_family == 6) {
		const struct ipv6hdr *ip6 = (void *)(skb->data + ETH_HLEN);
		struct udphdr *uh = (void *)(skb->data + udp);

		uh->check = ~csum_ipv6_magic(&ip6->saddr, &ip6->daddr,
					     skb->len - udp, IPPROTO_UDP, 0);
	}
	if (gso_type & VIRTIO_NET_HDR_GSO_ECN)
		si->gso_type |= SKB_GSO_TCP_ECN;
	si->gso_type |= seg->outer_family == 6 ? SKB_GSO_UDP_TUNNEL_CSUM :
						 SKB_GSO_UDP_TUNNEL;
	si->gso_size = seg->mss;
	si->gso_segs = cham_seg_count(seg);
}

/* The guest left the checksum to us; @data is the whole frame. */
static __always_inline int cham_xmit_complete(u8 *data, u32 len, u16 outer,
					      const struct virtio_net_hdr *vnet)
{
	u32 start = outer + (__force u16)vnet->csum_start;
	u32 at = start + (__force u16)vnet->csum_offset;
	__sum16 sum;

	if (at + 2 > len || start > len)
		return -EINVAL;
	sum = csum_fold(csum_partial(data + start, len - start, 0));
	*(__sum16 *)(data + at) = sum ? sum : CSUM_MANGLED_0;
	return 0;
}

/*
 * Through the uplink's ordinary queues, for what its XDP queues cannot do:
 * a super-packet uncut, and what belongs behind one. Takes @xdp over.
 */
static noinline int cham_xmit_skb(struct cham_cpu *cpu, struct cham_xdp_buff *cx)
{
	const struct virtio_net_hdr *vnet = &cx->vnet;
	const struct cham_outer *outer = cpu->outer;
	struct xdp_buff *xdp = &cx->xdp;
	struct sk_buff *skb;
	struct cham_seg seg;
	int err;

	err = cham_port_own(cx);
	if (!err && vnet->gso_type)
		err = cham_seg_parse(&seg, xdp->data, xdp->data_end - xdp->data,
				     xdp_get_buff_len(xdp), outer->len,
				     outer->family, (__force u16)vnet->gso_size);
	else if (!err && vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		err = cham_xmit_complete(xdp->data, xdp->data_end - xdp->data,
					 outer->len, vnet);
	skb = err ? NULL : cham_port_skb(xdp);
	if (!skb) {
		xdp_return_buff(xdp);
		return err ?: -ENOMEM;
	}
	skb->dev = dev_get_by_index_rcu(&init_net, outer->ifindex);
	if (!skb->dev) {
		kfree_skb(skb);
		return -ENETDOWN;
	}
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, ETH_HLEN);
	skb->protocol = ((struct ethhdr *)skb->data)->h_proto;
	if (vnet->gso_type)
		cham_xmit_describe(skb, &seg, vnet->gso_type);
	else if (outer->family == 6)
		cham_xmit_udp6(skb->data, skb->len);
	/* What was queued for it comes first. */
	cham_xmit_flush(cpu);
	err = dev_queue_xmit(skb);
	if (net_xmit_eval(err))
		return -ENETDOWN;
	cham_xmit_sent(cpu, cpu->segs, cpu->ev.len);
	return 0;
}

static bool cham_xmit_takes_frags(void)
{
	const struct cham_uplink *up = cham_uplink_rcu();

	return up && up->dev->xdp_features & NETDEV_XDP_ACT_NDO_XMIT_SG;
}

/* One packet as it is; takes @xdp over. */
static __always_inline int cham_xmit_single(struct cham_cpu *cpu,
					    struct cham_xdp_buff *cx)
{
	const struct virtio_net_hdr *vnet = &cx->vnet;
	bool sum = vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
	const struct cham_outer *outer = cpu->outer;
	struct xdp_buff *xdp = &cx->xdp;
	struct xdp_frame *frame;

	if (unlikely(xdp_buff_has_frags(xdp) &&
		     (sum || outer->family == 6 || !cham_xmit_takes_frags()))) {
		frame = cham_cut_whole(cx);
	} else {
		frame = xdp_convert_buff_to_frame(xdp);
		if (unlikely(!frame))
			xdp_return_buff(xdp);
		else	/* What the page had there before: see cham_io_frame_vnet(). */
			memset(frame + 1, 0, sizeof(*vnet));
	}
	if (unlikely(!frame))
		return -ENOMEM;
	if (sum && unlikely(cham_xmit_complete(frame->data, frame->len, outer->len, vnet))) {
		xdp_return_frame(frame);
		return -EINVAL;
	}
	if (unlikely(outer->family == 6))
		cham_xmit_udp6(frame->data, frame->len);
	cham_xmit_queue(cpu, frame, cpu->ev.len, outer->ifindex);
	return 0;
}

static noinline void cham_xmit_lost(const struct cham_tenant *t,
				    const struct cham_port *port,
				    enum cham_reason why, u32 len)
{
	cham_count(t ? t->ledger : cham_ledger_infra, why);
	trace_cham_drop(t, cham_port_dev(port)->ifindex, why, len);
}

/**
 * cham_xmit_outer() - send what the program put the outer header before
 * @port: where it came from
 * @cxdp: the packet; taken over in every case
 *
 * Context: the port's NAPI, between burst begin and end.
 * Return: 0, or a negative errno when it was dropped, and counted.
 */
int cham_xmit_outer(struct cham_port *port, struct cham_xdp_buff *cxdp)
{
	struct cham_cpu *cpu = this_cpu_ptr(&cham_cpus);
	const struct virtio_net_hdr *vnet = &cxdp->vnet;
	struct xdp_buff *xdp = &cxdp->xdp;
	struct cham_ledger *books;
	int err;

	if (cpu->xdp != xdp || cpu->ev.act != CHAM_ACT_SEND) {
		/* No event of this packet: what another one left says nothing. */
		cham_xmit_lost(cpu->burst_tenant, port, CHAM_REASON_TX_FAIL,
			       xdp_get_buff_len(xdp) + cxdp->lent.bytes);
		xdp_return_buff(xdp);
		return -EINVAL;
	}
	cpu->ev.act = CHAM_ACT_SLOW;
	/* Only what is in one piece, or stays uncut, needs no sum over pieces. */
	if (cpu->by_skb && (vnet->gso_type || !xdp_buff_has_frags(xdp))) {
		err = cham_xmit_skb(cpu, cxdp);
	} else if (vnet->gso_type) {
		err = cham_xmit_segments(cpu, cxdp);
		xdp_return_buff(xdp);
	} else {
		err = cham_xmit_single(cpu, cxdp);
	}
	books = this_cpu_ptr(cpu->tenant->ledger);
	if (likely(!err)) {
		books->tcp_fast += cpu->tcp;
	} else {
		cham_xmit_lost(cpu->tenant, port,
			       err == -ENOMEM ? CHAM_REASON_TX_NO_MEMORY :
			       err == -ENETDOWN ? CHAM_REASON_TX_FAIL :
						  CHAM_REASON_BAD_GSO, cpu->ev.len);
	}
	cpu->stamp = cham_charge_here(books, CHAM_CLASS_TRANSMIT, cpu->stamp);
	return err;
}

bool cham_event_is(const struct xdp_buff *xdp)
{
	return this_cpu_read(cham_cpus.xdp) == xdp;
}

void cham_port_rx_burst_begin(struct cham_port *port, const struct xdp_rxq_info *rxq)
{
	struct cham_cpu *cpu = this_cpu_ptr(&cham_cpus);

	cpu->port = NULL;
	cpu->burst_port = port;
	cpu->burst_rxq = rxq;
	/* Without a program every packet of the burst is Linux'. */
	cpu->slow = true;
	cpu->burst_tenant = cham_port_tenant_rcu(port);
	cpu->stamp = cham_clock();
}

void cham_port_rx_burst_end(struct cham_port *port)
{
	struct cham_cpu *cpu = this_cpu_ptr(&cham_cpus);

	if (cpu->slow)
		cham_charge_slow(cpu);
	if (cpu->nframes) {
		cham_xmit_flush(cpu);
		cpu->stamp = cham_charge(cham_books(cpu), CHAM_CLASS_TRANSMIT,
					 cpu->stamp);
	}
	cpu->burst_rxq = NULL;
	cpu->xdp = NULL;
}
