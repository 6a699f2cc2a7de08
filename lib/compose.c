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

/* Adds one tenant's object, under the names of its place. */
static int add_part(struct cham *h, struct bpf_linker *linker,
		    const struct cham_part *part)
{
	char file[128], placed[128];
	struct cham_object *o;
	int fd, err;

	cham_part__path(file, sizeof(file), part->tenant);
	err = cham_object__open(h, file, &o);
	if (err)
		return err;
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
		err = linked(h, file, bpf_linker__add_file(linker, placed, NULL));
	}
	unlink(placed);
	cham_object__close(o);
	return err;
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
	snprintf(out, size, CHAM_PROGRAMS_DIR "/.datapath.%d", getpid());
	cham_log_begin();
	linker = bpf_linker__new(out, NULL);
	err = linked(h, base, linker ? bpf_linker__add_file(linker, base, NULL) : -errno);
	for (i = 0; !err && i < parts->n; i++)
		if (!parts->part[i].inlined)
			err = add_part(h, linker, &parts->part[i]);
	if (!err) {
		cham_log_begin();
		err = linked(h, "the datapath", bpf_linker__finalize(linker));
	}
	bpf_linker__free(linker);
	if (err)
		unlink(out);
	return err;
}
