// SPDX-License-Identifier: GPL-2.0
/*
 * A relay for UDP sessions, as games and calls have: clients know one address, port
 * 9300 of an end point of the tenant's; which server they talk to is the tenant's
 * affair, and servers see clients' own addresses. What a client sends ends with its
 * session's token; what it gets does, too, and so no stranger speaks for it.
 *
 * The slow path, relayd.c, sees who has no session, and admits whom it knows: it makes
 * two connections, from the client to the relay and from the client to the server.
 * From then on packets go the short way. A client that is silent is asked with a
 * datagram of nothing but the token, and answers so; of one that does not the slow path
 * is told, and forgets the session. IPv4 only.
 */
#include "handler.h"
#include "relay.h"

CHAM_PROGRAM("relay", 1, 0);

static __always_inline __u64 *token_at(struct xdp_md *ctx, const struct cham_pkt *pkt)
{
	return cham_at(ctx, pkt->payload + pkt->payload_len - RELAY_TOKEN, RELAY_TOKEN);
}

/* A client's, to the server: without the token, under the server's address. */
static __always_inline int to_server(struct xdp_md *ctx, struct cham_pkt *pkt, struct relay *s)
{
	struct ethhdr *eth;
	struct udphdr *udp;
	struct iphdr *ip;
	__u64 *token;

	if (pkt->payload_len < RELAY_TOKEN)
		return CHAM_DROP_WITH(RELAY_DROP_SHORT);
	token = token_at(ctx, pkt);
	if (!token || *token != s->token)
		return CHAM_DROP_WITH(RELAY_DROP_TOKEN);
	s->asked = 0;
	pkt->timer = s->silence;
	if (pkt->payload_len == RELAY_TOKEN)
		return CHAM_CONSUME;
	if (cham_resize_udp(ctx, pkt, pkt->payload_len - RELAY_TOKEN))
		return CHAM_DROP_WITH(RELAY_DROP_ROOM);
	eth = cham_at(ctx, pkt->l2, sizeof(*eth));
	ip = cham_at(ctx, pkt->l3, sizeof(*ip));
	udp = cham_at(ctx, pkt->l4, sizeof(*udp));
	if (!eth || !ip || !udp)
		return CHAM_DROP_WITH(RELAY_DROP_ROOM);
	__builtin_memcpy(eth->h_dest, s->mac, sizeof(eth->h_dest));
	ip->daddr = s->addr;
	udp->dest = s->port;
	pkt->port = s->ifindex;
	return CHAM_FORWARD | CHAM_SUM;
}

/*
 * The server's, to a client: from the relay's address, with the token. The MAC address
 * stays the server's, since Linux' bridge learns by it.
 */
static __always_inline int to_client(struct xdp_md *ctx, struct cham_pkt *pkt,
				     const struct relay *s)
{
	struct udphdr *udp;
	struct iphdr *ip;
	__u64 *token;

	if (cham_resize_udp(ctx, pkt, pkt->payload_len + RELAY_TOKEN))
		return CHAM_DROP_WITH(RELAY_DROP_ROOM);
	token = token_at(ctx, pkt);
	ip = cham_at(ctx, pkt->l3, sizeof(*ip));
	udp = cham_at(ctx, pkt->l4, sizeof(*udp));
	if (!token || !ip || !udp)
		return CHAM_DROP_WITH(RELAY_DROP_ROOM);
	*token = s->token;
	ip->saddr = s->addr;
	udp->source = s->port;
	return CHAM_PASS | CHAM_SUM;
}

CHAM_HOOK(rx)
{
	struct relay *s = (void *)area;
	struct udphdr *udp = cham_at(ctx, pkt->l4, sizeof(*udp));

	if (s->side != RELAY_OUTSIDE || !udp || udp->dest != s->end)
		return CHAM_PASS;
	return to_server(ctx, pkt, s);
}

CHAM_HOOK(tx)
{
	struct relay *s = (void *)area;
	struct udphdr *udp = cham_at(ctx, pkt->l4, sizeof(*udp));

	if (s->side != RELAY_INSIDE || !udp || udp->source != s->end)
		return CHAM_PASS;
	return to_client(ctx, pkt, s);
}

/* A packet as from the client: asks it, or is the last that is heard of it. */
CHAM_HOOK(timer)
{
	struct relay *s = (void *)area;
	__u64 *token;

	if (s->side != RELAY_OUTSIDE)
		return CHAM_CONSUME;
	if (s->asked >= RELAY_TRIES) {
		pkt->event = RELAY_GONE;
		return CHAM_CONSUME;
	}
	s->asked++;
	pkt->timer = s->silence;
	if (cham_resize_udp(ctx, pkt, RELAY_TOKEN) || cham_turn(ctx, pkt))
		return CHAM_DROP_WITH(RELAY_DROP_ROOM);
	token = token_at(ctx, pkt);
	if (!token)
		return CHAM_DROP_WITH(RELAY_DROP_ROOM);
	*token = s->token;
	return CHAM_REPLY | CHAM_SUM;
}

/* To the relay, and of no session: relayd.c says whether it becomes one. */
CHAM_HOOK(open)
{
	struct udphdr *udp = cham_at(ctx, pkt->l4, sizeof(*udp));

	if (pkt->proto != IPPROTO_UDP || pkt->flags & CHAM_PKT_IPV6 || !udp ||
	    udp->dest != bpf_htons(RELAY_PORT))
		return CHAM_PASS;
	return pkt->payload_len < RELAY_TOKEN ? CHAM_DROP_WITH(RELAY_DROP_SHORT) : CHAM_SLOW;
}
