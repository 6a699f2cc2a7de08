/* SPDX-License-Identifier: GPL-2.0 */
/* The saved configuration: between save.c and restore.c. */
#ifndef CHAMCTL_SAVED_H
#define CHAMCTL_SAVED_H

#include <jansson.h>

#include "cli.h"

#define SAVED_FORMAT	"chamelio-configuration"
#define SAVED_VERSION	1
#define SAVED_DATAPATH	"datapath"

/* In the order of making; programs run in the datapath, which is made before them. */
enum {
	SAVED_UPLINKS,
	SAVED_TENANTS,
	SAVED_PORTS,
	SAVED_SETUPS,
	SAVED_FDB,
	SAVED_PROGRAMS,
	SAVED_PARTS,
};

static const char *const saved_parts[SAVED_PARTS] = {
	"uplinks", "tenants", "ports", "setups", "fdb", "programs",
};

/* What became of an item of the file; FAILED has told the reason through ctl_fail(). */
enum status { MADE, CHANGED, KEPT, FAILED };

/* ---- saved_prog.c: programs, whose bytes are in the file as base64 ---------- */

/* NULL when it cannot be read, and ctl_fail() has told why; or without memory. */
json_t *save_program(struct ctl *c, const struct cham_prog *p);
int check_program(const json_t *o, json_error_t *e);
/* @object: the datapath's. */
enum status make_program(struct ctl *c, const char *object, const json_t *o);

/* Appends the addresses a vxlan device floods to. */
int side_remotes(struct ctl *c, const char *vxlan, json_t *array);

#endif
