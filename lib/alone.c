// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * A program gets so many instructions of the verifier's, and a composition is one: who
 * takes more than a share of them would keep neighbours from loading theirs. So each
 * tenant's handlers are verified by themselves first, and a refusal is the tenant's own.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "datapath.h"
#include "jail.h"
#include "object.h"

#define OBJECT	"alone.bpf.o"

static const char *const names[] = { "cham_alone", NULL };

static int too_many(struct cham *h, const struct cham_object *o, uint32_t insns)
{
	return cham__fail(h, -E2BIG,
			  "%s: the verifier follows %u instructions%s, on all ways through it; a tenant's share is %u. See handlers.md, \"What is admitted\"",
			  o->path, insns, insns < 1000000 ? "" : " and more",
			  CHAM_SHARE_VERIFIED);
}

static int judge(struct cham *h, const char *path, const struct cham_object *o,
		 const struct cham_parts *parts, uint32_t *verified)
{
	struct bpf_prog_info info = { 0 };
	struct bpf_object *obj = NULL;
	uint32_t len = sizeof(info);
	int prog, err;

	err = cham_load_object(h, path, parts, names, &prog, &obj);
	if (err == -EPERM)
		return err;
	if (err == -E2BIG && strstr(cham__last_error(h), "program is too large"))
		return too_many(h, o, 1000000);
	if (err)
		return cham__fail(h, err == -ENOENT ? -EINVAL : err,
				  "%s: %s", o->path,
				  cham__last_error(h));
	if (bpf_obj_get_info_by_fd(prog, &info, &len))
		err = cham__fail(h, -errno, "%s: %s", path, strerror(errno));
	else if (info.verified_insns > CHAM_SHARE_VERIFIED)
		err = too_many(h, o, info.verified_insns);
	*verified = info.verified_insns;
	bpf_object__close(obj);
	return err;
}

int cham_alone(struct cham *h, const char *base, const struct cham_object *o,
	       uint32_t *verified)
{
	struct cham_parts parts = { .n = 1, .part = { { .cell = 1, .layout = 1 } } };
	char path[4096], linked[CHAM_FD_PATH_SIZE];
	int fd, err;

	err = cham_file__beside(h, base, OBJECT, path, sizeof(path));
	if (err)
		return err;
	/* Not that it could not be asked: it is the object that is at fault. */
	fd = cham_compose_one(h, path, o, &parts.part[0]);
	if (fd < 0)
		return fd == -ENOMEM ? fd : -EINVAL;
	err = judge(h, cham_fd_path(linked, fd), o, &parts, verified);
	close(fd);
	return err;
}
