// SPDX-License-Identifier: GPL-2.0
#include "cli.h"
#include "text.h"

static void text(struct json *j, const char *s)
{
	size_t n;

	fputc('"', j->f);
	for (; *s; s += n) {
		n = cham_utf8(s);
		if (*s == '"' || *s == '\\')
			fprintf(j->f, "\\%c", *s);
		else if (n)
			fwrite(s, 1, n, j->f);
		else	/* a control character, or no character: the one in place of it */
			fprintf(j->f, "\\u%04x", (unsigned char)*s < 0x20 ? *s : 0xfffd);
		n = n ?: 1;
	}
	fputc('"', j->f);
}

static void indent(struct json *j)
{
	if (j->pretty)
		fprintf(j->f, "\n%*s", 4 * j->depth, "");
}

static void key(struct json *j, const char *name)
{
	if (j->comma)
		fputc(',', j->f);
	if (j->depth)
		indent(j);
	j->comma = true;
	if (!name)
		return;
	text(j, name);
	fputs(j->pretty ? ": " : ":", j->f);
}

void json_open(struct json *j, const char *name, char bracket)
{
	key(j, name);
	fputc(bracket, j->f);
	j->depth++;
	j->comma = false;
}

void json_close(struct json *j, char bracket)
{
	bool empty = !j->comma;

	j->depth--;
	if (!empty)
		indent(j);
	fputc(bracket, j->f);
	j->comma = true;
}

void json_str(struct json *j, const char *name, const char *value)
{
	key(j, name);
	text(j, value);
}

void json_hex(struct json *j, const char *name, const uint8_t *data, size_t n)
{
	key(j, name);
	fputc('"', j->f);
	while (n--)
		fprintf(j->f, "%02x", *data++);
	fputc('"', j->f);
}

void json_u64(struct json *j, const char *name, uint64_t value)
{
	key(j, name);
	fprintf(j->f, "%llu", (unsigned long long)value);
}

void json_bool(struct json *j, const char *name, bool value)
{
	key(j, name);
	fputs(value ? "true" : "false", j->f);
}
