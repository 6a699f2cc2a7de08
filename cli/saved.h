/* SPDX-License-Identifier: GPL-2.0 */
/* The saved configuration: between save.c and restore.c. */
#ifndef CHAMCTL_SAVED_H
#define CHAMCTL_SAVED_H

#include <jansson.h>

#include "cli.h"

#define SAVED_FORMAT	"chamelio-configuration"
#define SAVED_VERSION	1
#define SAVED_DATAPATH	"datapath"

/* In the order of making. */
enum {
	SAVED_UPLINKS,
	SAVED_TENANTS,
	SAVED_PORTS,
	SAVED_SETUPS,
	SAVED_FDB,
	SAVED_PARTS,
};

static const char *const saved_parts[SAVED_PARTS] = {
	"uplinks", "tenants", "ports", "setups", "fdb",
};

/* Appends the addresses a vxlan device floods to. */
int side_remotes(struct ctl *c, const char *vxlan, json_t *array);

#endif
