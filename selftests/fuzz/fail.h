/* SPDX-License-Identifier: GPL-2.0 */
/* For targets that are linked with the library's: what it says is kept, libbpf's is not. */
#ifndef CHAM_FUZZ_FAIL_H
#define CHAM_FUZZ_FAIL_H

#include <stdarg.h>

#include <bpf/libbpf.h>
#include "../../lib/internal.h"
#include "fuzz.h"

static char said[512];

int cham__fail(struct cham *h, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(said, sizeof(said), fmt, ap);
	va_end(ap);
	must(err < 0, "fails with %d", err);
	return err;
}

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

#endif
