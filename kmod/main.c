// SPDX-License-Identifier: GPL-2.0
/* Order of start and its exact reverse: the outside door opens last. */
#include <linux/module.h>

#include "conn.h"
#include "fdb.h"
#include "kfunc.h"
#include "ledger.h"
#include "netlink.h"
#include "netns.h"
#include "policy.h"
#include "port.h"
#include "prog.h"
#include "remote.h"
#include "tenant.h"
#include "uplink.h"

static const struct cham_room {
	const char *name;
	int (*init)(void);
	void (*exit)(void);
} cham_rooms[] = {
	{ "ledger",	cham_ledger_init,	cham_ledger_exit },
	{ "prog",	cham_prog_init,		cham_prog_exit },
	{ "conn",	cham_conn_init,		cham_conn_exit },
	{ "remote",	cham_remote_init,	cham_remote_exit },
	{ "fdb",	cham_fdb_init,		cham_fdb_exit },
	{ "netns",	cham_netns_init,	cham_netns_exit },
	{ "tenant",	cham_tenant_init,	cham_tenant_exit },
	{ "uplink",	cham_uplink_init,	cham_uplink_exit },
	{ "policy",	cham_policy_init,	cham_policy_exit },
	{ "kfunc",	cham_kfunc_init,	NULL },
	{ "port",	cham_port_init,		cham_port_exit },
	{ "netlink",	cham_netlink_init,	cham_netlink_exit },
};

static void cham_rooms_exit(unsigned int n)
{
	while (n--)
		if (cham_rooms[n].exit)
			cham_rooms[n].exit();
}

static int __init cham_init(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(cham_rooms); i++) {
		err = cham_rooms[i].init();
		if (err) {
			pr_err("%s: cannot start: %pe\n", cham_rooms[i].name,
			       ERR_PTR(err));
			cham_rooms_exit(i);
			return err;
		}
	}
	return 0;
}

static void __exit cham_exit(void)
{
	cham_rooms_exit(ARRAY_SIZE(cham_rooms));
}

module_init(cham_init);
module_exit(cham_exit);
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1.0");
MODULE_DESCRIPTION("Chamelio: a shared host network stack that tenants can program");
