// SPDX-License-Identifier: GPL-2.0
/* The configuration as JSON: what restore.c makes again. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "saved.h"

static int add(json_t *array, json_t *o)
{
	return o ? json_array_append_new(array, o) : -1;
}

static int put(json_t *o, const char *key, json_t *value)
{
	return value ? json_object_set_new(o, key, value) : -1;
}

static int put_addr(json_t *o, const char *key, const struct cham_addr *a)
{
	return a->len ? put(o, key, json_string(show_addr(a))) : 0;
}

static int save_uplinks(json_t *array, const struct all *all)
{
	const struct cham_uplink *u;
	int err = 0;
	json_t *o;

	for (u = all->uplinks; u < all->uplinks + all->n_uplinks; u++) {
		o = json_pack("{s:s, s:i, s:b}", "dev", u->ifname, "udp-port",
			      u->udp_port, "ignore-filter", u->ignore_filter);
		err |= put_addr(o, "local", &u->local4) |
		       put_addr(o, "local6", &u->local6) | add(array, o);
	}
	return err;
}

static int save_tenants(json_t *array, const struct all *all)
{
	const struct cham_tenant *t;
	int err = 0;

	for (t = all->tenants; t < all->tenants + all->n_tenants; t++)
		err |= add(array,
			   json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:s}",
				     "name", t->name, "vni", (json_int_t)t->vni,
				     "weight", (json_int_t)t->weight,
				     "max-conns", (json_int_t)t->max_conns,
				     "max-ports", (json_int_t)t->max_ports,
				     "max-fdb", (json_int_t)t->max_fdb,
				     "max-cycles", (json_int_t)t->max_cycles,
				     "dscp", cham_dscp__name(t->dscp)));
	return err;
}

static bool is_up(const char *ifname)
{
	char path[64];
	unsigned int flags = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/net/%s/flags", ifname);
	f = fopen(path, "r");
	if (f && fscanf(f, "%x", &flags) != 1)
		flags = 0;
	if (f)
		fclose(f);
	return flags & 1;	/* IFF_UP */
}

static int save_ports(json_t *array, const struct all *all)
{
	const struct cham_port *p;
	int err = 0;
	json_t *o;

	for (p = all->ports; p < all->ports + all->n_ports; p++) {
		o = json_pack("{s:s, s:s, s:I, s:I, s:b}", "vdpa", p->vdpa, "dev",
			      p->ifname, "mtu", (json_int_t)p->mtu, "queue-pairs",
			      (json_int_t)p->queue_pairs, "up", is_up(p->ifname));
		/* What the guest has chosen is not the provider's configuration. */
		if (CHAM_HAS(p, CHAM_PORT_FIXED_MAC))
			err |= put(o, "mac", json_string(show_mac(p->fixed_mac)));
		if (CHAM_HAS(p, CHAM_PORT_DEVICE_FEATURES))
			err |= put(o, "device-features",
				   json_string(show_bits(p->device_features)));
		if (p->tenant_id)
			err |= put(o, "tenant", json_string(p->tenant_name));
		if (p->role == CHAM_PORT_ROLE_SLOW)
			err |= put(o, "role", json_string("slow"));
		err |= add(array, o);
	}
	return err;
}

static int save_programs(struct ctl *c, json_t *array, const struct all *all)
{
	size_t i;

	for (i = 0; i < all->n_progs; i++)
		if (add(array, save_program(c, &all->progs[i])))
			return EXIT_KERNEL;
	return 0;
}

static const char *name_of(const struct all *all, uint32_t id)
{
	size_t i;

	for (i = 0; i < all->n_tenants; i++)
		if (all->tenants[i].id == id)
			return all->tenants[i].name;
	return "";
}

/* The module's order is that of a hash table. */
static int by_key(const void *x, const void *y)
{
	const struct cham_fdb *a = x, *b = y;

	if (a->tenant_id != b->tenant_id)
		return a->tenant_id < b->tenant_id ? -1 : 1;
	return memcmp(a->mac, b->mac, sizeof(a->mac));
}

static int save_fdb(json_t *array, const struct all *all)
{
	const struct cham_fdb *f;
	int err = 0;
	json_t *o;

	for (f = all->fdbs; f < all->fdbs + all->n_fdbs; f++) {
		o = json_pack("{s:s, s:s}", "tenant", name_of(all, f->tenant_id),
			      "mac", show_mac(f->mac));
		if (CHAM_HAS(f, CHAM_FDB_REMOTE))
			err |= put_addr(o, "remote", &f->remote);
		else
			err |= put(o, "port", json_string(show_ifname(f->ifindex)));
		err |= add(array, o);
	}
	return err;
}

/* ---- what "tenant setup" has built ------------------------------------------ */

/* Names in a directory of sysfs that start with @prefix, less that and @but. */
static int names_in(json_t *array, const char *dir, const char *prefix,
		    const char *but)
{
	size_t n = strlen(prefix);
	struct dirent *e;
	int err = 0;
	DIR *d;

	d = opendir(dir);
	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.' && !strncmp(e->d_name, prefix, n) &&
		    strcmp(e->d_name, but))
			err |= add(array, json_string(e->d_name + n));
	if (d)
		closedir(d);
	return err;
}

/* The flooding list, from bridge(8): the module does not mirror it. */
int side_remotes(struct ctl *c, const char *vxlan, json_t *array)
{
	const char *const argv[] = { "bridge", "-j", "fdb", "show", "dev", vxlan,
				     NULL };
	static char answer[1 << 20];
	json_t *list, *o;
	const char *mac, *dst;
	int err = 0;
	size_t i;

	if (spawn_read(c, argv, answer, sizeof(answer)))
		return ctl_fail(c, EXIT_KERNEL, "\"bridge -j fdb show dev %s\" failed",
				vxlan);
	list = json_loads(*answer ? answer : "[]", 0, NULL);
	if (!list)
		return ctl_fail(c, EXIT_KERNEL,
				"bridge -j fdb show dev %s: no JSON, or more than %zu bytes",
				vxlan, sizeof(answer));
	json_array_foreach(list, i, o) {
		if (json_unpack(o, "{s:s, s:s}", "mac", &mac, "dst", &dst) ||
		    strcmp(mac, "00:00:00:00:00:00"))
			continue;
		err |= add(array, json_string(dst));
	}
	json_decref(list);
	return err ? ctl_fail(c, EXIT_KERNEL, "out of memory") : 0;
}

static int save_setups(struct ctl *c, json_t *array, const struct all *all)
{
	json_t *devs, *remotes, *lower;
	struct side side;
	char path[64];
	size_t i;
	int ret;

	for (i = 0; i < all->n_tenants; i++) {
		if (strlen(all->tenants[i].name) + 3 >= IF_NAMESIZE)
			continue;	/* cannot have been set up */
		ret = side_names(c, all->tenants[i].name, &side);
		if (ret)
			return ret;
		if (dev_has_kind(side.bridge, "bridge") != 1 ||
		    dev_has_kind(side.vxlan, "vxlan") != 1)
			continue;
		devs = json_array();
		remotes = json_array();
		lower = json_array();
		snprintf(path, sizeof(path), "/sys/class/net/%s/brif", side.bridge);
		ret = names_in(devs, path, "", side.vxlan);
		snprintf(path, sizeof(path), "/sys/class/net/%s", side.vxlan);
		ret |= names_in(lower, path, "lower_", "");
		if (!ret)
			ret = side_remotes(c, side.vxlan, remotes);
		if (!ret && json_array_size(lower))
			ret = add(array,
				  json_pack("{s:s, s:O, s:O, s:O}", "tenant",
					    all->tenants[i].name, "uplink",
					    json_array_get(lower, 0), "devs", devs,
					    "remotes", remotes));
		json_decref(devs);
		json_decref(remotes);
		json_decref(lower);
		if (ret)
			return ret < 0 ? ctl_fail(c, EXIT_KERNEL, "out of memory") : ret;
	}
	return 0;
}

/* ---- the file ----------------------------------------------------------------- */

/* A file that says something else than @root stays as FILE~: what had gone when the
 * machine was stopped, a NIC, has not gone for good.
 */
static int keep_old(const char *path, const json_t *root)
{
	json_t *was = json_load_file(path, 0, NULL);
	bool same = was && json_equal(was, root);
	char old[PATH_MAX + 4], aside[PATH_MAX + 4];

	json_decref(was);
	if (same)
		return 0;
	snprintf(old, sizeof(old), "%s~", path);
	snprintf(aside, sizeof(aside), "%s~~", path);
	unlink(aside);
	if (!link(path, aside))
		return rename(aside, old) ? errno : 0;
	/* Not every file system has links. */
	if (errno == EPERM && !rename(path, old))
		return 0;
	return errno == ENOENT ? 0 : errno;
}

/* Where @path leads: a file that is there, or is to be. */
static int plain_file(struct ctl *c, const char *path, char *real)
{
	struct stat st;

	if (*path && stat(path, &st))
		return snprintf(real, PATH_MAX, "%s", path) < PATH_MAX ? 0 :
		       ctl_fail(c, EXIT_KERNEL, "%s: %s", path, strerror(ENAMETOOLONG));
	if (*path && S_ISREG(st.st_mode) && realpath(path, real))
		return 0;
	return ctl_fail(c, EXIT_SYNTAX,
			"\"%s\" is no regular file; accepted: a file, or - for standard output",
			path);
}

/* Whole or not at all: a crash leaves the old file. */
static int write_file(struct ctl *c, const char *where, const json_t *root, const char *text)
{
	char path[PATH_MAX], fresh[PATH_MAX + 8];
	int fd, err = 0;
	FILE *f;

	err = plain_file(c, where, path);
	if (err)
		return err;
	snprintf(fresh, sizeof(fresh), "%s.XXXXXX", path);
	fd = mkstemp(fresh);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f)
		return ctl_fail(c, EXIT_KERNEL, "%s: %s", fresh, strerror(errno));
	if (fputs(text, f) < 0 || fputc('\n', f) < 0 || fflush(f) || fsync(fd) ||
	    fchmod(fd, 0600))
		err = errno;
	if (fclose(f) && !err)
		err = errno;
	if (!err)
		err = keep_old(path, root);
	if (!err && rename(fresh, path))
		err = errno;
	if (!err)
		return 0;
	unlink(fresh);
	return ctl_fail(c, EXIT_KERNEL, "%s: %s", path, strerror(err));
}

static int mode_of(const struct cham_link *l, void *arg)
{
	*(bool *)arg |= l->generic;
	return 0;
}

static int to(struct ctl *c, int argc, char **argv)
{
	const char *path = argc ? argv[0] : "-";
	json_t *root, *part[SAVED_PARTS] = { 0 };
	struct all all = { 0 };
	bool generic = false;
	char *text = NULL;
	int ret, err, i;

	if (argc > 1)
		return no_args(c, argc - 1, argv + 1);
	ret = ctl_open(c);
	if (!ret)
		ret = all_get(c, &all);
	if (!ret && cham_datapath__for_each(c->h, mode_of, &generic))
		ret = ctl_kernel(c);
	if (ret)
		goto out;
	if (all.n_fdbs)
		qsort(all.fdbs, all.n_fdbs, sizeof(*all.fdbs), by_key);
	root = json_pack("{s:i}", SAVED_FORMAT, SAVED_VERSION);
	for (err = i = 0; i < SAVED_PARTS; i++) {
		part[i] = json_array();
		err |= put(root, saved_parts[i], part[i]);
	}
	err |= save_uplinks(part[SAVED_UPLINKS], &all) |
	       save_tenants(part[SAVED_TENANTS], &all) |
	       save_ports(part[SAVED_PORTS], &all) |
	       save_fdb(part[SAVED_FDB], &all) |
	       put(root, SAVED_DATAPATH, json_string(!cham_datapath__attached() ?
			  "detached" : generic ? "generic" : "native"));
	if (!err)
		ret = save_setups(c, part[SAVED_SETUPS], &all);
	if (!err && !ret)
		ret = save_programs(c, part[SAVED_PROGRAMS], &all);
	if (!err && !ret)
		text = json_dumps(root, JSON_INDENT(4));
	if (!ret && !text)
		ret = ctl_fail(c, EXIT_KERNEL, "out of memory");
	if (!ret && strcmp(path, "-"))
		ret = write_file(c, path, root, text);
	else if (!ret)
		fprintf(c->j.f, "%s%s", text, c->json ? "" : "\n");
	json_decref(root);
	free(text);
out:
	all_put(&all);
	return ret;
}

const struct cmd save_cmds[] = {
	{ "to", "[FILE]", to },
	{ 0 },
};
