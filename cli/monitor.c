// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>
#include <time.h>

#include "cli.h"

static const char *const kinds[] = { "tenant", "port", "conn", "miss", "quota",
				     "ring-broken", "prog", "handler", NULL };

static bool chosen(const char *event, int argc, char **argv)
{
	int i;

	if (!argc)
		return true;
	for (i = 0; i < argc; i++) {
		size_t n = strlen(argv[i]);

		if (!strncmp(event, argv[i], n) && event[n] == '-')
			return true;
	}
	return false;
}

static void stamp(char *buf, size_t size)
{
	struct timespec ts;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &ts);
	localtime_r(&ts.tv_sec, &tm);
	n = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
	n += snprintf(buf + n, size - n, ".%06ld", ts.tv_nsec / 1000);
	strftime(buf + n, size - n, "%z", &tm);
}

/* The event has the one limit that was reached. */
static void tell_quota(struct ctl *c, const struct cham_tenant *t)
{
	fprintf(c->j.f, " %u: %s", t->id, t->name);
	if (CHAM_HAS(t, CHAM_TENANT_MAX_CONNS))
		fprintf(c->j.f, " max-conns %u", t->max_conns);
	if (CHAM_HAS(t, CHAM_TENANT_MAX_PORTS))
		fprintf(c->j.f, " max-ports %u", t->max_ports);
	if (CHAM_HAS(t, CHAM_TENANT_MAX_FDB))
		fprintf(c->j.f, " max-fdb %u", t->max_fdb);
}

static void tell(struct ctl *c, const char *event, const struct cham_ntf *n)
{
	char when[64];

	stamp(when, sizeof(when));
	if (c->json) {
		c->j.comma = false;
		json_open(&c->j, NULL, '{');
		json_str(&c->j, "timestamp", when);
		json_str(&c->j, "event", event);
	} else {
		fprintf(c->j.f, "[%s] %s", when, event);
	}
	switch (n->cmd) {
	case CHAM_CMD_TENANT_NTF:
	case CHAM_CMD_TENANT_DEL_NTF:
		if (c->json)
			tenant_json(c, &n->tenant);
		else
			fprintf(c->j.f, " %u: %s vni %u conns %u/%u",
				n->tenant.id, n->tenant.name, n->tenant.vni,
				n->tenant.conns, n->tenant.max_conns);
		break;
	case CHAM_CMD_QUOTA_NTF:
		if (c->json)
			tenant_json(c, &n->tenant);
		else
			tell_quota(c, &n->tenant);
		break;
	case CHAM_CMD_PORT_NTF:
	case CHAM_CMD_PORT_DEL_NTF:
	case CHAM_CMD_RING_BROKEN_NTF:
		if (c->json)
			port_json(c, &n->port);
		else
			fprintf(c->j.f, " %u: %s vdpa %s tenant %s state %s%s%s",
				n->port.ifindex, n->port.ifname, n->port.vdpa,
				n->port.tenant_id ? n->port.tenant_name : "-",
				show_number(cham_port_state__name(n->port.state),
					    "state", n->port.state),
				n->port.broken_reason[0] ? " reason " : "",
				n->port.broken_reason);
		break;
	case CHAM_CMD_PROG_NTF:
	case CHAM_CMD_PROG_DEL_NTF:
		if (c->json)
			prog_json(c, &n->prog);
		else
			prog_line(c, &n->prog);
		break;
	default:
		if (c->json)
			conn_json(c, &n->conn);
		else
			fprintf(c->j.f, " tenant %u %s %s:%u -> %s:%u",
				n->conn.tenant_id, show_proto(n->conn.proto),
				show_addr(&n->conn.src), n->conn.sport,
				show_addr(&n->conn.dst), n->conn.dport);
		if (!c->json && CHAM_HAS(&n->conn, CHAM_CONN_REASON))
			fprintf(c->j.f, " reason %s",
				show_number(cham_reason__name(n->conn.reason),
					    "reason", n->conn.reason));
		if (!c->json && CHAM_HAS(&n->conn, CHAM_CONN_CODE))
			fprintf(c->j.f, " %s code %u",
				show_number(cham_hook__name(n->conn.hook), "hook",
					    n->conn.hook), n->conn.code);
	}
	if (c->json)
		json_close(&c->j, '}');
	fputc('\n', c->j.f);
	fflush(c->j.f);
}

static int monitor(struct ctl *c, int argc, char **argv)
{
	struct cham_events *e;
	struct cham_ntf n;
	int ret, i, k;

	for (i = 0; i < argc; i++) {
		for (k = 0; kinds[k] && strcmp(kinds[k], argv[i]); k++)
			;
		if (!kinds[k])
			return ctl_fail(c, EXIT_SYNTAX,
					"\"%s\" is no event; accepted: tenant, port, conn, miss, quota, ring-broken, prog, handler",
					argv[i]);
	}
	ret = ctl_open(c);
	if (ret)
		return ret;
	if (cham_events__open(c->h, &e))
		return ctl_kernel(c);
	c->j.pretty = false;		/* one event, one line */
	for (;;) {
		ret = cham_events__next(e, &n, -1);
		if (ret == -EINTR || ret == -EAGAIN)
			continue;
		if (ret == -ENOBUFS) {
			fprintf(stderr, "Warning: events came too fast, some are lost.\n");
			continue;
		}
		if (ret < 0)
			break;
		if (chosen(cham_cmd__name(n.cmd), argc, argv))
			tell(c, cham_cmd__name(n.cmd), &n);
		/* main.c says so */
		if (ferror(c->j.f))
			break;
	}
	cham_events__close(e);
	if (ret >= 0)
		return 0;
	return ctl_fail(c, EXIT_KERNEL, "events: %s", strerror(-ret));
}

const struct cmd monitor_cmds[] = {
	{ "events", "[tenant] [port] [conn] [miss] [quota] [ring-broken] [prog] [handler]",
	  monitor },
	{ 0 },
};
