/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * The generic netlink family "chamelio". The prose of every attribute is in
 * Documentation/netlink/specs/chamelio.yaml; selftests/host/spec.sh holds the two
 * side by side.
 */
#ifndef _UAPI_CHAMELIO_H
#define _UAPI_CHAMELIO_H

#define CHAM_FAMILY_NAME	"chamelio"
#define CHAM_FAMILY_VERSION	1
#define CHAM_MCGRP_EVENTS	"events"
#define CHAM_NAME_MAX		31	/* bytes of a tenant's name */
#define CHAM_VXLAN_PORT		4789

/* What requests may say. */
#define CHAM_TENANT_ID_MAX	2047
#define CHAM_VNI_MAX		16777215	/* 2^24 - 1 */
#define CHAM_WEIGHT_MAX		10000
#define CHAM_QUOTA_CONNS_MAX	67108864	/* 2^26 */
#define CHAM_QUOTA_PORTS_MAX	4095
#define CHAM_QUOTA_FDB_MAX	16777216	/* 2^24 */
#define CHAM_CYCLES_MAX		16777216	/* 2^24 */
#define CHAM_CYCLES_DEFAULT	16384
#define CHAM_SEND_MAX		9238	/* 9,216 bytes, an Ethernet header and two tags */
#define CHAM_CELLS		16	/* programs that one composition holds */
#define CHAM_PARTITIONS		8	/* compositions beside each other */
#define CHAM_CELL_MAX		(CHAM_CELLS * CHAM_PARTITIONS)
#define CHAM_HOOKS_MASK		15	/* bits of enum cham_hook */
#define CHAM_PROG_FLAGS_MASK	1	/* bits of enum cham_prog_flag */
#define CHAM_PROG_NAME_MAX	31	/* bytes */

/* A port's forwarding may be cached only while this set is empty. */
#define CHAM_BLOCK_LIST(X)						\
	X(NO_TENANT,	"no-tenant",	"port belongs to no tenant")	\
	X(DOWN,		"down",		"representor or its peer is down") \
	X(NO_FDB,	"no-fdb",	"neither in a bridge nor fed by netlink") \
	X(VLAN,		"vlan-filtering", "bridge filters VLANs, or a VLAN device is on top")	\
	X(STP,		"stp-state",	"bridge port is not forwarding")	\
	X(ISOLATED,	"isolated",	"bridge port is isolated")	\
	X(LOCKED,	"locked",	"bridge port is locked")		\
	X(TC,		"tc",		"a tc filter, tcx program or shaping qdisc") \
	X(NFT,		"nft",		"a netfilter hook on the way")	\
	X(TUNNEL,	"tunnel",	"vxlan device differs from the tenant's contract") \
	X(FOREIGN,	"foreign-master", "has a master that is not followed (OVS, bond, VRF)") \
	X(NO_ADDRESS,	"no-address",	"uplink has lost its tunnel address")	\
	X(LEARNING,	"learning",	"bridge learns addresses behind a slow port")

enum cham_block {
#define X(id, name, text) CHAM_BLOCK_##id,
	CHAM_BLOCK_LIST(X)
#undef X
	__CHAM_BLOCK_MAX,
};

/* Why a packet left the fast path. Slow: Linux got it. Drop: nobody did. Note:
 * counted as what it is elsewhere, too.
 */
#define CHAM_REASON_LIST(X)						\
	X(NONE,		"none",		FAST, "handled on the fast path") \
	X(NOT_IP,	"not-ip",	SLOW, "ARP or another ethertype")	\
	X(MULTICAST,	"multicast",	SLOW, "broadcast or multicast") \
	X(FRAGMENT,	"fragment",	SLOW, "IP fragment")		\
	X(IP_OPTION,	"ip-option",	SLOW, "IPv4 option or IPv6 extension header") \
	X(PROTO,	"protocol",	SLOW, "neither TCP, UDP nor ICMP echo") \
	X(VLAN,		"vlan",		SLOW, "802.1ad or more than one 802.1Q tag") \
	X(TRUNCATED,	"truncated",	SLOW, "header chain ends early")	\
	X(MALFORMED,	"malformed",	SLOW, "header fields contradict each other") \
	X(NOT_TUNNEL,	"not-tunnel",	SLOW, "underlay traffic of the host itself") \
	X(NO_TENANT,	"no-tenant",	SLOW, "no tenant has this VNI")	\
	X(NO_FDB,	"no-fdb",	SLOW, "destination address not known yet") \
	X(SRC_MOVED,	"src-moved",	SLOW, "source address not known at this ingress") \
	X(BLOCKED,	"blocked",	SLOW, "caching is switched off for a port on the way") \
	X(NO_ROUTE,	"no-route",	SLOW, "no usable underlay route or neighbour") \
	X(REFRESH,	"refresh",	SLOW, "sample that keeps Linux' FDB entry alive") \
	X(QUOTA,	"quota",	SLOW, "tenant's connection quota reached") \
	X(TABLE_FULL,	"table-full",	SLOW, "connection table or its bucket is full") \
	X(NO_MEMORY,	"no-memory",	SLOW, "no memory for a connection")	\
	X(MTU,		"mtu",		SLOW, "does not fit, Linux answers")	\
	X(ECN,		"ecn",		SLOW, "ECN combination RFC 6040 wants logged or dropped") \
	X(HEADROOM,	"headroom",	SLOW, "no room for the outer header")	\
	X(RING_FULL,	"ring-full",	DROP, "guest receive ring has no buffers") \
	X(RING_BROKEN,	"ring-broken",	DROP, "guest ring is broken or not ready") \
	X(TX_FAIL,	"tx-fail",	DROP, "uplink refused the frame")	\
	X(TX_NO_MEMORY,	"tx-no-memory",	DROP, "no memory to build a frame") \
	X(BAD_GSO,	"bad-gso",	DROP, "guest's GSO or checksum request makes no sense") \
	X(BAD_CSUM,	"bad-csum",	DROP, "outer UDP checksum is wrong")	\
	X(OVERSIZE,	"oversize",	DROP, "frame longer than the port takes") \
	X(FILTERED,	"filtered",	SLOW, "not what the guest's receive filter takes")	\
	X(NO_AREA,	"no-area",	SLOW, "no private area for the tenant's handler") \
	X(CONSUMED,	"consumed",	FAST, "the tenant's handler took it")	\
	X(HANDLER_DROP,	"handler-drop",	DROP, "the tenant's handler dropped it")	\
	X(HANDLER_FAULT, "handler-fault", DROP, "the tenant's handler did what none may") \
	X(NO_REPLY,	"no-reply",	DROP, "a handler's reply does not fit, or has no way") \
	X(HANDLER_LINUX, "handler-linux", SLOW, "the tenant's handler wants it by Linux") \
	X(UNSEEN,	"unseen",	NOTE, "Linux brought it past the tenant's handler") \
	X(NO_SLOW_PORT,	"no-slow-port",	DROP,				\
	  "for the tenant's slow path, and it has no slow port")	\
	X(NO_FORWARD,	"no-forward",	DROP,				\
	  "past a filter on the port that the tenant's handler sends it to, or that is gone")

enum cham_reason {
#define X(id, name, kind, text) CHAM_REASON_##id,
	CHAM_REASON_LIST(X)
#undef X
	__CHAM_REASON_MAX,
};

/* Where cycles go. */
#define CHAM_CLASS_LIST(X)						\
	X(DEMUX,	"demux")					\
	X(HANDLER,	"handler")					\
	X(DELIVER,	"deliver")					\
	X(TRANSMIT,	"transmit")					\
	X(TIMER,	"timer")					\
	X(SLOW,		"slow")

enum cham_class {
#define X(id, name) CHAM_CLASS_##id,
	CHAM_CLASS_LIST(X)
#undef X
	__CHAM_CLASS_MAX,
};

enum cham_cmd {
	CHAM_CMD_UNSPEC,
	CHAM_CMD_TENANT_GET,
	CHAM_CMD_TENANT_NEW,
	CHAM_CMD_TENANT_SET,
	CHAM_CMD_TENANT_DEL,
	CHAM_CMD_PORT_GET,
	CHAM_CMD_PORT_SET,
	CHAM_CMD_UPLINK_GET,
	CHAM_CMD_UPLINK_NEW,
	CHAM_CMD_UPLINK_DEL,
	CHAM_CMD_CONN_GET,
	CHAM_CMD_CONN_NEW,
	CHAM_CMD_CONN_SET,
	CHAM_CMD_CONN_DEL,
	CHAM_CMD_CONN_FLUSH,
	CHAM_CMD_FDB_GET,
	CHAM_CMD_FDB_NEW,
	CHAM_CMD_FDB_DEL,
	CHAM_CMD_STAT_GET,
	CHAM_CMD_PROG_GET,
	CHAM_CMD_PROG_SET,
	CHAM_CMD_PROG_DEL,
	CHAM_CMD_PACKET_SEND,
	/* notifications */
	CHAM_CMD_TENANT_NTF,
	CHAM_CMD_TENANT_DEL_NTF,
	CHAM_CMD_PORT_NTF,
	CHAM_CMD_PORT_DEL_NTF,
	CHAM_CMD_CONN_NTF,
	CHAM_CMD_CONN_DEL_NTF,
	CHAM_CMD_MISS_NTF,
	CHAM_CMD_QUOTA_NTF,
	CHAM_CMD_RING_BROKEN_NTF,
	CHAM_CMD_PROG_NTF,
	CHAM_CMD_PROG_DEL_NTF,
	CHAM_CMD_HANDLER_NTF,
	__CHAM_CMD_MAX,
};

#define CHAM_CMD_MAX (__CHAM_CMD_MAX - 1)

enum cham_tenant_attr {
	CHAM_TENANT_UNSPEC,
	CHAM_TENANT_ID,			/* u32 */
	CHAM_TENANT_NAME,		/* string */
	CHAM_TENANT_VNI,		/* u32, 1..CHAM_VNI_MAX */
	CHAM_TENANT_WEIGHT,		/* u32, 1..CHAM_WEIGHT_MAX */
	CHAM_TENANT_MAX_CONNS,		/* u32, 0..CHAM_QUOTA_CONNS_MAX */
	CHAM_TENANT_MAX_PORTS,		/* u32, 0..CHAM_QUOTA_PORTS_MAX */
	CHAM_TENANT_MAX_FDB,		/* u32, 0..CHAM_QUOTA_FDB_MAX */
	CHAM_TENANT_DSCP,		/* u8 enum cham_dscp */
	CHAM_TENANT_FORCE,		/* flag, del only */
	CHAM_TENANT_CONNS,		/* u32, out */
	CHAM_TENANT_PORTS,		/* u32, out */
	CHAM_TENANT_FDBS,		/* u32, out */
	CHAM_TENANT_GENERATION,		/* u32, out */
	CHAM_TENANT_PAD,
	CHAM_TENANT_NETNS_FD,		/* u32, set only: bind this network namespace */
	CHAM_TENANT_NO_NETNS,		/* flag, set only: bind none */
	CHAM_TENANT_NETNS,		/* u32, out: inode of the one that is bound */
	CHAM_TENANT_MAX_CYCLES,		/* u32, 1..CHAM_CYCLES_MAX: of a handler's run */
	__CHAM_TENANT_MAX,
};

#define CHAM_TENANT_MAX (__CHAM_TENANT_MAX - 1)

/* RFC 2983: where the outer DSCP comes from. */
enum cham_dscp {
	CHAM_DSCP_UNIFORM,		/* copied from the inner header */
	CHAM_DSCP_PIPE,			/* zero */
};

enum cham_port_attr {
	CHAM_PORT_UNSPEC,
	CHAM_PORT_IFINDEX,		/* u32: the representor */
	CHAM_PORT_IFNAME,		/* string */
	CHAM_PORT_VDPA,			/* string: name of the vDPA device */
	CHAM_PORT_TENANT_ID,		/* u32, 0 none */
	CHAM_PORT_TENANT_NAME,		/* string */
	CHAM_PORT_MAC,			/* binary 6 */
	CHAM_PORT_MTU,			/* u32: the guest's */
	CHAM_PORT_QUEUE_PAIRS,		/* u32 */
	CHAM_PORT_STATE,		/* u32 enum cham_port_state */
	CHAM_PORT_BROKEN_REASON,	/* string, only when broken */
	CHAM_PORT_BLOCKED,		/* u32 bitmap of enum cham_block */
	CHAM_PORT_FEATURES,		/* u64: negotiated virtio features */
	CHAM_PORT_RX_PACKETS,		/* u64: from the guest */
	CHAM_PORT_RX_BYTES,
	CHAM_PORT_TX_PACKETS,		/* u64: to the guest */
	CHAM_PORT_TX_BYTES,
	CHAM_PORT_RX_DROPPED,
	CHAM_PORT_TX_DROPPED,
	CHAM_PORT_PAD,
	CHAM_PORT_ACTIVE_PAIRS,		/* u32: queue pairs the driver uses */
	CHAM_PORT_ANNOUNCE,		/* flag, in: the guest is to announce itself */
	CHAM_PORT_ROLE,			/* u8 enum cham_port_role */
	CHAM_PORT_FIXED_MAC,		/* as the provider chose, absent: the guest may */
	CHAM_PORT_DEVICE_FEATURES,	/* u64: likewise what is offered */
	__CHAM_PORT_MAX,
};

#define CHAM_PORT_MAX (__CHAM_PORT_MAX - 1)

enum cham_port_state {
	CHAM_PORT_STATE_DOWN,		/* no driver */
	CHAM_PORT_STATE_UP,		/* DRIVER_OK */
	CHAM_PORT_STATE_BROKEN,		/* needs a reset, see broken-reason */
};

enum cham_port_role {
	CHAM_PORT_ROLE_GUEST,		/* an end point */
	CHAM_PORT_ROLE_SLOW,		/* the tenant's slow path; one of each tenant */
};

enum cham_uplink_attr {
	CHAM_UPLINK_UNSPEC,
	CHAM_UPLINK_IFINDEX,		/* u32 */
	CHAM_UPLINK_IFNAME,		/* string */
	CHAM_UPLINK_LOCAL4,		/* be32 */
	CHAM_UPLINK_LOCAL6,		/* binary 16 */
	CHAM_UPLINK_UDP_PORT,		/* u16, host order */
	CHAM_UPLINK_MTU,		/* u32, out */
	CHAM_UPLINK_BLOCKED,		/* u32 bitmap of enum cham_block */
	CHAM_UPLINK_RX_PACKETS,		/* u64, tunnel packets seen */
	CHAM_UPLINK_TX_PACKETS,		/* u64 */
	CHAM_UPLINK_REMOTES,		/* u32 */
	CHAM_UPLINK_IGNORE_FILTER,	/* u8: netfilter on the underlay may be bypassed */
	CHAM_UPLINK_PAD,
	__CHAM_UPLINK_MAX,
};

#define CHAM_UPLINK_MAX (__CHAM_UPLINK_MAX - 1)

enum cham_conn_attr {
	CHAM_CONN_UNSPEC,
	CHAM_CONN_TENANT_ID,		/* u32 */
	CHAM_CONN_PROTO,		/* u8 */
	CHAM_CONN_SRC,			/* binary 4 or 16 */
	CHAM_CONN_DST,			/* binary 4 or 16 */
	CHAM_CONN_SPORT,		/* u16, host order (ICMP: id) */
	CHAM_CONN_DPORT,		/* u16 */
	CHAM_CONN_TCP_STATE,		/* u8: the kernel's TCP_* numbers, TCP only */
	CHAM_CONN_FLAGS,		/* u32 bitmap of enum cham_conn_flag */
	CHAM_CONN_IDLE_MS,		/* u32 */
	CHAM_CONN_SRTT_US,		/* u32 */
	CHAM_CONN_RTTVAR_US,		/* u32 */
	CHAM_CONN_FORWARD,		/* nest: src to dst, enum cham_dir_attr */
	CHAM_CONN_REVERSE,		/* nest: dst to src */
	CHAM_CONN_REASON,		/* u32 enum cham_reason, miss only */
	CHAM_CONN_VLAN_ID,		/* u16: inner VLAN, absent without one */
	CHAM_CONN_PAD,
	CHAM_CONN_CODE,		/* u32: the handler's own number, event only */
	CHAM_CONN_HOOK,			/* u32 enum cham_hook, event only */
	CHAM_CONN_LAYOUT,		/* u32: of the area */
	CHAM_CONN_AREA,			/* binary CHAM_AREA_SIZE: private to handlers */
	__CHAM_CONN_MAX,
};

#define CHAM_CONN_MAX (__CHAM_CONN_MAX - 1)

enum cham_conn_flag {
	CHAM_CONN_FLAG_DEAD,		/* forgotten, memory still pending */
	CHAM_CONN_FLAG_FIN_FORWARD,	/* the source has finished sending */
	CHAM_CONN_FLAG_FIN_REVERSE,	/* the destination has */
};

enum cham_dir_attr {
	CHAM_DIR_UNSPEC,
	CHAM_DIR_PACKETS,		/* u64 */
	CHAM_DIR_BYTES,			/* u64 */
	CHAM_DIR_RETRANS,		/* u32 */
	CHAM_DIR_SEQ,			/* u32: next expected */
	CHAM_DIR_ACK,			/* u32 */
	CHAM_DIR_WINDOW,		/* u32: scaled */
	CHAM_DIR_WSCALE,		/* u8 */
	CHAM_DIR_ACTION,		/* u8 enum cham_action */
	CHAM_DIR_IFINDEX,		/* u32: representor or uplink it leaves by */
	CHAM_DIR_REMOTE,		/* binary 4 or 16: tunnel end point */
	CHAM_DIR_PAD,
	__CHAM_DIR_MAX,
};

#define CHAM_DIR_MAX (__CHAM_DIR_MAX - 1)

enum cham_action {
	CHAM_ACTION_NONE,		/* direction not seen yet */
	CHAM_ACTION_PORT,
	CHAM_ACTION_REMOTE,
};

enum cham_fdb_attr {
	CHAM_FDB_UNSPEC,
	CHAM_FDB_TENANT_ID,		/* u32 */
	CHAM_FDB_MAC,			/* binary 6 */
	CHAM_FDB_IFINDEX,		/* u32: representor of a local port */
	CHAM_FDB_REMOTE,		/* binary 4 or 16 */
	CHAM_FDB_SOURCE,		/* u8 enum cham_fdb_source, out */
	CHAM_FDB_PAD,
	__CHAM_FDB_MAX,
};

#define CHAM_FDB_MAX (__CHAM_FDB_MAX - 1)

enum cham_fdb_source {
	CHAM_FDB_BRIDGE,		/* the Linux bridge says which port */
	CHAM_FDB_VXLAN,			/* the vxlan device says which remote */
	CHAM_FDB_STATIC,		/* netlink */
};

enum cham_stat_attr {
	CHAM_STAT_UNSPEC,
	CHAM_STAT_TENANT_ID,		/* u32, 0: infrastructure */
	CHAM_STAT_FAST_PACKETS,		/* u64 */
	CHAM_STAT_FAST_BYTES,		/* u64 */
	CHAM_STAT_SLOW_PACKETS,		/* u64 */
	CHAM_STAT_DROPS,		/* u64 */
	CHAM_STAT_TCP_FAST,		/* u64: established TCP, fast path */
	CHAM_STAT_TCP_SLOW,		/* u64: established TCP, slow path */
	CHAM_STAT_CLASSES,		/* binary: u64[__CHAM_CLASS_MAX] cycles */
	CHAM_STAT_CLASS_PACKETS,	/* binary: u64[__CHAM_CLASS_MAX] events */
	CHAM_STAT_REASONS,		/* binary: u64[__CHAM_REASON_MAX] packets */
	CHAM_STAT_TSC_KHZ,		/* u32 */
	CHAM_STAT_PAD,
	CHAM_STAT_UNOBSERVED,		/* u64: see the specification */
	__CHAM_STAT_MAX,
};

#define CHAM_STAT_MAX (__CHAM_STAT_MAX - 1)

enum cham_prog_attr {
	CHAM_PROG_UNSPEC,
	CHAM_PROG_TENANT_ID,		/* u32 */
	CHAM_PROG_TENANT_NAME,		/* string, out */
	CHAM_PROG_NAME,			/* string */
	CHAM_PROG_ABI,			/* u32: CHAM_ABI_VERSION that it was made for */
	CHAM_PROG_CELL,			/* u32, 1..CHAM_CELL_MAX: CHAM_CELLS in each composition */
	CHAM_PROG_HOOKS,		/* u32 bitmap of enum cham_hook */
	CHAM_PROG_LAYOUT,		/* u32: another number, other areas */
	CHAM_PROG_FLAGS,		/* u32 bitmap of enum cham_prog_flag */
	CHAM_PROG_VERSION,		/* u32, out: counts the tenant's loads */
	CHAM_PROG_DROPPED,		/* binary: u64[CHAM_DROP_REASONS] packets, out */
	CHAM_PROG_FAULT,		/* u32 enum cham_fault; absent while it runs */
	CHAM_PROG_FAULT_HOOK,		/* u32 enum cham_hook */
	CHAM_PROG_FAULT_VALUE,		/* u32: what the handler returned, or the port */
	CHAM_PROG_FAULT_PACKET,		/* binary: its first bytes */
	CHAM_PROG_FAULT_AREA,		/* binary: the connection's */
	CHAM_PROG_PAD,
	CHAM_PROG_EVENTS,		/* u64: of handlers, told; out */
	CHAM_PROG_EVENTS_LOST,		/* u64: too many, or nobody listened; out */
	CHAM_PROG_OVERRUNS,		/* u64: runs beyond CHAM_OVERRUN times max-cycles; out */
	__CHAM_PROG_MAX,
};

#define CHAM_PROG_MAX (__CHAM_PROG_MAX - 1)

enum cham_packet_attr {
	CHAM_PACKET_UNSPEC,
	CHAM_PACKET_TENANT_ID,		/* u32: whose slow path sends it */
	CHAM_PACKET_FRAME,		/* binary, ETH_HLEN..CHAM_SEND_MAX */
	__CHAM_PACKET_MAX,
};

#define CHAM_PACKET_MAX (__CHAM_PACKET_MAX - 1)

#endif
