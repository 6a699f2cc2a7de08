/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* A tool at work on what a tenant wrote, in a child that can do little else. */
#ifndef CHAM_JAIL_H
#define CHAM_JAIL_H

#include "internal.h"

#define CHAM_JAIL_MEMORY	1024	/* MB of address space */
#define CHAM_JAIL_CPU		60	/* seconds of CPU time; less if the caller has less */
#define CHAM_JAIL_TIME		300	/* seconds, for who sleeps or shares its processor */
#define CHAM_JAIL_OUT		64	/* MB that it may write */
#define CHAM_JAIL_IN		40	/* files that it is given */

/* Bytes without a name in any file system; what is sealed stays as it is. */
int cham_memfd(struct cham *h, const void *data, size_t size, bool seal);

#define CHAM_FD_PATH_SIZE	32
/* A name of it, for who opens by names. Return: @path. */
const char *cham_fd_path(char path[static CHAM_FD_PATH_SIZE], int fd);

/**
 * struct cham_jail - a tool, and what it is given
 * @tool:   its path
 * @argv:   its arguments; a file that it is given is "/proc/self/fd/3" and so on
 * @in:     descriptors of these files
 * @n_in:   how many
 * @out:    descriptor of a file: its standard output, all that it can write
 * @said:   what it said, as far as it fits
 * @size:   room for that
 */
struct cham_jail {
	const char *tool;
	const char *const *argv;
	const int *in;
	unsigned int n_in;
	int out;
	char *said;
	size_t size;
};

/* Return: 0; a negative errno when it failed, and what it said is in @j, or when
 * it was ended or could not be confined, and that is in @said, too.
 */
int cham_jail__run(const struct cham_jail *j);
/* PREFIX of a tool PREFIX/bin/NAME, that has its libraries and headers below PREFIX; to be
 * freed. NULL and errno: there is no such tool.
 */
char *cham_jail__prefix(const char *tool);
/* Has this kernel Landlock, so that the tool sees the compiler's files alone? */
bool cham_jail__landlock(void);

#endif
