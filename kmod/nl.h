/* SPDX-License-Identifier: GPL-2.0 */
/* Between netlink.c (requests) and nl_event.c (what listeners are told). */
#ifndef CHAM_NL_H
#define CHAM_NL_H

#include <linux/atomic.h>
#include <net/genetlink.h>

enum { CHAM_GRP_EVENTS };

extern struct genl_family cham_family;

/* Moved by each event of such an object; a dump that sees it move was interrupted. */
extern atomic_t cham_tenant_seq;
extern atomic_t cham_port_seq;

void cham_nl_events(bool on);
#endif
