// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Words for numbers, straight from the lists in uapi/chamelio.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

#define NAME(table, i) ((i) < sizeof(table) / sizeof((table)[0]) ? (table)[i] : NULL)

const char *cham_block__name(unsigned int block)
{
	static const char *const names[] = {
#define X(id, name, text) [CHAM_BLOCK_##id] = (name),
		CHAM_BLOCK_LIST(X)
#undef X
	};

	return NAME(names, block);
}

const char *cham_block__text(unsigned int block)
{
	static const char *const texts[] = {
#define X(id, name, text) [CHAM_BLOCK_##id] = (text),
		CHAM_BLOCK_LIST(X)
#undef X
	};

	return NAME(texts, block);
}

const char *cham_reason__name(unsigned int reason)
{
	static const char *const names[] = {
#define X(id, name, kind, text) [CHAM_REASON_##id] = (name),
		CHAM_REASON_LIST(X)
#undef X
	};

	return NAME(names, reason);
}

const char *cham_reason__text(unsigned int reason)
{
	static const char *const texts[] = {
#define X(id, name, kind, text) [CHAM_REASON_##id] = (text),
		CHAM_REASON_LIST(X)
#undef X
	};

	return NAME(texts, reason);
}

enum cham_reason_kind cham_reason__kind(unsigned int reason)
{
	static const uint8_t kinds[] = {
#define X(id, name, kind, text) [CHAM_REASON_##id] = CHAM_KIND_##kind,
		CHAM_REASON_LIST(X)
#undef X
	};

	/* A reason we do not know yet: slow is what most of them are. */
	return reason < sizeof(kinds) ? kinds[reason] : CHAM_KIND_SLOW;
}

const char *cham_class__name(unsigned int class_id)
{
	static const char *const names[] = {
#define X(id, name) [CHAM_CLASS_##id] = (name),
		CHAM_CLASS_LIST(X)
#undef X
	};

	return NAME(names, class_id);
}

const char *cham_hook__name(unsigned int hook)
{
	static const char *const names[] = {
#define X(id, name, text) [CHAM_HOOK_##id] = (name),
		CHAM_HOOK_LIST(X)
#undef X
	};

	return NAME(names, hook);
}

const char *cham_verdict__name(unsigned int verdict)
{
	static const char *const names[] = {
#define X(id, name, text) [CHAM_##id] = (name),
		CHAM_VERDICT_LIST(X)
#undef X
	};

	return NAME(names, verdict);
}

const char *cham_fault__name(unsigned int fault)
{
	static const char *const names[] = {
#define X(id, name, text) [CHAM_FAULT_##id] = (name),
		CHAM_FAULT_LIST(X)
#undef X
	};

	return NAME(names, fault);
}

const char *cham_fault__text(unsigned int fault)
{
	static const char *const texts[] = {
#define X(id, name, text) [CHAM_FAULT_##id] = (text),
		CHAM_FAULT_LIST(X)
#undef X
	};

	return NAME(texts, fault);
}

const char *cham_action__name(unsigned int action)
{
	static const char *const names[] = {
		[CHAM_ACTION_NONE] = "none",
		[CHAM_ACTION_PORT] = "port",
		[CHAM_ACTION_REMOTE] = "remote",
	};

	return NAME(names, action);
}

const char *cham_port_state__name(unsigned int state)
{
	static const char *const names[] = {
		[CHAM_PORT_STATE_DOWN] = "down",
		[CHAM_PORT_STATE_UP] = "up",
		[CHAM_PORT_STATE_BROKEN] = "broken",
	};

	return NAME(names, state);
}

const char *cham_port_role__name(unsigned int role)
{
	static const char *const names[] = {
		[CHAM_PORT_ROLE_GUEST] = "guest",
		[CHAM_PORT_ROLE_SLOW] = "slow",
	};

	return NAME(names, role);
}

const char *cham_fdb_source__name(unsigned int source)
{
	static const char *const names[] = {
		[CHAM_FDB_BRIDGE] = "bridge",
		[CHAM_FDB_VXLAN] = "vxlan",
		[CHAM_FDB_STATIC] = "static",
	};

	return NAME(names, source);
}

const char *cham_dscp__name(unsigned int dscp)
{
	static const char *const names[] = {
		[CHAM_DSCP_UNIFORM] = "uniform",
		[CHAM_DSCP_PIPE] = "pipe",
	};

	return NAME(names, dscp);
}

const char *cham_conn_flag__name(unsigned int flag)
{
	static const char *const names[] = {
		[CHAM_CONN_FLAG_DEAD] = "dead",
		[CHAM_CONN_FLAG_FIN_FORWARD] = "fin-forward",
		[CHAM_CONN_FLAG_FIN_REVERSE] = "fin-reverse",
	};

	return NAME(names, flag);
}

/* The words of ss(8). */
const char *cham_tcp_state__name(unsigned int state)
{
	static const char *const names[] = {
		[TCP_ESTABLISHED] = "established",
		[TCP_SYN_SENT] = "syn-sent",
		[TCP_SYN_RECV] = "syn-recv",
		[TCP_FIN_WAIT1] = "fin-wait-1",
		[TCP_FIN_WAIT2] = "fin-wait-2",
		[TCP_TIME_WAIT] = "time-wait",
		[TCP_CLOSE] = "closed",
		[TCP_CLOSE_WAIT] = "close-wait",
		[TCP_LAST_ACK] = "last-ack",
		[TCP_LISTEN] = "listening",
		[TCP_CLOSING] = "closing",
	};

	return NAME(names, state);
}

const char *cham_cmd__name(unsigned int cmd)
{
	static const char *const names[] = {
		[CHAM_CMD_TENANT_GET] = "tenant-get",
		[CHAM_CMD_TENANT_NEW] = "tenant-new",
		[CHAM_CMD_TENANT_SET] = "tenant-set",
		[CHAM_CMD_TENANT_DEL] = "tenant-del",
		[CHAM_CMD_PORT_GET] = "port-get",
		[CHAM_CMD_PORT_SET] = "port-set",
		[CHAM_CMD_UPLINK_GET] = "uplink-get",
		[CHAM_CMD_UPLINK_NEW] = "uplink-new",
		[CHAM_CMD_UPLINK_DEL] = "uplink-del",
		[CHAM_CMD_CONN_GET] = "conn-get",
		[CHAM_CMD_CONN_NEW] = "conn-new",
		[CHAM_CMD_CONN_SET] = "conn-set",
		[CHAM_CMD_CONN_DEL] = "conn-del",
		[CHAM_CMD_CONN_FLUSH] = "conn-flush",
		[CHAM_CMD_FDB_GET] = "fdb-get",
		[CHAM_CMD_FDB_NEW] = "fdb-new",
		[CHAM_CMD_FDB_DEL] = "fdb-del",
		[CHAM_CMD_STAT_GET] = "stat-get",
		[CHAM_CMD_PROG_GET] = "prog-get",
		[CHAM_CMD_PROG_SET] = "prog-set",
		[CHAM_CMD_PROG_DEL] = "prog-del",
		[CHAM_CMD_TENANT_NTF] = "tenant-ntf",
		[CHAM_CMD_TENANT_DEL_NTF] = "tenant-del-ntf",
		[CHAM_CMD_PORT_NTF] = "port-ntf",
		[CHAM_CMD_PORT_DEL_NTF] = "port-del-ntf",
		[CHAM_CMD_CONN_NTF] = "conn-ntf",
		[CHAM_CMD_CONN_DEL_NTF] = "conn-del-ntf",
		[CHAM_CMD_MISS_NTF] = "miss-ntf",
		[CHAM_CMD_QUOTA_NTF] = "quota-ntf",
		[CHAM_CMD_RING_BROKEN_NTF] = "ring-broken-ntf",
		[CHAM_CMD_PROG_NTF] = "prog-ntf",
		[CHAM_CMD_PROG_DEL_NTF] = "prog-del-ntf",
		[CHAM_CMD_HANDLER_NTF] = "handler-ntf",
	};

	_Static_assert(sizeof(names) / sizeof(names[0]) == CHAM_CMD_MAX + 1,
		       "a command has no name");
	return NAME(names, cmd);
}

int cham_addr__parse(struct cham_addr *addr, const char *text)
{
	memset(addr, 0, sizeof(*addr));
	if (inet_pton(AF_INET, text, addr->a) == 1)
		addr->len = 4;
	else if (inet_pton(AF_INET6, text, addr->a) == 1)
		addr->len = 16;
	else
		return -EINVAL;
	return 0;
}

const char *cham_addr__format(const struct cham_addr *addr, char *buf,
			      size_t size)
{
	if (!addr->len || !inet_ntop(addr->len == 4 ? AF_INET : AF_INET6,
				     addr->a, buf, size))
		snprintf(buf, size, "-");
	return buf;
}
