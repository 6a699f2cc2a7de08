// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Attaching the datapath. What is attached is told by bpffs alone:
 *
 *	CHAM_DATAPATH_DIR/cham_uplink, cham_port	the programs; with "-N", those
 *							of composition N
 *	CHAM_DATAPATH_DIR/generic/			exists: uplinks in SKB mode
 *	CHAM_DATAPATH_DIR/links/<device>		one XDP link each
 *	CHAM_DATAPATH_DIR/maps/				tenants' (maps.c)
 *
 * so a control process may come and go. A pinned program or link keeps
 * chamelio.ko loaded, because it calls the module's kfuncs.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <linux/magic.h>

#include "datapath.h"
#include "jail.h"

#define LINKS	CHAM_DATAPATH_DIR "/links"

static const char *const prog_names[CHAM_PROGS + 1] = { "cham_uplink", "cham_port" };

struct target {
	uint32_t ifindex;
	char ifname[IF_NAMESIZE];
	int role;
	unsigned int number;	/* of the composition that it runs */
};

/* Programs, -1 for none. */
struct programs {
	int fd[CHAM_PARTITIONS][CHAM_PROGS];
	int dispatch;		/* on the uplink, before them */
};

struct targets {
	const struct cham_plan *plan;
	struct target *t;
	size_t n;
	size_t room;
};

/* What attach and sync did to one device, so that it can be undone. */
enum done { DONE_NOTHING, DONE_CREATED, DONE_UPDATED };

static int add_target(struct targets *ts, uint32_t ifindex, const char *ifname,
		      int role, unsigned int number)
{
	struct target *t;

	if (ts->n == ts->room) {
		ts->room = ts->room ? 2 * ts->room : 16;
		t = realloc(ts->t, ts->room * sizeof(*t));
		if (!t)
			return -ENOMEM;
		ts->t = t;
	}
	t = &ts->t[ts->n++];
	t->ifindex = ifindex;
	t->role = role;
	t->number = number;
	snprintf(t->ifname, sizeof(t->ifname), "%s", ifname);
	return 0;
}

static int add_uplink(const struct cham_uplink *u, void *arg)
{
	return add_target(arg, u->ifindex, u->ifname, CHAM_PROG_UPLINK, 0);
}

static int add_port(const struct cham_port *p, void *arg)
{
	struct targets *ts = arg;

	if (!p->tenant_id)
		return 0;
	return add_target(ts, p->ifindex, p->ifname, CHAM_PROG_PORT,
			  cham_plan__number(ts->plan, p->tenant_id));
}

static int wanted(struct cham *h, struct targets *ts)
{
	int err, tries = 3;

	do {
		ts->n = 0;
		err = cham_uplink__for_each(h, add_uplink, ts);
		if (!err)
			err = cham_port__for_each(h, add_port, ts);
	} while (!err && cham__interrupted(h) && --tries);
	if (err == -ENOMEM)
		cham__fail(h, err, "%s", strerror(ENOMEM));
	return err;
}

static bool is_wanted(const struct targets *ts, uint32_t ifindex)
{
	size_t i;

	for (i = 0; i < ts->n; i++)
		if (ts->t[i].ifindex == ifindex)
			return true;
	return false;
}

/* bpffs takes no dots, device names do (eth0.7). */
static void link_path(char *path, size_t size, const char *ifname)
{
	size_t n;

	n = snprintf(path, size, LINKS "/");
	for (; *ifname && n + 4 < size; ifname++) {
		if (*ifname == '.' || *ifname == '%')
			n += snprintf(path + n, size - n, "%%%02x", *ifname);
		else
			path[n++] = *ifname;
	}
	path[n] = '\0';
}

static void link_ifname(char *ifname, size_t size, const char *file)
{
	unsigned int c;
	size_t n = 0;

	for (; *file && n + 1 < size; file++) {
		if (*file == '%' && sscanf(file + 1, "%2x", &c) == 1) {
			ifname[n++] = c;
			file += 2;
		} else {
			ifname[n++] = *file;
		}
	}
	ifname[n] = '\0';
}

static void prog_path(char *path, size_t size, unsigned int number, int role, bool fresh)
{
	char which[16] = "";

	if (number)
		snprintf(which, sizeof(which), "-%u", number);
	snprintf(path, size, "%s/%s%s%s", CHAM_DATAPATH_DIR, prog_names[role], which,
		 fresh ? "-new" : "");
}

bool cham_datapath__attached(void)
{
	char path[128];

	prog_path(path, sizeof(path), 0, CHAM_PROG_UPLINK, false);
	return !access(path, F_OK);
}

bool cham_datapath__generic(void)
{
	return !access(CHAM_DATAPATH_DIR "/generic", F_OK);
}

static int link_info(int fd, struct bpf_link_info *info)
{
	uint32_t len = sizeof(*info);

	memset(info, 0, sizeof(*info));
	return bpf_obj_get_info_by_fd(fd, info, &len) ? -errno : 0;
}

static int update_one(struct cham *h, const struct target *t, int fd, int prog,
		      enum done *done)
{
	int err = bpf_link_update(fd, prog, NULL) ? -errno : 0;

	close(fd);
	if (err)
		return cham__fail(h, err, "%s: replacing the program: %s",
				  t->ifname, strerror(-err));
	*done = DONE_UPDATED;
	return 0;
}

/* The own link of a device that was renamed since, now under @path. Returns
 * its descriptor or -1.
 */
static int adopt_one(const struct target *t, const char *path)
{
	struct bpf_link_info info;
	struct dirent *e;
	char was[400];
	int fd = -1;
	DIR *d;

	d = opendir(LINKS);
	while (d && fd < 0 && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(was, sizeof(was), LINKS "/%s", e->d_name);
		fd = bpf_obj_get(was);
		if (fd >= 0 && (link_info(fd, &info) ||
				info.xdp.ifindex != t->ifindex ||
				rename(was, path))) {
			close(fd);
			fd = -1;
		}
	}
	if (d)
		closedir(d);
	return fd;
}

/*
 * Give one device the program. An own link that is there already is switched
 * atomically; a pin whose device is gone is stale, one of a device that had
 * this name before waits under its number until it is found again.
 */
static int attach_one(struct cham *h, const struct target *t, int prog,
		      bool generic, enum done *done)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts);
	struct bpf_link_info info;
	char path[128], other[128];
	int fd, err;

	/* A port is the module's own and always has native XDP; only there can
	 * XDP_TX mean the way to the wire.
	 */
	generic &= t->role == CHAM_PROG_UPLINK;
	opts.flags = generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	*done = DONE_NOTHING;
	link_path(path, sizeof(path), t->ifname);
	fd = bpf_obj_get(path);
	if (fd >= 0) {
		err = link_info(fd, &info);
		if (!err && info.xdp.ifindex == t->ifindex)
			return update_one(h, t, fd, prog, done);
		close(fd);
		snprintf(other, sizeof(other), LINKS "/:%u", info.xdp.ifindex);
		if (err || !info.xdp.ifindex || rename(path, other))
			unlink(path);
	}

	fd = bpf_link_create(prog, t->ifindex, BPF_XDP, &opts);
	if (fd < 0) {
		err = -errno;
		fd = adopt_one(t, path);
		if (fd >= 0)
			return update_one(h, t, fd, prog, done);
		return cham_explain_attach(h, t->ifname, t->ifindex, generic, err);
	}
	err = bpf_obj_pin(fd, path) ? -errno : 0;
	close(fd);		/* without a pin this also detaches */
	if (err)
		return cham__fail(h, err, "pin %s: %s", path, strerror(-err));
	*done = DONE_CREATED;
	return 0;
}

static void undo_one(const struct target *t, enum done what, int old)
{
	char path[128];
	int fd;

	link_path(path, sizeof(path), t->ifname);
	if (what == DONE_CREATED) {
		unlink(path);
	} else if (what == DONE_UPDATED && old >= 0) {
		fd = bpf_obj_get(path);
		if (fd >= 0) {
			bpf_link_update(fd, old, NULL);
			close(fd);
		}
	}
}

/* Any composition is a whole datapath. */
static int prog_for(const struct programs *progs, const struct target *t)
{
	int fd = progs->fd[t->number][t->role];

	if (t->role == CHAM_PROG_UPLINK && progs->dispatch >= 0)
		return progs->dispatch;
	return fd < 0 ? progs->fd[0][t->role] : fd;
}

/* All or nothing. @old has the programs to go back to. */
static int attach_all(struct cham *h, const struct targets *ts,
		      const struct programs *progs, const struct programs *old, bool generic)
{
	enum done *done;
	int err = 0;
	size_t i;

	done = calloc(ts->n + 1, sizeof(*done));
	if (!done)
		return cham__fail(h, -ENOMEM, "%s", strerror(ENOMEM));
	for (i = 0; i < ts->n; i++) {
		const struct target *t = &ts->t[i];

		err = attach_one(h, t, prog_for(progs, t), generic, &done[i]);
		if (err)
			break;
	}
	if (err)
		while (i--)
			undo_one(&ts->t[i], done[i], prog_for(old, &ts->t[i]));
	free(done);
	return err;
}

/* Detach what is not in @keep (NULL: everything). Returns how many. */
static int prune(struct cham *h, const struct targets *keep)
{
	struct bpf_link_info info;
	struct dirent *e;
	char path[400];
	int n = 0, fd;
	bool gone;
	DIR *d;

	d = opendir(LINKS);
	if (!d)
		return errno == ENOENT ? 0 :
		       cham__fail(h, -errno, LINKS ": %s", strerror(errno));
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), LINKS "/%s", e->d_name);
		gone = !keep;
		if (keep) {
			fd = bpf_obj_get(path);
			if (fd < 0)
				continue;
			gone = !link_info(fd, &info) &&
			       !is_wanted(keep, info.xdp.ifindex);
			close(fd);
		}
		if (!gone)
			continue;
		if (unlink(path)) {
			n = cham__fail(h, -errno, "%s: %s", path,
				       strerror(errno));
			break;
		}
		n++;
	}
	closedir(d);
	return n;
}

static int make_dirs(struct cham *h)
{
	struct statfs fs;

	if (statfs("/sys/fs/bpf", &fs) || fs.f_type != BPF_FS_MAGIC)
		return cham__fail(h, -ENOENT,
				  "no bpf file system: mount -t bpf bpffs /sys/fs/bpf");
	if ((mkdir(CHAM_DATAPATH_DIR, 0700) && errno != EEXIST) ||
	    (mkdir(LINKS, 0700) && errno != EEXIST))
		return cham__fail(h, -errno, "%s: %s", CHAM_DATAPATH_DIR,
				  strerror(errno));
	return 0;
}

static void unpin_progs(unsigned int number)
{
	char path[128];
	int role;

	for (role = 0; role < CHAM_PROGS; role++) {
		prog_path(path, sizeof(path), number, role, true);
		unlink(path);
		prog_path(path, sizeof(path), number, role, false);
		unlink(path);
	}
}

/* Only what is empty goes away; a link that stayed keeps its directory. */
static void remove_pins(void)
{
	unsigned int n;

	for (n = 0; n < CHAM_PARTITIONS; n++)
		unpin_progs(n);
	cham_dispatch__remove();
	cham_maps__sweep(NULL);
	rmdir(CHAM_DATAPATH_DIR "/generic");
	rmdir(LINKS);
	rmdir(CHAM_DATAPATH_DIR);
}

/* Without any there is no datapath. */
static int get_progs(struct programs *progs)
{
	char path[128];
	unsigned int n;
	int role, err = 0;

	progs->dispatch = bpf_obj_get(CHAM_DATAPATH_DIR "/cham_dispatch");
	for (n = 0; n < CHAM_PARTITIONS; n++)
		for (role = 0; role < CHAM_PROGS; role++) {
			prog_path(path, sizeof(path), n, role, false);
			progs->fd[n][role] = bpf_obj_get(path);
			if (!n && progs->fd[n][role] < 0 && !err)
				err = -errno;
		}
	return err;
}

static void put_progs(struct programs *progs)
{
	unsigned int n;
	int role;

	if (progs->dispatch >= 0)
		close(progs->dispatch);
	for (n = 0; n < CHAM_PARTITIONS; n++)
		for (role = 0; role < CHAM_PROGS; role++)
			if (progs->fd[n][role] >= 0)
				close(progs->fd[n][role]);
}

/* Under new names, beside the old ones: there never is none. */
static int pin_progs(struct cham *h, const struct programs *progs, const struct programs *old)
{
	char fresh[128];
	unsigned int n;
	int role;

	for (n = 0; n < CHAM_PARTITIONS; n++)
		for (role = 0; role < CHAM_PROGS; role++) {
			prog_path(fresh, sizeof(fresh), n, role, true);
			unlink(fresh);
			if (progs->fd[n][role] >= 0 && progs->fd[n][role] != old->fd[n][role] &&
			    bpf_obj_pin(progs->fd[n][role], fresh))
				return cham__fail(h, -errno, "pin %s: %s", fresh,
						  strerror(errno));
		}
	return 0;
}

/* They take the old ones' names; or they go again. */
static void keep_progs(const struct programs *progs, bool keep)
{
	char fresh[128], path[128];
	unsigned int n;
	int role;

	for (n = 0; n < CHAM_PARTITIONS; n++) {
		if (keep && progs->fd[n][0] < 0)
			unpin_progs(n);
		for (role = 0; role < CHAM_PROGS; role++) {
			prog_path(fresh, sizeof(fresh), n, role, true);
			prog_path(path, sizeof(path), n, role, false);
			if (keep)
				rename(fresh, path);	/* none: it is the old one */
			else
				unlink(fresh);
		}
	}
}

int cham_file__beside(struct cham *h, const char *base, const char *name, char *path,
		      size_t size)
{
	const char *slash = strrchr(base, '/');
	int n = snprintf(path, size, "%.*s%s", slash ? (int)(slash + 1 - base) : 0, base, name);

	if (n >= (int)size || access(path, R_OK))
		return cham__fail(h, -ENOENT,
				  "%s: not there; it comes with the datapath (make; what joint needs, with llvm-19-dev)",
				  path);
	return 0;
}

int cham_datapath__object(char *path, size_t size, const char *objdir)
{
	struct stat st;
	int n;

	if (!stat(objdir, &st) && S_ISREG(st.st_mode))
		n = snprintf(path, size, "%s", objdir);
	else
		n = snprintf(path, size, "%s/%s", objdir, CHAM_DATAPATH_OBJECT);
	return n < (int)size ? 0 : -ENAMETOOLONG;
}

/* Keep the old mode's marker in step with what this attach decided. */
static int mark_mode(struct cham *h, bool generic)
{
	if (generic && mkdir(CHAM_DATAPATH_DIR "/generic", 0700) &&
	    errno != EEXIST)
		return cham__fail(h, -errno, "%s/generic: %s",
				  CHAM_DATAPATH_DIR, strerror(errno));
	if (!generic)
		rmdir(CHAM_DATAPATH_DIR "/generic");
	return 0;
}

/* A change of what is attached: what there was, and what there shall be. */
struct change {
	const struct cham_plan *plan;
	struct targets ts;
	struct programs old, progs;
	struct bpf_object *obj[CHAM_PARTITIONS];
	struct cham_dispatch *dispatch;	/* NULL: there is one composition only */
	bool generic;
};

/* One composition. The old one is as good when it need not be made. */
static int make_one(struct cham *h, struct change *c, const char *base, unsigned int n,
		    bool make)
{
	const struct cham_parts *parts = &c->plan->of[n];
	char path[CHAM_FD_PATH_SIZE];
	int *fd = c->progs.fd[n], linked = -1, err;
	const char *name;

	if (n && !parts->n)
		return 0;
	if (!make && c->old.fd[n][0] >= 0) {
		memcpy(fd, c->old.fd[n], sizeof(c->old.fd[n]));
		return 0;
	}
	if (parts->joint)
		base = parts->joint;
	name = base;
	if (cham_parts__linked(parts)) {
		linked = cham_compose(h, base, parts);
		if (linked < 0)
			return linked;
		name = cham_fd_path(path, linked);
	}
	err = cham_load_object(h, name, parts, prog_names, fd, &c->obj[n]);
	if (linked >= 0)
		close(linked);
	return err ? cham__fail(h, err, "%s: %s", base, cham__last_error(h)) : 0;
}

static int make_all(struct cham *h, struct change *c, const char *objdir)
{
	bool several = false;
	char path[4096];
	unsigned int n;
	int err;

	err = cham_datapath__object(path, sizeof(path), objdir);
	if (err)
		return cham__fail(h, err, "%s: %s", objdir, strerror(-err));
	for (n = 0; !err && n < CHAM_PARTITIONS; n++) {
		several |= n && c->plan->of[n].n;
		err = make_one(h, c, path, n, c->plan->make & 1U << n);
	}
	if (err || !several)
		return err;
	err = cham_dispatch__open(h, path, &c->dispatch);
	if (!err)
		c->progs.dispatch = cham_dispatch__prog(c->dispatch);
	return err;
}

/* Where packets are handed on to; @progs: the new ones or the old. */
static int set_dispatch(struct cham *h, const struct change *c, const struct programs *progs)
{
	unsigned int n;
	int err = 0;

	for (n = 0; c->dispatch && !err && n < CHAM_PARTITIONS; n++)
		err = cham_dispatch__set(h, c->dispatch, n, progs->fd[n][CHAM_PROG_UPLINK]);
	return err;
}

/* All that may fail and that no packet sees: pins beside the old ones, and nothing on
 * devices that are to have nothing.
 */
static int prepare(struct cham *h, struct change *c)
{
	unsigned int i;
	int n, err;

	err = mark_mode(h, c->generic);
	if (!err)
		err = pin_progs(h, &c->progs, &c->old);
	for (i = 0; !err && i < CHAM_PARTITIONS; i++)
		if (c->obj[i])
			err = cham_maps__pin(h, c->obj[i], &c->plan->of[i]);
	if (err)
		return err;
	n = prune(h, &c->ts);
	return n < 0 ? n : 0;
}

/* Tenants are aimed first: where a new one is, there is a whole datapath already. */
static int switch_all(struct cham *h, struct change *c)
{
	int err = set_dispatch(h, c, &c->progs);

	if (!err && c->dispatch)
		err = cham_dispatch__aim(h, c->dispatch, c->plan);
	if (!err)
		err = attach_all(h, &c->ts, &c->progs, &c->old, c->generic);
	if (err)
		set_dispatch(h, c, &c->old);
	return err;
}

/* All or nothing: what comes after the devices are switched cannot fail. */
static int attach(struct cham *h, struct change *c)
{
	unsigned int i;
	int err;

	err = prepare(h, c);
	if (!err)
		err = switch_all(h, c);
	keep_progs(&c->progs, !err);
	for (i = 0; i < CHAM_PARTITIONS; i++)
		if (c->obj[i])
			cham_maps__keep(c->obj[i], &c->plan->of[i], !err);
	if (err ? c->old.dispatch < 0 : !c->dispatch)
		cham_dispatch__remove();
	return err ?: (int)c->ts.n;
}

int cham_datapath__put(struct cham *h, const char *objdir, unsigned int flags,
		       const struct cham_plan *plan)
{
	struct change c = { .plan = plan, .ts.plan = plan };
	bool was = cham_datapath__attached();
	unsigned int n;
	int err;

	c.generic = flags & CHAM_DATAPATH_GENERIC;
	if (flags & ~CHAM_DATAPATH_GENERIC)
		return cham__fail(h, -EINVAL, "unknown datapath flags 0x%x",
				  flags & ~CHAM_DATAPATH_GENERIC);
	if (was && c.generic != cham_datapath__generic())
		return cham__fail(h, -EBUSY,
				  "the datapath is attached in %s mode; detach it first",
				  cham_datapath__generic() ? "generic" : "native");
	memset(&c.progs, 0xff, sizeof(c.progs));
	err = wanted(h, &c.ts);
	if (!err)
		err = make_dirs(h);
	if (err)
		goto out;
	get_progs(&c.old);
	err = make_all(h, &c, objdir);
	if (!err)
		err = attach(h, &c);
	for (n = 0; n < CHAM_PARTITIONS; n++) {
		if (err >= 0 && plan->make & 1U << n)
			cham_tiers__put(&plan->of[n], NULL);
		bpf_object__close(c.obj[n]);
	}
	cham_dispatch__close(c.dispatch);
	put_progs(&c.old);
	if (err < 0 && !was) {
		prune(h, NULL);
		remove_pins();
	}
out:
	free(c.ts.t);
	return err;
}

static int sync_locked(struct cham *h, struct change *c)
{
	int n, err;

	err = get_progs(&c->old);
	if (err)
		return cham__fail(h, err, err == -ENOENT ?
				  "no datapath is attached" :
				  "the datapath's pinned programs: %s", strerror(-err));
	err = wanted(h, &c->ts);
	if (!err)
		err = cham_dispatch__open(h, NULL, &c->dispatch);
	if (!err && c->dispatch)
		err = cham_dispatch__aim(h, c->dispatch, c->plan);
	if (!err)
		err = attach_all(h, &c->ts, &c->old, &c->old, cham_datapath__generic());
	if (err)
		return err;
	n = prune(h, &c->ts);
	return n < 0 ? n : (int)c->ts.n;
}

int cham_datapath__sync(struct cham *h)
{
	struct change c = { 0 };
	struct cham_plan *plan;
	int err;

	err = cham_plan__open(h, &plan);
	if (err)
		return err;
	memset(&c.old, 0xff, sizeof(c.old));
	c.plan = plan;
	c.ts.plan = plan;
	err = sync_locked(h, &c);
	put_progs(&c.old);
	cham_dispatch__close(c.dispatch);
	free(c.ts.t);
	cham_plan__close(plan);
	return err;
}

int cham_datapath__detach(struct cham *h)
{
	struct cham_plan *plan;
	int n = cham_plan__open(h, &plan);

	if (n)
		return n;
	n = prune(h, NULL);
	if (n >= 0)
		remove_pins();
	cham_plan__close(plan);
	return n;
}

static bool in_generic_mode(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, opts);

	return !bpf_xdp_query(ifindex, 0, &opts) &&
	       opts.attach_mode == XDP_ATTACHED_SKB;
}

static void prog_name(uint32_t id, char *name, size_t size)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);

	name[0] = '\0';
	if (fd < 0)
		return;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len))
		snprintf(name, size, "%s", info.name);
	close(fd);
}

int cham_datapath__for_each(struct cham *h, cham_link_fn fn, void *arg)
{
	struct bpf_link_info info;
	struct cham_link l;
	struct dirent *e;
	char path[400];
	int ret = 0, fd;
	DIR *d;

	d = opendir(LINKS);
	if (!d)
		return errno == ENOENT ? 0 :
		       cham__fail(h, -errno, LINKS ": %s", strerror(errno));
	while (!ret && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), LINKS "/%s", e->d_name);
		fd = bpf_obj_get(path);
		if (fd < 0)
			continue;
		memset(&l, 0, sizeof(l));
		l.sz = sizeof(l);
		if (link_info(fd, &info) ||
		    !if_indextoname(info.xdp.ifindex, l.ifname))
			link_ifname(l.ifname, sizeof(l.ifname), e->d_name);
		if (info.id) {
			l.ifindex = info.xdp.ifindex;
			l.generic = in_generic_mode(l.ifindex);
			l.link_id = info.id;
			l.prog_id = info.prog_id;
			prog_name(info.prog_id, l.prog, sizeof(l.prog));
		}
		close(fd);
		ret = fn(&l, arg);
	}
	closedir(d);
	return ret;
}
