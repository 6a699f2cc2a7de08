// SPDX-License-Identifier: GPL-2.0
/*
 * Around a tenant's handler: its area before, its verdict after. The handler
 * runs between the two, in the datapath's program; what it returns is checked
 * here and nowhere else.
 */
#include <linux/bpf.h>
#include <linux/etherdevice.h>
#include <linux/icmp.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/checksum.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>

#include "conn.h"
#include "fdb.h"
#include "kfunc.h"
#include "ledger.h"
#include "policy.h"
#include "port.h"
#include "prog.h"
#include "remote.h"
#include "seg.h"
#include "tenant.h"
#include "trace.h"
#include "uplink.h"

/* The packet has an end that is not what the lookup said. */
static void cham_redirect(struct cham_cpu *cpu, enum cham_event_act act)
{
	/* It had been given to Linux, as a sample that keeps an address alive. */
	cpu->slow = false;
	cpu->ev.act = act;
}

/**
 * cham_end() - the packet ends here
 * @cpu: the event
 * @why: counted
 *
 * Return: CHAM_ACT_END
 */
int cham_end(struct cham_cpu *cpu, enum cham_reason why)
{
	cham_count(cpu->tenant->ledger, why);
	trace_cham_drop(cpu->tenant, cpu->xdp->rxq->dev->ifindex, why, cpu->ev.len);
	cham_redirect(cpu, CHAM_ACT_END);
	cham_event_end(cpu);
	return CHAM_ACT_END;
}

static int cham_to_port(struct cham_cpu *cpu, u32 slot)
{
	cpu->egress = slot;
	cham_redirect(cpu, CHAM_ACT_DELIVER);
	return CHAM_ACT_DELIVER;
}

/* Finds the remote that packets for the source of this one go to; 0: there is none. */
static noinline u32 cham_reply_find(const struct cham_cpu *cpu, struct cham_private *priv,
				    u32 gen)
{
	const struct cham_conn *conn = cham_flow_conn(cpu->flow);
	const struct cham_half *half = &conn->half[cpu->flow & 1];
	struct cham_dest from;

	if (!cham_fdb_resolve_rcu(cpu->tenant, half->fwd.macs + ETH_ALEN, &from) ||
	    from.action != CHAM_ACTION_REMOTE)
		return 0;
	WRITE_ONCE(priv->reply, from.slot);
	/* After the number; two CPUs write the same while the generation is. */
	smp_store_release(&priv->reply_gen, gen);
	return from.slot;
}

/* Whether an answer to a packet of the wire could leave: afterwards nobody else
 * could do it.
 */
static bool cham_reply_ready(struct cham_cpu *cpu, struct cham_private *priv)
{
	u32 gen = atomic_read_acquire(&cpu->tenant->gen), slot;
	const struct cham_remote *r;

	/* The generation vouches for the number behind it. */
	slot = likely(smp_load_acquire(&priv->reply_gen) == gen) ? READ_ONCE(priv->reply) :
								   cham_reply_find(cpu, priv, gen);
	r = slot ? cham_remote_rcu(slot) : NULL;
	/* Its number may be another's by now. */
	cpu->outer = r && r->vni == cpu->tenant->cfg.vni ? rcu_dereference(r->outer) : NULL;
	return cpu->outer;
}

/* The host itself is where a port's packet came from: it has the bridge's address. */
static bool cham_from_bridge(const struct cham_cpu *cpu)
{
	struct net_device *dev = cham_port_dev(cpu->port);
	const struct net_device *master = netdev_master_upper_dev_get_rcu(dev);

	return master && ether_addr_equal(master->dev_addr, cpu->host_src);
}

/* To where Linux has brought a packet from: as if the guest had sent it, so that
 * Linux decides. But another port's handler must not see an answer to an answer,
 * without end: that port gets it directly, and only if Linux would not be asked.
 */
static noinline int cham_reply_host(struct cham_cpu *cpu)
{
	struct cham_dest from;
	bool known = cham_fdb_resolve_rcu(cpu->tenant, cpu->host_src, &from);

	if (known && from.action == CHAM_ACTION_PORT) {
		if (cham_tenant_dirty(cpu->tenant) || cham_port_blocked(cpu->port))
			return cham_end(cpu, CHAM_REASON_NO_REPLY);
		cpu->flow ^= 1;
		return cham_to_port(cpu, from.slot);
	}
	if (!known && !cham_from_bridge(cpu))
		return cham_end(cpu, CHAM_REASON_NO_REPLY);
	cpu->ev.act = CHAM_ACT_SEND;
	return CHAM_ACT_SEND;
}

/* To a port by the handler's decision. */
static int cham_hand_over(struct cham_cpu *cpu, const struct cham_port *port)
{
	if (cham_policy_filtered(port))
		return cham_end(cpu, CHAM_REASON_NO_FORWARD);
	return cham_to_port(cpu, cham_port_slot(port));
}

static int cham_reply(struct cham_cpu *cpu)
{
	if (cpu->host)
		return cham_reply_host(cpu);
	if (cpu->port) {
		cpu->flow ^= 1;
		return cham_hand_over(cpu, cpu->port);
	}
	cham_redirect(cpu, CHAM_ACT_ENCAP);
	return CHAM_ACT_ENCAP;
}

static int cham_forward(struct cham_cpu *cpu, const struct cham_private *priv,
			u32 ifindex)
{
	const struct net_device *dev = dev_get_by_index_rcu(&init_net, ifindex);
	struct cham_port *port = dev ? cham_port_from_dev(dev) : NULL;

	/* Where the provider has taken one away, no handler could have known. */
	if (!dev && ifindex)
		return cham_end(cpu, CHAM_REASON_NO_FORWARD);
	if (!port || cham_port_tenant_rcu(port) != cpu->tenant) {
		cham_prog_stop(cpu, priv, CHAM_FAULT_PORT, ifindex);
		return cham_end(cpu, CHAM_REASON_HANDLER_FAULT);
	}
	return cham_hand_over(cpu, port);
}

/* To the tenant's slow path, as it is. It may have lost its port this very moment. */
static int cham_to_slow(struct cham_cpu *cpu)
{
	const struct cham_port *port = cham_port_by_slot_rcu(READ_ONCE(cpu->tenant->slow));

	return port ? cham_hand_over(cpu, port) : cham_end(cpu, CHAM_REASON_NO_SLOW_PORT);
}

/**
 * cham_replied() - a reply has its outer header
 * @cpu: the event, of the uplink
 * @xdp: the packet, from the outer header on
 *
 * What representors leave to their own transmission: here the NIC's driver sends.
 */
int cham_replied(struct cham_cpu *cpu, struct xdp_buff *xdp)
{
	struct cham_ledger *books = this_cpu_ptr(cpu->tenant->ledger);
	struct cham_uplink *up = cham_uplink_rcu();

	/* RFC 8200 wants one over IPv6. */
	if (cpu->outer->family == 6)
		cham_outer_write_sum(xdp, cpu->outer->len);
	if (up)
		this_cpu_inc(up->packets[1]);
	books->fast_packets++;
	books->fast_bytes += cpu->ev.len;
	books->tcp_fast += cpu->tcp;
	cpu->stamp = cham_charge_here(books, CHAM_CLASS_TRANSMIT, cpu->stamp);
	cham_event_end(cpu);
	return 0;
}

/* Return: whether the transport's sum is written when the packet leaves, as the guest asked,
 * which may have asked for another protocol's.
 */
static bool cham_sum_later(struct virtio_net_hdr *vnet, u32 l4, u32 off)
{
	if (!vnet || !(vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return false;
	if ((__force u16)vnet->csum_start == l4 && (__force u16)vnet->csum_offset == off)
		return true;
	vnet->flags = 0;
	return false;
}

static bool cham_sum_transport(const struct xdp_buff *xdp, void *l4, u32 len, u8 proto,
			       __wsum pseudo, struct virtio_net_hdr *vnet)
{
	u32 off = proto == IPPROTO_TCP ? offsetof(struct tcphdr, check) :
		  proto == IPPROTO_UDP ? offsetof(struct udphdr, check) :
					 offsetof(struct icmphdr, checksum);
	__sum16 *at = l4 + off;

	if (len < off + sizeof(*at) || (void *)(at + 1) > xdp->data_end ||
	    (proto == IPPROTO_UDP && ntohs(((struct udphdr *)l4)->len) != len))
		return false;
	if (cham_sum_later(vnet, l4 - xdp->data, off)) {
		*at = ~csum_fold(pseudo);
		return true;
	}
	*at = 0;
	*at = csum_fold(csum_add(pseudo, cham_xdp_sum(xdp, l4 - xdp->data, len)));
	if (proto == IPPROTO_UDP && !*at)
		*at = CSUM_MANGLED_0;
	return true;
}

/* A frame that a handler has resized, or wants sums for: @l3 is its IP header, with
 * @len bytes behind its Ethernet header, @vnet the sender's, if it has one. Return: whether
 * it is one that may go on.
 */
static bool cham_settle(const struct xdp_buff *xdp, void *l3, u32 len, bool ipv6, bool sum,
			struct virtio_net_hdr *vnet)
{
	u32 head = ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	struct ipv6hdr *ip6 = l3;
	struct iphdr *ip = l3;
	__wsum pseudo;
	u8 proto;

	if (len < head || l3 + head > xdp->data_end)
		return false;
	if (ipv6 ? ip6->version != 6 || ntohs(ip6->payload_len) != len - head :
		   *(u8 *)ip != 0x45 || ntohs(ip->tot_len) != len)
		return false;
	if (!sum)
		return true;
	len -= head;
	if (ipv6) {
		proto = ip6->nexthdr;
		pseudo = ~csum_unfold(csum_ipv6_magic(&ip6->saddr, &ip6->daddr, len,
						      proto, 0));
	} else {
		proto = ip->protocol;
		pseudo = proto == IPPROTO_ICMP ? 0 :
			 csum_tcpudp_nofold(ip->saddr, ip->daddr, len, proto, 0);
		ip_send_check(ip);
	}
	return cham_sum_transport(xdp, l3 + head, len, proto, pseudo, vnet);
}

/* Return: whether a packet that the handler lets go on is as long as it says. */
static bool cham_finish(struct cham_cpu *cpu, struct xdp_buff *xdp, bool sum)
{
	u32 size = xdp_get_buff_len(xdp), l2 = cpu->strip, l3 = l2 + ETH_HLEN;
	const struct ethhdr *eth = xdp->data + l2;
	struct virtio_net_hdr *vnet = NULL;
	__be16 kind;

	if (cpu->ev.gso_size || size < l3 + VLAN_HLEN ||
	    xdp->data + l3 + VLAN_HLEN > xdp->data_end)
		return false;
	/* What is not resized may be padded. */
	if (size != cpu->size)
		cpu->ev.len = size - l2;
	kind = eth->h_proto;
	if (kind == htons(ETH_P_8021Q)) {
		kind = ((const struct vlan_ethhdr *)eth)->h_vlan_encapsulated_proto;
		l3 += VLAN_HLEN;
	}
	if (kind != htons(ETH_P_IP) && kind != htons(ETH_P_IPV6))
		return false;
	if (cpu->from)
		vnet = &container_of(xdp, struct cham_xdp_buff, xdp)->vnet;
	return cham_settle(xdp, xdp->data + l3, cpu->ev.len - (l3 - l2),
			   kind == htons(ETH_P_IPV6), sum, vnet);
}

/* The packet is Linux' after all, which believes no header that has lost its sum. */
static void cham_outer_restore(const struct cham_cpu *cpu, struct xdp_buff *xdp, u32 strip)
{
	if (!cpu->port && cpu->summed)
		cham_outer_write_sum(xdp, strip);
}

static noinline u8 *cham_enter_not(struct cham_cpu *cpu, struct xdp_buff *xdp, u32 strip,
				   enum cham_reason why)
{
	cham_outer_restore(cpu, xdp, strip);
	cham_unseen(cpu);
	cham_refuse(cpu, why);
	return NULL;
}

/* There is a connection now, and its own handler is to see the packet as it came. */
static noinline int cham_open(struct cham_cpu *cpu, struct xdp_buff *xdp)
{
	cham_outer_restore(cpu, xdp, cpu->strip);
	return cham_open_pass(cpu);
}

static int cham_pass(struct cham_cpu *cpu, struct xdp_buff *xdp)
{
	return cpu->ev.act == CHAM_ACT_OPEN ? cham_open(cpu, xdp) : cpu->ev.act;
}

/* To Linux, whose representor shows it again; there it can only pass. */
static int cham_by_linux(struct cham_cpu *cpu, struct xdp_buff *xdp)
{
	if (cpu->host)
		return cpu->ev.act;
	cham_outer_restore(cpu, xdp, cpu->strip);
	return cham_refuse(cpu, CHAM_REASON_HANDLER_LINUX);
}

/* Of what a handler writes the outer checksum knows nothing. */
static bool cham_outer_settle(struct cham_cpu *cpu, struct xdp_buff *xdp, u32 strip)
{
	cpu->summed = false;
	return cham_outer_fits(xdp, strip) &&
	       (likely(!cham_outer_udp(xdp, strip)->check) || cham_outer_sum_off(cpu, xdp, strip));
}

/* jiffies_to_msecs() is a function even where it is a shift. */
static u32 cham_now(void)
{
	return MSEC_PER_SEC % HZ ? jiffies_to_msecs(jiffies) : (u32)jiffies * (MSEC_PER_SEC / HZ);
}

/* Can the super-packet be cut? What follows its headers is not looked at. */
static bool cham_super_whole(const struct cham_cpu *cpu, const struct xdp_buff *xdp)
{
	struct cham_seg seg;

	return !cham_seg_parse(&seg, xdp->data, xdp->data_end - xdp->data,
			       xdp_get_buff_len(xdp), 0, 0, cpu->ev.gso_size);
}

/* What a guest has sent damaged is no handler's fault. */
static noinline void cham_enter_super(struct cham_cpu *cpu, const struct xdp_buff *xdp)
{
	if (cham_super_whole(cpu, xdp))
		cpu->plain = 0;
}

/* What handlers seldom decide, and what none may. */
static noinline int cham_decided(struct cham_cpu *cpu, struct xdp_buff *xdp,
				 const struct cham_private *priv, u32 verdict, u32 port)
{
	bool resized = xdp_get_buff_len(xdp) != cpu->size;
	u32 goes = verdict & ~CHAM_SUM;

	/* Where the frame begins only other programs could have changed. */
	if (xdp->data + cpu->strip != cpu->frame)
		return CHAM_ACT_SLOW;
	if ((verdict & ~CHAM_DROP_MASK) == CHAM_DROP) {
		cham_prog_count_drop(cpu->tenant, verdict >> 8);
		return cham_end(cpu, CHAM_REASON_HANDLER_DROP);
	}
	if ((goes != CHAM_CONSUME && cpu->plain != cpu->size && !cham_super_whole(cpu, xdp)) ||
	    (goes == CHAM_LINUX ? resized :
	     (goes <= CHAM_FORWARD || goes == CHAM_SLOW) && (goes != verdict || resized) &&
	     !cham_finish(cpu, xdp, goes != verdict))) {
		cham_prog_stop(cpu, priv, CHAM_FAULT_LENGTH, verdict);
		return cham_end(cpu, CHAM_REASON_HANDLER_FAULT);
	}
	switch (goes) {
	case CHAM_PASS:
		return cham_pass(cpu, xdp);
	case CHAM_REPLY:
		return cham_reply(cpu);
	case CHAM_FORWARD:
		return cham_forward(cpu, priv, port);
	case CHAM_LINUX:
		return cham_by_linux(cpu, xdp);
	case CHAM_SLOW:
		return cham_to_slow(cpu);
	case CHAM_CONSUME:
		return cpu->timer ? CHAM_ACT_END : cham_end(cpu, CHAM_REASON_CONSUMED);
	}
	cham_prog_stop(cpu, priv, CHAM_FAULT_VERDICT, verdict);
	return cham_end(cpu, CHAM_REASON_HANDLER_FAULT);
}

__bpf_kfunc_start_defs();

/**
 * bpf_cham_enter() - a tenant's handler is about to run
 * @ctx:           the program's context
 * @layout:        of areas, that the handler was composed with
 * @strip:         bytes before the inner Ethernet header
 * @hook:          enum cham_hook
 * @rdwr_buf_size: sizeof(struct cham_area)
 *
 * After the lookup and before the action. bpf_cham_leave() must follow: in between
 * the packet begins with the tenant's frame. The outer header is the provider's,
 * and Linux believes it if the handler sends the packet there.
 *
 * Return: the connection's area; NULL, and the packet goes to Linux or, when its
 * outer checksum is wrong, is dropped: a first packet here, others by their delivery.
 */
__bpf_kfunc u8 *bpf_cham_enter(struct xdp_md *ctx, u32 layout, u32 strip, u32 hook,
			       const int rdwr_buf_size)
{
	struct cham_cpu *cpu = this_cpu_ptr(&cham_cpus);
	struct xdp_buff *xdp = (struct xdp_buff *)ctx;
	bool draft = cpu->ev.act == CHAM_ACT_OPEN;
	struct cham_private *priv;
	struct cham_conn *conn;

	if (rdwr_buf_size != sizeof(struct cham_area) || cpu->xdp != xdp ||
	    cpu->ev.act == CHAM_ACT_SLOW || cpu->ev.act >= CHAM_ACT_SEND || cpu->priv)
		return NULL;
	/* The slow path's own packets are not its handlers' to see. */
	if (unlikely(cpu->port ? strip || cham_from_slow(cpu) :
				 !cham_outer_settle(cpu, xdp, strip))) {
		/* Delivery, which counts it otherwise, does not follow. */
		if (draft && !cpu->port)
			cham_end(cpu, CHAM_REASON_BAD_CSUM);
		return NULL;
	}
	conn = cham_flow_conn(cpu->flow);
	priv = READ_ONCE(conn->half[0].priv);
	if (unlikely(!priv || priv->layout != layout)) {
		priv = draft ? NULL : cham_private_get(cpu->tenant, conn, layout);
		if (!priv)
			return cham_enter_not(cpu, xdp, strip, CHAM_REASON_NO_AREA);
	}
	if (!cpu->port && unlikely(!cham_reply_ready(cpu, priv)))
		return cham_enter_not(cpu, xdp, strip, CHAM_REASON_NO_ROUTE);
	/* A draft is nobody else's, and has no timer. */
	cpu->word = draft ? 0 : READ_ONCE(cpu->tenant->prog);
	if (unlikely(cpu->word & CHAM_PROG_WORD_HOOK(CHAM_HOOK_TIMER)) && !cpu->timer)
		cham_timer_note(cpu, xdp->data + strip);
	if (cpu->word & CHAM_PROG_WORD_SERIAL) {
		spin_lock(&priv->lock);
		__release(&priv->lock);	/* by bpf_cham_leave() */
	}
	cpu->priv = priv;
	cpu->hook = hook;
	cpu->strip = strip;
	cpu->size = xdp_get_buff_len(xdp);
	cpu->plain = cpu->size;
	/* Only ports have them, and those no outer header. */
	if (unlikely(cpu->ev.gso_size))
		cham_enter_super(cpu, xdp);
	cpu->frame = xdp->data + strip;
	xdp->data = cpu->frame;
	cpu->ev.now = cham_now();
	cpu->ev.reverse = cpu->flow & 1;
	cpu->ev.unseen = (u32)atomic_read(&cpu->tenant->unseen);
	return (u8 *)&priv->area;
}

/**
 * bpf_cham_leave() - a tenant's handler has run
 * @ctx:     the program's context
 * @verdict: what it returned
 * @port:    cham_pkt.port as it left it
 * @timer:   cham_pkt.timer
 * @event:   cham_pkt.event
 *
 * Return: enum cham_event_act: what is to be done with the packet.
 */
__bpf_kfunc int bpf_cham_leave(struct xdp_md *ctx, u32 verdict, u32 port, u32 timer,
			       u32 event)
{
	struct cham_cpu *cpu = this_cpu_ptr(&cham_cpus);
	struct xdp_buff *xdp = (struct xdp_buff *)ctx;
	struct cham_private *priv = cpu->priv;
	u32 told = 0, took;

	if (!priv || cpu->xdp != xdp)
		return CHAM_ACT_SLOW;
	if (likely(xdp->data == cpu->frame))
		xdp->data -= cpu->strip;
	else
		verdict = ~0U;
	if (unlikely(event))
		told = cham_prog_event(cpu, priv, event);
	if (cpu->word & CHAM_PROG_WORD_SERIAL) {
		__acquire(&priv->lock);	/* by bpf_cham_enter() */
		spin_unlock(&priv->lock);
	}
	took = cpu->stamp;
	cpu->stamp = cham_charge(cpu->tenant->ledger, CHAM_CLASS_HANDLER, took);
	took = cpu->stamp - took - told;
	if (unlikely(took / CHAM_OVERRUN > READ_ONCE(cpu->tenant->cfg.max_cycles)))
		cham_prog_overran(cpu, priv, took);
	cpu->priv = NULL;
	if (unlikely(timer) && cpu->word & CHAM_PROG_WORD_HOOK(CHAM_HOOK_TIMER))
		cham_timer_set(cpu, priv, timer);
	if (likely((verdict == CHAM_PASS || verdict == CHAM_REPLY) &&
		   xdp_get_buff_len(xdp) == cpu->plain))
		return verdict == CHAM_REPLY ? cham_reply(cpu) : cham_pass(cpu, xdp);
	return cham_decided(cpu, xdp, priv, verdict, port);
}

__bpf_kfunc_end_defs();
