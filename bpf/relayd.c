// SPDX-License-Identifier: GPL-2.0
/*
 * The relay's slow path: whom nobody knows comes here first. See relay.bpf.c; it runs
 * in the network namespace that the provider has bound to the tenant, where the slow
 * port's netdev is (Documentation/handlers.md).
 *
 * usage: relayd dev NETDEV tenant NAME addr ADDRESS sessions FILE [xsks PATH]
 *
 *   addr      the relay's address, IPv4
 *   sessions  a line each: TOKEN ADDRESS PORT MAC IFINDEX MS
 *             the token in hex, 16 digits; the server's address, port and MAC, and its
 *             representor's ifindex, which the provider tells; after how many
 *             milliseconds of silence the client is asked. # begins a comment.
 *   xsks      hear the netdev by AF_XDP, see slowport.h
 *
 * A line on stdout for whatever happens to a session.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/if_ether.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cham.h>

#include "relay.h"
#include "slowport.h"

#define SESSIONS 1024

/* What a client sends: headers as the datapath has seen them, and a payload behind. */
struct datagram {
	struct ether_header eth;
	struct iphdr ip;
	struct udphdr udp;
	uint8_t payload[];
} __attribute__((packed));

static struct relay sessions[SESSIONS];	/* areas of connections to come, outside */
static unsigned int n_sessions;
static struct client {
	struct cham_addr addr;
	uint16_t port;
	const struct relay *session;	/* NULL: nobody */
} clients[SESSIONS];	/* who is admitted; who is not in here is not waited for */
static struct cham *cham;
static uint32_t tenant;
static struct cham_addr relay_addr;
static uint8_t relay_mac[ETH_ALEN];	/* as clients know it */

static void read_sessions(const char *path)
{
	FILE *f = fopen(path, "r");
	unsigned int at = 0;
	char line[256];

	if (!f)
		err(1, "%s", path);
	while (fgets(line, sizeof(line), f)) {
		struct relay *s = &sessions[n_sessions];
		char token[17], addr[16];
		uint8_t mac[6];

		at++;
		line[strcspn(line, "#\n")] = '\0';
		if (!line[strspn(line, " \t")])
			continue;
		if (n_sessions == SESSIONS)
			errx(1, "%s:%u: more than %u sessions", path, at, SESSIONS);
		if (sscanf(line, "%16[0-9a-fA-F] %15s %" SCNu16
			   " %hhx:%hhx:%hhx:%hhx:%hhx:%hhx %" SCNu32 " %" SCNu32,
			   token, addr, &s->port, &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
			   &mac[5], &s->ifindex, &s->silence) != 11 ||
		    strlen(token) != 16 || inet_pton(AF_INET, addr, &s->addr) != 1)
			errx(1, "%s:%u: not \"TOKEN ADDRESS PORT MAC IFINDEX MS\": %s",
			     path, at, line);
		s->token = htobe64(strtoull(token, NULL, 16));
		memcpy(s->mac, mac, sizeof(s->mac));
		s->port = htons(s->port);
		s->side = RELAY_OUTSIDE;
		s->end = htons(RELAY_PORT);
		n_sessions++;
	}
	fclose(f);
}

/* By what a token looks like to people; not for two in one line. */
static const char *hex(uint64_t token)
{
	static char text[17];

	snprintf(text, sizeof(text), "%016" PRIx64, be64toh(token));
	return text;
}

/* A connection of a client's, to @addr and @port (network order). */
static struct cham_conn conn_to(const struct cham_addr *client, uint16_t client_port,
				uint32_t addr, uint16_t port)
{
	struct cham_conn c = {
		.sz = sizeof(c),
		.set = CHAM_BIT(CHAM_CONN_TENANT_ID) | CHAM_BIT(CHAM_CONN_PROTO) |
		       CHAM_BIT(CHAM_CONN_SRC) | CHAM_BIT(CHAM_CONN_DST) |
		       CHAM_BIT(CHAM_CONN_SPORT) | CHAM_BIT(CHAM_CONN_DPORT),
		.tenant_id = tenant,
		.proto = IPPROTO_UDP,
		.src = *client,
		.sport = client_port,
		.dst.len = 4,
		.dport = ntohs(port),
	};

	memcpy(c.dst.a, &addr, sizeof(addr));
	return c;
}

/* Make a connection with an area, or give it one if it is there. */
static int put_conn(struct cham_conn *c, const struct relay *s)
{
	int rc;

	memcpy(c->area, s, sizeof(*s));
	c->set |= CHAM_BIT(CHAM_CONN_AREA);
	rc = cham_conn__add(cham, c);
	return rc == -EEXIST ? cham_conn__set(cham, c) : rc;
}

/* Who comes from there; if nobody does, and @make, a place for it, or NULL. */
static struct client *client_of(const struct cham_addr *addr, uint16_t port, bool make)
{
	struct client *c, *free = NULL;

	for (c = clients; c < clients + SESSIONS; c++) {
		if (!c->session)
			free = c;
		else if (c->port == port && !memcmp(c->addr.a, addr->a, 4))
			return c;
	}
	if (!make || !free)
		return NULL;
	free->addr = *addr;
	free->port = port;
	return free;
}

static void leave(struct client *c)
{
	struct cham_conn in = conn_to(&c->addr, c->port, c->session->addr, c->session->port);
	int rc = cham_conn__del(cham, &in);

	if (rc && rc != -ENOENT)
		warnx("%s", cham__last_error(cham));
	c->session = NULL;
}

static bool admit(const struct cham_addr *client, uint16_t port, const struct relay *s)
{
	struct relay inside = {
		.token = s->token, .side = RELAY_INSIDE, .port = s->end, .end = s->port,
	};
	struct cham_conn in = conn_to(client, port, s->addr, s->port);
	struct client *c = client_of(client, port, true);
	struct cham_conn out;

	/* One who has changed its mind. */
	if (c && c->session && c->session != s)
		leave(c);
	memcpy(&inside.addr, relay_addr.a, sizeof(inside.addr));
	out = conn_to(client, port, inside.addr, s->end);
	/* Once the outer one is there the client's packets pass. */
	if (!put_conn(&in, &inside) && !put_conn(&out, s)) {
		if (c)
			c->session = s;
		return true;
	}
	warnx("%s", cham__last_error(cham));
	cham_conn__del(cham, &in);
	return false;
}

static uint16_t ip_sum(struct iphdr ip)
{
	uint16_t words[sizeof(ip) / 2];
	uint32_t sum = 0;
	unsigned int i;

	memcpy(words, &ip, sizeof(words));
	for (i = 0; i < sizeof(words) / 2; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(sum + (sum >> 16));
}

/* A datagram that is a token. Addresses and ports as in the packet. */
struct token_datagram {
	struct datagram head;
	uint64_t token;
} __attribute__((packed));

static struct token_datagram token_datagram(uint32_t saddr, uint16_t sport, uint32_t daddr,
					    uint16_t dport, uint64_t token)
{
	struct token_datagram out = {
		.head.eth.ether_type = htons(ETHERTYPE_IP),
		.head.ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP,
			     .saddr = saddr, .daddr = daddr,
			     .tot_len = htons(sizeof(out) - sizeof(out.head.eth)) },
		/* IPv4 lets UDP go without a checksum */
		.head.udp = { .source = sport, .dest = dport,
			      .len = htons(sizeof(out.head.udp) + RELAY_TOKEN) },
		.token = token,
	};

	out.head.ip.check = ip_sum(out.head.ip);
	return out;
}

/* To whom @d is from: it is asked for an answer, the fast path hears that. */
static int welcome(struct slowport *port, const struct datagram *d, uint64_t token)
{
	struct token_datagram out = token_datagram(d->ip.daddr, d->udp.dest, d->ip.saddr,
						   d->udp.source, token);

	memcpy(out.head.eth.ether_dhost, d->eth.ether_shost, ETH_ALEN);
	memcpy(out.head.eth.ether_shost, d->eth.ether_dhost, ETH_ALEN);
	memcpy(relay_mac, d->eth.ether_dhost, ETH_ALEN);
	return slowport_send(port, &out, sizeof(out));
}

/* To the server of a session that is over, as from its client. It goes by the module:
 * no frame is at hand whose port could be used.
 */
static int farewell(const struct cham_conn *outside, const struct relay *s)
{
	struct token_datagram out;
	uint32_t client;

	memcpy(&client, outside->src.a, sizeof(client));
	out = token_datagram(client, htons(outside->sport), s->addr, s->port, s->token);
	memcpy(out.head.eth.ether_dhost, s->mac, ETH_ALEN);
	memcpy(out.head.eth.ether_shost, relay_mac, ETH_ALEN);
	return cham_packet__send(cham, tenant, &out, sizeof(out));
}

/* What handlers hand over; a slow port hears other things as well. */
static void frame(struct slowport *port, const struct datagram *d, size_t size)
{
	struct cham_addr client = { .len = 4 };
	const struct relay *s = NULL;
	char name[INET_ADDRSTRLEN];
	unsigned int len, i;
	uint64_t token;

	if (size < sizeof(*d) || d->eth.ether_type != htons(ETHERTYPE_IP) || d->ip.ihl != 5 ||
	    d->ip.protocol != IPPROTO_UDP || d->udp.dest != htons(RELAY_PORT) ||
	    memcmp(&d->ip.daddr, relay_addr.a, 4))
		return;
	len = ntohs(d->udp.len);
	if (len < sizeof(d->udp) + RELAY_TOKEN || len > size - offsetof(struct datagram, udp))
		return;
	memcpy(&token, d->payload + len - sizeof(d->udp) - RELAY_TOKEN, sizeof(token));
	for (i = 0; i < n_sessions && !s; i++)
		if (sessions[i].token == token)
			s = &sessions[i];
	memcpy(client.a, &d->ip.saddr, 4);
	inet_ntop(AF_INET, client.a, name, sizeof(name));
	if (!s) {
		printf("unknown %s from %s:%u\n", hex(token), name, ntohs(d->udp.source));
	} else if (admit(&client, ntohs(d->udp.source), s)) {
		printf("admitted %s from %s:%u\n", hex(token), name, ntohs(d->udp.source));
		if (welcome(port, d, token))
			warn("welcome");
	}
}

/* Somebody else has taken a client's connection away: who has been silent in both
 * directions for long, or an operator. The inner one would wait for nobody.
 */
static void forgotten(const struct cham_conn *outside)
{
	struct client *c;

	if (outside->proto != IPPROTO_UDP || outside->dport != RELAY_PORT ||
	    memcmp(outside->dst.a, relay_addr.a, 4))
		return;
	c = client_of(&outside->src, outside->sport, false);
	if (!c)
		return;
	printf("forgotten %s\n", hex(c->session->token));
	leave(c);
}

/* A session ends; its outer connection is told, its inner one is in the area. */
static void gone(const struct cham_conn *outside)
{
	struct client *c = client_of(&outside->src, outside->sport, false);
	struct relay s;
	struct cham_conn in;

	if (c)
		c->session = NULL;
	memcpy(&s, outside->area, sizeof(s));
	in = conn_to(&outside->src, outside->sport, s.addr, s.port);
	if (cham_conn__del(cham, outside) || cham_conn__del(cham, &in) ||
	    farewell(outside, &s))
		warnx("%s", cham__last_error(cham));
	printf("gone %s\n", hex(s.token));
}

/* Where the provider runs it, it hears other tenants' as well. */
static void event(const struct cham_ntf *n)
{
	switch (n->cmd) {
	case CHAM_CMD_HANDLER_NTF:
		if (n->conn.tenant_id == tenant && n->conn.code == RELAY_GONE)
			gone(&n->conn);
		break;
	case CHAM_CMD_CONN_DEL_NTF:
		if (n->conn.tenant_id == tenant)
			forgotten(&n->conn);
		break;
	case CHAM_CMD_MISS_NTF:
		/* What Linux was asked about: while addresses are learned, a few. */
		if (n->conn.tenant_id == tenant)
			printf("miss %s\n", cham_reason__name(n->conn.reason));
		break;
	case CHAM_CMD_PROG_NTF:
		if (n->prog.tenant_id == tenant)
			printf("program %s\n",
			       CHAM_HAS(&n->prog, CHAM_PROG_FAULT) ? "stopped" : "runs");
		break;
	case CHAM_CMD_QUOTA_NTF:
		if (n->tenant.id == tenant)
			printf("quota reached\n");
		break;
	}
}

static void hear(struct cham_events *events)
{
	struct cham_ntf n;
	int rc;

	while (!(rc = cham_events__next(events, &n, 0)))
		event(&n);
	if (rc == -ENOBUFS)
		warnx("events were lost");
	else if (rc != -EAGAIN && rc != -EINTR)
		errx(1, "events: %s", strerror(-rc));
}

int main(int argc, char **argv)
{
	const char *dev = NULL, *name = NULL, *addr = NULL, *file = NULL, *xsks = NULL;
	static uint8_t buf[SLOWPORT_FRAME] __attribute__((aligned(8)));
	struct cham_tenant t = { .sz = sizeof(t) };
	struct cham_events *events;
	struct slowport *port;
	size_t len;
	int i;

	for (i = 1; i + 1 < argc; i += 2) {
		const char **to = !strcmp(argv[i], "dev") ? &dev :
				  !strcmp(argv[i], "tenant") ? &name :
				  !strcmp(argv[i], "addr") ? &addr :
				  !strcmp(argv[i], "sessions") ? &file :
				  !strcmp(argv[i], "xsks") ? &xsks : NULL;

		if (!to)
			break;
		*to = argv[i + 1];
	}
	if (i < argc || !dev || !name || !addr || !file)
		errx(1, "usage: relayd dev NETDEV tenant NAME addr ADDRESS sessions FILE%s",
		     " [xsks PATH]");
	if (cham_addr__parse(&relay_addr, addr) || relay_addr.len != 4)
		errx(1, "addr takes an IPv4 address, not \"%s\"", addr);
	setvbuf(stdout, NULL, _IOLBF, 0);
	read_sessions(file);
	/* CAP_NET_RAW will do for this; for the rest, CAP_NET_ADMIN. */
	port = slowport_open(dev, xsks);
	if (!port)
		return 1;
	if (cham__open(&cham) || cham_events__open(cham, &events) ||
	    cham_tenant__get(cham, name, &t))
		errx(1, "%s", cham ? cham__last_error(cham) : strerror(ENOMEM));
	tenant = t.id;
	printf("ready: %u sessions\n", n_sessions);

	for (;;) {
		struct pollfd fds[] = {
			{ .fd = slowport_fd(port), .events = POLLIN },
			{ .fd = cham_events__fd(events), .events = POLLIN },
		};

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			err(1, "poll");
		hear(events);
		/* What was before a frame is heard before it. */
		while ((len = slowport_next(port, buf))) {
			hear(events);
			frame(port, (void *)buf, len);
		}
	}
}
