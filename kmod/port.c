// SPDX-License-Identifier: GPL-2.0
/*
 * The port as one object: made and removed by the vDPA management device,
 * found by slot or by its representor, bound to a tenant.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/dma-mapping.h>
#include <linux/etherdevice.h>
#include <linux/idr.h>
#include <linux/mod_devicetable.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_ids.h>
#include <uapi/linux/vdpa.h>

#include "chamelio.h"
#include "compat.h"
#include "port_priv.h"

struct device *cham_port_parent;

static LIST_HEAD(cham_ports);		/* RTNL */
static DEFINE_IDA(cham_port_slots);
struct cham_port __rcu *cham_port_table[CHAM_PORTS_MAX];

/* The outside: what other rooms ask of a port. */

struct net_device *cham_port_dev(const struct cham_port *port)
{
	return port->dev;
}

/**
 * cham_port_slot() - the port's number in connections
 * @port: port
 */
u32 cham_port_slot(const struct cham_port *port)
{
	return port->slot;
}

struct cham_tenant *cham_port_tenant_rcu(const struct cham_port *port)
{
	return rcu_dereference_check(port->tenant, lockdep_rtnl_is_held() ||
				     rcu_read_lock_bh_held());
}

void cham_port_bind(struct cham_port *port, struct cham_tenant *tenant)
{
	ASSERT_RTNL();
	rcu_assign_pointer(port->tenant, tenant);
	cham_port_event_changed(port);
}

u32 cham_port_blocked(const struct cham_port *port)
{
	return READ_ONCE(port->blocked);
}

void cham_port_set_blocked(struct cham_port *port, u32 blocked)
{
	WRITE_ONCE(port->blocked, blocked);
}

int cham_port_for_each(int (*fn)(struct cham_port *port, void *arg), void *arg)
{
	struct cham_port *port, *next;
	int err = 0;

	ASSERT_RTNL();
	list_for_each_entry_safe(port, next, &cham_ports, list) {
		err = fn(port, arg);
		if (err)
			break;
	}
	return err;
}

/**
 * cham_port_get_info() - what there is to tell about a port
 * @port: port
 * @info: answer
 *
 * Context: any; the caller keeps @port alive (RTNL or RCU).
 */
void cham_port_get_info(const struct cham_port *port, struct cham_port_info *info)
{
	const char *broken = READ_ONCE(port->broken);

	memset(info, 0, sizeof(*info));
	strscpy(info->vdpa_name, dev_name(&port->vdpa->vdev.dev));
	ether_addr_copy(info->mac, port->mac);
	if (READ_ONCE(port->mac_fixed))
		ether_addr_copy(info->fixed_mac, port->mac_own);
	if (port->offered_fixed)
		info->device_features = port->offered;
	info->mtu = port->mtu;
	info->queue_pairs = port->pairs;
	info->queue_pairs_active = cham_port_pairs_active(port);
	info->features = READ_ONCE(port->features);
	info->state = CHAM_PORT_STATE_DOWN;
	if (READ_ONCE(port->status) & VIRTIO_CONFIG_S_DRIVER_OK)
		info->state = CHAM_PORT_STATE_UP;
	if (broken) {
		info->state = CHAM_PORT_STATE_BROKEN;
		strscpy(info->broken, broken);
	}
	info->rx_packets = cham_rep_sum(port, true, CHAM_RING_PACKETS);
	info->rx_bytes = cham_rep_sum(port, true, CHAM_RING_BYTES);
	info->tx_packets = cham_rep_sum(port, false, CHAM_RING_PACKETS);
	info->tx_bytes = cham_rep_sum(port, false, CHAM_RING_BYTES);
	info->rx_dropped = cham_rep_dropped(port, true);
	info->tx_dropped = cham_rep_dropped(port, false);
}

/* The management device. */

/* dev_add has no extended ack, so that the reason goes to the log. */
static int cham_mgmt_check(const char *name,
			   const struct vdpa_dev_set_config *config)
{
	const size_t max = sizeof_field(struct cham_port_info, vdpa_name) - 1;
	u64 missing;

	if (strlen(name) > max) {
		pr_err("vdpa name \"%.40s\" is longer than %zu bytes\n", name, max);
		return -ENAMETOOLONG;
	}
	if (config->mask & BIT_ULL(VDPA_ATTR_DEV_NET_CFG_MACADDR) &&
	    !is_valid_ether_addr(config->net.mac)) {
		pr_err("%s: %pM is not a unicast address\n", name, config->net.mac);
		return -EADDRNOTAVAIL;
	}
	if (config->mask & BIT_ULL(VDPA_ATTR_DEV_NET_CFG_MTU) &&
	    config->net.mtu < CHAM_PORT_MTU_MIN) {
		pr_err("%s: MTU %u is not in %u..%u\n", name, config->net.mtu,
		       CHAM_PORT_MTU_MIN, CHAM_PORT_MTU_MAX);
		return -ERANGE;
	}
	if (config->mask & BIT_ULL(VDPA_ATTR_DEV_NET_CFG_MAX_VQP) &&
	    config->net.max_vq_pairs > CHAM_PORT_QPAIRS_MAX) {
		pr_err("%s: %u queue pairs, at most %u are possible\n", name,
		       config->net.max_vq_pairs, CHAM_PORT_QPAIRS_MAX);
		return -ERANGE;
	}
	if (!(config->mask & BIT_ULL(VDPA_ATTR_DEV_FEATURES)))
		return 0;
	missing = config->device_features & ~CHAM_FEATURES;
	if (missing) {
		pr_err("%s: features 0x%llx are not supported\n", name, missing);
		return -EOPNOTSUPP;
	}
	missing = CHAM_FEATURES_NEEDED & ~config->device_features;
	if (config->device_features & CHAM_FEATURES_CTRL)
		missing |= BIT_ULL(VIRTIO_NET_F_CTRL_VQ) & ~config->device_features;
	if (missing) {
		pr_err("%s: features 0x%llx are needed\n", name, missing);
		return -EINVAL;
	}
	return 0;
}

/* Nobody finds the port from here on; its representor goes. */
static void cham_port_unpublish(struct cham_port *port)
{
	rtnl_lock();
	cham_port_event_removing(port);
	RCU_INIT_POINTER(cham_port_table[port->slot], NULL);
	list_del(&port->list);
	/* Waits for a grace period: nobody delivers to the port any more. */
	unregister_netdevice(port->dev);
	rtnl_unlock();
}

static int cham_mgmt_dev_add(struct vdpa_mgmt_dev *mdev, const char *name,
			     const struct vdpa_dev_set_config *config)
{
	u16 pairs = 1;
	struct cham_vdpa *vdpa;
	struct cham_port *port;
	int err, slot;

	err = cham_mgmt_check(name, config);
	if (err)
		return err;
	if (config->mask & BIT_ULL(VDPA_ATTR_DEV_NET_CFG_MAX_VQP))
		pairs = config->net.max_vq_pairs;

	slot = ida_alloc_range(&cham_port_slots, 1, CHAM_PORTS_MAX - 1, GFP_KERNEL);
	if (slot < 0)
		return slot;
	vdpa = cham_vdpa_alloc(struct cham_vdpa, vdev, cham_port_parent,
			       &cham_vdpa_ops, name);
	if (IS_ERR(vdpa)) {
		err = PTR_ERR(vdpa);
		goto free_slot;
	}
	/* Also the parent of the virtio device: "which netdev is this port's
	 * guest" is answered by sysfs.
	 */
	cham_vdpa_dma_dev(&vdpa->vdev) = &vdpa->vdev.dev;
	vdpa->vdev.dev.dma_mask = &vdpa->vdev.dev.coherent_dma_mask;
	err = dma_set_mask_and_coherent(&vdpa->vdev.dev, DMA_BIT_MASK(64));
	if (err)
		goto put_vdpa;
	vdpa->vdev.mdev = mdev;

	err = cham_rep_create(&port, pairs);
	if (err)
		goto put_vdpa;
	vdpa->port = port;
	port->vdpa = vdpa;
	port->slot = slot;
	port->blocked = BIT(CHAM_BLOCK_NO_TENANT);
	port->offered = CHAM_FEATURES & ~CHAM_FEATURES_ASKED;
	port->offered_fixed = config->mask & BIT_ULL(VDPA_ATTR_DEV_FEATURES);
	if (port->offered_fixed)
		port->offered = config->device_features;
	if (pairs == 1)
		port->offered &= ~BIT_ULL(VIRTIO_NET_F_MQ);
	port->mac_fixed = config->mask & BIT_ULL(VDPA_ATTR_DEV_NET_CFG_MACADDR);
	if (port->mac_fixed)
		ether_addr_copy(port->mac_own, config->net.mac);
	else
		eth_random_addr(port->mac_own);
	port->mtu = ETH_DATA_LEN;
	if (config->mask & BIT_ULL(VDPA_ATTR_DEV_NET_CFG_MTU))
		port->mtu = config->net.mtu;
	port->frame_max = port->mtu + ETH_HLEN + 2 * VLAN_HLEN;
	cham_vdpa_setup(port);

	rtnl_lock();
	/* The representor has the device's name where that can be one. */
	if (dev_valid_name(name) && !strchr(name, '%') &&
	    !netdev_name_in_use(dev_net(port->dev), name))
		strscpy(port->dev->name, name);
	err = register_netdevice(port->dev);
	if (!err) {
		list_add_tail(&port->list, &cham_ports);
		rcu_assign_pointer(cham_port_table[slot], port);
		cham_port_event_changed(port);
	}
	rtnl_unlock();
	if (err)
		goto destroy;

	/* The last step: a bus driver may bind and use the port in here. */
	err = _vdpa_register_device(&vdpa->vdev, cham_port_rings(port));
	if (err)
		goto unregister;
	return 0;

unregister:
	cham_port_unpublish(port);
destroy:
	cham_vdpa_teardown(port);
	cham_rep_destroy(port);
put_vdpa:
	put_device(&vdpa->vdev.dev);
free_slot:
	ida_free(&cham_port_slots, slot);
	return err;
}

static void cham_mgmt_dev_del(struct vdpa_mgmt_dev *mdev, struct vdpa_device *vdev)
{
	struct cham_port *port = container_of(vdev, struct cham_vdpa, vdev)->port;
	u32 slot = port->slot;

	/* Unbinds the driver, and with it stops the rings; the name stays
	 * valid until the port is gone.
	 */
	get_device(&vdev->dev);
	_vdpa_unregister_device(vdev);

	cham_port_unpublish(port);
	cham_vdpa_teardown(port);
	cham_rep_destroy(port);
	put_device(&vdev->dev);
	ida_free(&cham_port_slots, slot);
}

static int cham_mgmt_dev_set_attr(struct vdpa_mgmt_dev *mdev,
				  struct vdpa_device *vdev,
				  const struct vdpa_dev_set_config *config)
{
	struct cham_port *port = container_of(vdev, struct cham_vdpa, vdev)->port;

	if (config->mask != BIT_ULL(VDPA_ATTR_DEV_NET_CFG_MACADDR))
		return -EOPNOTSUPP;
	if (!is_valid_ether_addr(config->net.mac))
		return -EADDRNOTAVAIL;
	mutex_lock(&port->ctl);
	ether_addr_copy(port->mac_own, config->net.mac);
	WRITE_ONCE(port->mac_fixed, true);
	cham_ctrl_set_mac(port, port->mac_own);
	mutex_unlock(&port->ctl);
	cham_port_event_changed(port);
	return 0;
}

static const struct vdpa_mgmtdev_ops cham_mgmt_ops = {
	.dev_add	= cham_mgmt_dev_add,
	.dev_del	= cham_mgmt_dev_del,
	.dev_set_attr	= cham_mgmt_dev_set_attr,
};

static struct virtio_device_id cham_mgmt_ids[] = {
	{ VIRTIO_ID_NET, VIRTIO_DEV_ANY_ID },
	{ }
};

static struct vdpa_mgmt_dev cham_mgmt = {
	.ops			= &cham_mgmt_ops,
	.id_table		= cham_mgmt_ids,
	.config_attr_mask	= BIT_ULL(VDPA_ATTR_DEV_NET_CFG_MACADDR) |
				  BIT_ULL(VDPA_ATTR_DEV_NET_CFG_MTU) |
				  BIT_ULL(VDPA_ATTR_DEV_NET_CFG_MAX_VQP) |
				  BIT_ULL(VDPA_ATTR_DEV_FEATURES),
	.supported_features	= CHAM_FEATURES,
	.max_supported_vqs	= CHAM_PORT_QPAIRS_MAX * 2 + 1,
};

int cham_port_init(void)
{
	int err;

	/* Without a bus: that is how "mgmtdev chamelio" names it. */
	cham_port_parent = root_device_register(KBUILD_MODNAME);
	if (IS_ERR(cham_port_parent))
		return PTR_ERR(cham_port_parent);
	err = cham_rep_link_init();
	if (err)
		goto root;
	cham_mgmt.device = cham_port_parent;
	err = vdpa_mgmtdev_register(&cham_mgmt);
	if (err)
		goto link;
	return 0;
link:
	cham_rep_link_exit();
root:
	root_device_unregister(cham_port_parent);
	return err;
}

void cham_port_exit(void)
{
	/* Removes the ports that are left. */
	vdpa_mgmtdev_unregister(&cham_mgmt);
	cham_rep_link_exit();
	root_device_unregister(cham_port_parent);
	ida_destroy(&cham_port_slots);
}
