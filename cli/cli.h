/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of chamctl share. */
#ifndef CHAMCTL_H
#define CHAMCTL_H

#include <stdio.h>

#include "cham.h"

#ifndef CHAM_VERSION
#define CHAM_VERSION "0.1"
#endif
#ifndef CHAM_OBJDIR
#define CHAM_OBJDIR "/usr/lib/chamelio"
#endif

#define EXIT_SYNTAX	1
#define EXIT_KERNEL	2

/* ---- json.c: a writer that owns commas and indentation ---------------- */

struct json {
	FILE *f;
	bool pretty;
	bool comma;
	int depth;
};

void json_open(struct json *j, const char *key, char bracket);
void json_close(struct json *j, char bracket);
void json_str(struct json *j, const char *key, const char *value);
void json_hex(struct json *j, const char *key, const uint8_t *data, size_t n);
void json_u64(struct json *j, const char *key, uint64_t value);
void json_bool(struct json *j, const char *key, bool value);

/* ---- main.c ------------------------------------------------------------- */

struct ctl {
	struct cham *h;		/* opened on demand by ctl_open() */
	bool json;
	bool pretty;
	bool again;		/* what was listed changed meanwhile */
	char *why;		/* a failure is told here instead of printed */
	size_t why_size;
	struct json j;
};

struct cmd {
	const char *name;
	const char *args;	/* grammar; its lower-case words are keywords */
	int (*run)(struct ctl *c, int argc, char **argv);
};

struct object {
	const char *name;
	const struct cmd *cmds;	/* the first is what the bare object does */
	const char *help;
};

extern const struct cmd tenant_cmds[], port_cmds[], uplink_cmds[], conn_cmds[],
	fdb_cmds[], stat_cmds[], monitor_cmds[], datapath_cmds[], down_cmds[],
	doctor_cmds[], prog_cmds[], save_cmds[], restore_cmds[];

int ctl_open(struct ctl *c);
/* The same for what needs no module: connected or not. */
int ctl_handle(struct ctl *c);
int ctl_kernel(struct ctl *c);			/* last error, EXIT_KERNEL */
int ctl_fail(struct ctl *c, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
int ctl_walked(struct ctl *c, int err);		/* end of a for_each: again? */

/* ---- args.c: keyword arguments ------------------------------------------ */

enum kw_type { KW_U32, KW_U16, KW_STR, KW_ADDR, KW_MAC, KW_PROTO, KW_STATE,
	       KW_WORDS, KW_AREA, KW_FLAG, KW_LIST, KW_PREFIX, KW_RANGE };

struct list {
	const char **v;		/* the caller frees it */
	int n;
};

struct prefix {
	struct cham_addr addr;
	uint8_t bits;
};

struct range {
	uint16_t first, last;
};

struct kw {
	const char *name;
	enum kw_type type;
	void *to;
	const char *words;	/* KW_WORDS: "off|on" gives 0, 1 in a uint8_t */
	uint64_t bit;		/* set in *set, which also finds repetitions */
};

int kw_parse(struct ctl *c, int argc, char **argv, const struct kw *kws,
	     uint64_t *set);
int mac_parse(const char *text, uint8_t *to);	/* 0, or -EINVAL */
int no_args(struct ctl *c, int argc, char **argv);
int need_name(struct ctl *c, int *argc, char ***argv, const char *what,
	      const char **name);
int need_dev(struct ctl *c, const char *name, uint32_t *ifindex);
int need_tenant(struct ctl *c, const char *name, uint32_t *id);
int netns_open(struct ctl *c, const char *which, uint32_t *fd);
int opt_tenant(struct ctl *c, int argc, char **argv, uint32_t *id);

/* ---- show.c: what several objects print alike --------------------------- */

/* Only what the kernel sent appears in JSON, under the specification's name. */
#define J_U64(c, SET, ID, o, m)						\
	do {								\
		if (CHAM_HAS(o, CHAM_##SET##_##ID))			\
			json_u64(&(c)->j, cham_attr__name(CHAM_SET_##SET, \
				 CHAM_##SET##_##ID), (o)->m);		\
	} while (0)
#define J_STR(c, SET, ID, o, text)					\
	do {								\
		if (CHAM_HAS(o, CHAM_##SET##_##ID))			\
			json_str(&(c)->j, cham_attr__name(CHAM_SET_##SET, \
				 CHAM_##SET##_##ID), text);		\
	} while (0)

#define CTL_NETNS_DIR	"/run/netns"	/* ip-netns(8)'s */
const char *show_netns(uint32_t inode);
void list_open(struct ctl *c);
void list_close(struct ctl *c);
void show_hex(struct ctl *c, const char *what, const uint8_t *data, size_t n);
const char *show_ifname(uint32_t ifindex);
const char *show_mac(const uint8_t *mac);
/* Bits beyond what a number of JSON can hold for everybody: 0x and hexadecimal. */
const char *show_bits(uint64_t bits);
const char *show_addr(const struct cham_addr *a);
const char *show_end(const struct cham_addr *a, uint16_t port);
const char *show_proto(uint8_t proto);
const char *show_number(const char *name, const char *kind, unsigned int n);
void show_blocked(struct ctl *c, uint32_t blocked);
void tenant_names_load(struct ctl *c);
const char *tenant_name(uint32_t id);

void tenant_show_one(struct ctl *c, const struct cham_tenant *t);
void port_show_one(struct ctl *c, const struct cham_port *p);
void conn_show_one(struct ctl *c, const struct cham_conn *x);

/* The members only, for an object that the caller has opened. */
void tenant_json(struct ctl *c, const struct cham_tenant *t);
void port_json(struct ctl *c, const struct cham_port *p);
void conn_json(struct ctl *c, const struct cham_conn *x);
void prog_json(struct ctl *c, const struct cham_prog *p);
void prog_line(struct ctl *c, const struct cham_prog *p);	/* no end of line */

/* ---- all.c ----------------------------------------------------------------- */

struct all {
	struct cham_port *ports;
	struct cham_uplink *uplinks;
	struct cham_tenant *tenants;
	struct cham_fdb *fdbs;		/* static ones */
	struct cham_prog *progs;
	size_t n_ports, n_uplinks, n_tenants, n_fdbs, n_progs;
	bool over6[CHAM_TENANT_ID_MAX + 1];	/* has remotes that have IPv6 addresses */
	uint32_t statics[CHAM_TENANT_ID_MAX + 1];	/* of fdbs, the tenant's */
};

int all_get(struct ctl *c, struct all *a);
void all_put(struct all *a);

/* ---- spawn.c, datapath.c ------------------------------------------------- */

int spawn(struct ctl *c, bool quiet, const char *const *argv);
int spawn_read(struct ctl *c, const char *const *argv, char *answer, size_t size);
int datapath_follow(struct ctl *c);

/* Names of a tenant's Linux side. */
struct side {
	char bridge[IF_NAMESIZE];
	char vxlan[IF_NAMESIZE];
};

int side_names(struct ctl *c, const char *tenant, struct side *n);
int dev_has_kind(const char *ifname, const char *kind);
int tenant_setup(struct ctl *c, int argc, char **argv);
int side_join(struct ctl *c, const struct side *n, const char *dev);
int tenant_teardown(struct ctl *c, int argc, char **argv);

#endif
