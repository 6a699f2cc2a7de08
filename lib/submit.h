/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* What is said to chamd on its socket: a request, then a reply, one packet each. */
#ifndef CHAM_SUBMIT_H
#define CHAM_SUBMIT_H

#include <stdint.h>
#include "chamelio.h"

#define CHAM_SUBMIT_SOCKET	"/run/chamelio/chamd.sock"
#define CHAM_SUBMIT_MAGIC	0x31646863	/* "chd1" */
#define CHAM_SUBMIT_TEXT	1536

enum cham_submit_op { CHAM_SUBMIT_LOAD, CHAM_SUBMIT_UNLOAD, __CHAM_SUBMIT_MAX };

/* With LOAD comes a descriptor of the file (SCM_RIGHTS). */
struct cham_submit {
	uint32_t magic;
	uint32_t op;			/* enum cham_submit_op */
	char tenant[CHAM_NAME_MAX + 1];	/* empty: that of the sender's namespace */
	char suffix[4];			/* of the file's name: ".c" is C */
};

struct cham_submitted {
	int32_t err;			/* 0 or a negative errno */
	char text[CHAM_SUBMIT_TEXT];	/* why */
};

#endif
