/* SPDX-License-Identifier: GPL-2.0 */
/* Frames of a tenant's slow port, by a packet socket or by AF_XDP. */
#ifndef CHAM_SLOWPORT_H
#define CHAM_SLOWPORT_H

#include <stddef.h>

#define SLOWPORT_FRAME	4096	/* bytes that a frame may have, and more than it has */

struct slowport;

/**
 * slowport_open() - begin to hear a netdev
 * @dev:  its name, in this network namespace
 * @xsks: where the provider has pinned the XSKMAP of the program that redirects what
 *        comes there (xdp/slowport.bpf.c): AF_XDP; NULL: a packet socket
 *
 * Needs CAP_NET_RAW in the network namespace. What goes wrong is said on stderr.
 *
 * Return: release with slowport_close(); NULL.
 */
struct slowport *slowport_open(const char *dev, const char *xsks);

/** slowport_close() - end it; NULL is fine */
void slowport_close(struct slowport *p);

/** slowport_fd() - descriptor to poll for input; owned by @p */
int slowport_fd(const struct slowport *p);

/**
 * slowport_next() - take a frame
 * @p:     the port
 * @frame: SLOWPORT_FRAME bytes for it
 *
 * Return: its bytes, or 0 when there is none.
 */
size_t slowport_next(struct slowport *p, void *frame);

/**
 * slowport_send() - send a frame
 * @p:     the port
 * @frame: from the Ethernet header on
 * @len:   bytes
 *
 * Return: 0 or -1, errno says why.
 */
int slowport_send(struct slowport *p, const void *frame, size_t len);

#endif
