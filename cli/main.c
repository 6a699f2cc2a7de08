// SPDX-License-Identifier: GPL-2.0
/* chamctl: options, the table of objects, abbreviation, errors. */
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static const struct object objects[] = {
	{ "tenant",   tenant_cmds,   "tenants: networks, weights, quotas" },
	{ "port",     port_cmds,     "ports: vDPA devices and representors" },
	{ "uplink",   uplink_cmds,   "NICs that carry the tunnels" },
	{ "conn",     conn_cmds,     "cached connections" },
	{ "fdb",      fdb_cmds,      "where MAC addresses are" },
	{ "datapath", datapath_cmds, "the XDP programs on uplinks and ports" },
	{ "prog",     prog_cmds,     "tenants' protocols in the datapath" },
	{ "stat",     stat_cmds,     "packets, cycles and reasons by tenant" },
	{ "monitor",  monitor_cmds,  "notifications as they happen" },
	{ "down",     down_cmds,     "take everything down" },
	{ "save",     save_cmds,     "write the configuration to a file" },
	{ "restore",  restore_cmds,  "make it as a file says" },
	{ "doctor",   doctor_cmds,   "does this host have what it takes" },
	{ NULL, NULL, NULL },
};

int ctl_fail(struct ctl *c, int code, const char *fmt, ...)
{
	struct json j = { .f = stdout, .pretty = c->pretty };
	char text[1536];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (c->why) {
		snprintf(c->why, c->why_size, "%s", text);
		return code;
	}
	fprintf(stderr, "Error: %s.\n", text);
	if (c->json) {
		json_open(&j, NULL, '{');
		json_str(&j, "error", text);
		json_close(&j, '}');
		putchar('\n');
	}
	return code;
}

int ctl_kernel(struct ctl *c)
{
	return ctl_fail(c, EXIT_KERNEL, "chamelio: %s", cham__last_error(c->h));
}

/* *@err: why it is not connected */
static int handle(struct ctl *c, int *err)
{
	*err = c->h ? 0 : cham__open(&c->h);
	return c->h ? 0 : ctl_fail(c, EXIT_KERNEL, "out of memory");
}

int ctl_handle(struct ctl *c)
{
	int err;

	return handle(c, &err);
}

int ctl_open(struct ctl *c)
{
	int err, ret = handle(c, &err);

	return !ret && err ? ctl_kernel(c) : ret;
}

int ctl_walked(struct ctl *c, int err)
{
	if (err < 0)
		return ctl_kernel(c);
	if (cham__interrupted(c->h))
		c->again = true;
	return 0;
}

static void usage(FILE *f)
{
	const struct object *o;

	fputs("Usage: chamctl [-j] [-p] [-V] OBJECT [COMMAND] [ARGUMENTS]\n"
	      "       chamctl OBJECT help\nOBJECT :=\n", f);
	for (o = objects; o->name; o++)
		fprintf(f, "    %-10s%s\n", o->name, o->help);
	fputs("-j, --json JSON; -p, --pretty indented; -V, --version\n", f);
}

static int object_usage(const struct object *o)
{
	const struct cmd *m;

	for (m = o->cmds; m->name; m++)
		printf("%s chamctl %s %s%s%s\n",
		       m == o->cmds ? "Usage:" : "      ", o->name, m->name,
		       m->args[0] ? " " : "", m->args);
	return 0;
}

/* What completion and the tests know of us. */
static int table(void)
{
	const struct object *o;
	const struct cmd *m;

	for (o = objects; o->name; o++)
		for (m = o->cmds; m->name; m++)
			printf("%s\t%s\t%s\n", o->name, m->name, m->args);
	return 0;
}

struct names {
	const char *name;
	char list[256];
	int found;
};

static void consider(struct names *n, const char *word, const char *name,
		     bool *exact)
{
	size_t len = strlen(n->list);

	if (!strcmp(word, name)) {
		*exact = true;
		n->name = name;
	} else if (!*exact && !strncmp(word, name, strlen(word))) {
		n->found++;
		n->name = name;
		snprintf(n->list + len, sizeof(n->list) - len, "%s%s",
			 len ? ", " : "", name);
	}
}

static const struct object *find_object(struct ctl *c, const char *word)
{
	struct names n = { 0 };
	const struct object *o;
	bool exact = false;
	char all[256] = "";
	size_t len = 0;

	for (o = objects; o->name; o++) {
		consider(&n, word, o->name, &exact);
		len += snprintf(all + len, sizeof(all) - len, "%s%s",
				len ? ", " : "", o->name);
	}
	if (!exact && n.found > 1) {
		ctl_fail(c, EXIT_SYNTAX, "\"%s\" is ambiguous: %s", word,
			 n.list);
		return NULL;
	}
	for (o = objects; o->name; o++)
		if (n.name && !strcmp(o->name, n.name))
			return o;
	ctl_fail(c, EXIT_SYNTAX, "object \"%s\" is unknown; accepted: %s",
		 word, all);
	return NULL;
}

static const struct cmd *find_cmd(struct ctl *c, const struct object *o,
				  const char *word)
{
	struct names n = { 0 };
	const struct cmd *m;
	bool exact = false;
	char all[256] = "";
	size_t len = 0;

	for (m = o->cmds; m->name; m++) {
		consider(&n, word, m->name, &exact);
		len += snprintf(all + len, sizeof(all) - len, "%s, ", m->name);
	}
	if (!exact && n.found > 1) {
		ctl_fail(c, EXIT_SYNTAX, "\"%s %s\" is ambiguous: %s",
			 o->name, word, n.list);
		return NULL;
	}
	for (m = o->cmds; m->name; m++)
		if (n.name && !strcmp(m->name, n.name))
			return m;
	ctl_fail(c, EXIT_SYNTAX,
		 "command \"%s %s\" is unknown; accepted: %shelp", o->name,
		 word, all);
	return NULL;
}

/* Into memory; without changing anything, so that it can be done again. */
static int collect(struct ctl *c, const struct cmd *m, int argc, char **argv,
		   char **text, size_t *size)
{
	int ret;

	*text = NULL;
	c->j = (struct json){ .f = open_memstream(text, size),
			      .pretty = c->pretty };
	if (!c->j.f)
		return ctl_fail(c, EXIT_KERNEL, "out of memory");
	c->again = false;
	ret = m->run(c, argc, argv);
	if (fclose(c->j.f) && !ret)
		ret = ctl_fail(c, EXIT_KERNEL, "out of memory");
	return ret;
}

static bool streams(const struct cmd *m)
{
	return m == monitor_cmds || m == stat_cmds || m == down_cmds ||
	       m == down_cmds + 1 || m == doctor_cmds || m == restore_cmds ||
	       m == prog_cmds + 1;
}

/*
 * An answer is printed whole or, when the kernel fails half-way, not at all.
 * Only commands that show something ever ask for another try.
 */
static int run(struct ctl *c, const struct cmd *m, int argc, char **argv)
{
	int ret, tries = 3;
	size_t size = 0;
	char *text;

	if (streams(m)) {
		c->j = (struct json){ .f = stdout, .pretty = c->pretty };
		ret = m->run(c, argc, argv);
	} else {
		while ((ret = collect(c, m, argc, argv, &text, &size)) == 0 &&
		       c->again && --tries)
			free(text);
		if (!ret && size) {
			fwrite(text, 1, size, stdout);
			if (c->json)
				putchar('\n');
		}
		free(text);
	}
	if (!ret && c->again)
		fprintf(stderr,
			"Warning: objects changed while they were listed; the list may be incomplete.\n");
	/* What a write has lost a later flush does not tell. */
	if ((fflush(stdout) || ferror(stdout)) && !ret) {
		fprintf(stderr, "Error: standard output did not take all of it.\n");
		ret = EXIT_KERNEL;
	}
	return ret;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "pretty", no_argument, NULL, 'p' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct ctl c = { 0 };
	const struct object *o;
	const struct cmd *m;
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "+jpVh", longs, NULL)) != -1) {
		switch (opt) {
		case 'j':
			c.json = true;
			break;
		case 'p':
			c.pretty = true;
			break;
		case 'V':
			printf("chamctl %s\n", CHAM_VERSION);
			return 0;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return EXIT_SYNTAX;
		}
	}
	argc -= optind;
	argv += optind;
	if (!argc) {
		usage(stderr);
		return EXIT_SYNTAX;
	}
	if (!strcmp(argv[0], "help")) {
		usage(stdout);
		return 0;
	}
	if (!strcmp(argv[0], "__commands"))
		return table();
	o = find_object(&c, argv[0]);
	if (!o)
		return EXIT_SYNTAX;
	argc--;
	argv++;
	m = o->cmds;
	if (argc && !strcmp(argv[0], "help"))
		return object_usage(o);
	/* Those with one command may leave it out: stat -w 1, monitor conn. */
	if (argc && (m[1].name ||
		     (*argv[0] && !strncmp(m->name, argv[0], strlen(argv[0]))))) {
		m = find_cmd(&c, o, argv[0]);
		if (!m)
			return EXIT_SYNTAX;
		argc--;
		argv++;
	}
	ret = run(&c, m, argc, argv);
	cham__close(c.h);
	return ret;
}
