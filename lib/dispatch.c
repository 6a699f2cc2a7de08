// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * Compositions beside each other: xdp/dispatch.bpf.c on the uplink, and what it knows.
 *
 *	CHAM_DATAPATH_DIR/cham_dispatch		the program
 *	CHAM_DATAPATH_DIR/cham_uplinks		each composition's program for the uplink
 *	CHAM_DATAPATH_DIR/cham_by_vni		a byte for each VNI, by cham_vni_index():
 *						which of them
 *
 * A byte that is old or wrong costs time and nothing else: every composition is a
 * whole datapath, and what it has no handler for Linux forwards.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "chamelio_kfunc.h"
#include "datapath.h"

#define OBJECT	"dispatch.bpf.o"
#define VNIS	(CHAM_VNI_MAX + 1)

/* The program last: when it is there, all are. */
enum { UPLINKS, BY_VNI, PROG, PINS };

static const char *const names[PINS] = { "cham_uplinks", "cham_by_vni", "cham_dispatch" };
/* cham_by_vni is all that is in it. */
static const char *const maps[PINS] = { [UPLINKS] = "cham_uplinks", [BY_VNI] = ".bss" };

struct cham_dispatch {
	int fd[PINS];
	uint8_t *number;	/* by VNI */
};

static const char *pin(unsigned int i)
{
	static char path[128];

	snprintf(path, sizeof(path), CHAM_DATAPATH_DIR "/%s", names[i]);
	return path;
}

/* Loads it, and pins it: the maps live as long as that. */
static int make(struct cham *h, const char *base)
{
	struct bpf_object *obj = NULL;
	char path[4096];
	unsigned int i;
	int fd, err;

	err = cham_file__beside(h, base, OBJECT, path, sizeof(path));
	if (err)
		return err;
	cham_log_begin();
	obj = bpf_object__open_file(path, NULL);
	err = obj ? bpf_object__load(obj) : -errno;
	if (err)
		cham__fail(h, err, "%s: %s\n%s", path, strerror(-err), cham_log_end());
	else
		cham_log_end();
	/* Somebody may have died here. */
	if (!err)
		cham_dispatch__remove();
	for (i = 0; !err && i < PINS; i++) {
		fd = i == PROG ?
		     bpf_program__fd(bpf_object__find_program_by_name(obj, names[i])) :
		     bpf_object__find_map_fd_by_name(obj, maps[i]);
		if (fd < 0)
			err = cham__fail(h, -ENOENT, "%s: has no %s", path, names[i]);
		else if (bpf_obj_pin(fd, pin(i)))
			err = cham__fail(h, -errno, "pin %s: %s", pin(i), strerror(errno));
	}
	bpf_object__close(obj);
	if (err)
		cham_dispatch__remove();
	return err;
}

int cham_dispatch__open(struct cham *h, const char *base, struct cham_dispatch **dp)
{
	struct cham_dispatch *d;
	unsigned int i;
	int err = 0;

	*dp = NULL;
	if (access(pin(PROG), F_OK)) {
		if (!base)
			return 0;
		err = make(h, base);
		if (err)
			return err;
	}
	d = calloc(1, sizeof(*d));
	if (!d)
		return cham__fail(h, -ENOMEM, "%s", strerror(ENOMEM));
	d->number = MAP_FAILED;
	for (i = 0; i < PINS; i++) {
		d->fd[i] = bpf_obj_get(pin(i));
		if (d->fd[i] < 0)
			err = cham__fail(h, -errno, "%s: %s", pin(i), strerror(errno));
	}
	if (!err) {
		d->number = mmap(NULL, VNIS, PROT_READ | PROT_WRITE, MAP_SHARED,
				 d->fd[BY_VNI], 0);
		if (d->number == MAP_FAILED)
			err = cham__fail(h, -errno, "%s: %s", pin(BY_VNI), strerror(errno));
	}
	if (!err)
		*dp = d;
	else
		cham_dispatch__close(d);
	return err;
}

void cham_dispatch__close(struct cham_dispatch *d)
{
	unsigned int i;

	if (!d)
		return;
	if (d->number != MAP_FAILED)
		munmap(d->number, VNIS);
	for (i = 0; i < PINS; i++)
		if (d->fd[i] >= 0)
			close(d->fd[i]);
	free(d);
}

void cham_dispatch__remove(void)
{
	unsigned int i;

	for (i = PINS; i--;)
		unlink(pin(i));
}

int cham_dispatch__prog(const struct cham_dispatch *d)
{
	return d->fd[PROG];
}

int cham_dispatch__set(struct cham *h, struct cham_dispatch *d, unsigned int number, int prog)
{
	uint32_t key = number, value = prog;
	int err = prog < 0 ? bpf_map_delete_elem(d->fd[UPLINKS], &key) :
			     bpf_map_update_elem(d->fd[UPLINKS], &key, &value, BPF_ANY);

	if (!err || (prog < 0 && errno == ENOENT))
		return 0;
	return cham__fail(h, -errno, "%s: composition %u: %s", pin(UPLINKS), number,
			  strerror(errno));
}

struct aim {
	struct cham_dispatch *d;
	const struct cham_plan *plan;
};

static int aim_one(const struct cham_tenant *t, void *arg)
{
	const struct aim *a = arg;

	__atomic_store_n(&a->d->number[cham_vni_index(t->vni)],
			 cham_plan__number(a->plan, t->id), __ATOMIC_RELAXED);
	return 0;
}

int cham_dispatch__aim(struct cham *h, struct cham_dispatch *d, const struct cham_plan *plan)
{
	struct aim a = { d, plan };

	return cham_tenant__for_each(h, aim_one, &a);
}
