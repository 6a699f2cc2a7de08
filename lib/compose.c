// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The linked tier: one object of the provider's and the tenants'. Files have no names: who
 * only judges needs no place for them, and who dies leaves none.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "datapath.h"
#include "jail.h"
#include "object.h"

/* After cham_log_begin(): what libbpf's linker answered, and said. */
static int linked(struct cham *h, const char *what, int err)
{
	const char *said = cham_log_end();

	return err ? cham__fail(h, err, "%s: cannot be linked: %s\n%s", what,
				strerror(-err), said) : 0;
}

/* Adds a tenant's object, under the names of its place. */
static int add_object(struct cham *h, struct bpf_linker *linker, const struct cham_object *o,
		      const struct cham_part *part)
{
	int fd = cham_memfd(h, NULL, 0, false), err;
	char path[CHAM_FD_PATH_SIZE];

	if (fd < 0)
		return fd;
	err = cham_object__place(h, o, part->tenant, part->cell, fd);
	if (!err) {
		cham_log_begin();
		err = linked(h, o->path,
			     bpf_linker__add_file(linker, cham_fd_path(path, fd), NULL));
	}
	close(fd);
	return err;
}

static int add_part(struct cham *h, struct bpf_linker *linker, const struct cham_part *part)
{
	struct cham_object *o;
	char file[128];
	int err;

	cham_part__path(file, sizeof(file), part->tenant, CHAM_PART_OBJECT);
	err = cham_object__open(h, file, &o);
	if (err)
		return err;
	err = add_object(h, linker, o, part);
	cham_object__close(o);
	return err;
}

/* A linker that has @base already. Return: where its output will be, or a negative errno. */
static int begin(struct cham *h, const char *base, struct bpf_linker **linker)
{
	int fd = cham_memfd(h, NULL, 0, false), err;
	char path[CHAM_FD_PATH_SIZE];

	if (fd < 0)
		return fd;
	cham_log_begin();
	*linker = bpf_linker__new(cham_fd_path(path, fd), NULL);
	err = linked(h, base, *linker ? bpf_linker__add_file(*linker, base, NULL) : -errno);
	if (!err)
		return fd;
	bpf_linker__free(*linker);
	close(fd);
	return err;
}

/* @err: so far. Return: @fd, or a negative errno, and it is closed. */
static int end(struct cham *h, int fd, struct bpf_linker *linker, int err)
{
	if (!err) {
		cham_log_begin();
		err = linked(h, "the datapath", bpf_linker__finalize(linker));
	}
	bpf_linker__free(linker);
	if (!err)
		return fd;
	close(fd);
	return err;
}

int cham_compose_one(struct cham *h, const char *base, const struct cham_object *o,
		     const struct cham_part *part)
{
	struct bpf_linker *linker;
	int fd = begin(h, base, &linker);

	return fd < 0 ? fd : end(h, fd, linker, add_object(h, linker, o, part));
}

bool cham_parts__linked(const struct cham_parts *parts)
{
	unsigned int i;

	for (i = 0; i < parts->n; i++)
		if (!parts->part[i].inlined)
			return true;
	return false;
}

int cham_compose(struct cham *h, const char *base, const struct cham_parts *parts)
{
	struct bpf_linker *linker;
	int fd = begin(h, base, &linker), err = 0;
	unsigned int i;

	if (fd < 0)
		return fd;
	for (i = 0; !err && i < parts->n; i++)
		if (!parts->part[i].inlined)
			err = add_part(h, linker, &parts->part[i]);
	return end(h, fd, linker, err);
}
