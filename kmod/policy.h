/* SPDX-License-Identifier: GPL-2.0 */
/*
 * May the fast path do what Linux would do? Decides, per port and tenant,
 * whether caching is allowed, and from which devices a tenant's forwarding
 * knowledge comes.
 */
#ifndef CHAM_POLICY_H
#define CHAM_POLICY_H

#include <linux/types.h>

/* Something changed: nothing is cached or followed until it was looked at
 * again. Any context.
 */
void cham_policy_dirty(void);
/* Fast path: true while a look is due. */
bool cham_policy_is_dirty(void);
int cham_policy_init(void);
void cham_policy_exit(void);
#endif
