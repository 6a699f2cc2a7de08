// SPDX-License-Identifier: GPL-2.0
/*
 * What Linux brings to a port: first packets, samples that keep addresses alive,
 * the host's own traffic. A tenant's handler for the way to an end point sees it
 * before the guest does, in an event of its own that interrupts any other.
 */
#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/netdevice.h>
#include <linux/virtio_net.h>

#include "conn.h"
#include "kfunc.h"
#include "port_priv.h"
#include "prog.h"

/* Of a super-packet what a handler sees at least, if there is so much. */
#define CHAM_HOST_SHOWN		2048
/* Behind any other packet. */
#define CHAM_HOST_ROOM		2048

/* The frame as the program will see it: its own, so that it may be written, and
 * in one piece, or of a super-packet its beginning with the rest lent.
 */
static bool cham_host_expose(struct sk_buff *skb, struct cham_xdp_buff *cx)
{
	u32 len = skb_is_gso(skb) ? max_t(u32, skb_headlen(skb), CHAM_HOST_SHOWN) : skb->len;
	const struct skb_shared_info *si;
	unsigned int i;

	if (skb_has_frag_list(skb) && skb_linearize(skb))
		return false;
	if (skb_ensure_writable(skb, min(len, skb->len)))
		return false;
	/* A handler that found no room elsewhere shall find it here. */
	if (!skb_is_gso(skb) && skb_tailroom(skb) < CHAM_HOST_ROOM &&
	    pskb_expand_head(skb, 0, CHAM_HOST_ROOM - skb_tailroom(skb), GFP_ATOMIC))
		return false;
	if (virtio_net_hdr_from_skb(skb, &cx->vnet, virtio_legacy_is_little_endian(),
				    true, 0))
		return false;
	si = skb_shinfo(skb);
	cx->lent.n = si->nr_frags;
	cx->lent.bytes = skb->data_len;
	for (i = 0; i < si->nr_frags; i++) {
		cx->lent.at[i].iov_base = skb_frag_address(&si->frags[i]);
		cx->lent.at[i].iov_len = skb_frag_size(&si->frags[i]);
	}
	return true;
}

/* Runs the port's program in an event that interrupts any other. Return: false when
 * it opened none, for then it is not the datapath.
 */
static bool cham_host_run(struct cham_port *port, struct cham_tenant *t,
			  const struct bpf_prog *prog, struct cham_xdp_buff *cx, bool timer,
			  u32 *act)
{
	struct cham_cpu *cpu = this_cpu_ptr(&cham_cpus);
	struct bpf_net_context context, *mine;
	u8 saved[offsetof(struct cham_cpu, burst_rxq)] __uninitialized;
	u32 stamp;
	bool ours;

	memcpy(saved, cpu, sizeof(saved));
	cpu->host = &cx->xdp;
	cpu->ev.host = true;
	cpu->timer = timer;
	cpu->xdp = NULL;
	cpu->tenant = t;
	cpu->port = port;
	cpu->side = CHAM_GEN_HOST;
	cpu->ingress = 0;
	cpu->sent_on = 0;
	cpu->stamp = cham_clock();
	mine = bpf_net_ctx_set(&context);
	*act = bpf_prog_run_xdp(prog, &cx->xdp);
	bpf_net_ctx_clear(mine);
	ours = cpu->xdp == &cx->xdp;
	stamp = cpu->stamp;
	memcpy(cpu, saved, sizeof(saved));
	/* What the event cost has been charged. */
	cpu->stamp = stamp;
	if (!ours)
		WRITE_ONCE(port->stranger, prog);
	return ours;
}

/* A sum that was asked for where no packet is any more, or that is written by now, nobody
 * writes later; of what a handler may have written a driver's sum knows nothing.
 */
static void cham_host_sum(struct sk_buff *skb, const struct virtio_net_hdr *vnet, u32 len)
{
	if (skb->ip_summed == CHECKSUM_COMPLETE ||
	    (skb->ip_summed == CHECKSUM_PARTIAL &&
	     (!(vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) ||
	      skb_checksum_start_offset(skb) + skb->csum_offset + sizeof(__sum16) > len)))
		skb->ip_summed = CHECKSUM_NONE;
}

/* What a handler has made of the length; of a super-packet it has left it alone. */
static void cham_host_resize(struct sk_buff *skb, u32 len)
{
	if (skb_is_nonlinear(skb) || likely(len == skb->len))
		return;
	if (len > skb->len)
		skb_put(skb, len - skb->len);
	else
		skb_trim(skb, len);
}

/**
 * cham_host_event() - show a packet that is not a port's own to its program
 * @port:  where the event is
 * @t:     the port's tenant
 * @skb:   the packet; may be written, reallocated and resized
 * @timer: it is what a timer may make a packet of
 *
 * Context: BH off, RCU read side. Return: an XDP verdict, or -1 when no handler could
 * see it, and counted.
 */
int cham_host_event(struct cham_port *port, struct cham_tenant *t, struct sk_buff *skb,
		    bool timer)
{
	const struct bpf_prog *prog = rcu_dereference(port->prog);
	struct xdp_rxq_info rxq = { .dev = port->dev };
	struct cham_xdp_buff cx __uninitialized;
	u32 act;

	if (!prog || prog == READ_ONCE(port->stranger) || !cham_host_expose(skb, &cx))
		goto unseen;
	xdp_init_buff(&cx.xdp, skb_end_offset(skb) +
		      SKB_DATA_ALIGN(sizeof(struct skb_shared_info)), &rxq);
	xdp_prepare_buff(&cx.xdp, skb->head, skb_headroom(skb), skb_headlen(skb), false);
	if (!cham_host_run(port, t, prog, &cx, timer, &act))
		goto unseen;
	cham_host_sum(skb, &cx.vnet, cx.xdp.data_end - cx.xdp.data);
	cham_host_resize(skb, cx.xdp.data_end - cx.xdp.data);
	return act;

unseen:
	if (!is_multicast_ether_addr(skb->data))
		cham_tenant_unseen(t);
	cham_count(t->ledger, CHAM_REASON_UNSEEN);
	return -1;
}

/* As if the guest had sent it, whose frames have an end. */
void cham_host_inject(struct cham_port *port, const struct cham_tenant *t,
		      struct sk_buff *skb)
{
	if (!skb_is_gso(skb) && skb->len > port->frame_max)
		kfree_skb(skb);
	else if (dev_forward_skb(port->dev, skb) == NET_RX_SUCCESS)
		return;
	cham_count(t->ledger, CHAM_REASON_NO_REPLY);
}

static bool cham_host_show(struct cham_port *port, struct cham_tenant *t, struct sk_buff *skb)
{
	switch (cham_host_event(port, t, skb, false)) {
	case -1:
	case XDP_PASS:
		return false;
	case XDP_TX:
		cham_host_inject(port, t, skb);
		return true;
	default:
		/* It has been delivered elsewhere, or counted. */
		consume_skb(skb);
		return true;
	}
}

/**
 * cham_host_took() - show a packet of Linux' to the tenant's handler
 * @port: where it would be delivered
 * @skb:  the packet; may be written and reallocated
 *
 * Context: BH off. Return: true when the handler decided otherwise: @skb is gone.
 */
bool cham_host_took(struct cham_port *port, struct sk_buff *skb)
{
	struct cham_tenant *t;
	bool took = false;

	rcu_read_lock();
	t = cham_port_tenant_rcu(port);
	if (t && READ_ONCE(t->prog) & (CHAM_PROG_WORD_HOOK(CHAM_HOOK_RX) |
				       CHAM_PROG_WORD_HOOK(CHAM_HOOK_OPEN)))
		took = cham_host_show(port, t, skb);
	rcu_read_unlock();
	return took;
}
