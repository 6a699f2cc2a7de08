// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Loading the datapath object, and saying why a device would not take it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "datapath.h"

#define LOG_TAIL 600

/* The end of what libbpf said: the verifier puts its verdict there. */
static char log_tail[LOG_TAIL];

static int keep_tail(enum libbpf_print_level level, const char *fmt,
		     va_list ap)
{
	char line[4096];
	size_t n, have;

	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(line, sizeof(line), fmt, ap);
	n = strlen(line);
	have = strlen(log_tail);
	if (n >= LOG_TAIL) {
		memcpy(log_tail, line + n - (LOG_TAIL - 1), LOG_TAIL);
	} else {
		if (have + n >= LOG_TAIL) {
			size_t drop = have + n - (LOG_TAIL - 1);

			memmove(log_tail, log_tail + drop, have - drop + 1);
			have -= drop;
		}
		memcpy(log_tail + have, line, n + 1);
	}
	return 0;
}

static int load(struct cham *h, const char *path, const char *const *names,
		int *progs, struct bpf_object **objp)
{
	struct bpf_program *prog;
	struct bpf_object *obj;
	int i, err;

	obj = bpf_object__open_file(path, NULL);
	if (!obj)
		return cham__fail(h, -errno, "%s: %s", path, strerror(errno));
	for (i = 0; i < CHAM_PROGS; i++) {
		if (bpf_object__find_program_by_name(obj, names[i]))
			continue;
		bpf_object__close(obj);
		return cham__fail(h, -ENOENT, "%s: has no program \"%s\"",
				  path, names[i]);
	}
	err = bpf_object__load(obj);
	if (err) {
		bpf_object__close(obj);
		if (err == -EPERM)
			return cham__fail(h, err,
					  "%s: loading needs CAP_BPF and CAP_NET_ADMIN",
					  path);
		return cham__fail(h, err, "%s: load: %s\n%s", path,
				  strerror(-err), log_tail);
	}
	for (i = 0; i < CHAM_PROGS; i++) {
		prog = bpf_object__find_program_by_name(obj, names[i]);
		progs[i] = bpf_program__fd(prog);
	}
	*objp = obj;
	return 0;
}

int cham_load_object(struct cham *h, const char *path,
		     const char *const *names, int *progs,
		     struct bpf_object **obj)
{
	libbpf_print_fn_t before;
	int err;

	log_tail[0] = '\0';
	before = libbpf_set_print(keep_tail);
	err = load(h, path, names, progs, obj);
	libbpf_set_print(before);
	return err;
}

static void driver_of(const char *ifname, char *name, size_t size)
{
	char path[128], to[512];
	const char *slash;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/class/net/%s/device/driver", ifname);
	n = readlink(path, to, sizeof(to) - 1);
	if (n <= 0) {
		snprintf(name, size, "a software device");
		return;
	}
	to[n] = '\0';
	slash = strrchr(to, '/');
	snprintf(name, size, "driver %.40s", slash ? slash + 1 : to);
}

/* EBUSY and EEXIST: somebody's program is there. Whose, and how to end it? */
static int explain_busy(struct cham *h, const char *ifname, uint32_t ifindex,
			int err)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	struct xdp_multiprog *mp;
	bool dispatcher = false;
	uint32_t id = 0;
	int fd;

	mp = xdp_multiprog__get_from_ifindex(ifindex);
	if (libxdp_get_error(mp) == 0 && mp) {
		dispatcher = !xdp_multiprog__is_legacy(mp);
		xdp_multiprog__close(mp);
	}
	bpf_xdp_query_id(ifindex, 0, &id);
	fd = id ? bpf_prog_get_fd_by_id(id) : -1;
	if (fd >= 0) {
		if (bpf_obj_get_info_by_fd(fd, &info, &len))
			info.name[0] = '\0';
		close(fd);
	}
	if (!id)
		return cham__fail(h, err,
				  "%s: an XDP program of another mode or owner is in the way",
				  ifname);
	return cham__fail(h, err,
			  "%s: XDP program \"%s\" (id %u%s) is attached already; remove it with %s%s",
			  ifname, info.name, id,
			  dispatcher ? ", libxdp dispatcher" : "",
			  dispatcher ? "xdp-loader unload --all " :
			  "its owner or ip link set xdp off dev ", ifname);
}

int cham_explain_attach(struct cham *h, const char *ifname, uint32_t ifindex,
			bool generic, int err)
{
	char driver[64];

	driver_of(ifname, driver, sizeof(driver));
	switch (err) {
	case -EBUSY:
	case -EEXIST:
		return explain_busy(h, ifname, ifindex, err);
	case -ENODEV:
		return cham__fail(h, err, "%s: the device is gone", ifname);
	case -EPERM:
		return cham__fail(h, err,
				  "%s: attaching needs CAP_NET_ADMIN and CAP_BPF",
				  ifname);
	case -EOPNOTSUPP:
	case -EINVAL:
	case -ERANGE:
	case -E2BIG:
		if (generic)
			break;
		return cham__fail(h, err,
				  "%s: %s does not take a native XDP program (%s): it may lack native XDP, or multi-buffer XDP at this MTU (lower the MTU), or LRO is on (ethtool -K %s lro off), or queues are too few; for tests only, attach in generic mode",
				  ifname, driver, strerror(-err), ifname);
	}
	return cham__fail(h, err, "%s (%s): attach in %s mode: %s", ifname,
			  driver, generic ? "generic" : "native",
			  strerror(-err));
}
