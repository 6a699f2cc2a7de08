// SPDX-License-Identifier: GPL-2.0
/* Keyword arguments as iproute2 has them; every refusal says what would do. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static int accepted(struct ctl *c, const char *word, const struct kw *kws)
{
	char list[512] = "";
	size_t n = 0;

	for (; kws->name; kws++)
		n += snprintf(list + n, sizeof(list) - n, "%s%s",
			      n ? ", " : "", kws->name);
	return ctl_fail(c, EXIT_SYNTAX, "\"%s\" is unknown; accepted: %s",
			word, n ? list : "nothing more");
}

static int number(struct ctl *c, const char *name, const char *s,
		  unsigned long max, unsigned long *v)
{
	char *end;

	errno = 0;
	*v = strtoul(s, &end, 0);
	if (*s < '0' || *s > '9' || *end || errno || *v > max)
		return ctl_fail(c, EXIT_SYNTAX,
				"%s takes a number 0..%lu, not \"%s\"", name,
				max, s);
	return 0;
}

static int words(struct ctl *c, const struct kw *k, const char *s)
{
	const char *w = k->words;
	size_t n = strlen(s), len;
	uint8_t i;

	for (i = 0; *w; i++) {
		len = strcspn(w, "|");
		if (n == len && !strncmp(w, s, n)) {
			*(uint8_t *)k->to = i;
			return 0;
		}
		w += len + (w[len] == '|');
	}
	return ctl_fail(c, EXIT_SYNTAX, "%s takes %s, not \"%s\"", k->name,
			k->words, s);
}

/* What is not said of the CHAM_AREA_SIZE bytes is zero. */
static int area(struct ctl *c, const char *s, uint8_t *to)
{
	size_t n = strlen(s), i;
	bool good = n % 2 == 0 && n <= 2 * CHAM_AREA_SIZE;

	memset(to, 0, CHAM_AREA_SIZE);
	for (i = 0; good && i < n; i += 2)
		good = isxdigit((unsigned char)s[i]) && sscanf(s + i, "%2hhx", &to[i / 2]) == 1 &&
		       isxdigit((unsigned char)s[i + 1]);
	if (!good)
		return ctl_fail(c, EXIT_SYNTAX,
				"area takes up to %d bytes in hex, not \"%s\"",
				CHAM_AREA_SIZE, s);
	return 0;
}

static int proto(struct ctl *c, const char *s, uint8_t *to)
{
	static const struct { const char *name; uint8_t n; } known[] = {
		{ "tcp", IPPROTO_TCP }, { "udp", IPPROTO_UDP },
		{ "icmp", IPPROTO_ICMP }, { "icmpv6", IPPROTO_ICMPV6 },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(s, known[i].name)) {
			*to = known[i].n;
			return 0;
		}
	return ctl_fail(c, EXIT_SYNTAX,
			"proto takes tcp, udp, icmp or icmpv6, not \"%s\"", s);
}

static int tcp_state(struct ctl *c, const char *s, uint8_t *to)
{
	char list[256] = "";
	const char *name;
	unsigned int i;
	size_t n = 0;

	for (i = 1; (name = cham_tcp_state__name(i)); i++) {
		if (!strcmp(s, name)) {
			*to = i;
			return 0;
		}
		n += snprintf(list + n, sizeof(list) - n, "%s%s", n ? ", " : "",
			      name);
	}
	return ctl_fail(c, EXIT_SYNTAX, "state takes one of %s, not \"%s\"", list,
			s);
}

int mac_parse(const char *text, uint8_t *to)
{
	int i;

	if (strlen(text) != 17)
		return -EINVAL;
	for (i = 0; i < 17; i++)
		if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
			return -EINVAL;
	for (i = 0; i < 6; i++)
		to[i] = strtoul(text + 3 * i, NULL, 16);
	return 0;
}

static int mac(struct ctl *c, const char *s, uint8_t *to)
{
	if (mac_parse(s, to))
		return ctl_fail(c, EXIT_SYNTAX,
				"a MAC address looks like 02:00:00:00:00:01, not \"%s\"",
				s);
	return 0;
}

/* ADDRESS, or ADDRESS/LENGTH. */
static int prefix(struct ctl *c, const char *name, const char *s, struct prefix *to)
{
	const char *slash = strchr(s, '/');
	unsigned long bits = 0;
	char text[64];
	int err;

	snprintf(text, sizeof(text), "%.*s", slash ? (int)(slash - s) : 63, s);
	if (cham_addr__parse(&to->addr, text))
		return ctl_fail(c, EXIT_SYNTAX,
				"%s takes an IP address, and /LENGTH if it is a prefix, not \"%s\"",
				name, s);
	err = slash ? number(c, "a prefix' length", slash + 1, to->addr.len * 8, &bits) : 0;
	to->bits = slash ? bits : to->addr.len * 8;
	return err;
}

/* N, or FIRST-LAST. */
static int range(struct ctl *c, const char *name, const char *s, struct range *to)
{
	const char *dash = strchr(s, '-');
	unsigned long first, last;
	char text[16];
	int err;

	snprintf(text, sizeof(text), "%.*s", dash ? (int)(dash - s) : 15, s);
	err = number(c, name, text, UINT16_MAX, &first);
	last = first;
	if (!err && dash)
		err = number(c, name, dash + 1, UINT16_MAX, &last);
	if (err)
		return err;
	if (last < first)
		return ctl_fail(c, EXIT_SYNTAX, "%s takes the lower port first, not \"%s\"",
				name, s);
	*to = (struct range){ first, last };
	return 0;
}

static int list_add(struct ctl *c, struct list *list, const char *s)
{
	const char **v = reallocarray(list->v, list->n + 1, sizeof(*v));

	if (!v)
		return ctl_fail(c, EXIT_KERNEL, "out of memory");
	list->v = v;
	v[list->n++] = s;
	return 0;
}

static int value(struct ctl *c, const struct kw *k, const char *s)
{
	unsigned long v;
	int err;

	switch (k->type) {
	case KW_U32:
		err = number(c, k->name, s, UINT32_MAX, &v);
		if (!err)
			*(uint32_t *)k->to = v;
		return err;
	case KW_U16:
		err = number(c, k->name, s, UINT16_MAX, &v);
		if (!err)
			*(uint16_t *)k->to = v;
		return err;
	case KW_STR:
		*(const char **)k->to = s;
		return 0;
	case KW_ADDR:
		if (cham_addr__parse(k->to, s))
			return ctl_fail(c, EXIT_SYNTAX,
					"%s takes an IP address, not \"%s\"",
					k->name, s);
		return 0;
	case KW_MAC:
		return mac(c, s, k->to);
	case KW_AREA:
		return area(c, s, k->to);
	case KW_PROTO:
		return proto(c, s, k->to);
	case KW_STATE:
		return tcp_state(c, s, k->to);
	case KW_WORDS:
		return words(c, k, s);
	case KW_LIST:
		return list_add(c, k->to, s);
	case KW_PREFIX:
		return prefix(c, k->name, s, k->to);
	case KW_RANGE:
		return range(c, k->name, s, k->to);
	case KW_FLAG:
		break;
	}
	return 0;
}

int kw_parse(struct ctl *c, int argc, char **argv, const struct kw *kws,
	     uint64_t *set)
{
	const struct kw *k;
	int err;

	while (argc) {
		for (k = kws; k->name; k++)
			if (!strcmp(k->name, *argv))
				break;
		if (!k->name)
			return accepted(c, *argv, kws);
		if (k->type != KW_LIST && (*set & k->bit))
			return ctl_fail(c, EXIT_SYNTAX, "%s is given twice",
					k->name);
		*set |= k->bit;
		if (k->type == KW_FLAG) {
			argc--;
			argv++;
			continue;
		}
		if (argc < 2)
			return ctl_fail(c, EXIT_SYNTAX, "%s needs a value",
					k->name);
		err = value(c, k, argv[1]);
		if (err)
			return err;
		argc -= 2;
		argv += 2;
	}
	return 0;
}

int no_args(struct ctl *c, int argc, char **argv)
{
	static const struct kw none[] = { { 0 } };

	return argc ? accepted(c, argv[0], none) : 0;
}

int need_name(struct ctl *c, int *argc, char ***argv, const char *what,
	      const char **name)
{
	if (!*argc)
		return ctl_fail(c, EXIT_SYNTAX, "%s is missing", what);
	*name = **argv;
	(*argc)--;
	(*argv)++;
	return 0;
}

int need_dev(struct ctl *c, const char *name, uint32_t *ifindex)
{
	*ifindex = if_nametoindex(name);
	if (!*ifindex)
		return ctl_fail(c, EXIT_KERNEL, "no network device \"%s\" here",
				name);
	return 0;
}

int need_tenant(struct ctl *c, const char *name, uint32_t *id)
{
	struct cham_tenant t = { .sz = sizeof(t) };

	if (cham_tenant__get(c->h, name, &t))
		return ctl_kernel(c);
	*id = t.id;
	return 0;
}

/* "[tenant NAME]" and nothing else, and the module is open; @id is 0 for all. */
int opt_tenant(struct ctl *c, int argc, char **argv, uint32_t *id)
{
	const char *tenant = NULL;
	uint64_t set = 0;
	const struct kw kws[] = {
		{ "tenant", KW_STR, &tenant, NULL, 1 },
		{ 0 },
	};
	int ret = kw_parse(c, argc, argv, kws, &set);

	*id = 0;
	if (!ret)
		ret = ctl_open(c);
	return ret || !tenant ? ret : need_tenant(c, tenant, id);
}

/* Of a name that ip-netns(8) gave, a process, or a path. Open until we end. */
int netns_open(struct ctl *c, const char *which, uint32_t *fd)
{
	char path[PATH_MAX];
	int got;

	/* A name may be a number, and is meant before a process is. */
	if (strchr(which, '/'))
		snprintf(path, sizeof(path), "%s", which);
	else
		snprintf(path, sizeof(path), CTL_NETNS_DIR "/%s", which);
	if (access(path, F_OK) && !which[strspn(which, "0123456789")])
		snprintf(path, sizeof(path), "/proc/%s/ns/net", which);
	got = open(path, O_RDONLY | O_CLOEXEC);
	if (got < 0)
		return ctl_fail(c, EXIT_SYNTAX,
				"netns takes a name of ip-netns(8), a process or a path; %s: %s",
				path, strerror(errno));
	*fd = got;
	return 0;
}
