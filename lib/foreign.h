/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* What a handler uses and does not define: said alike of an object and of bitcode. */
#ifndef CHAM_FOREIGN_H
#define CHAM_FOREIGN_H

#include <string.h>

/**
 * cham_foreign() - why a handler may not use a symbol
 * @name: it
 * @section: where it says that it is, "" for nowhere
 *
 * Return: the end of a sentence that begins with the name.
 */
static inline const char *cham_foreign(const char *name, const char *section)
{
	static const char *const library[] = { "bcmp", "memcmp", "memcpy", "memmove", "memset" };
	static const char *const why[] = {
		"is a kfunc or a variable of the kernel: a handler calls helpers and its own functions",
		"is a map of somebody else: a program has its own, defined in the object",
		"is of the C library, which there is none of, and the compiler calls it for what is long or of unknown length: have a loop with a bound",
		"is somebody else's: a program has its own functions and data, defined in the object",
	};
	unsigned int k;

	if (!strcmp(section, ".ksyms"))
		return why[0];
	if (!strcmp(section, ".maps"))
		return why[1];
	for (k = 0; k < sizeof(library) / sizeof(library[0]); k++)
		if (!strcmp(name, library[k]))
			return why[2];
	return why[3];
}

#endif
