/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * libcham: the host's control library for the chamelio module.
 *
 * Conventions that hold for every function here:
 *
 * - Functions that return int return 0 (or a count, where said) on success
 *   and a negative errno on failure; cham__last_error() then has the text.
 * - Every object is a struct that starts with @sz and @set. A caller writes
 *   sizeof(struct) into @sz before passing one in. @set is a bit map of
 *   CHAM_BIT(attribute number of uapi/chamelio.h): which members are valid.
 *   Structs grow at their end only.
 * - What a callback is handed belongs to the library and is valid until the
 *   callback returns. The callback must not use the same handle: the answer
 *   to a dump is still under way on it. A non-zero return ends the walk and
 *   is returned by the walking function.
 * - A handle serves one thread at a time. Different handles are independent.
 * - Addresses are network order; ports and all other numbers host order;
 *   counters are monotone 64-bit numbers.
 */
#ifndef LIBCHAM_H
#define LIBCHAM_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "chamelio.h"
#include "cham_prog.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CHAM_BIT(attr)		(1ULL << (attr))
#define CHAM_HAS(obj, attr)	(!!((obj)->set & CHAM_BIT(attr)))

struct cham;
struct cham_events;

/**
 * struct cham_addr - an IPv4 or IPv6 address
 * @len: 4, 16, or 0 when there is none
 * @a:   the address, network order; IPv4 uses the first four bytes
 */
struct cham_addr {
	uint8_t len;
	uint8_t a[16];
};

/**
 * cham_addr__parse() - read an address from text
 * @addr: where it goes
 * @text: dotted quad or RFC 4291 text, no name and no prefix length
 *
 * Return: 0, or -EINVAL.
 */
int cham_addr__parse(struct cham_addr *addr, const char *text);

/**
 * cham_addr__format() - write an address as text
 * @addr: address
 * @buf:  at least 46 bytes
 * @size: bytes in @buf
 *
 * Return: @buf; "-" in it when @addr->len is 0.
 */
const char *cham_addr__format(const struct cham_addr *addr, char *buf,
			      size_t size);

/* ---- handle ---------------------------------------------------------- */

/**
 * cham__open() - connect to the module
 * @hp: where the handle goes; the caller releases it with cham__close()
 *
 * Return: 0; -ENOENT when the module is not loaded; another negative errno.
 * On failure too *@hp is set (except with -ENOMEM, then it is NULL): such a
 * handle is good for cham__last_error(), cham__close() and cham_prog__check() only.
 */
int cham__open(struct cham **hp);

/**
 * cham__close() - release a handle
 * @h: handle or NULL
 */
void cham__close(struct cham *h);

/**
 * cham__last_error() - why the last call on a handle failed
 * @h: handle
 *
 * The kernel's own message, with the offending attribute's name and the
 * accepted range when the kernel told them; no trailing full stop.
 *
 * Return: text owned by @h, valid until its next call; "" if none failed.
 */
const char *cham__last_error(const struct cham *h);

/**
 * cham__interrupted() - did the objects change during the last walk?
 * @h: handle
 *
 * Walk again for a consistent list; chamctl does so up to three times.
 *
 * Return: true if the last for_each may have missed or repeated an object.
 */
bool cham__interrupted(const struct cham *h);

/* ---- names ------------------------------------------------------------ */

enum cham_set_id {
	CHAM_SET_TENANT,
	CHAM_SET_PORT,
	CHAM_SET_UPLINK,
	CHAM_SET_CONN,
	CHAM_SET_DIR,
	CHAM_SET_FDB,
	CHAM_SET_STAT,
	CHAM_SET_PROG,
	CHAM_SET_PACKET,
};

enum cham_reason_kind { CHAM_KIND_FAST, CHAM_KIND_SLOW, CHAM_KIND_DROP, CHAM_KIND_NOTE };

/**
 * cham_attr__name() - an attribute's name in the netlink specification
 * @set:  attribute set
 * @attr: number
 *
 * Return: static text, NULL when this library does not know @attr.
 */
const char *cham_attr__name(enum cham_set_id set, unsigned int attr);

/* Names of enum values: static text, NULL beyond what the library knows. */
const char *cham_block__name(unsigned int block);
const char *cham_block__text(unsigned int block);
const char *cham_reason__name(unsigned int reason);
const char *cham_reason__text(unsigned int reason);
enum cham_reason_kind cham_reason__kind(unsigned int reason);
const char *cham_class__name(unsigned int class_id);
const char *cham_hook__name(unsigned int hook);
const char *cham_verdict__name(unsigned int verdict);
const char *cham_fault__name(unsigned int fault);
const char *cham_fault__text(unsigned int fault);
const char *cham_action__name(unsigned int action);
const char *cham_port_state__name(unsigned int state);
const char *cham_port_role__name(unsigned int role);
const char *cham_fdb_source__name(unsigned int source);
const char *cham_dscp__name(unsigned int dscp);
const char *cham_conn_flag__name(unsigned int flag);
const char *cham_tcp_state__name(unsigned int state);
const char *cham_cmd__name(unsigned int cmd);

/* ---- tenants ------------------------------------------------------------ */

/**
 * struct cham_tenant - one tenant
 * @sz:         sizeof(struct cham_tenant), by the caller
 * @set:        CHAM_BIT(CHAM_TENANT_*) of the valid members
 * @id:         the module's number for it
 * @name:       up to CHAM_NAME_MAX bytes
 * @vni:        VXLAN network identifier, 1..2^24-1
 * @weight:     share of a CPU under contention, 1..10000
 * @max_conns:  quota of cached connections
 * @max_ports:  quota of bound ports
 * @max_fdb:    quota of static FDB entries
 * @dscp:       0 uniform, 1 pipe (RFC 2983)
 * @conns:      connections now; out
 * @ports:      ports now; out
 * @fdbs:       FDB entries now; out
 * @generation: moves whenever cached decisions are invalidated; out
 * @netns_fd:   a network namespace to bind, in cham_tenant__set() only: who has
 *              CAP_NET_ADMIN over it sees and drives this tenant. CHAM_TENANT_NO_NETNS
 *              in @set ends that
 * @netns:      inode number of the one that is bound; out
 * @max_cycles: what one run of a handler may cost: by the estimate when it is loaded;
 *              who then takes CHAM_OVERRUN times as much, most times it runs, is stopped
 */
struct cham_tenant {
	size_t sz;
	uint64_t set;
	uint32_t id;
	char name[CHAM_NAME_MAX + 1];
	uint32_t vni;
	uint32_t weight;
	uint32_t max_conns;
	uint32_t max_ports;
	uint32_t max_fdb;
	uint8_t dscp;
	uint32_t conns;
	uint32_t ports;
	uint32_t fdbs;
	uint32_t generation;
	uint32_t netns_fd;
	uint32_t netns;
	uint32_t max_cycles;
};

typedef int (*cham_tenant_fn)(const struct cham_tenant *t, void *arg);

/**
 * cham_tenant__new() - make a tenant
 * @h: handle
 * @t: name and vni are required; weight, max_*, dscp are optional
 *
 * Return: 0; -EEXIST when name or VNI are taken; another negative errno.
 */
int cham_tenant__new(struct cham *h, const struct cham_tenant *t);

/**
 * cham_tenant__set() - change a tenant
 * @h: handle
 * @t: id or name says which one, the other members in @t->set are changed
 *
 * Return: 0; -ENOENT; another negative errno.
 */
int cham_tenant__set(struct cham *h, const struct cham_tenant *t);

/**
 * cham_tenant__del() - remove a tenant
 * @h:     handle
 * @name:  its name
 * @force: also when it still has ports or connections
 *
 * Return: 0; -ENOENT; -EBUSY without @force; another negative errno.
 */
int cham_tenant__del(struct cham *h, const char *name, bool force);

/**
 * cham_tenant__get() - look one tenant up by name
 * @h:    handle
 * @name: its name
 * @t:    filled in; the caller has set @t->sz
 *
 * Return: 0; -ENOENT; another negative errno.
 */
int cham_tenant__get(struct cham *h, const char *name, struct cham_tenant *t);

/**
 * cham_tenant__for_each() - walk all tenants
 * @h:   handle
 * @fn:  called for each
 * @arg: handed to @fn
 *
 * Return: 0, @fn's non-zero value, or a negative errno.
 */
int cham_tenant__for_each(struct cham *h, cham_tenant_fn fn, void *arg);

/* ---- ports -------------------------------------------------------------- */

/**
 * struct cham_port - a vDPA device and its representor
 * @sz:            sizeof(struct cham_port), by the caller
 * @set:           CHAM_BIT(CHAM_PORT_*) of the valid members
 * @ifindex:       representor
 * @ifname:        representor
 * @vdpa:          name of the vDPA device
 * @tenant_id:     0 when bound to none
 * @tenant_name:   absent when bound to none
 * @mac:           the guest's
 * @mtu:           the guest's, bytes
 * @queue_pairs:   number of them
 * @state:         enum cham_port_state
 * @broken_reason: only when @state is broken
 * @blocked:       bit map of enum cham_block: why nothing is cached
 * @features:      negotiated virtio features
 * @rx_packets:    from the guest
 * @rx_bytes:      from the guest
 * @tx_packets:    to the guest
 * @tx_bytes:      to the guest
 * @rx_dropped:    from the guest, discarded
 * @tx_dropped:    to the guest, discarded
 * @active_pairs:  queue pairs that its driver uses
 * @role:          enum cham_port_role
 * @fixed_mac:     the provider's choice; absent: the guest may choose
 * @device_features: offered by the provider's choice; absent: whatever there is
 */
struct cham_port {
	size_t sz;
	uint64_t set;
	uint32_t ifindex;
	char ifname[IF_NAMESIZE];
	char vdpa[64];
	uint32_t tenant_id;
	char tenant_name[CHAM_NAME_MAX + 1];
	uint8_t mac[6];
	uint32_t mtu;
	uint32_t queue_pairs;
	uint32_t state;
	char broken_reason[128];
	uint32_t blocked;
	uint64_t features;
	uint64_t rx_packets;
	uint64_t rx_bytes;
	uint64_t tx_packets;
	uint64_t tx_bytes;
	uint64_t rx_dropped;
	uint64_t tx_dropped;
	uint32_t active_pairs;
	uint8_t role;
	uint8_t fixed_mac[6];
	uint64_t device_features;
};

typedef int (*cham_port_fn)(const struct cham_port *p, void *arg);

/**
 * cham_port__bind() - give a port to a tenant
 * @h:       handle
 * @ifindex: representor
 * @tenant:  name, NULL unbinds
 *
 * Return: 0; -ENOENT; another negative errno. A datapath that is attached
 * does not follow by itself: see cham_datapath__sync().
 */
int cham_port__bind(struct cham *h, uint32_t ifindex, const char *tenant);

/**
 * cham_port__set_role() - make a port its tenant's slow path, or an end point again
 * @h:       handle
 * @ifindex: representor
 * @role:    what it shall be
 *
 * Return: 0; -ENOTCONN without a tenant; -EBUSY when the tenant has another slow
 * port; another negative errno.
 */
int cham_port__set_role(struct cham *h, uint32_t ifindex, enum cham_port_role role);

/**
 * cham_port__announce() - ask a guest to tell the network where it is
 * @h:       handle
 * @ifindex: representor
 *
 * Return: 0; -ENOTCONN without a driver; -EOPNOTSUPP when it does not know how;
 * another negative errno.
 */
int cham_port__announce(struct cham *h, uint32_t ifindex);

/**
 * cham_port__get() - look one port up by its representor
 * @h:      handle
 * @ifname: the representor
 * @p:      filled in; @p->sz by the caller
 *
 * Return: 0; -ENODEV or -EINVAL when there is no such port; another negative
 * errno.
 */
int cham_port__get(struct cham *h, const char *ifname, struct cham_port *p);

/** cham_port__for_each() - walk all ports; see cham_tenant__for_each() */
int cham_port__for_each(struct cham *h, cham_port_fn fn, void *arg);

/* ---- uplinks ------------------------------------------------------------ */

/**
 * struct cham_uplink - a NIC that carries the tunnels
 * @sz:            sizeof(struct cham_uplink), by the caller
 * @set:           CHAM_BIT(CHAM_UPLINK_*) of the valid members
 * @ifindex:       the NIC
 * @ifname:        the NIC; out
 * @local4:        tunnel end point
 * @local6:        tunnel end point
 * @udp_port:      VXLAN destination port
 * @mtu:           bytes; out
 * @blocked:       bit map of enum cham_block; out
 * @rx_packets:    tunnel packets seen; out
 * @tx_packets:    tunnel packets sent; out
 * @remotes:       shared outer headers held; out
 * @ignore_filter: 1 caches although netfilter looks at the underlay
 */
struct cham_uplink {
	size_t sz;
	uint64_t set;
	uint32_t ifindex;
	char ifname[IF_NAMESIZE];
	struct cham_addr local4;
	struct cham_addr local6;
	uint16_t udp_port;
	uint32_t mtu;
	uint32_t blocked;
	uint64_t rx_packets;
	uint64_t tx_packets;
	uint32_t remotes;
	uint8_t ignore_filter;
};

typedef int (*cham_uplink_fn)(const struct cham_uplink *u, void *arg);

/**
 * cham_uplink__add() - declare a NIC an uplink
 * @h: handle
 * @u: ifindex and at least one of local4, local6; udp_port and
 *     ignore_filter are optional
 *
 * Return: 0 or a negative errno.
 */
int cham_uplink__add(struct cham *h, const struct cham_uplink *u);

/**
 * cham_uplink__del() - it is no uplink any more
 * @h:       handle
 * @ifindex: the NIC
 *
 * Return: 0 or a negative errno.
 */
int cham_uplink__del(struct cham *h, uint32_t ifindex);

/**
 * cham_uplink__get() - look one uplink up
 * @h:      handle
 * @ifname: the NIC
 * @u:      filled in; @u->sz by the caller
 *
 * Return: 0; -ENODEV or -ENOENT when there is no such uplink; another negative
 * errno.
 */
int cham_uplink__get(struct cham *h, const char *ifname, struct cham_uplink *u);

/** cham_uplink__for_each() - walk all uplinks; see cham_tenant__for_each() */
int cham_uplink__for_each(struct cham *h, cham_uplink_fn fn, void *arg);

/* ---- connections -------------------------------------------------------- */

/**
 * struct cham_dir - one direction of a connection
 * @sz:      sizeof(struct cham_dir), by the caller
 * @set:     CHAM_BIT(CHAM_DIR_*) of the valid members
 * @packets: counter
 * @bytes:   counter
 * @retrans: TCP segments seen again
 * @seq:     next expected
 * @ack:     highest acknowledged
 * @window:  bytes, scaled
 * @wscale:  shift
 * @action:  enum cham_action
 * @ifindex: representor or uplink it leaves by; not set while there is none
 * @remote:  tunnel end point it goes to
 */
struct cham_dir {
	size_t sz;
	uint64_t set;
	uint64_t packets;
	uint64_t bytes;
	uint32_t retrans;
	uint32_t seq;
	uint32_t ack;
	uint32_t window;
	uint8_t wscale;
	uint8_t action;
	uint32_t ifindex;
	struct cham_addr remote;
};

/**
 * struct cham_conn - one cached conversation, or a filter for them
 * @sz:        sizeof(struct cham_conn), by the caller
 * @set:       CHAM_BIT(CHAM_CONN_*) of the valid members
 * @tenant_id: whose
 * @proto:     IPPROTO_*
 * @src:       canonical first end
 * @dst:       the other end
 * @sport:     host order; ICMP: identifier
 * @dport:     host order
 * @tcp_state: TCP_* of <netinet/tcp.h>; TCP only
 * @flags:     bit map of enum cham_conn_flag
 * @idle_ms:   since the last packet
 * @srtt_us:   smoothed round trip
 * @rttvar_us: its variation
 * @reason:    enum cham_reason; miss notifications only
 * @forward:   src to dst; valid with CHAM_CONN_FORWARD
 * @reverse:   dst to src; valid with CHAM_CONN_REVERSE
 * @vlan_id:   VLAN inside the tenant's network; only with a tag
 * @code:      the handler's own number; event notifications only
 * @hook:      enum cham_hook that said so; event notifications only
 * @layout:    of @area
 * @area:      private to the tenant's handlers
 */
struct cham_conn {
	size_t sz;
	uint64_t set;
	uint32_t tenant_id;
	uint8_t proto;
	struct cham_addr src;
	struct cham_addr dst;
	uint16_t sport;
	uint16_t dport;
	uint8_t tcp_state;
	uint32_t flags;
	uint32_t idle_ms;
	uint32_t srtt_us;
	uint32_t rttvar_us;
	uint32_t reason;
	struct cham_dir forward;
	struct cham_dir reverse;
	uint16_t vlan_id;
	uint32_t code;
	uint32_t hook;
	uint32_t layout;
	uint8_t area[CHAM_AREA_SIZE];
};

typedef int (*cham_conn_fn)(const struct cham_conn *c, void *arg);

/**
 * cham_conn__for_each() - walk connections
 * @h:      handle
 * @filter: tenant_id, proto, src, dst, sport, dport, tcp_state, vlan_id of it
 *          that are in its @set must all match, by the kernel; NULL for all
 * @fn:     called for each
 * @arg:    handed to @fn
 *
 * Return: 0, @fn's non-zero value, or a negative errno.
 */
int cham_conn__for_each(struct cham *h, const struct cham_conn *filter,
			cham_conn_fn fn, void *arg);

/**
 * cham_conn__get() - one connection, with its private area
 * @h: handle
 * @c: tenant_id, proto, src, dst, sport, dport, and vlan_id if it has one, name it,
 *     from either end; receives the rest
 *
 * Return: 0, -ENOENT or another negative errno.
 */
int cham_conn__get(struct cham *h, struct cham_conn *c);

/**
 * cham_conn__add() - make a connection before its first packet comes
 * @h: handle
 * @c: what names it (see cham_conn__get()), src is who opens it; area and the layout
 *     that it is of, if handlers are to begin with other than zeroes
 *
 * Where it goes its packets find out. It is not shown to the tenant's open handler, and
 * it expires as others do that nothing comes for.
 *
 * Return: 0, -EEXIST, -EDQUOT for the tenant's quota, -ENOSPC for the table, or another
 * negative errno.
 */
int cham_conn__add(struct cham *h, const struct cham_conn *c);

/**
 * cham_conn__set() - write a connection's private area
 * @h: handle
 * @c: what names it, and area; with layout only if it is the program's
 *
 * A handler of a serialised program sees all of it or nothing, others whole words.
 *
 * Return: 0, -ENOENT or another negative errno.
 */
int cham_conn__set(struct cham *h, const struct cham_conn *c);

/**
 * cham_conn__del() - forget a connection
 * @h: handle
 * @c: what names it
 *
 * It counts toward the tenant's quota until its memory is free, a minute at most.
 *
 * Return: 0, -ENOENT or another negative errno.
 */
int cham_conn__del(struct cham *h, const struct cham_conn *c);

/**
 * cham_conn__flush() - forget cached connections; traffic is not cut
 * @h:         handle
 * @tenant_id: whose; 0 for everybody's
 *
 * Return: 0; -EBUSY in a tenant's network namespace while another flush of that is going
 * on; another negative errno.
 */
int cham_conn__flush(struct cham *h, uint32_t tenant_id);

/**
 * cham_packet__send() - send a frame as a tenant's slow path
 * @h:         handle
 * @tenant_id: whose
 * @frame:     from the Ethernet header on, checksums written
 * @size:      bytes, 14 to CHAM_SEND_MAX
 *
 * As if its slow port had sent it: from any address, and its handlers do not see it
 * leave. Who has the port's netdev need not ask; this is for who has not.
 *
 * Return: 0; -ENOLINK when the tenant has no slow port; -ENETDOWN; -EMSGSIZE; -ENOBUFS;
 * another negative errno.
 */
int cham_packet__send(struct cham *h, uint32_t tenant_id, const void *frame, size_t size);

/* ---- FDB ---------------------------------------------------------------- */

/**
 * struct cham_fdb - where a tenant's MAC address is
 * @sz:        sizeof(struct cham_fdb), by the caller
 * @set:       CHAM_BIT(CHAM_FDB_*) of the valid members
 * @tenant_id: whose
 * @mac:       the address
 * @ifindex:   representor of a local port; or
 * @remote:    tunnel end point
 * @source:    enum cham_fdb_source; out
 */
struct cham_fdb {
	size_t sz;
	uint64_t set;
	uint32_t tenant_id;
	uint8_t mac[6];
	uint32_t ifindex;
	struct cham_addr remote;
	uint8_t source;
};

typedef int (*cham_fdb_fn)(const struct cham_fdb *f, void *arg);

/**
 * cham_fdb__add() - add a static entry
 * @h: handle
 * @f: tenant_id, mac, and one of ifindex and remote
 *
 * Return: 0 or a negative errno.
 */
int cham_fdb__add(struct cham *h, const struct cham_fdb *f);

/**
 * cham_fdb__del() - remove a static entry
 * @h: handle
 * @f: tenant_id and mac
 *
 * Return: 0; -ENOENT; another negative errno.
 */
int cham_fdb__del(struct cham *h, const struct cham_fdb *f);

/**
 * cham_fdb__for_each() - walk entries of all sources
 * @h:         handle
 * @tenant_id: whose; 0 for everybody's
 * @fn:        called for each
 * @arg:       handed to @fn
 *
 * Return: 0, @fn's non-zero value, or a negative errno.
 */
int cham_fdb__for_each(struct cham *h, uint32_t tenant_id, cham_fdb_fn fn,
		       void *arg);

/* ---- statistics --------------------------------------------------------- */

/**
 * struct cham_stat - the books of a tenant
 * @sz:            sizeof(struct cham_stat)
 * @set:           CHAM_BIT(CHAM_STAT_*) of the valid members
 * @tenant_id:     0 is the infrastructure
 * @fast_packets:  handled without Linux
 * @fast_bytes:    handled without Linux
 * @slow_packets:  given to Linux
 * @drops:         discarded, by the reasons of kind drop
 * @tcp_fast:      packets of established TCP on the fast path
 * @tcp_slow:      packets of established TCP on the slow path
 * @classes:       cycles by enum cham_class, @n_classes of them
 * @class_packets: events by enum cham_class, @n_class_packets of them
 * @reasons:       packets by enum cham_reason, @n_reasons of them
 * @n_classes:     elements of @classes
 * @n_class_packets: elements of @class_packets
 * @n_reasons:     elements of @reasons
 * @tsc_khz:       thousand cycles per second
 * @unobserved:    infrastructure: packets of the uplink; what its driver spent on
 *                 them before the program, and Linux behind it, is in no class
 *
 * The arrays belong to the library. A newer module may send more elements
 * than this library has names for.
 */
struct cham_stat {
	size_t sz;
	uint64_t set;
	uint32_t tenant_id;
	uint64_t fast_packets;
	uint64_t fast_bytes;
	uint64_t slow_packets;
	uint64_t drops;
	uint64_t tcp_fast;
	uint64_t tcp_slow;
	const uint64_t *classes;
	const uint64_t *class_packets;
	const uint64_t *reasons;
	unsigned int n_classes;
	unsigned int n_class_packets;
	unsigned int n_reasons;
	uint32_t tsc_khz;
	uint64_t unobserved;
};

typedef int (*cham_stat_fn)(const struct cham_stat *s, void *arg);

/** cham_stat__for_each() - walk all books; see cham_tenant__for_each() */
int cham_stat__for_each(struct cham *h, cham_stat_fn fn, void *arg);

/* ---- notifications ------------------------------------------------------ */

/**
 * struct cham_ntf - one notification
 * @cmd:    CHAM_CMD_*_NTF
 * @tenant: for TENANT_NTF, TENANT_DEL_NTF and QUOTA_NTF
 * @port:   for PORT_NTF, PORT_DEL_NTF and RING_BROKEN_NTF
 * @conn:   for CONN_NTF, CONN_DEL_NTF, MISS_NTF and HANDLER_NTF
 * @prog:   for PROG_NTF and PROG_DEL_NTF
 */
struct cham_ntf {
	uint32_t cmd;
	union {
		struct cham_tenant tenant;
		struct cham_port port;
		struct cham_conn conn;
		struct cham_prog prog;
	};
};

/**
 * cham_events__open() - subscribe to the module's notifications
 * @h:  handle; only used during the call, errors are told there
 * @ep: where the subscription goes; release with cham_events__close()
 *
 * Return: 0 or a negative errno.
 */
int cham_events__open(struct cham *h, struct cham_events **ep);

/** cham_events__close() - end a subscription; NULL is fine */
void cham_events__close(struct cham_events *e);

/** cham_events__fd() - descriptor to poll for input; owned by @e */
int cham_events__fd(const struct cham_events *e);

/**
 * cham_events__next() - take the next notification
 * @e:          subscription
 * @ntf:        filled in
 * @timeout_ms: how long to wait; 0 not at all, -1 for ever
 *
 * Return: 0; -EAGAIN when the time is over; -EINTR; -ENOBUFS when
 * notifications were lost (call again to go on); another negative errno.
 */
int cham_events__next(struct cham_events *e, struct cham_ntf *ntf,
		      int timeout_ms);

/* ---- the datapath ------------------------------------------------------- */

#define CHAM_DATAPATH_DIR	"/sys/fs/bpf/chamelio"
#define CHAM_DATAPATH_OBJECT	"datapath.bpf.o"

/* flags of cham_datapath__attach() */
#define CHAM_DATAPATH_GENERIC	(1U << 0)	/* uplinks in SKB mode: slow, for tests */

/**
 * cham_datapath__attach() - load the datapath and attach it
 * @h:      handle
 * @objdir: directory that has CHAM_DATAPATH_OBJECT, or the object's own path
 * @flags:  CHAM_DATAPATH_*
 *
 * Attaches program cham_uplink to every uplink and cham_port to every port
 * that is bound to a tenant. Programs and links are pinned below
 * CHAM_DATAPATH_DIR and outlive the process. Where a datapath is attached
 * already its program is replaced, link by link, without a gap; when a device
 * refuses, what this call did is undone.
 *
 * Not thread-safe: libbpf's print function is borrowed during the load.
 *
 * Return: number of devices, or a negative errno.
 */
int cham_datapath__attach(struct cham *h, const char *objdir,
			  unsigned int flags);

/**
 * cham_datapath__sync() - follow uplinks and ports that came or went
 * @h: handle
 *
 * Return: number of devices; -ENOENT when no datapath is attached; another
 * negative errno.
 */
int cham_datapath__sync(struct cham *h);

/**
 * cham_datapath__detach() - detach everywhere and remove the pins
 * @h: handle
 *
 * Traffic goes on through Linux.
 *
 * Return: number of devices, 0 when none was attached, or a negative errno.
 */
int cham_datapath__detach(struct cham *h);

/** cham_datapath__attached() - is a datapath pinned? */
bool cham_datapath__attached(void);

/**
 * struct cham_link - one attached device
 * @sz:      sizeof(struct cham_link)
 * @ifindex: device, 0 when it is gone or somebody else detached the program
 * @ifname:  device, as it was called when attached if @ifindex is 0
 * @prog:    name of the program
 * @prog_id: the kernel's number of the program
 * @link_id: the kernel's number of the link
 * @generic: attached in SKB mode
 */
struct cham_link {
	size_t sz;
	uint32_t ifindex;
	char ifname[IF_NAMESIZE];
	char prog[16];
	uint32_t prog_id;
	uint32_t link_id;
	bool generic;
};

typedef int (*cham_link_fn)(const struct cham_link *l, void *arg);

/** cham_datapath__for_each() - walk attached devices */
int cham_datapath__for_each(struct cham *h, cham_link_fn fn, void *arg);

#ifdef __cplusplus
}
#endif
#endif /* LIBCHAM_H */
