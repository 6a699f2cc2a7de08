// SPDX-License-Identifier: GPL-2.0
/*
 * A connection's timer, which a tenant's handler arms. It fires as an event on the
 * port of the packet that armed it, with an empty packet of that packet's direction:
 * what the handler makes of it goes on, or back, by the verdicts that packets have.
 */
#include <linux/etherdevice.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/if_vlan.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "conn.h"
#include "kfunc.h"
#include "policy.h"
#include "port_priv.h"
#include "prog.h"
#include "tenant.h"

/* Before the frame: what Linux' tunnel may put there. Behind: what a handler may. */
#define CHAM_TIMER_HEAD	128
#define CHAM_TIMER_ROOM	2048

/**
 * cham_timer_note() - a handler will see a packet and may arm its connection's timer
 * @cpu:  the event
 * @macs: the packet's Ethernet header, which the handler may change
 */
void cham_timer_note(struct cham_cpu *cpu, const u8 *macs)
{
	struct cham_origin *o = &cpu->origin;

	memcpy(o->macs, macs, sizeof(o->macs));
	o->dir = cpu->flow & 1;
	o->sent = cpu->port && !cpu->host;
	o->port = cpu->port ? cham_port_slot(cpu->port) : cpu->egress;
}

/**
 * cham_timer_set() - a handler arms or stops its connection's timer
 * @cpu:   the event, after cham_timer_note() or the timer's own
 * @priv:  the connection's area
 * @after: milliseconds, or CHAM_TIMER_OFF
 *
 * Context: BH off.
 */
void cham_timer_set(const struct cham_cpu *cpu, struct cham_private *priv, u32 after)
{
	if (after == CHAM_TIMER_OFF) {
		timer_delete(&priv->timer);
		return;
	}
	spin_lock(&priv->lock);
	if (!cpu->timer)
		priv->armed = cpu->origin;
	mod_timer(&priv->timer, jiffies + 1 +
		  msecs_to_jiffies(min_t(u32, after, CHAM_TIMER_MAX)));
	spin_unlock(&priv->lock);
}

/* The transport's header, without payload. Return: its end. */
static void cham_timer_l4(struct sk_buff *skb, const struct cham_tuple *key, bool swap)
{
	__be16 from = swap ? key->dport : key->sport, to = swap ? key->sport : key->dport;
	struct icmphdr *icmp;
	struct tcphdr *tcp;
	struct udphdr *udp;

	switch (key->proto) {
	case IPPROTO_TCP:
		tcp = skb_put_zero(skb, sizeof(*tcp));
		tcp->source = from;
		tcp->dest = to;
		tcp->doff = sizeof(*tcp) / 4;
		tcp->ack = 1;
		break;
	case IPPROTO_UDP:
		udp = skb_put_zero(skb, sizeof(*udp));
		udp->source = from;
		udp->dest = to;
		udp->len = htons(sizeof(*udp));
		break;
	default:
		icmp = skb_put_zero(skb, sizeof(*icmp));
		icmp->type = key->ipv6 ? ICMPV6_ECHO_REQUEST : ICMP_ECHO;
		icmp->un.echo.id = from;
	}
}

static u32 cham_timer_l4_len(u8 proto)
{
	return proto == IPPROTO_TCP ? sizeof(struct tcphdr) : sizeof(struct udphdr);
}

static void cham_timer_l3(struct sk_buff *skb, const struct cham_tuple *key, bool swap)
{
	const u8 *from = swap ? key->daddr : key->saddr, *to = swap ? key->saddr : key->daddr;
	u32 len = cham_timer_l4_len(key->proto);

	if (key->ipv6) {
		struct ipv6hdr *ip6 = skb_put_zero(skb, sizeof(*ip6));

		ip6->version = 6;
		ip6->payload_len = htons(len);
		ip6->nexthdr = key->proto;
		ip6->hop_limit = 64;
		memcpy(&ip6->saddr, from, sizeof(ip6->saddr));
		memcpy(&ip6->daddr, to, sizeof(ip6->daddr));
	} else {
		struct iphdr *ip = skb_put_zero(skb, sizeof(*ip));

		ip->version = 4;
		ip->ihl = sizeof(*ip) / 4;
		ip->tot_len = htons(sizeof(*ip) + len);
		ip->frag_off = htons(IP_DF);
		ip->ttl = 64;
		ip->protocol = key->proto;
		memcpy(&ip->saddr, from, sizeof(ip->saddr));
		memcpy(&ip->daddr, to, sizeof(ip->daddr));
		ip_send_check(ip);
	}
}

/* An empty packet of the connection; its transport checksum is not written. */
static struct sk_buff *cham_timer_packet(const struct cham_conn *conn,
					 const struct cham_origin *o)
{
	const struct cham_tuple *key = &conn->key;
	__be16 kind = htons(key->ipv6 ? ETH_P_IPV6 : ETH_P_IP);
	struct sk_buff *skb;

	skb = alloc_skb(CHAM_TIMER_HEAD + VLAN_ETH_HLEN + sizeof(struct ipv6hdr) +
			sizeof(struct tcphdr) + CHAM_TIMER_ROOM, GFP_ATOMIC | __GFP_NOWARN);
	if (!skb)
		return NULL;
	skb_reserve(skb, CHAM_TIMER_HEAD);
	skb_reset_mac_header(skb);
	skb_put_data(skb, o->macs, sizeof(o->macs));
	if (key->vlan) {
		const __be16 tag[] = { htons(ETH_P_8021Q), htons(key->vlan) };

		skb_put_data(skb, tag, sizeof(tag));
	}
	skb_put_data(skb, &kind, sizeof(kind));
	skb_set_network_header(skb, skb->len);
	skb->protocol = kind;
	cham_timer_l3(skb, key, o->dir);
	cham_timer_l4(skb, key, o->dir);
	return skb;
}

static void cham_timer_run(const struct cham_origin *o, struct cham_conn *conn,
			   struct cham_tenant *t)
{
	struct cham_port *port = cham_port_by_slot_rcu(o->port);
	struct cham_ring *r;
	struct sk_buff *skb;

	if (!port || cham_port_tenant_rcu(port) != t)
		return;
	skb = cham_timer_packet(conn, o);
	if (!skb) {
		cham_count(t->ledger, CHAM_REASON_UNSEEN);
		return;
	}
	skb->dev = cham_port_dev(port);
	switch (cham_host_event(port, t, skb, true)) {
	case XDP_PASS:
		/* Where a packet of this direction goes. */
		if (o->sent) {
			cham_host_inject(port, t, skb);
			break;
		}
		if (cham_policy_filtered(port)) {
			cham_count(t->ledger, CHAM_REASON_NO_FORWARD);
			kfree_skb(skb);
			break;
		}
		r = port->rx;
		if (cham_port_pairs_active(port) > 1)
			r += cham_steer_flow(port, cham_conn_flow(conn, o->dir));
		cham_io_push_skb(port, r, skb);
		break;
	case XDP_TX:
		cham_host_inject(port, t, skb);
		break;
	default:
		consume_skb(skb);
	}
}

/* Context: softirq. */
void cham_timer_fire(struct timer_list *timer)
{
	struct cham_private *priv = container_of(timer, struct cham_private, timer);
	struct cham_conn *conn = priv->conn;
	struct cham_origin origin;
	struct cham_tenant *t;

	spin_lock(&priv->lock);
	origin = priv->armed;
	spin_unlock(&priv->lock);
	rcu_read_lock();
	/* Of another layout by now, the connection or the program has gone: nobody
	 * waits for it.
	 */
	t = cham_tenant_rcu(conn->key.tenant);
	if (t && READ_ONCE(conn->half[0].priv) == priv &&
	    !(READ_ONCE(conn->flags) & CHAM_CONN_F_DEAD) &&
	    READ_ONCE(t->prog) & CHAM_PROG_WORD_HOOK(CHAM_HOOK_TIMER))
		cham_timer_run(&origin, conn, t);
	rcu_read_unlock();
}
