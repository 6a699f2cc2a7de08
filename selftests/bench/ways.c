// SPDX-License-Identifier: GPL-2.0
/*
 * Other ways for tenants' protocols into the datapath, for as long as this runs:
 *
 *	ways WAY DEV LAYOUT...
 *
 * WAY is an object below $BENCH_OBJECTS/tax: handwritten.N, freplace.N, tailcall.N.
 * DEV is an uplink that chamctl has attached the datapath to; the program of its link
 * is replaced. LAYOUT: of each tenant's areas, in the order of their cells.
 */
#include <err.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define CELLS	64

static const char *objects;

static struct bpf_object *object_open(const char *name)
{
	struct bpf_object *o;
	char path[512];

	snprintf(path, sizeof(path), "%s/tax/%s.o", objects, name);
	o = bpf_object__open_file(path, NULL);
	if (!o)
		errx(1, "%s: %s", path, strerror(errno));
	return o;
}

static struct bpf_program *prog_of(struct bpf_object *o, const char *name)
{
	struct bpf_program *p = bpf_object__find_program_by_name(o, name);

	if (!p)
		errx(1, "%s: no program %s", bpf_object__name(o), name);
	return p;
}

/* Composition 0, of all tenants. */
static void places(struct bpf_object *o, char **layouts, int n)
{
	struct bpf_map *map = bpf_object__find_map_by_name(o, ".rodata.places");
	__u32 value[1 + CELLS] = { 1 };
	int i;

	for (i = 0; i < n; i++)
		value[1 + i] = strtoul(layouts[i], NULL, 0);
	if (!map || bpf_map__set_initial_value(map, value, sizeof(value)))
		errx(1, "%s: no places of %d cells", bpf_object__name(o), CELLS);
}

/* One program each, of which the datapath knows nothing. */
static void extend(int datapath, int n)
{
	struct bpf_object *o = object_open("extension.64");
	struct bpf_program *p;
	char name[32];
	int i;

	bpf_object__for_each_program(p, o)
		bpf_program__set_autoload(p, false);
	for (i = 1; i <= n; i++) {
		snprintf(name, sizeof(name), "tax_%d", i);
		p = prog_of(o, name);
		snprintf(name, sizeof(name), "tax_place_%d", i);
		if (bpf_program__set_attach_target(p, datapath, name))
			errx(1, "freplace: no %s", name);
		bpf_program__set_autoload(p, true);
	}
	if (bpf_object__load(o))
		errx(1, "freplace: extensions are not loaded: %s", strerror(errno));
	bpf_object__for_each_program(p, o)
		if (bpf_program__autoload(p) && !bpf_program__attach(p))
			errx(1, "freplace: %s: %s", bpf_program__name(p), strerror(errno));
}

static void fill_tails(struct bpf_object *o, int n)
{
	int map = bpf_object__find_map_fd_by_name(o, "tenants"), i, prog;
	char name[32] = "tax_after";

	for (i = 0; i <= n; i++) {
		if (i)
			snprintf(name, sizeof(name), "tax_%d", i);
		prog = bpf_program__fd(prog_of(o, name));
		if (bpf_map_update_elem(map, &i, &prog, 0))
			errx(1, "tail calls: %s: %s", name, strerror(errno));
	}
}

int main(int argc, char **argv)
{
	int n = argc - 3, link, prog;
	struct bpf_object *o;
	char path[256];

	objects = getenv("BENCH_OBJECTS") ?: "build/selftests/bench";
	if (n < 1 || n > CELLS)
		errx(1, "usage: ways WAY DEV LAYOUT... (up to %d)", CELLS);
	snprintf(path, sizeof(path), "/sys/fs/bpf/chamelio/links/%s", argv[2]);
	link = bpf_obj_get(path);
	if (link < 0)
		errx(1, "%s: %s", path, strerror(errno));
	o = object_open(argv[1]);
	places(o, argv + 3, n);
	bpf_program__set_autoload(prog_of(o, "cham_port"), false);
	if (bpf_object__load(o))
		errx(1, "%s is not loaded: %s", argv[1], strerror(errno));
	prog = bpf_program__fd(prog_of(o, "cham_uplink"));
	if (!strncmp(argv[1], "freplace", 8))
		extend(prog, n);
	if (!strncmp(argv[1], "tailcall", 8))
		fill_tails(o, n);
	if (bpf_link_update(link, prog, NULL))
		errx(1, "%s: %s", argv[2], strerror(errno));
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}
