/* SPDX-License-Identifier: GPL-2.0 */
/* Between doctor.c (the host) and doctor_nic.c (one NIC). */
#ifndef CHAMCTL_DOCTOR_H
#define CHAMCTL_DOCTOR_H

#include "cli.h"

enum verdict { V_OK, V_WARN, V_FAIL };

struct doctor {
	struct ctl *c;
	bool failed;
};

/* One line. @detail and @fix as printf() of "detail|fix"; no fix when well. */
void doctor_say(struct doctor *d, enum verdict v, const char *check,
		const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* @all: what the module has; empty when it is not loaded. */
void doctor_nic(struct doctor *d, const char *ifname, const struct all *all);

#endif
