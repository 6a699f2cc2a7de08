// SPDX-License-Identifier: GPL-2.0
/*
 * Which queue pair of a guest with several gets a packet: the one on which the
 * guest last sent of the same flow; for a flow of which it has not sent yet,
 * what a hash says.
 *
 * The datapath remembers that in the connection. What takes the slow path has
 * perhaps no connection: for it each such port has a table with one entry a
 * hash, where a flow may push another out. Both ways use the same hash, so
 * that a flow does not change rings when it becomes fast.
 */
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/ipv6.h>

#include "conn.h"
#include "port_priv.h"
#include "tenant.h"

/* Ethernet, one tag, IPv6, ports. */
#define CHAM_STEER_HDR		(VLAN_ETH_HLEN + sizeof(struct ipv6hdr) + 8)

/* An entry is a tag of the hash and 1 + the queue pair. */
#define CHAM_STEER_TAG(hash)	((u16)((hash) >> 48) & ~7)

static_assert(CHAM_PORT_QPAIRS_MAX < 7);

static u16 *cham_steer_entry(const struct cham_port *port, u64 hash)
{
	return &port->flows[hash % CHAM_PORT_FLOWS];
}

/* Queue pair of a flow the guest has sent of, plus 1; or 0. */
static u32 cham_steer_sent(const struct cham_port *port, u64 hash)
{
	u16 e = READ_ONCE(*cham_steer_entry(port, hash));

	return (e & ~7) == CHAM_STEER_TAG(hash) ? e & 7 : 0;
}

static u32 cham_steer_queue(const struct cham_port *port, u64 hash, u32 sent)
{
	u32 active = cham_port_pairs_active(port);

	if (!sent)
		sent = cham_steer_sent(port, hash);
	if (likely(sent && sent <= active))
		return sent - 1;
	return reciprocal_scale(hash, active);
}

/**
 * cham_steer_flow() - queue pair for a packet of a connection
 * @port: receiver, with several queue pairs
 * @flow: cham_conn_flow()
 *
 * Context: RCU read side.
 */
u32 cham_steer_flow(const struct cham_port *port, unsigned long flow)
{
	const struct cham_conn *conn = (const void *)(flow & ~1UL);
	u32 sent = cham_flow_sent(flow);

	if (likely(sent && sent <= cham_port_pairs_active(port)))
		return sent - 1;
	return cham_steer_queue(port, cham_conn_hash(&conn->words), 0);
}

/* The query that the datapath would make of a frame, as far as there is one. */
static void cham_steer_tuple(struct cham_tuple *t, const u8 *frame, u32 len)
{
	const u8 *l3 = frame + ETH_HLEN, *end = frame + len, *l4 = NULL;
	const struct vlan_ethhdr *eth = (const void *)frame;
	__be16 kind = eth->h_vlan_proto;
	bool echo = false;

	memset(t, 0, sizeof(*t));
	if (len < VLAN_ETH_HLEN)
		return;
	if (kind == htons(ETH_P_8021Q)) {
		t->vlan = ntohs(eth->h_vlan_TCI) & VLAN_VID_MASK;
		kind = eth->h_vlan_encapsulated_proto;
		l3 += VLAN_HLEN;
	}
	if (kind == htons(ETH_P_IP) && l3 + sizeof(struct iphdr) <= end) {
		const struct iphdr *ip = (const void *)l3;

		memcpy(t->saddr, &ip->saddr, 4);
		memcpy(t->daddr, &ip->daddr, 4);
		t->proto = ip->protocol;
		/* What is cut up stays together. */
		if (!(ip->frag_off & htons(IP_MF | IP_OFFSET)))
			l4 = l3 + ip->ihl * 4;
		echo = t->proto == IPPROTO_ICMP;
	} else if (kind == htons(ETH_P_IPV6) && l3 + sizeof(struct ipv6hdr) <= end) {
		const struct ipv6hdr *ip6 = (const void *)l3;

		memcpy(t->saddr, &ip6->saddr, 16);
		memcpy(t->daddr, &ip6->daddr, 16);
		t->proto = ip6->nexthdr;
		t->ipv6 = 1;
		l4 = l3 + sizeof(*ip6);
		echo = t->proto == IPPROTO_ICMPV6;
	}
	if (!l4 || l4 + 8 > end)
		return;
	if (echo) {
		memcpy(&t->sport, l4 + 4, 2);
		t->dport = t->sport;
	} else if (t->proto == IPPROTO_TCP || t->proto == IPPROTO_UDP) {
		memcpy(&t->sport, l4, 2);
		memcpy(&t->dport, l4 + 2, 2);
	}
}

/* Return: hash, connection or %NULL, direction in it. */
static u64 cham_steer_hash(const struct cham_port *port, const struct sk_buff *skb,
			   struct cham_conn **conn, unsigned int *dir)
{
	u32 len = min_t(u32, skb->len, CHAM_STEER_HDR);
	const struct cham_tenant *t;
	struct cham_tuple tuple;
	struct cham_key key;
	u8 buf[CHAM_STEER_HDR];
	const u8 *frame;
	u64 hash;

	memset(&tuple, 0, sizeof(tuple));
	frame = skb_header_pointer(skb, 0, len, buf);
	if (likely(frame))
		cham_steer_tuple(&tuple, frame, len);
	t = cham_port_tenant_rcu(port);
	key = cham_conn_key(&tuple, t ? t->key : 0, dir);
	hash = cham_conn_hash(&key);
	*conn = t ? cham_conn_lookup_rcu(&key, hash) : NULL;
	return hash;
}

/**
 * cham_steer_learn() - the guest has sent this
 * @port:  port with a table of flows
 * @skb:   from the Ethernet header on
 * @queue: queue pair
 *
 * Context: BH off, RCU read side.
 */
void cham_steer_learn(struct cham_port *port, const struct sk_buff *skb, u16 queue)
{
	struct cham_conn *conn;
	unsigned int dir;
	u64 hash = cham_steer_hash(port, skb, &conn, &dir);
	u16 e = CHAM_STEER_TAG(hash) | (queue + 1);

	if (conn)
		cham_conn_set_sent(conn, dir, queue);
	if (READ_ONCE(*cham_steer_entry(port, hash)) != e)
		WRITE_ONCE(*cham_steer_entry(port, hash), e);
}

/* Linux asks only where there are several; a packet socket that passes the qdisc by does
 * so where it may be interrupted, and reads nothing under RCU itself.
 */
u16 cham_steer_select(struct net_device *dev, struct sk_buff *skb,
		      struct net_device *sb_dev)
{
	const struct cham_port *port = netdev_priv(dev);
	struct cham_conn *conn;
	unsigned int dir;
	u32 sent;
	u64 hash;

	if (cham_port_pairs_active(port) == 1)
		return 0;
	rcu_read_lock();
	hash = cham_steer_hash(port, skb, &conn, &dir);
	sent = conn ? cham_flow_sent(cham_conn_flow(conn, dir)) : 0;
	rcu_read_unlock();
	return cham_steer_queue(port, hash, sent);
}
