// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The linked tier: one object of the provider's and the tenants'.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "datapath.h"
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
	char placed[128];
	int fd, err;

	snprintf(placed, sizeof(placed), CHAM_PROGRAMS_DIR "/.%u.placed", part->tenant);
	fd = open(placed, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0) {
		err = cham__fail(h, -errno, "%s: %s", placed, strerror(errno));
	} else {
		err = cham_object__place(h, o, part->tenant, part->cell, fd);
		close(fd);
	}
	if (!err) {
		cham_log_begin();
		err = linked(h, o->path, bpf_linker__add_file(linker, placed, NULL));
	}
	unlink(placed);
	return err;
}

static int add_part(struct cham *h, struct bpf_linker *linker, const struct cham_part *part)
{
	struct cham_object *o;
	char file[128];
	int err;

	cham_part__path(file, sizeof(file), part->tenant);
	err = cham_object__open(h, file, &o);
	if (err)
		return err;
	err = add_object(h, linker, o, part);
	cham_object__close(o);
	return err;
}

/* A linker that has @base already, for @out. */
static int begin(struct cham *h, const char *base, char *out, size_t size,
		 struct bpf_linker **linker)
{
	snprintf(out, size, CHAM_PROGRAMS_DIR "/.datapath.%d", getpid());
	cham_log_begin();
	*linker = bpf_linker__new(out, NULL);
	return linked(h, base, *linker ? bpf_linker__add_file(*linker, base, NULL) : -errno);
}

/* @err: so far. Without an error @out is there. */
static int end(struct cham *h, const char *out, struct bpf_linker *linker, int err)
{
	if (!err) {
		cham_log_begin();
		err = linked(h, "the datapath", bpf_linker__finalize(linker));
	}
	bpf_linker__free(linker);
	if (err)
		unlink(out);
	return err;
}

int cham_compose_one(struct cham *h, const char *base, const struct cham_object *o,
		     const struct cham_part *part, char *out, size_t size)
{
	struct bpf_linker *linker;
	int err = begin(h, base, out, size, &linker);

	if (!err)
		err = add_object(h, linker, o, part);
	return end(h, out, linker, err);
}

int cham_compose(struct cham *h, const char *base, const struct cham_parts *parts,
		 char *out, size_t size)
{
	struct bpf_linker *linker;
	unsigned int i, n = 0;
	int err;

	out[0] = '\0';
	for (i = 0; i < parts->n; i++)
		n += !parts->part[i].inlined;
	if (!n)
		return 0;
	err = begin(h, base, out, size, &linker);
	for (i = 0; !err && i < parts->n; i++)
		if (!parts->part[i].inlined)
			err = add_part(h, linker, &parts->part[i]);
	return end(h, out, linker, err);
}
