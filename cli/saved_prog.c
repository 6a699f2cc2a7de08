// SPDX-License-Identifier: GPL-2.0
/*
 * Programs in the saved configuration: what each was made from, so that it is judged
 * anew, by the rules and for the datapath of whoever restores it.
 */
#include <errno.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "saved.h"

json_t *save_program(struct ctl *c, const struct cham_prog *p)
{
	json_t *o = NULL;
	uint8_t *data;
	size_t size;
	char *text;
	int n;

	if (cham_prog__read(c->h, p->tenant_id, &data, &size)) {
		ctl_kernel(c);
		return NULL;
	}
	n = (size + 2) / 3 * 4 + 1;
	text = malloc(n);
	if (text && b64_ntop(data, size, text, n) >= 0)
		o = json_pack("{s:s, s:s, s:s}", "tenant", p->tenant_name, "name", p->name,
			      "base64", text);
	if (!o)
		ctl_fail(c, EXIT_KERNEL, "out of memory");
	free(text);
	free(data);
	return o;
}

/* Return: 0, or a negative errno with the text in @e. The caller frees @data. */
static int decode(const json_t *o, const char **tenant, uint8_t **data, int *size,
		  json_error_t *e)
{
	const char *name, *text;
	size_t n;

	if (json_unpack_ex((json_t *)o, e, 0, "{s:s, s:s, s:s !}", "tenant", tenant, "name",
			   &name, "base64", &text))
		return -EINVAL;
	n = strlen(text) / 4 * 3;
	*data = n <= CHAM_PROG_FILE_MAX ? malloc(n + 1) : NULL;
	*size = *data ? b64_pton(text, *data, n) : -1;
	if (*size > 0)
		return 0;
	free(*data);
	snprintf(e->text, sizeof(e->text),
		 "base64 of a program of 1 to %d bytes is expected", CHAM_PROG_FILE_MAX);
	return -EINVAL;
}

int check_program(const json_t *o, json_error_t *e)
{
	const char *tenant;
	uint8_t *data;
	int size;

	if (decode(o, &tenant, &data, &size, e))
		return -EINVAL;
	free(data);
	return 0;
}

static int load(struct ctl *c, const char *object, uint32_t tenant, const uint8_t *data,
		int size)
{
	char path[] = CHAM_STATE_DIR "/restored.XXXXXX";
	int fd = mkstemp(path), ret;
	ssize_t n = fd < 0 ? -1 : write(fd, data, size);

	if (n == size && !close(fd))
		ret = cham_prog__load(c->h, object, tenant, path) ? ctl_kernel(c) : 0;
	else
		ret = ctl_fail(c, EXIT_KERNEL, "%s: %s", path,
			       n < 0 ? strerror(errno) : "not written whole");
	if (fd >= 0)
		unlink(path);
	return ret;
}

enum status make_program(struct ctl *c, const char *object, const json_t *o)
{
	struct cham_prog p = { .sz = sizeof(p) };
	uint8_t *data, *had = NULL;
	const char *tenant;
	enum status s = MADE;
	size_t had_size;
	json_error_t e;
	uint32_t id;
	int size;

	if (decode(o, &tenant, &data, &size, &e))
		return FAILED;	/* checked before: no memory */
	if (need_tenant(c, tenant, &id)) {
		free(data);
		return FAILED;
	}
	if (!cham_prog__get(c->h, id, &p)) {
		s = CHANGED;
		if (!cham_prog__read(c->h, id, &had, &had_size) &&
		    had_size == (size_t)size && !memcmp(had, data, size))
			s = KEPT;
		free(had);
	}
	if (s != KEPT && load(c, object, id, data, size))
		s = FAILED;
	free(data);
	return s;
}
