// SPDX-License-Identifier: GPL-2.0
/*
 * turns DEV XSKS: a slow path by AF_XDP alone, which sends each UDP datagram of IPv4 back
 * where it came from; with nothing but what opens the socket.
 */
#include "../../bpf/slowport.c"

#include <linux/ip.h>
#include <linux/udp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>

/* swap() - exchange two neighbours of @n bytes each; no checksum changes by that */
static void swap(char *a, size_t n)
{
	char b[ETH_ALEN];

	memcpy(b, a, n);
	memmove(a, a + n, n);
	memcpy(a + n, b, n);
}

static int turn(char *frame, size_t len)
{
	struct ethhdr *eth = (void *)frame;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);

	if (len < (size_t)((char *)(udp + 1) - frame) || eth->h_proto != htons(ETH_P_IP) ||
	    ip->ihl != 5 || ip->protocol != IPPROTO_UDP)
		return 0;
	swap(frame, ETH_ALEN);
	swap((char *)&ip->saddr, sizeof(ip->saddr));
	swap((char *)&udp->source, sizeof(udp->source));
	return 1;
}

int main(int argc, char **argv)
{
	char frame[SLOWPORT_FRAME];
	struct pollfd on = { .events = POLLIN };
	struct slowport *p;
	size_t len;

	if (argc != 3)
		errx(2, "turns DEV XSKS");
	p = slowport_open(argv[1], argv[2]);
	if (!p)
		return 1;
	puts("ready");
	fflush(stdout);
	on.fd = slowport_fd(p);
	while (poll(&on, 1, -1) >= 0)
		while ((len = slowport_next(p, frame)))
			if (turn(frame, len) && slowport_send(p, frame, len))
				warn("%s", argv[1]);
	slowport_close(p);
	return 1;
}
