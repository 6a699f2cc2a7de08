// SPDX-License-Identifier: GPL-2.0
/*
 * What a compiler made of the datapath and a tenant's handlers: the proof reads it, and
 * its line numbers are thinned, whatever the file says. What is not proved is refused
 * with words, and two claims are not both true.
 */
#include "fail.h"

#include <stdlib.h>
#include <string.h>

#include "../../lib/prove.h"

/* On a copy of just the size, so that reading behind it is seen. */
static int with_copy(const uint8_t *data, size_t size, const struct cham_claim *claim)
{
	uint8_t *copy = malloc(size ?: 1);
	int err;

	must(copy, "no memory");
	memcpy(copy, data, size);
	said[0] = '\0';
	err = claim ? cham_prove(NULL, copy, size, claim) : cham_lines__thin(NULL, copy, size);
	must(!err || said[0], "refused without a word");
	must(!claim || !memcmp(copy, data, size), "the proof writes");
	free(copy);
	return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct cham_claim rx = { .inlined = { [CHAM_HOOK_RX] = 2 } };
	const struct cham_claim more = {
		.inlined = { [CHAM_HOOK_RX] = 6, [CHAM_HOOK_TX] = 2 },
		.separate = { [CHAM_HOOK_TX] = 4 },
	};

	libbpf_set_print(quiet);
	must(with_copy(data, size, &rx) || with_copy(data, size, &more), "proves both");
	with_copy(data, size, NULL);
	return 0;
}
