// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The attribute sets as tables: one row per attribute says its name in the
 * netlink specification, how it looks on the wire and where it is kept.
 * selftests/host/spec.sh holds the names against the specification.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

#define F(SET, ID, text, k, type, member)				\
	[CHAM_##SET##_##ID] = { .name = (text), .kind = (k),		\
		.off = offsetof(struct type, member),			\
		.size = sizeof(((struct type *)0)->member) }
#define N(SET, ID, text, k)						\
	[CHAM_##SET##_##ID] = { .name = (text), .kind = (k) }

static const struct cham_field tenant_fields[] = {
	F(TENANT, ID, "id", K_U32, cham_tenant, id),
	F(TENANT, NAME, "name", K_STR, cham_tenant, name),
	F(TENANT, VNI, "vni", K_U32, cham_tenant, vni),
	F(TENANT, WEIGHT, "weight", K_U32, cham_tenant, weight),
	F(TENANT, MAX_CONNS, "max-conns", K_U32, cham_tenant, max_conns),
	F(TENANT, MAX_PORTS, "max-ports", K_U32, cham_tenant, max_ports),
	F(TENANT, MAX_FDB, "max-fdb", K_U32, cham_tenant, max_fdb),
	F(TENANT, DSCP, "dscp", K_U8, cham_tenant, dscp),
	N(TENANT, FORCE, "force", K_FLAG),
	F(TENANT, CONNS, "conns", K_U32, cham_tenant, conns),
	F(TENANT, PORTS, "ports", K_U32, cham_tenant, ports),
	F(TENANT, FDBS, "fdbs", K_U32, cham_tenant, fdbs),
	F(TENANT, GENERATION, "generation", K_U32, cham_tenant, generation),
	N(TENANT, PAD, "pad", K_NONE),
	F(TENANT, NETNS_FD, "netns-fd", K_U32, cham_tenant, netns_fd),
	N(TENANT, NO_NETNS, "no-netns", K_FLAG),
	F(TENANT, NETNS, "netns", K_U32, cham_tenant, netns),
	F(TENANT, MAX_CYCLES, "max-cycles", K_U32, cham_tenant, max_cycles),
};

static const struct cham_field port_fields[] = {
	F(PORT, IFINDEX, "ifindex", K_U32, cham_port, ifindex),
	F(PORT, IFNAME, "ifname", K_STR, cham_port, ifname),
	F(PORT, VDPA, "vdpa", K_STR, cham_port, vdpa),
	F(PORT, TENANT_ID, "tenant-id", K_U32, cham_port, tenant_id),
	F(PORT, TENANT_NAME, "tenant-name", K_STR, cham_port, tenant_name),
	F(PORT, MAC, "mac", K_MAC, cham_port, mac),
	F(PORT, MTU, "mtu", K_U32, cham_port, mtu),
	F(PORT, QUEUE_PAIRS, "queue-pairs", K_U32, cham_port, queue_pairs),
	F(PORT, STATE, "state", K_U32, cham_port, state),
	F(PORT, BROKEN_REASON, "broken-reason", K_STR, cham_port, broken_reason),
	F(PORT, BLOCKED, "blocked", K_U32, cham_port, blocked),
	F(PORT, FEATURES, "features", K_U64, cham_port, features),
	F(PORT, RX_PACKETS, "rx-packets", K_U64, cham_port, rx_packets),
	F(PORT, RX_BYTES, "rx-bytes", K_U64, cham_port, rx_bytes),
	F(PORT, TX_PACKETS, "tx-packets", K_U64, cham_port, tx_packets),
	F(PORT, TX_BYTES, "tx-bytes", K_U64, cham_port, tx_bytes),
	F(PORT, RX_DROPPED, "rx-dropped", K_U64, cham_port, rx_dropped),
	F(PORT, TX_DROPPED, "tx-dropped", K_U64, cham_port, tx_dropped),
	N(PORT, PAD, "pad", K_NONE),
	F(PORT, ACTIVE_PAIRS, "active-pairs", K_U32, cham_port, active_pairs),
	N(PORT, ANNOUNCE, "announce", K_FLAG),
	F(PORT, ROLE, "role", K_U8, cham_port, role),
	F(PORT, FIXED_MAC, "fixed-mac", K_MAC, cham_port, fixed_mac),
	F(PORT, DEVICE_FEATURES, "device-features", K_U64, cham_port, device_features),
};

static const struct cham_field uplink_fields[] = {
	F(UPLINK, IFINDEX, "ifindex", K_U32, cham_uplink, ifindex),
	F(UPLINK, IFNAME, "ifname", K_STR, cham_uplink, ifname),
	F(UPLINK, LOCAL4, "local4", K_IP4, cham_uplink, local4),
	F(UPLINK, LOCAL6, "local6", K_ADDR, cham_uplink, local6),
	F(UPLINK, UDP_PORT, "udp-port", K_U16, cham_uplink, udp_port),
	F(UPLINK, MTU, "mtu", K_U32, cham_uplink, mtu),
	F(UPLINK, BLOCKED, "blocked", K_U32, cham_uplink, blocked),
	F(UPLINK, RX_PACKETS, "rx-packets", K_U64, cham_uplink, rx_packets),
	F(UPLINK, TX_PACKETS, "tx-packets", K_U64, cham_uplink, tx_packets),
	F(UPLINK, REMOTES, "remotes", K_U32, cham_uplink, remotes),
	F(UPLINK, IGNORE_FILTER, "ignore-filter", K_U8, cham_uplink, ignore_filter),
	N(UPLINK, PAD, "pad", K_NONE),
};

static const struct cham_field conn_fields[] = {
	F(CONN, TENANT_ID, "tenant-id", K_U32, cham_conn, tenant_id),
	F(CONN, PROTO, "proto", K_U8, cham_conn, proto),
	F(CONN, SRC, "src", K_ADDR, cham_conn, src),
	F(CONN, DST, "dst", K_ADDR, cham_conn, dst),
	F(CONN, SPORT, "sport", K_U16, cham_conn, sport),
	F(CONN, DPORT, "dport", K_U16, cham_conn, dport),
	F(CONN, TCP_STATE, "tcp-state", K_U8, cham_conn, tcp_state),
	F(CONN, FLAGS, "flags", K_U32, cham_conn, flags),
	F(CONN, IDLE_MS, "idle-ms", K_U32, cham_conn, idle_ms),
	F(CONN, SRTT_US, "srtt-us", K_U32, cham_conn, srtt_us),
	F(CONN, RTTVAR_US, "rttvar-us", K_U32, cham_conn, rttvar_us),
	F(CONN, FORWARD, "forward", K_DIR, cham_conn, forward),
	F(CONN, REVERSE, "reverse", K_DIR, cham_conn, reverse),
	F(CONN, REASON, "reason", K_U32, cham_conn, reason),
	F(CONN, VLAN_ID, "vlan-id", K_U16, cham_conn, vlan_id),
	N(CONN, PAD, "pad", K_NONE),
	F(CONN, CODE, "code", K_U32, cham_conn, code),
	F(CONN, HOOK, "hook", K_U32, cham_conn, hook),
	F(CONN, LAYOUT, "layout", K_U32, cham_conn, layout),
	F(CONN, AREA, "area", K_BYTES, cham_conn, area),
};

static const struct cham_field dir_fields[] = {
	F(DIR, PACKETS, "packets", K_U64, cham_dir, packets),
	F(DIR, BYTES, "bytes", K_U64, cham_dir, bytes),
	F(DIR, RETRANS, "retrans", K_U32, cham_dir, retrans),
	F(DIR, SEQ, "seq", K_U32, cham_dir, seq),
	F(DIR, ACK, "ack", K_U32, cham_dir, ack),
	F(DIR, WINDOW, "window", K_U32, cham_dir, window),
	F(DIR, WSCALE, "wscale", K_U8, cham_dir, wscale),
	F(DIR, ACTION, "action", K_U8, cham_dir, action),
	F(DIR, IFINDEX, "ifindex", K_U32, cham_dir, ifindex),
	F(DIR, REMOTE, "remote", K_ADDR, cham_dir, remote),
	N(DIR, PAD, "pad", K_NONE),
};

static const struct cham_field fdb_fields[] = {
	F(FDB, TENANT_ID, "tenant-id", K_U32, cham_fdb, tenant_id),
	F(FDB, MAC, "mac", K_MAC, cham_fdb, mac),
	F(FDB, IFINDEX, "ifindex", K_U32, cham_fdb, ifindex),
	F(FDB, REMOTE, "remote", K_ADDR, cham_fdb, remote),
	F(FDB, SOURCE, "source", K_U8, cham_fdb, source),
	N(FDB, PAD, "pad", K_NONE),
};

static const struct cham_field stat_fields[] = {
	F(STAT, TENANT_ID, "tenant-id", K_U32, cham_stat, tenant_id),
	F(STAT, FAST_PACKETS, "fast-packets", K_U64, cham_stat, fast_packets),
	F(STAT, FAST_BYTES, "fast-bytes", K_U64, cham_stat, fast_bytes),
	F(STAT, SLOW_PACKETS, "slow-packets", K_U64, cham_stat, slow_packets),
	F(STAT, DROPS, "drops", K_U64, cham_stat, drops),
	F(STAT, TCP_FAST, "tcp-fast", K_U64, cham_stat, tcp_fast),
	F(STAT, TCP_SLOW, "tcp-slow", K_U64, cham_stat, tcp_slow),
	N(STAT, CLASSES, "classes", K_NONE),
	N(STAT, CLASS_PACKETS, "class-packets", K_NONE),
	N(STAT, REASONS, "reasons", K_NONE),
	F(STAT, TSC_KHZ, "tsc-khz", K_U32, cham_stat, tsc_khz),
	N(STAT, PAD, "pad", K_NONE),
	F(STAT, UNOBSERVED, "unobserved", K_U64, cham_stat, unobserved),
};

static const struct cham_field prog_fields[] = {
	F(PROG, TENANT_ID, "tenant-id", K_U32, cham_prog, tenant_id),
	F(PROG, TENANT_NAME, "tenant-name", K_STR, cham_prog, tenant_name),
	F(PROG, NAME, "name", K_STR, cham_prog, name),
	F(PROG, ABI, "abi", K_U32, cham_prog, abi),
	F(PROG, CELL, "cell", K_U32, cham_prog, cell),
	F(PROG, HOOKS, "hooks", K_U32, cham_prog, hooks),
	F(PROG, LAYOUT, "layout", K_U32, cham_prog, layout),
	F(PROG, FLAGS, "flags", K_U32, cham_prog, flags),
	F(PROG, VERSION, "version", K_U32, cham_prog, version),
	F(PROG, DROPPED, "dropped", K_BYTES, cham_prog, dropped),
	F(PROG, FAULT, "fault", K_U32, cham_prog, fault),
	F(PROG, FAULT_HOOK, "fault-hook", K_U32, cham_prog, fault_hook),
	F(PROG, FAULT_VALUE, "fault-value", K_U32, cham_prog, fault_value),
	F(PROG, FAULT_PACKET, "fault-packet", K_BYTES, cham_prog, fault_packet),
	F(PROG, FAULT_AREA, "fault-area", K_BYTES, cham_prog, fault_area),
	N(PROG, PAD, "pad", K_NONE),
	F(PROG, EVENTS, "events", K_U64, cham_prog, events),
	F(PROG, EVENTS_LOST, "events-lost", K_U64, cham_prog, events_lost),
	F(PROG, OVERRUNS, "overruns", K_U64, cham_prog, overruns),
};

static const struct cham_field packet_fields[] = {
	F(PACKET, TENANT_ID, "tenant-id", K_U32, cham_packet, tenant_id),
	F(PACKET, FRAME, "frame", K_DATA, cham_packet, frame),
};

#define SET(text, table, type)						\
	{ .name = (text), .fields = (table),				\
	  .n = sizeof(table) / sizeof((table)[0]),			\
	  .size = sizeof(struct type) }

static const struct cham_set sets[] = {
	[CHAM_SET_TENANT] = SET("tenant", tenant_fields, cham_tenant),
	[CHAM_SET_PORT]   = SET("port", port_fields, cham_port),
	[CHAM_SET_UPLINK] = SET("uplink", uplink_fields, cham_uplink),
	[CHAM_SET_CONN]   = SET("conn", conn_fields, cham_conn),
	[CHAM_SET_DIR]    = SET("dir", dir_fields, cham_dir),
	[CHAM_SET_FDB]    = SET("fdb", fdb_fields, cham_fdb),
	[CHAM_SET_STAT]   = SET("stat", stat_fields, cham_stat),
	[CHAM_SET_PROG]   = SET("prog", prog_fields, cham_prog),
	[CHAM_SET_PACKET] = SET("packet", packet_fields, cham_packet),
};

/* A row for every attribute the header knows, no more and no less. */
#define COMPLETE(table, SET)						\
	_Static_assert(sizeof(table) / sizeof((table)[0]) ==		\
		       CHAM_##SET##_MAX + 1, #SET " table is incomplete")
COMPLETE(tenant_fields, TENANT);
COMPLETE(port_fields, PORT);
COMPLETE(uplink_fields, UPLINK);
COMPLETE(conn_fields, CONN);
COMPLETE(dir_fields, DIR);
COMPLETE(fdb_fields, FDB);
COMPLETE(stat_fields, STAT);
COMPLETE(prog_fields, PROG);
COMPLETE(packet_fields, PACKET);

const struct cham_set *cham_set__get(enum cham_set_id id)
{
	return &sets[id];
}

const char *cham_attr__name(enum cham_set_id set, unsigned int attr)
{
	if ((unsigned int)set >= sizeof(sets) / sizeof(sets[0]) ||
	    attr >= sets[set].n)
		return NULL;
	return sets[set].fields[attr].name;
}

/* The member behind @f, or NULL when the caller's struct is too old for it. */
static void *member(const struct cham_field *f, void *obj, size_t sz)
{
	return (size_t)f->off + f->size <= sz ? (char *)obj + f->off : NULL;
}

static int parse_int(void *to, size_t size, const void *from, size_t len)
{
	if (len != size)
		return -EBADMSG;
	memcpy(to, from, len);
	return 0;
}

static int parse_one(const struct cham_field *f, const struct nlattr *a,
		     void *to)
{
	const void *from = mnl_attr_get_payload(a);
	size_t len = mnl_attr_get_payload_len(a);
	struct cham_addr *addr = to;

	switch (f->kind) {
	case K_U8:
	case K_U16:
	case K_U32:
	case K_U64:
	case K_MAC:
		return parse_int(to, f->size, from, len);
	case K_STR:
		len = strnlen(from, len);
		if (len >= f->size)
			len = f->size - 1u;
		/* Said twice, nothing of the first is left. */
		memset(to, 0, f->size);
		memcpy(to, from, len);
		return 0;
	case K_BYTES:
		memset(to, 0, f->size);
		memcpy(to, from, len < f->size ? len : f->size);
		return 0;
	case K_IP4:
	case K_ADDR:
		if (len != 4 && (len != 16 || f->kind == K_IP4))
			return -EBADMSG;
		memset(addr, 0, sizeof(*addr));
		addr->len = len;
		memcpy(addr->a, from, len);
		return 0;
	case K_DIR:
		return cham_set__parse(&sets[CHAM_SET_DIR], from, len, to,
				       sizeof(struct cham_dir));
	}
	return 0;
}

/* Unknown attributes are skipped: the module may be newer than we are. */
int cham_set__parse(const struct cham_set *set, const struct nlattr *first,
		    size_t len, void *obj, size_t sz)
{
	struct cham_head *head = obj;
	const struct cham_field *f;
	const struct nlattr *attr;
	unsigned int type;
	void *to;
	int err;

	memset(obj, 0, sz);
	head->sz = sz;
	mnl_attr_for_each_payload(first, len) {
		type = mnl_attr_get_type(attr);
		if (type >= set->n)
			continue;
		f = &set->fields[type];
		if (f->kind == K_NONE)
			continue;
		to = member(f, obj, sz);
		if (!to)
			continue;
		if (f->kind != K_FLAG) {
			err = parse_one(f, attr, to);
			if (err)
				return err;
		}
		head->set |= CHAM_BIT(type);
	}
	return 0;
}

int cham_set__put(struct nlmsghdr *nlh, size_t max, const struct cham_set *set,
		  const void *obj, uint64_t mask)
{
	const struct cham_head *head = obj;
	const struct cham_field *f;
	const struct cham_data *data;
	const struct cham_addr *addr;
	const void *from;
	unsigned int i;
	bool ok = true;

	if (!obj)
		return 0;
	if (head->sz < sizeof(*head))
		return -EINVAL;
	mask &= head->set;
	for (i = 1; i < set->n && ok; i++) {
		if (!(mask & CHAM_BIT(i)))
			continue;
		f = &set->fields[i];
		from = member(f, (void *)obj, head->sz);
		if (!from)
			return -EINVAL;
		switch (f->kind) {
		case K_U8:
		case K_U16:
		case K_U32:
		case K_U64:
		case K_MAC:
		case K_BYTES:
			ok = mnl_attr_put_check(nlh, max, i, f->size, from);
			break;
		case K_DATA:
			data = from;
			ok = data->size < max &&
			     mnl_attr_put_check(nlh, max, i, data->size, data->at);
			break;
		case K_STR:
			if (strnlen(from, f->size) == f->size)
				return -EINVAL;
			ok = mnl_attr_put_strz_check(nlh, max, i, from);
			break;
		case K_IP4:
		case K_ADDR:
			addr = from;
			if (addr->len != 4 && (addr->len != 16 || f->kind == K_IP4))
				return -EINVAL;
			ok = mnl_attr_put_check(nlh, max, i, addr->len, addr->a);
			break;
		case K_FLAG:
			ok = mnl_attr_put_check(nlh, max, i, 0, NULL);
			break;
		default:
			return -EINVAL;
		}
	}
	return ok ? 0 : -EMSGSIZE;
}
