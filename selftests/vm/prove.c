// SPDX-License-Identifier: GPL-2.0
/* prove OBJECT RX TX TIMER [MAP...]: is it what the datapath with these cells' handlers, and
 * their maps, must be?
 */
#include <stdio.h>
#include <stdlib.h>

#include "object.h"
#include "prove.h"

int main(int argc, char **argv)
{
	struct cham *h = calloc(1, sizeof(*h));
	struct cham_claim claim = { 0 };
	uint8_t *data;
	size_t size;
	int err;

	if (argc < 5 || !h)
		return 2;
	claim.maps = (const char *const *)argv + 5;
	claim.inlined[CHAM_HOOK_RX] = strtoul(argv[2], NULL, 0);
	claim.inlined[CHAM_HOOK_TX] = strtoul(argv[3], NULL, 0);
	claim.inlined[CHAM_HOOK_TIMER] = strtoul(argv[4], NULL, 0);
	err = cham_file__read(h, argv[1], &data, &size);
	if (!err) {
		err = cham_prove(h, data, size, &claim);
		free(data);
	}
	puts(err ? h->err : "proved");
	free(h);
	return !!err;
}
