// SPDX-License-Identifier: GPL-2.0
/*
 * Make what save.c has written. The file is understood wholly before anything
 * is changed; then each item is made, kept when it is there already, or
 * reported with the reason, and the next one is tried. Nothing is removed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "saved.h"

struct restore {
	struct ctl *c;
	const char *object;
	struct all all;		/* as it was found */
	int ret;
};

/* ---- what the file says -------------------------------------------------------- */

struct setup {
	const char *tenant, *uplink;
	json_t *devs, *remotes;
};

struct port {
	const char *vdpa, *dev, *tenant;
	uint8_t mac[6];			/* zero, or fixed */
	uint64_t features;		/* 0: whatever there is */
	uint32_t mtu, queue_pairs;
	bool up, slow;
};

struct fdb {
	const char *tenant, *port;
	struct cham_fdb f;
};

/* Negative with the text in @e; 0 when the number is one of 32 bits. */
static int bad(json_error_t *e, const char *fmt, const char *value)
{
	snprintf(e->text, sizeof(e->text), fmt, value);
	return -EINVAL;
}

static int number(json_error_t *e, const char *key, json_int_t from, json_int_t max,
		  uint32_t *to)
{
	if (from < 0 || from > max)
		return bad(e, "%s is out of range", key);
	*to = from;
	return 0;
}

static int addr(json_error_t *e, const char *text, struct cham_addr *a)
{
	if (text && cham_addr__parse(a, text))
		return bad(e, "\"%s\" is no IP address", text);
	return 0;
}

static int mac(json_error_t *e, const char *text, uint8_t *to)
{
	return mac_parse(text, to) ? bad(e, "\"%s\" is no MAC address", text) : 0;
}

static int name(json_error_t *e, const char *text, size_t max)
{
	if (text && (!*text || strlen(text) > max))
		return bad(e, "\"%s\" is too long or too short for a name", text);
	return 0;
}

static int words(json_error_t *e, const json_t *array)
{
	const json_t *o;
	size_t i;

	if (array && !json_is_array(array))
		return bad(e, "%s is expected", "a list of strings");
	json_array_foreach(array, i, o)
		if (!json_is_string(o))
			return bad(e, "%s is expected", "a list of strings");
	return 0;
}

static int get_uplink(json_t *o, struct cham_uplink *u, json_error_t *e)
{
	const char *dev, *local = NULL, *local6 = NULL;
	uint32_t udp_port = 0;
	json_int_t n;
	int filter;

	memset(u, 0, sizeof(*u));
	u->sz = sizeof(*u);
	if (json_unpack_ex(o, e, 0, "{s:s, s?s, s?s, s:I, s:b !}", "dev", &dev,
			   "local", &local, "local6", &local6, "udp-port", &n,
			   "ignore-filter", &filter) ||
	    name(e, dev, IF_NAMESIZE - 1) ||
	    number(e, "udp-port", n, UINT16_MAX, &udp_port) ||
	    addr(e, local, &u->local4) || addr(e, local6, &u->local6))
		return -EINVAL;
	snprintf(u->ifname, sizeof(u->ifname), "%s", dev);
	u->udp_port = udp_port;
	u->ignore_filter = filter;
	u->set = CHAM_BIT(CHAM_UPLINK_IFINDEX) | CHAM_BIT(CHAM_UPLINK_UDP_PORT) |
		 CHAM_BIT(CHAM_UPLINK_IGNORE_FILTER) |
		 (local ? CHAM_BIT(CHAM_UPLINK_LOCAL4) : 0) |
		 (local6 ? CHAM_BIT(CHAM_UPLINK_LOCAL6) : 0);
	return 0;
}

static int get_tenant(json_t *o, struct cham_tenant *t, json_error_t *e)
{
	json_int_t vni, weight, conns, ports, fdb, cycles = CHAM_CYCLES_DEFAULT;
	const char *tenant, *dscp;

	memset(t, 0, sizeof(*t));
	t->sz = sizeof(*t);
	if (json_unpack_ex(o, e, 0, "{s:s, s:I, s:I, s:I, s:I, s:I, s?I, s:s !}",
			   "name", &tenant, "vni", &vni, "weight", &weight,
			   "max-conns", &conns, "max-ports", &ports, "max-fdb",
			   &fdb, "max-cycles", &cycles, "dscp", &dscp) ||
	    name(e, tenant, CHAM_NAME_MAX) ||
	    number(e, "vni", vni, CHAM_VNI_MAX, &t->vni) ||
	    number(e, "weight", weight, CHAM_WEIGHT_MAX, &t->weight) ||
	    number(e, "max-conns", conns, CHAM_QUOTA_CONNS_MAX, &t->max_conns) ||
	    number(e, "max-ports", ports, CHAM_QUOTA_PORTS_MAX, &t->max_ports) ||
	    number(e, "max-fdb", fdb, CHAM_QUOTA_FDB_MAX, &t->max_fdb) ||
	    number(e, "max-cycles", cycles, CHAM_CYCLES_MAX, &t->max_cycles))
		return -EINVAL;
	snprintf(t->name, sizeof(t->name), "%s", tenant);
	while (strcmp(dscp, cham_dscp__name(t->dscp)))
		if (!cham_dscp__name(++t->dscp))
			return bad(e, "dscp \"%s\" is neither uniform nor pipe", dscp);
	t->set = CHAM_BIT(CHAM_TENANT_NAME) | CHAM_BIT(CHAM_TENANT_VNI) |
		 CHAM_BIT(CHAM_TENANT_WEIGHT) | CHAM_BIT(CHAM_TENANT_MAX_CONNS) |
		 CHAM_BIT(CHAM_TENANT_MAX_PORTS) | CHAM_BIT(CHAM_TENANT_MAX_FDB) |
		 CHAM_BIT(CHAM_TENANT_MAX_CYCLES) | CHAM_BIT(CHAM_TENANT_DSCP);
	return 0;
}

static int get_port(json_t *o, struct port *p, json_error_t *e)
{
	const char *text = NULL, *role = NULL, *features = NULL;
	json_int_t mtu, pairs;
	char *end;
	int up;

	memset(p, 0, sizeof(*p));
	if (json_unpack_ex(o, e, 0, "{s:s, s:s, s?s, s:I, s:I, s:b, s?s, s?s, s?s !}",
			   "vdpa", &p->vdpa, "dev", &p->dev, "mac", &text, "mtu",
			   &mtu, "queue-pairs", &pairs, "up", &up, "tenant",
			   &p->tenant, "role", &role, "device-features", &features) ||
	    name(e, p->vdpa, 31) || name(e, p->dev, IF_NAMESIZE - 1) ||
	    name(e, p->tenant, CHAM_NAME_MAX) || (text && mac(e, text, p->mac)) ||
	    number(e, "mtu", mtu, UINT16_MAX, &p->mtu) ||
	    number(e, "queue-pairs", pairs, UINT16_MAX, &p->queue_pairs))
		return -EINVAL;
	if (role && (strcmp(role, "slow") || !p->tenant))
		return bad(e, "role is \"slow\", of a tenant, or absent, not \"%s\"", role);
	if (features) {
		p->features = strtoull(features, &end, 16);
		if (strncmp(features, "0x", 2) || *end || !p->features)
			return bad(e, "device-features \"%s\" is no bit map like 0x1000", features);
	}
	p->slow = role;
	p->up = up;
	return 0;
}

static int get_setup(json_t *o, struct setup *s, json_error_t *e)
{
	struct cham_addr a;
	const json_t *r;
	size_t i;

	if (json_unpack_ex(o, e, 0, "{s:s, s:s, s:o, s:o !}", "tenant", &s->tenant,
			   "uplink", &s->uplink, "devs", &s->devs, "remotes",
			   &s->remotes) ||
	    name(e, s->tenant, IF_NAMESIZE - 4) || words(e, s->devs) ||
	    words(e, s->remotes))
		return -EINVAL;
	json_array_foreach(s->remotes, i, r)
		if (addr(e, json_string_value(r), &a))
			return -EINVAL;
	return 0;
}

static int get_fdb(json_t *o, struct fdb *f, json_error_t *e)
{
	const char *text, *remote = NULL;

	memset(f, 0, sizeof(*f));
	f->f.sz = sizeof(f->f);
	if (json_unpack_ex(o, e, 0, "{s:s, s:s, s?s, s?s !}", "tenant", &f->tenant,
			   "mac", &text, "port", &f->port, "remote", &remote) ||
	    mac(e, text, f->f.mac) || addr(e, remote, &f->f.remote))
		return -EINVAL;
	if (!f->port == !remote)
		return bad(e, "%s", "one is needed of port and remote");
	f->f.set = CHAM_BIT(CHAM_FDB_TENANT_ID) | CHAM_BIT(CHAM_FDB_MAC) |
		   (remote ? CHAM_BIT(CHAM_FDB_REMOTE) : CHAM_BIT(CHAM_FDB_IFINDEX));
	return 0;
}

static int check_item(int part, json_t *o, json_error_t *e)
{
	union {
		struct cham_uplink u;
		struct cham_tenant t;
		struct port p;
		struct setup s;
		struct fdb f;
	} to;

	switch (part) {
	case SAVED_UPLINKS:
		return get_uplink(o, &to.u, e);
	case SAVED_TENANTS:
		return get_tenant(o, &to.t, e);
	case SAVED_PORTS:
		return get_port(o, &to.p, e);
	case SAVED_SETUPS:
		return get_setup(o, &to.s, e);
	case SAVED_FDB:
		return get_fdb(o, &to.f, e);
	case SAVED_PROGRAMS:
		return check_program(o, e);
	}
	return -EINVAL;
}

static int check_file(struct ctl *c, const char *path, const json_t *root)
{
	const json_t *version, *mode, *array;
	json_error_t e = { .text = "" };
	const char *word;
	json_t *o;
	size_t i;
	int part;

	version = json_object_get(root, SAVED_FORMAT);
	if (!version)
		return ctl_fail(c, EXIT_SYNTAX, "%s is not of chamctl save: it has no \"%s\"",
				path, SAVED_FORMAT);
	if (json_integer_value(version) != SAVED_VERSION)
		return ctl_fail(c, EXIT_SYNTAX, "%s has another version of the format than %d",
				path, SAVED_VERSION);
	for (part = 0; part < SAVED_PARTS; part++) {
		array = json_object_get(root, saved_parts[part]);
		/* A file of a chamctl that saved no programs has none. */
		if (!array && part == SAVED_PROGRAMS)
			continue;
		if (!json_is_array(array))
			return ctl_fail(c, EXIT_SYNTAX, "%s: no list \"%s\"", path,
					saved_parts[part]);
		json_array_foreach(array, i, o)
			if (check_item(part, o, &e))
				return ctl_fail(c, EXIT_SYNTAX, "%s: %s[%zu]: %s",
						path, saved_parts[part], i, e.text);
	}
	mode = json_object_get(root, SAVED_DATAPATH);
	word = json_string_value(mode);
	if (!word || (strcmp(word, "native") && strcmp(word, "generic") &&
		      strcmp(word, "detached")))
		return ctl_fail(c, EXIT_SYNTAX,
				"%s: datapath is neither \"native\", \"generic\" nor \"detached\"",
				path);
	return 0;
}

/* ---- telling ------------------------------------------------------------------- */

static void tell(struct restore *r, enum status s, const char *what,
		 const char *item, const char *why)
{
	static const char *const status[] = { "made", "changed", "kept", "FAILED" };
	struct ctl *c = r->c;

	if (s == FAILED)
		r->ret = EXIT_KERNEL;
	if (c->json) {
		json_open(&c->j, NULL, '{');
		json_str(&c->j, "item", what);
		json_str(&c->j, "name", item);
		json_str(&c->j, "status", s == FAILED ? "failed" : status[s]);
		if (s == FAILED)
			json_str(&c->j, "reason", why);
		json_close(&c->j, '}');
	} else {
		fprintf(c->j.f, "%s %s %s%s%s\n", status[s], what, item,
			s == FAILED ? ": " : "", s == FAILED ? why : "");
	}
	fflush(c->j.f);
}

/* ---- making -------------------------------------------------------------------- */

#define RUN(c, ...) spawn(c, false, (const char *const []){ __VA_ARGS__, NULL })

static bool same_addr(const struct cham_addr *a, const struct cham_addr *b)
{
	return a->len == b->len && !memcmp(a->a, b->a, a->len);
}

static enum status failed(struct ctl *c)
{
	ctl_kernel(c);
	return FAILED;
}

static enum status make_uplink(struct restore *r, struct cham_uplink *u)
{
	struct ctl *c = r->c;
	size_t i;

	for (i = 0; i < r->all.n_uplinks; i++) {
		const struct cham_uplink *old = &r->all.uplinks[i];

		if (strcmp(old->ifname, u->ifname))
			continue;
		if (same_addr(&old->local4, &u->local4) &&
		    same_addr(&old->local6, &u->local6) &&
		    old->udp_port == u->udp_port &&
		    old->ignore_filter == u->ignore_filter)
			return KEPT;
		ctl_fail(c, EXIT_KERNEL,
			 "it is an uplink with other settings; first: chamctl uplink del %s",
			 u->ifname);
		return FAILED;
	}
	if (need_dev(c, u->ifname, &u->ifindex))
		return FAILED;
	return cham_uplink__add(c->h, u) ? failed(c) : MADE;
}

static enum status make_tenant(struct restore *r, const struct cham_tenant *t)
{
	struct cham_tenant old = { .sz = sizeof(old) };
	struct ctl *c = r->c;
	int err = cham_tenant__get(c->h, t->name, &old);

	if (err == -ENOENT)
		return cham_tenant__new(c->h, t) ? failed(c) : MADE;
	if (err)
		return failed(c);
	if (old.vni == t->vni && old.weight == t->weight &&
	    old.max_conns == t->max_conns && old.max_ports == t->max_ports &&
	    old.max_fdb == t->max_fdb && old.max_cycles == t->max_cycles &&
	    old.dscp == t->dscp)
		return KEPT;
	return cham_tenant__set(c->h, t) ? failed(c) : CHANGED;
}

struct find_port {
	const char *vdpa;
	struct cham_port p;
	bool found;
};

static int match_port(const struct cham_port *p, void *arg)
{
	struct find_port *f = arg;

	if (!strcmp(p->vdpa, f->vdpa)) {
		f->p = *p;
		f->found = true;
	}
	return 0;
}

static int find_port(struct ctl *c, const char *vdpa, struct find_port *f)
{
	*f = (struct find_port){ .vdpa = vdpa };
	return cham_port__for_each(c->h, match_port, f) ? ctl_kernel(c) : 0;
}

static bool has_mac(const struct port *p)
{
	static const uint8_t none[6];

	return memcmp(p->mac, none, sizeof(none));
}

static int new_port(struct ctl *c, const struct port *p)
{
	char mtu[16], pairs[16];
	const char *argv[16] = {
		"vdpa", "dev", "add", "name", p->vdpa, "mgmtdev", "chamelio", "mtu", mtu
	};
	int n = 9;

	snprintf(mtu, sizeof(mtu), "%u", p->mtu);
	if (has_mac(p)) {
		argv[n++] = "mac";
		argv[n++] = show_mac(p->mac);
	}
	if (p->queue_pairs > 1) {
		snprintf(pairs, sizeof(pairs), "%u", p->queue_pairs);
		argv[n++] = "max_vqp";
		argv[n++] = pairs;
	}
	if (p->features) {
		argv[n++] = "device_features";
		argv[n++] = show_bits(p->features);
	}
	return spawn(c, false, argv);
}

/* Return: what cannot be changed afterwards and is not as saved; NULL. */
static const char *differs(const struct port *p, const struct cham_port *there)
{
	if (has_mac(p) ? memcmp(there->fixed_mac, p->mac, sizeof(p->mac)) != 0 :
			 CHAM_HAS(there, CHAM_PORT_FIXED_MAC))
		return "MAC address";
	if (there->mtu != p->mtu)
		return "MTU";
	if (there->queue_pairs != p->queue_pairs)
		return "number of queue pairs";
	return there->device_features != p->features ? "choice of features" : NULL;
}

static enum status make_port(struct restore *r, const struct port *p)
{
	struct ctl *c = r->c;
	const char *what;
	struct find_port f;
	enum status s = KEPT;

	if (find_port(c, p->vdpa, &f))
		return FAILED;
	if (!f.found) {
		s = MADE;
		if (new_port(c, p) || find_port(c, p->vdpa, &f))
			return FAILED;
	}
	if (!f.found) {
		ctl_fail(c, EXIT_KERNEL, "the vDPA device is gone already");
		return FAILED;
	}
	what = differs(p, &f.p);
	if (what) {
		ctl_fail(c, EXIT_KERNEL,
			 "there is such a vDPA device with another %s; first: vdpa dev del %s",
			 what, p->vdpa);
		return FAILED;
	}
	if (strcmp(f.p.ifname, p->dev)) {
		if (RUN(c, "ip", "link", "set", "dev", f.p.ifname, "name", p->dev))
			return FAILED;
		s = s == MADE ? MADE : CHANGED;
	}
	if (p->tenant && (!f.p.tenant_id || strcmp(f.p.tenant_name, p->tenant))) {
		if (cham_port__bind(c->h, f.p.ifindex, p->tenant))
			return failed(c);
		s = s == MADE ? MADE : CHANGED;
	}
	if (p->slow && f.p.role != CHAM_PORT_ROLE_SLOW) {
		if (cham_port__set_role(c->h, f.p.ifindex, CHAM_PORT_ROLE_SLOW))
			return failed(c);
		s = s == MADE ? MADE : CHANGED;
	}
	return p->up && RUN(c, "ip", "link", "set", "dev", p->dev, "up") ? FAILED : s;
}

/* The devices are there: only what they lack. */
static enum status complete_setup(struct ctl *c, const struct setup *s,
				  const struct side *side)
{
	enum status st = KEPT;
	char path[128];
	json_t *o, *have;
	const char *word;
	size_t i, k;
	bool found;

	json_array_foreach(s->devs, i, o) {
		word = json_string_value(o);
		snprintf(path, sizeof(path), "/sys/class/net/%s/brif/%s",
			 side->bridge, word);
		if (!access(path, F_OK))
			continue;
		if (side_join(c, side, word))
			return FAILED;
		st = CHANGED;
	}
	have = json_array();
	if (side_remotes(c, side->vxlan, have))
		st = FAILED;
	json_array_foreach(s->remotes, i, o) {
		found = false;
		for (k = 0; k < json_array_size(have); k++)
			found |= json_equal(o, json_array_get(have, k));
		if (found || st == FAILED)
			continue;
		st = RUN(c, "bridge", "fdb", "append", "00:00:00:00:00:00", "dev",
			 side->vxlan, "dst", json_string_value(o)) ? FAILED : CHANGED;
	}
	json_decref(have);
	return st;
}

static enum status make_setup(struct restore *r, const struct setup *s)
{
	size_t n = 0, i, max;
	struct ctl *c = r->c;
	struct side side;
	char **argv;
	json_t *o;
	int ret;

	if (side_names(c, s->tenant, &side))
		return FAILED;
	if (dev_has_kind(side.bridge, "bridge") == 1 &&
	    dev_has_kind(side.vxlan, "vxlan") == 1)
		return complete_setup(c, s, &side);
	max = 3 + 2 * (json_array_size(s->devs) + json_array_size(s->remotes));
	argv = calloc(max, sizeof(*argv));
	if (!argv) {
		ctl_fail(c, EXIT_KERNEL, "out of memory");
		return FAILED;
	}
	argv[n++] = (char *)s->tenant;
	argv[n++] = "uplink";
	argv[n++] = (char *)s->uplink;
	json_array_foreach(s->devs, i, o) {
		argv[n++] = "dev";
		argv[n++] = (char *)json_string_value(o);
	}
	json_array_foreach(s->remotes, i, o) {
		argv[n++] = "remote";
		argv[n++] = (char *)json_string_value(o);
	}
	ret = tenant_setup(c, n, argv);
	free(argv);
	return ret ? FAILED : MADE;
}

static enum status make_fdb(struct restore *r, struct fdb *f)
{
	struct ctl *c = r->c;
	size_t i;

	if (need_tenant(c, f->tenant, &f->f.tenant_id) ||
	    (f->port && need_dev(c, f->port, &f->f.ifindex)))
		return FAILED;
	for (i = 0; i < r->all.n_fdbs; i++) {
		const struct cham_fdb *old = &r->all.fdbs[i];

		if (old->tenant_id == f->f.tenant_id &&
		    !memcmp(old->mac, f->f.mac, 6) && old->ifindex == f->f.ifindex &&
		    same_addr(&old->remote, &f->f.remote))
			return KEPT;
	}
	return cham_fdb__add(c->h, &f->f) ? failed(c) : MADE;
}

static void make_item(struct restore *r, int part, json_t *o)
{
	static const char *const what[SAVED_PARTS] = {
		"uplink", "tenant", "port", "setup", "fdb", "program",
	};
	char why[1024] = "";
	enum status s = FAILED;
	const char *item = "";
	struct cham_uplink u;
	struct cham_tenant t;
	struct setup setup;
	json_error_t e;
	struct port p;
	struct fdb f;

	r->c->why = why;
	r->c->why_size = sizeof(why);
	switch (part) {
	case SAVED_UPLINKS:
		get_uplink(o, &u, &e);
		item = u.ifname;
		s = make_uplink(r, &u);
		break;
	case SAVED_TENANTS:
		get_tenant(o, &t, &e);
		item = t.name;
		s = make_tenant(r, &t);
		break;
	case SAVED_PORTS:
		get_port(o, &p, &e);
		item = p.vdpa;
		s = make_port(r, &p);
		break;
	case SAVED_SETUPS:
		get_setup(o, &setup, &e);
		item = setup.tenant;
		s = make_setup(r, &setup);
		break;
	case SAVED_FDB:
		get_fdb(o, &f, &e);
		item = json_string_value(json_object_get(o, "mac"));
		s = make_fdb(r, &f);
		break;
	case SAVED_PROGRAMS:
		item = json_string_value(json_object_get(o, "tenant"));
		s = make_program(r->c, r->object, o);
		break;
	}
	r->c->why = NULL;
	tell(r, s, what[part], item, why);
}

static void make_datapath(struct restore *r, const char *mode)
{
	bool was = cham_datapath__attached();
	struct ctl *c = r->c;
	int n;

	/* What is attached stays, and has the new ports. */
	if (!strcmp(mode, "detached")) {
		if (!was)
			return;
		mode = "attached";
	}
	n = was ? cham_datapath__sync(c->h) :
	    cham_datapath__attach(c->h, r->object, !strcmp(mode, "generic") ?
				  CHAM_DATAPATH_GENERIC : 0);
	tell(r, n < 0 ? FAILED : was ? KEPT : MADE, "datapath", mode,
	     cham__last_error(c->h));
}

static int from(struct ctl *c, int argc, char **argv)
{
	struct restore r = { .c = c, .object = CHAM_OBJDIR };
	const char *path = "-";
	json_error_t e;
	json_t *root, *o;
	uint64_t set = 0;
	int ret, part;
	size_t i;
	const struct kw kws[] = {
		{ "object", KW_STR, &r.object, NULL, 1 },
		{ 0 },
	};

	if (argc && strcmp(argv[0], "object")) {
		path = argv[0];
		argc--;
		argv++;
	}
	ret = kw_parse(c, argc, argv, kws, &set);
	if (ret)
		return ret;
	if (!strcmp(path, "-"))
		root = json_loadf(stdin, JSON_REJECT_DUPLICATES, &e);
	else
		root = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
	if (!root)
		return e.line < 1 ? ctl_fail(c, EXIT_SYNTAX, "%s", e.text) :
		       ctl_fail(c, EXIT_SYNTAX, "%s, line %d: %s; nothing was changed",
				path, e.line, e.text);
	ret = check_file(c, path, root);
	if (!ret)
		ret = ctl_open(c);
	if (!ret)
		ret = all_get(c, &r.all);
	if (ret)
		goto out;
	if (c->json)
		json_open(&c->j, NULL, '[');
	for (part = 0; part < SAVED_PARTS; part++) {
		if (part == SAVED_PROGRAMS)
			make_datapath(&r, json_string_value(json_object_get(root,
									    SAVED_DATAPATH)));
		json_array_foreach(json_object_get(root, saved_parts[part]), i, o)
			make_item(&r, part, o);
	}
	if (c->json) {
		json_close(&c->j, ']');
		fputc('\n', c->j.f);
	}
	ret = r.ret;
out:
	all_put(&r.all);
	json_decref(root);
	return ret;
}

const struct cmd restore_cmds[] = {
	{ "from", "[FILE] [object FILE]", from },
	{ 0 },
};
