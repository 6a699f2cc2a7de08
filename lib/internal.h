/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* What the files of libcham share. Not installed. */
#ifndef CHAM_INTERNAL_H
#define CHAM_INTERNAL_H

#include <libmnl/libmnl.h>

#include "cham.h"

#define CHAM_ERR_MAX	2048	/* a compiler's words are long */
#define CHAM_BUF_MAX	(64 * 1024)

struct cham {
	struct mnl_socket *nl;
	uint32_t portid;
	uint32_t seq;
	uint32_t mcgrp;
	uint16_t family;
	bool interrupted;
	char err[CHAM_ERR_MAX];
	char req[16384] __attribute__((aligned(8)));
	char buf[CHAM_BUF_MAX] __attribute__((aligned(8)));
};

enum cham_kind {
	K_NONE,		/* hole, padding, or parsed by the object itself */
	K_U8,
	K_U16,
	K_U32,
	K_U64,
	K_STR,		/* char[size] */
	K_MAC,
	K_IP4,		/* be32 on the wire, struct cham_addr here */
	K_ADDR,		/* 4 or 16 bytes on the wire, struct cham_addr here */
	K_BYTES,	/* as many as there are and fit, out only */
	K_DATA,		/* struct cham_data here, in only */
	K_DIR,		/* nest, struct cham_dir here */
	K_FLAG,		/* no payload, only the bit in set */
};

struct cham_data {
	const void *at;
	size_t size;
};

struct cham_packet {
	size_t sz;
	uint64_t set;
	uint32_t tenant_id;
	struct cham_data frame;
};

struct cham_field {
	const char *name;
	uint8_t kind;
	uint16_t off;
	uint16_t size;
};

struct cham_set {
	const char *name;
	const struct cham_field *fields;
	unsigned int n;
	size_t size;
};

/* Every object starts like this. */
struct cham_head {
	size_t sz;
	uint64_t set;
};

typedef int (*cham_msg_fn)(struct cham *h, const struct nlmsghdr *nlh,
			   void *arg);

const struct cham_set *cham_set__get(enum cham_set_id id);
int cham_set__parse(const struct cham_set *set, const struct nlattr *first,
		    size_t len, void *obj, size_t sz);
int cham_set__parse_msg(enum cham_set_id id, const struct nlmsghdr *nlh,
			void *obj, size_t sz);
int cham_set__put(struct nlmsghdr *nlh, size_t max, const struct cham_set *set,
		  const void *obj, uint64_t mask);

/* One request: the attributes of @obj that are in both its set and @mask. */
int cham_nl__do(struct cham *h, uint8_t cmd, enum cham_set_id id,
		const void *obj, uint64_t mask, cham_msg_fn fn, void *arg);
/* One object, named by @which, which may be @obj itself; @obj begins with a size. */
int cham_nl__get(struct cham *h, uint8_t cmd, enum cham_set_id id,
		 const void *which, uint64_t mask, void *obj);
int cham_nl__dump(struct cham *h, uint8_t cmd, enum cham_set_id id,
		  const void *obj, uint64_t mask, cham_msg_fn fn, void *arg);

/* Keeps the text and returns @err, which is negative. The text before may be part of it. */
int cham__fail(struct cham *h, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* As cham_tenant__get() */
int cham_tenant__by_id(struct cham *h, uint32_t id, struct cham_tenant *t);

/* As much of @text as fits, as one line. */
void cham_one_line(char *to, size_t size, const char *text);

#endif
