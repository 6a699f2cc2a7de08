/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* Between datapath.c (what is attached) and load.c (objects, explanations). */
#ifndef CHAM_DATAPATH_H
#define CHAM_DATAPATH_H

#include "internal.h"

enum { CHAM_PROG_UPLINK, CHAM_PROG_PORT, CHAM_PROGS };

struct bpf_object;

/* Loads @path; @progs are owned by *@obj, which the caller closes. */
int cham_load_object(struct cham *h, const char *path,
		     const char *const *names, int *progs,
		     struct bpf_object **obj);

/* Turns the kernel's refusal to attach into what to do; returns @err. */
int cham_explain_attach(struct cham *h, const char *ifname, uint32_t ifindex,
			bool generic, int err);

#endif
