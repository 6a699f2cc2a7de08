// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/* Loading the datapath object, and saying why a device would not take it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "chamelio_kfunc.h"
#include "datapath.h"

#define LOG_TAIL 1000

#define CONSTANTS "cham_composition"

/* The end of what libbpf said: the verifier puts its verdict there. */
static char log_tail[LOG_TAIL];

/* Of a verifier's log: whose function it was in, and which line of the source. */
static char log_where[160];

static void keep_where(const char *log)
{
	const char *line, *at, *func = NULL, *place = NULL;
	char hook[16];

	for (line = log; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, "Validating ", 11)) {
			func = line + 11;
			place = NULL;
		} else if (*line == ';') {
			at = strstr(line, " @ ");
			if (at && at < line + strcspn(line, "\n"))
				place = at + 3;
		}
	}
	log_where[0] = '\0';
	if (func && sscanf(func, "cham_%15[a-z]_", hook) == 1)
		snprintf(log_where, sizeof(log_where), ": %s%s%.*s", hook, place ? ", " : "",
			 place ? (int)strcspn(place, "\n") : 0, place ? place : "");
}

static int keep_tail(enum libbpf_print_level level, const char *fmt,
		     va_list ap)
{
	size_t n, have;
	char *line;

	/* A verifier's log is one call, and its end is what counts. */
	if (level == LIBBPF_DEBUG || vasprintf(&line, fmt, ap) < 0)
		return 0;
	n = strlen(line);
	have = strlen(log_tail);
	if (strstr(line, "\nprocessed "))
		keep_where(line);
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
	free(line);
	return 0;
}

static libbpf_print_fn_t log_before;

void cham_log_begin(void)
{
	log_tail[0] = '\0';
	log_before = libbpf_set_print(keep_tail);
}

const char *cham_log_end(void)
{
	libbpf_set_print(log_before);
	return log_tail;
}

/* The verifier shows who may load where maps are; a tenant that submits hears what it says. */
static void hide_addresses(char *log)
{
	char *at = log;

	while ((at = strstr(at, "(18) r"))) {
		at += 6;
		at += strspn(at, "0123456789");
		if (strncmp(at, " = 0xffff", 9))
			continue;
		at += 9;
		memset(at, 'x', strspn(at, "0123456789abcdef"));
	}
}

/* What the verifier minds, and the end of its log; what libbpf said, when it was not the
 * verifier.
 */
static void verdict(int err, char *text, size_t size)
{
	char *end = strstr(log_tail, "\nprocessed "), *at = end, *from = log_tail;

	hide_addresses(log_tail);
	if (!end) {
		snprintf(text, size, "load: %s\n%s", strerror(-err), log_tail);
		return;
	}
	while (at > log_tail && at[-1] != '\n')
		at--;
	/* The log's beginning is half a line, or libbpf's. */
	if (strlen(log_tail) == LOG_TAIL - 1)
		from = strchr(log_tail, '\n') + 1;
	else if (strstr(log_tail, "LOG --\n"))
		from = strstr(log_tail, "LOG --\n") + 7;
	snprintf(text, size, "the kernel's verifier refuses it%s: %.*s\n%.*s", log_where,
		 (int)(end - at), at, end > from ? (int)(end - from) : 0, from);
}

/* Where it is in .rodata of @size bytes, or -1. */
static int find_constants(struct bpf_object *obj, size_t size)
{
	const struct btf *btf = bpf_object__btf(obj);
	int i, id = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
	const struct btf_type *sec = id < 0 ? NULL : btf__type_by_id(btf, id);
	const struct btf_var_secinfo *vi = sec ? btf_var_secinfos(sec) : NULL;

	for (i = 0; sec && i < btf_vlen(sec); i++, vi++) {
		const struct btf_type *var = btf__type_by_id(btf, vi->type);

		if (!strcmp(btf__name_by_offset(btf, var->name_off), CONSTANTS) &&
		    vi->size == sizeof(struct cham_composition) &&
		    vi->offset <= size && vi->size <= size - vi->offset)
			return vi->offset;
	}
	return -1;
}

/* What this composition is, before the kernel freezes it. */
static int set_constants(struct bpf_object *obj, const struct cham_parts *parts)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, ".rodata");
	struct cham_composition *c;
	const void *initial;
	size_t size = 0;
	unsigned int i;
	char *data;
	int at, err;

	initial = map ? bpf_map__initial_value(map, &size) : NULL;
	at = initial ? find_constants(obj, size) : -1;
	if (at < 0)
		return -ENOENT;
	data = malloc(size);
	if (!data)
		return -ENOMEM;
	memcpy(data, initial, size);
	c = (void *)(data + at);
	c->first = parts->number * CHAM_CELLS + 1;
	for (i = 0; i < parts->n; i++)
		c->layouts[parts->part[i].cell - 1] = parts->part[i].layout;
	err = bpf_map__set_initial_value(map, data, size);
	free(data);
	return err;
}

static int load(struct cham *h, const char *path, const struct cham_parts *parts,
		const char *const *names, int *progs, struct bpf_object **objp)
{
	/* A linked one has no name of its own. */
	LIBBPF_OPTS(bpf_object_open_opts, named, .object_name = "chamelio");
	struct bpf_program *prog;
	struct bpf_object *obj;
	char said[LOG_TAIL + 400];
	int i, err;

	obj = bpf_object__open_file(path, &named);
	if (!obj) {
		/* libbpf has errors of its own, which are no errno */
		err = errno < 4000 ? -errno : -EINVAL;
		return cham__fail(h, err, "%s\n%s", strerror(-err), log_tail);
	}
	for (i = 0; names[i]; i++) {
		if (bpf_object__find_program_by_name(obj, names[i]))
			continue;
		bpf_object__close(obj);
		return cham__fail(h, -ENOENT, "has no program \"%s\"", names[i]);
	}
	err = set_constants(obj, parts);
	if (err) {
		bpf_object__close(obj);
		return cham__fail(h, err, CONSTANTS ": %s; not of this version?",
				  strerror(-err));
	}
	err = cham_maps__take(h, obj, parts);
	if (err) {
		bpf_object__close(obj);
		return err;
	}
	err = bpf_object__load(obj);
	if (err) {
		bpf_object__close(obj);
		if (err == -EPERM)
			return cham__fail(h, err,
					  "loading needs CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN");
		verdict(err, said, sizeof(said));
		return cham__fail(h, err, "%s", said);
	}
	for (i = 0; names[i]; i++) {
		struct bpf_prog_info info = { 0 };
		uint32_t len = sizeof(info);

		prog = bpf_object__find_program_by_name(obj, names[i]);
		progs[i] = bpf_program__fd(prog);
		/* To libbpf that is optional. Without it no function is verified by itself. */
		if (bpf_obj_get_info_by_fd(progs[i], &info, &len) || !info.btf_id ||
		    !info.nr_func_info) {
			bpf_object__close(obj);
			return cham__fail(h, -EINVAL,
					  "the kernel does not take its type information\n%s",
					  log_tail);
		}
	}
	*objp = obj;
	return 0;
}

int cham_load_object(struct cham *h, const char *path, const struct cham_parts *parts,
		     const char *const *names, int *progs, struct bpf_object **obj)
{
	int err;

	cham_log_begin();
	err = load(h, path, parts, names, progs, obj);
	cham_log_end();
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
