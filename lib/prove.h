/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* Is what a compiler made of datapath and handlers still what was written? */
#ifndef CHAM_PROVE_H
#define CHAM_PROVE_H

#include "internal.h"

struct btf;

/**
 * struct cham_claim - which handlers there are, bit maps of cells by hook, and what is theirs
 * @inlined:  in the datapath's code
 * @separate: functions of their own, that it calls
 * @maps:     those of the inlined ones that were judged, as "t5_seen"; NULL ends, or: none
 */
struct cham_claim {
	uint32_t inlined[__CHAM_HOOK_MAX];
	uint32_t separate[__CHAM_HOOK_MAX];
	const char *const *maps;
};

/* @data: the object that would run. Return: 0, or a negative errno and what is not so. */
int cham_prove(struct cham *h, const uint8_t *data, size_t size, const struct cham_claim *claim);

/* lines.c: makes the object's line numbers such as the kernel takes. */
int cham_lines__thin(struct cham *h, uint8_t *data, size_t size);
/* No variable's type is larger than the variable. */
void cham_btf__fit(struct btf *btf);
int cham_types__fit(struct cham *h, uint8_t *data, size_t size);

#endif
