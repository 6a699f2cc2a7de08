// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Attaching the datapath. What is attached is told by bpffs alone:
 *
 *	CHAM_DATAPATH_DIR/cham_uplink, cham_port	the programs
 *	CHAM_DATAPATH_DIR/generic/			exists: uplinks in SKB mode
 *	CHAM_DATAPATH_DIR/links/<device>		one XDP link each
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

#define LINKS	CHAM_DATAPATH_DIR "/links"

static const char *const prog_names[CHAM_PROGS] = { "cham_uplink", "cham_port" };

struct target {
	uint32_t ifindex;
	char ifname[IF_NAMESIZE];
	int role;
};

struct targets {
	struct target *t;
	size_t n;
	size_t room;
};

/* What attach and sync did to one device, so that it can be undone. */
enum done { DONE_NOTHING, DONE_CREATED, DONE_UPDATED };

static int add_target(struct targets *ts, uint32_t ifindex, const char *ifname,
		      int role)
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
	snprintf(t->ifname, sizeof(t->ifname), "%s", ifname);
	return 0;
}

static int add_uplink(const struct cham_uplink *u, void *arg)
{
	return add_target(arg, u->ifindex, u->ifname, CHAM_PROG_UPLINK);
}

static int add_port(const struct cham_port *p, void *arg)
{
	if (!p->tenant_id)
		return 0;
	return add_target(arg, p->ifindex, p->ifname, CHAM_PROG_PORT);
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

static void prog_path(char *path, size_t size, int role, bool fresh)
{
	snprintf(path, size, "%s/%s%s", CHAM_DATAPATH_DIR, prog_names[role],
		 fresh ? "-new" : "");
}

bool cham_datapath__attached(void)
{
	char path[128];

	prog_path(path, sizeof(path), CHAM_PROG_UPLINK, false);
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

/* All or nothing. @old has the programs to go back to, -1 for none. */
static int attach_all(struct cham *h, const struct targets *ts,
		      const int *progs, const int *old, bool generic)
{
	enum done *done;
	int err = 0;
	size_t i;

	done = calloc(ts->n + 1, sizeof(*done));
	if (!done)
		return cham__fail(h, -ENOMEM, "%s", strerror(ENOMEM));
	for (i = 0; i < ts->n; i++) {
		err = attach_one(h, &ts->t[i], progs[ts->t[i].role], generic,
				 &done[i]);
		if (err)
			break;
	}
	if (err)
		while (i--)
			undo_one(&ts->t[i], done[i], old[ts->t[i].role]);
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

/* Only what is empty goes away; a link that stayed keeps its directory. */
static void remove_pins(void)
{
	char path[128];
	int role;

	for (role = 0; role < CHAM_PROGS; role++) {
		prog_path(path, sizeof(path), role, true);
		unlink(path);
		prog_path(path, sizeof(path), role, false);
		unlink(path);
	}
	rmdir(CHAM_DATAPATH_DIR "/generic");
	rmdir(LINKS);
	rmdir(CHAM_DATAPATH_DIR);
}

static int get_progs(int *fds)
{
	char path[128];
	int role;

	for (role = 0; role < CHAM_PROGS; role++)
		fds[role] = -1;
	for (role = 0; role < CHAM_PROGS; role++) {
		prog_path(path, sizeof(path), role, false);
		fds[role] = bpf_obj_get(path);
		if (fds[role] < 0)
			return -errno;
	}
	return 0;
}

static void put_progs(int *fds)
{
	int role;

	for (role = 0; role < CHAM_PROGS; role++)
		if (fds[role] >= 0)
			close(fds[role]);
}

/* Pin under new names, then rename over the old ones: never without. */
static int pin_progs(struct cham *h, const int *fds)
{
	char fresh[128], path[128];
	int role;

	for (role = 0; role < CHAM_PROGS; role++) {
		prog_path(fresh, sizeof(fresh), role, true);
		prog_path(path, sizeof(path), role, false);
		unlink(fresh);
		if (bpf_obj_pin(fds[role], fresh) || rename(fresh, path))
			return cham__fail(h, -errno, "pin %s: %s", path,
					  strerror(errno));
	}
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

int cham_datapath__put(struct cham *h, const char *objdir, unsigned int flags,
		       const struct cham_parts *parts)
{
	int progs[CHAM_PROGS], old[CHAM_PROGS];
	bool generic = flags & CHAM_DATAPATH_GENERIC;
	bool was = cham_datapath__attached();
	struct bpf_object *obj = NULL;
	struct targets ts = { 0 };
	char path[4096], linked[128];
	int err, n;

	if (flags & ~CHAM_DATAPATH_GENERIC)
		return cham__fail(h, -EINVAL, "unknown datapath flags 0x%x",
				  flags & ~CHAM_DATAPATH_GENERIC);
	if (was && generic != cham_datapath__generic())
		return cham__fail(h, -EBUSY,
				  "the datapath is attached in %s mode; detach it first",
				  cham_datapath__generic() ? "generic" : "native");
	err = cham_datapath__object(path, sizeof(path), objdir);
	if (err)
		return cham__fail(h, err, "%s: %s", objdir, strerror(-err));
	err = wanted(h, &ts);
	if (err)
		goto out;
	err = make_dirs(h);
	if (err)
		goto out;
	get_progs(old);
	if (parts->joint)
		snprintf(path, sizeof(path), "%s", parts->joint);
	err = cham_compose(h, path, parts, linked, sizeof(linked));
	if (err)
		goto out_old;
	err = cham_load_object(h, linked[0] ? linked : path, parts, prog_names, progs, &obj);
	if (linked[0])
		unlink(linked);
	if (err)
		goto out_old;
	err = attach_all(h, &ts, progs, old, generic);
	if (err)
		goto out_obj;
	err = mark_mode(h, generic);
	if (!err)
		err = pin_progs(h, progs);
	if (err)
		goto out_obj;
	cham_tiers__put(parts);
	n = prune(h, &ts);
	err = n < 0 ? n : (int)ts.n;
out_obj:
	bpf_object__close(obj);
out_old:
	put_progs(old);
	if (err < 0 && !was) {
		prune(h, NULL);
		remove_pins();
	}
out:
	free(ts.t);
	return err;
}

int cham_datapath__attach(struct cham *h, const char *objdir, unsigned int flags)
{
	struct cham_parts parts;
	int lock, err;

	lock = cham_compose__lock(h);
	if (lock < 0)
		return lock;
	err = cham_parts__get(h, &parts);
	if (!err)
		err = cham_datapath__put(h, objdir, flags, &parts);
	close(lock);
	return err;
}

int cham_datapath__sync(struct cham *h)
{
	struct targets ts = { 0 };
	int progs[CHAM_PROGS];
	int err, n;

	err = get_progs(progs);
	if (err) {
		err = cham__fail(h, err, err == -ENOENT ?
				 "no datapath is attached" :
				 "the datapath's pinned programs: %s",
				 strerror(-err));
		goto out;
	}
	err = wanted(h, &ts);
	if (!err)
		err = attach_all(h, &ts, progs, progs, cham_datapath__generic());
	if (err)
		goto out;
	n = prune(h, &ts);
	err = n < 0 ? n : (int)ts.n;
out:
	put_progs(progs);
	free(ts.t);
	return err;
}

int cham_datapath__detach(struct cham *h)
{
	int n = prune(h, NULL);

	if (n >= 0)
		remove_pins();
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
