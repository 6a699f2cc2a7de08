/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* What others wrote, before a terminal or a parser gets it. Not installed. */
#ifndef CHAM_TEXT_H
#define CHAM_TEXT_H

#include <stddef.h>

/**
 * cham_utf8() - the character that a text begins with
 * @s: the text, not empty
 *
 * Return: its bytes; 0 when it is not UTF-8 (RFC 3629), or controls what shows it: C0, C1
 * and DEL, and the marks by which Unicode changes direction.
 */
static inline size_t cham_utf8(const char *s)
{
	const unsigned char *c = (const unsigned char *)s;
	size_t n = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 :
		   c[0] < 0xf5 ? 4 : 0, i;

	for (i = 1; i < n; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	switch (c[0]) {
	case 0xc2:
		return c[1] >= 0xa0 ? n : 0;
	case 0xe0:
		return c[1] >= 0xa0 ? n : 0;
	case 0xe2:
		return (c[1] == 0x80 && c[2] >= 0xa8 && c[2] <= 0xae) ||
		       (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9) ? 0 : n;
	case 0xed:
		return c[1] < 0xa0 ? n : 0;
	case 0xf0:
		return c[1] >= 0x90 ? n : 0;
	case 0xf4:
		return c[1] < 0x90 ? n : 0;
	}
	return n == 1 && (c[0] < 0x20 || c[0] == 0x7f) ? 0 : n;
}

/* Makes of @s what can be shown: anything else, but for tabs and lines' ends, becomes '?'. */
static inline void cham_printable(char *s)
{
	size_t n;

	for (; *s; s += n) {
		n = *s == '\n' || *s == '\t' ? 1 : cham_utf8(s);
		if (!n) {
			*s = '?';
			n = 1;
		}
	}
}

/* A name has no lines, either: what is behind one would be somebody else's. */
static inline void cham_printable_name(char *s)
{
	char *p;

	for (p = s; *p; p++)
		if (*p == '\n' || *p == '\t')
			*p = '?';
	cham_printable(s);
}

#endif
