// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"

/* Each of these returns one of a few rotating buffers: fit for one printf. */
static char *slot(void)
{
	static char bufs[8][64];
	static unsigned int next;

	return bufs[next++ % 8];
}

const char *show_ifname(uint32_t ifindex)
{
	char *s = slot();

	if (!if_indextoname(ifindex, s))
		snprintf(s, 64, "if%u", ifindex);
	return s;
}

const char *show_mac(const uint8_t *m)
{
	char *s = slot();

	snprintf(s, 64, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2],
		 m[3], m[4], m[5]);
	return s;
}

const char *show_bits(uint64_t bits)
{
	char *s = slot();

	snprintf(s, 64, "0x%llx", (unsigned long long)bits);
	return s;
}

const char *show_addr(const struct cham_addr *a)
{
	return cham_addr__format(a, slot(), 64);
}

/* An end point as ss(8) writes it: a.b.c.d:port, [a::b]:port. */
const char *show_end(const struct cham_addr *a, uint16_t port)
{
	char *s = slot(), addr[INET6_ADDRSTRLEN];

	cham_addr__format(a, addr, sizeof(addr));
	snprintf(s, 64, a->len == 16 ? "[%s]:%u" : "%s:%u", addr, port);
	return s;
}

const char *show_number(const char *name, const char *kind, unsigned int n)
{
	char *s;

	if (name)
		return name;
	s = slot();
	snprintf(s, 64, "%s-%u", kind, n);
	return s;
}

const char *show_proto(uint8_t p)
{
	return show_number(p == IPPROTO_TCP ? "tcp" : p == IPPROTO_UDP ? "udp" :
			   p == IPPROTO_ICMP ? "icmp" :
			   p == IPPROTO_ICMPV6 ? "icmpv6" : NULL, "proto", p);
}

void show_blocked(struct ctl *c, uint32_t blocked)
{
	const char *text;
	unsigned int i;

	if (c->json)
		json_open(&c->j, "blocked", '[');
	for (i = 0; i < 32; i++) {
		if (!(blocked & (1u << i)))
			continue;
		text = cham_block__text(i);
		if (c->json)
			json_str(&c->j, NULL,
				 show_number(cham_block__name(i), "block", i));
		else
			fprintf(c->j.f, "    blocked %s: %s\n",
				show_number(cham_block__name(i), "block", i),
				text ? text : "unknown to this chamctl");
	}
	if (c->json)
		json_close(&c->j, ']');
}

static struct {
	uint32_t id;
	char name[CHAM_NAME_MAX + 1];
} *names;
static size_t n_names;

static int keep(const struct cham_tenant *t, void *arg)
{
	void *p = realloc(names, (n_names + 1) * sizeof(*names));

	(void)arg;
	if (!p)
		return 0;	/* a number is printed instead */
	names = p;
	names[n_names].id = t->id;
	memcpy(names[n_names++].name, t->name, sizeof(t->name));
	return 0;
}

void tenant_names_load(struct ctl *c)
{
	free(names);
	names = NULL;
	n_names = 0;
	cham_tenant__for_each(c->h, keep, NULL);
}

const char *tenant_name(uint32_t id)
{
	size_t i;

	for (i = 0; i < n_names; i++)
		if (names[i].id == id)
			return names[i].name;
	return show_number(id ? NULL : "-", "tenant", id);
}

/* Lines of 16 bytes, each behind @what and its offset. */
void show_hex(struct ctl *c, const char *what, const uint8_t *data, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (i % 16 == 0)
			fprintf(c->j.f, "\n    %s %04zx ", what, i);
		fprintf(c->j.f, " %02x", data[i]);
	}
}

/* The name that ip-netns(8) has for it, else its inode number. */
const char *show_netns(uint32_t inode)
{
	static char text[NAME_MAX + 1];
	struct dirent *e;
	struct stat st;
	DIR *dir;

	snprintf(text, sizeof(text), "%u", inode);
	dir = opendir(CTL_NETNS_DIR);
	while (dir && (e = readdir(dir)))
		if (!fstatat(dirfd(dir), e->d_name, &st, 0) && st.st_ino == inode)
			snprintf(text, sizeof(text), "%s", e->d_name);
	if (dir)
		closedir(dir);
	return text;
}

/* Around what a command lists of tenants' things: JSON has their numbers, text names. */
void list_open(struct ctl *c)
{
	if (c->json)
		json_open(&c->j, NULL, '[');
	else
		tenant_names_load(c);
}

void list_close(struct ctl *c)
{
	if (c->json)
		json_close(&c->j, ']');
}
