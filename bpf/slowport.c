// SPDX-License-Identifier: GPL-2.0
#include "slowport.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <xdp/xsk.h>

#define FRAMES	128	/* half of them to receive, half of them to send */
#define RING	(FRAMES / 2)

struct slowport {
	int fd;
	/* AF_XDP alone */
	struct xsk_socket *xsk;
	struct xsk_umem *umem;
	struct xsk_ring_prod fill, tx;
	struct xsk_ring_cons rx, done;
	uint64_t free[RING];	/* frames to send with */
	unsigned int n_free;
	char *memory;
};

static struct slowport *hear_packets(struct slowport *p, const char *dev)
{
	struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = if_nametoindex(dev),
	};
	int on = 1;

	p->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd < 0)
		warn("%s: a packet socket needs CAP_NET_RAW", dev);
	else if (setsockopt(p->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) ||
		 bind(p->fd, (struct sockaddr *)&at, sizeof(at)))
		warn("%s", dev);
	else
		return p;
	slowport_close(p);
	return NULL;
}

/* Give the kernel @n frames to receive into, from @addr[] or the first ones. */
static void refill(struct slowport *p, const uint64_t *addr, unsigned int n)
{
	uint32_t at;
	unsigned int i;

	/* As many as came out of it fit. */
	if (xsk_ring_prod__reserve(&p->fill, n, &at) != n)
		return;
	for (i = 0; i < n; i++)
		*xsk_ring_prod__fill_addr(&p->fill, at + i) =
			addr ? addr[i] : i * SLOWPORT_FRAME;
	xsk_ring_prod__submit(&p->fill, n);
}

static struct slowport *hear_xdp(struct slowport *p, const char *dev, const char *xsks)
{
	const struct xsk_umem_config memory = {
		.fill_size = RING, .comp_size = RING, .frame_size = SLOWPORT_FRAME,
	};
	const struct xsk_socket_config config = {
		.rx_size = RING, .tx_size = RING,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
	};
	int map = bpf_obj_get(xsks), rc;
	unsigned int i;

	if (map < 0) {
		warn("%s", xsks);
		slowport_close(p);
		return NULL;
	}
	p->memory = mmap(NULL, FRAMES * SLOWPORT_FRAME, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	rc = p->memory == MAP_FAILED ? -errno :
	     xsk_umem__create(&p->umem, p->memory, FRAMES * SLOWPORT_FRAME, &p->fill,
			      &p->done, &memory);
	if (!rc)
		rc = xsk_socket__create(&p->xsk, dev, 0, p->umem, &p->rx, &p->tx, &config);
	if (!rc) {
		p->fd = xsk_socket__fd(p->xsk);
		refill(p, NULL, RING);
		for (i = 0; i < RING; i++)
			p->free[p->n_free++] = (RING + i) * SLOWPORT_FRAME;
		rc = xsk_socket__update_xskmap(p->xsk, map);
	}
	close(map);
	if (!rc)
		return p;
	warnx("%s: AF_XDP with %s: %s", dev, xsks, strerror(-rc));
	slowport_close(p);
	return NULL;
}

struct slowport *slowport_open(const char *dev, const char *xsks)
{
	struct slowport *p = calloc(1, sizeof(*p));

	if (!p) {
		warn("%s", dev);
		return NULL;
	}
	p->fd = -1;
	return xsks ? hear_xdp(p, dev, xsks) : hear_packets(p, dev);
}

void slowport_close(struct slowport *p)
{
	if (!p)
		return;
	if (p->xsk)
		xsk_socket__delete(p->xsk);
	else if (p->fd >= 0)
		close(p->fd);
	if (p->umem)
		xsk_umem__delete(p->umem);
	if (p->memory && p->memory != MAP_FAILED)
		munmap(p->memory, FRAMES * SLOWPORT_FRAME);
	free(p);
}

int slowport_fd(const struct slowport *p)
{
	return p->fd;
}

size_t slowport_next(struct slowport *p, void *frame)
{
	const struct xdp_desc *d;
	uint64_t addr;
	size_t len;
	uint32_t at;
	ssize_t n;

	if (!p->xsk) {
		n = recv(p->fd, frame, SLOWPORT_FRAME, 0);
		return n < 0 ? 0 : n;
	}
	if (!xsk_ring_cons__peek(&p->rx, 1, &at))
		return 0;
	d = xsk_ring_cons__rx_desc(&p->rx, at);
	addr = d->addr;
	len = d->len;
	memcpy(frame, xsk_umem__get_data(p->memory, addr), len);
	xsk_ring_cons__release(&p->rx, 1);
	addr -= addr % SLOWPORT_FRAME;
	refill(p, &addr, 1);
	return len;
}

int slowport_send(struct slowport *p, const void *frame, size_t len)
{
	struct xdp_desc *d;
	unsigned int i, n;
	uint32_t at;

	if (!p->xsk)
		return send(p->fd, frame, len, 0) < 0 ? -1 : 0;
	n = xsk_ring_cons__peek(&p->done, RING, &at);
	for (i = 0; i < n; i++)
		p->free[p->n_free++] = *xsk_ring_cons__comp_addr(&p->done, at + i);
	xsk_ring_cons__release(&p->done, n);
	errno = !p->n_free ? ENOBUFS : len > SLOWPORT_FRAME ? EMSGSIZE : 0;
	if (errno || !xsk_ring_prod__reserve(&p->tx, 1, &at))
		return -1;
	d = xsk_ring_prod__tx_desc(&p->tx, at);
	*d = (struct xdp_desc) { .addr = p->free[--p->n_free], .len = len };
	memcpy(xsk_umem__get_data(p->memory, d->addr), frame, len);
	xsk_ring_prod__submit(&p->tx, 1);
	/* It is in the ring: what is busy now goes with the next one. */
	if (sendto(p->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN &&
	    errno != EBUSY && errno != ENOBUFS)
		return -1;
	return 0;
}
