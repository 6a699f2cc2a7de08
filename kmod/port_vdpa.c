// SPDX-License-Identifier: GPL-2.0
/*
 * What the owner of the device does to it: vdpa_config_ops, as vhost-vdpa
 * (a process, trusted with nothing) and virtio-vdpa (this kernel's own
 * virtio_net) call them.
 *
 * Every operation notes what the owner wants and then calls
 * cham_vdpa_reconcile(), the one place where rings start, stop and move. What
 * the control queue asks for is port_ctrl.c's.
 */
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/vhost_iotlb.h>
#include <linux/virtio.h>
#include <net/netlink.h>
#include <uapi/linux/vhost_types.h>
#include <uapi/linux/vdpa.h>
#include <uapi/linux/virtio_ids.h>

#include "compat.h"
#include "port_priv.h"

#define CHAM_VDPA_VENDOR	0x4348414d	/* "CHAM" */
#define CHAM_VDPA_SPEED		10000		/* Mbit/s, for those who ask */

static struct cham_port *cham_vdpa_port(const struct vdpa_device *vdev)
{
	return container_of(vdev, const struct cham_vdpa, vdev)->port;
}

/* A driver that knows only one pair has the control queue right behind it. */
static struct cham_ring *cham_vdpa_ring(struct vdpa_device *vdev, u16 index)
{
	struct cham_port *port = cham_vdpa_port(vdev);
	u16 ctrl = READ_ONCE(port->ctrl_index);

	if (index == ctrl)
		index = port->pairs * 2;
	else if (index == port->pairs * 2)
		index = ctrl;
	return cham_port_ring(port, index);
}

static bool cham_vdpa_is_ctrl(const struct cham_ring *r)
{
	return r == &r->port->ctrl;
}

static void cham_vdpa_set_features(struct cham_port *port, u64 features)
{
	u64 f = features ?: port->offered;

	WRITE_ONCE(port->features, features);
	WRITE_ONCE(port->ctrl_index, f & BIT_ULL(VIRTIO_NET_F_CTRL_VQ) &&
		   !(f & BIT_ULL(VIRTIO_NET_F_MQ)) ? 2 : port->pairs * 2);
	cham_ctrl_reset(port);
}

/**
 * cham_vdpa_config_changed() - tell the driver to read the configuration
 * @port: port
 *
 * Context: any but hard interrupts.
 */
void cham_vdpa_config_changed(struct cham_port *port)
{
	spin_lock_bh(&port->cfg_lock);
	if (port->cfg_cb.callback)
		port->cfg_cb.callback(port->cfg_cb.private);
	spin_unlock_bh(&port->cfg_lock);
}

/**
 * cham_port_break() - quarantine a port
 * @port: port whose owner did what no driver does
 * @why:  a constant text of less than 64 bytes
 *
 * All rings of this port stop, and only those. A reset heals it.
 *
 * Context: any but hard interrupts; ring locks may be held.
 */
void cham_port_break(struct cham_port *port, const char *why)
{
	unsigned int i;

	if (cmpxchg(&port->broken, NULL, why))
		return;
	/* The control path still owns the memory and frees it. */
	for (i = 0; i < cham_port_rings(port); i++)
		RCU_INIT_POINTER(cham_port_ring(port, i)->mem, NULL);
	if (net_ratelimit())
		netdev_warn(port->dev, "broken until its driver resets it: %s\n", why);
	cham_port_event_broken(port, why);
	/* The driver reads DEVICE_NEEDS_RESET. */
	cham_vdpa_config_changed(port);
	schedule_work(&port->break_work);
}

static int cham_vdpa_break_driver(struct device *dev, void *arg)
{
	if (is_virtio_device(dev))
		virtio_break_device(dev_to_virtio(dev));
	return 0;
}

/* virtio_net waits, with RTNL held, for an answer in the control queue, and
 * looks for nothing but a queue that its own side calls broken.
 */
static void cham_vdpa_break_work(struct work_struct *work)
{
	struct cham_port *port = container_of(work, struct cham_port, break_work);

	if (READ_ONCE(port->broken))
		device_for_each_child(&port->vdpa->vdev.dev, NULL,
				      cham_vdpa_break_driver);
}

/* Only virtio-vdpa gives DMA addresses; a process gets what it mapped. */
static bool cham_vdpa_in_kernel_owner(const struct cham_port *port)
{
	const struct device_driver *drv = port->vdpa->vdev.dev.driver;

	return drv && !strcmp(drv->name, "virtio_vdpa");
}

/* The address space that a ring should run in; NULL if it should not run. */
static struct cham_map *cham_vdpa_wants_ring(const struct cham_port *port,
					     const struct cham_ring *r)
{
	bool ctrl = cham_vdpa_is_ctrl(r);

	if (!(port->status & VIRTIO_CONFIG_S_DRIVER_OK) || !r->ready ||
	    port->suspended || READ_ONCE(port->broken))
		return NULL;
	if (ctrl ? !(port->features & BIT_ULL(VIRTIO_NET_F_CTRL_VQ)) :
		   r->index / 2 >= port->pairs_on)
		return NULL;
	return port->map[port->space[ctrl ? CHAM_GROUP_CTRL : CHAM_GROUP_DATA]];
}

/* Puts @m, which may be NULL, in place of what the ring runs on. */
static void cham_vdpa_set_mem(struct cham_port *port, struct cham_ring *r,
			      struct cham_ring_mem *m)
{
	struct cham_ring_mem *old;
	bool wanted = false;

	if (m && !r->started) {
		if (!cham_ring_is_packed(m))
			r->used_next = le16_to_cpu(READ_ONCE(m->used->idx));
		r->used_pub = r->used_next;
		r->avail_seen = r->last_avail;
		r->started = true;
	}
	spin_lock_bh(&r->lock);
	old = rcu_dereference_protected(r->mem, lockdep_is_held(&r->lock));
	/* Nothing that was taken from the driver stays behind. A transmit
	 * ring's poll does that itself before the grace period ends.
	 */
	if (old && !(r->index & 1))
		wanted = cham_ring_publish(r, old);
	/* A ring that broke may have left a super-packet open, in memory that
	 * is about to be somebody else's.
	 */
	r->merging = false;
	rcu_assign_pointer(r->mem, m);
	/* cham_port_break() may have looked before: its mark, then the rings; here the
	 * ring, then its mark.
	 */
	smp_mb();
	if (READ_ONCE(port->broken))
		RCU_INIT_POINTER(r->mem, NULL);
	spin_unlock_bh(&r->lock);
	r->owned = m;
	/* The flush that is due finds nothing to tell. */
	if (wanted && port->status & VIRTIO_CONFIG_S_DRIVER_OK) {
		local_bh_disable();
		cham_ring_signal(r);
		local_bh_enable();
	}
}

/**
 * cham_vdpa_remap() - make the rings what the owner asked for
 * @port:  port
 * @space: number of an address space
 * @map:   what it is from now on
 *
 * A ring that moves to new memory never stops. All that is replaced is freed
 * after one grace period.
 */
static void cham_vdpa_remap(struct cham_port *port, unsigned int space,
			    struct cham_map *map)
{
	struct cham_ring_mem *old[CHAM_PORT_QPAIRS_MAX * 2 + 1];
	struct cham_map *old_map = port->map[space];
	bool wait = false;
	unsigned int i;

	lockdep_assert_held(&port->ctl);
	port->map[space] = map;
	for (i = 0; i < cham_port_rings(port); i++) {
		struct cham_ring *r = cham_port_ring(port, i);
		struct cham_map *wants = cham_vdpa_wants_ring(port, r);
		struct cham_ring_mem *m = NULL;

		old[i] = NULL;
		if (wants) {
			if (r->owned && r->owned->map == wants)
				continue;
			m = cham_ring_mem_new(r, wants, port->features,
					      !(i & 1) && !cham_vdpa_is_ctrl(r));
			if (m == ERR_PTR(-EINVAL))
				cham_port_break(port, "ring has an impossible size or address");
			else if (m == ERR_PTR(-ENOMEM))
				cham_port_break(port, "no memory for a ring");
			if (IS_ERR(m))
				m = NULL;
		}
		old[i] = r->owned;
		if (m || r->owned) {
			cham_vdpa_set_mem(port, r, m);
			wait |= !!old[i];
		}
	}
	if (wait)
		synchronize_net();
	for (i = 0; i < cham_port_rings(port); i++)
		cham_ring_mem_free(old[i]);
	if (old_map != map)
		cham_map_free(old_map);

	/* What was made available before the ring ran has been kicked in vain. */
	local_bh_disable();
	for (i = 0; i < port->pairs; i++)
		if (port->tx[i].owned)
			napi_schedule(&port->tx[i].napi);
	local_bh_enable();
	if (port->ctrl.owned)
		cham_ctrl_kick(port);
}

static void cham_vdpa_reconcile(struct cham_port *port)
{
	cham_vdpa_remap(port, 0, port->map[0]);
}

/**
 * cham_vdpa_set_pairs() - use so many queue pairs
 * @port:  port, its ctl held
 * @pairs: what the driver asks for
 *
 * Packets go to a ring only while it runs.
 *
 * Return: 0 or -%ERANGE.
 */
int cham_vdpa_set_pairs(struct cham_port *port, u16 pairs)
{
	if (!pairs || pairs > port->pairs)
		return -ERANGE;
	port->pairs_on = pairs;
	WRITE_ONCE(port->active, min_t(u16, port->active, pairs));
	cham_vdpa_reconcile(port);
	WRITE_ONCE(port->active, pairs);
	return 0;
}

/**
 * cham_vdpa_announce() - ask the guest to announce itself
 * @port: port with a driver that knows how to, its ctl held
 */
void cham_vdpa_announce(struct cham_port *port)
{
	port->announce = true;
	WRITE_ONCE(port->generation, port->generation + 1);
	cham_vdpa_config_changed(port);
}

/* The network may have learned meanwhile that the guest is elsewhere. */
static void cham_vdpa_came_back(struct cham_port *port)
{
	if (port->features & BIT_ULL(VIRTIO_NET_F_GUEST_ANNOUNCE) &&
	    port->status & VIRTIO_CONFIG_S_DRIVER_OK)
		cham_vdpa_announce(port);
}

int cham_port_announce(struct cham_port *port, struct netlink_ext_ack *extack)
{
	int err = 0;

	mutex_lock(&port->ctl);
	if (!(port->status & VIRTIO_CONFIG_S_DRIVER_OK)) {
		NL_SET_ERR_MSG_FMT(extack, "%s has no driver", port->dev->name);
		err = -ENOTCONN;
	} else if (!(port->features & BIT_ULL(VIRTIO_NET_F_GUEST_ANNOUNCE))) {
		NL_SET_ERR_MSG_FMT(extack, "the driver of %s lacks VIRTIO_NET_F_GUEST_ANNOUNCE",
				   port->dev->name);
		err = -EOPNOTSUPP;
	} else {
		cham_vdpa_announce(port);
	}
	mutex_unlock(&port->ctl);
	return err;
}

/**
 * cham_vdpa_set_offloads() - what the guest takes as it is
 * @port:     port, its ctl held
 * @offloads: of CHAM_FEATURES_OFFLOADS those that are on, if they are negotiated
 */
void cham_vdpa_set_offloads(struct cham_port *port, u64 offloads)
{
	u64 f = port->features & (offloads | ~CHAM_FEATURES_OFFLOADS);
	u8 gso = 0;

	if (f & BIT_ULL(VIRTIO_NET_F_GUEST_TSO4))
		gso |= VIRTIO_NET_HDR_GSO_TCPV4;
	if (f & BIT_ULL(VIRTIO_NET_F_GUEST_TSO6))
		gso |= VIRTIO_NET_HDR_GSO_TCPV6;
	if (f & BIT_ULL(VIRTIO_NET_F_GUEST_ECN))
		gso |= VIRTIO_NET_HDR_GSO_ECN;
	WRITE_ONCE(port->accepts, f);
	WRITE_ONCE(port->gso_ok, gso);
	schedule_work(&port->offload_work);
}

/* Virtqueues. */

static int cham_vdpa_set_vq_address(struct vdpa_device *vdev, u16 idx, u64 desc,
				    u64 driver, u64 device)
{
	struct cham_port *port = cham_vdpa_port(vdev);
	struct cham_ring *r = cham_vdpa_ring(vdev, idx);

	mutex_lock(&port->ctl);
	r->desc_iova = desc;
	r->avail_iova = driver;
	r->used_iova = device;
	mutex_unlock(&port->ctl);
	return 0;
}

static void cham_vdpa_set_vq_num(struct vdpa_device *vdev, u16 idx, u32 num)
{
	struct cham_port *port = cham_vdpa_port(vdev);
	struct cham_ring *r = cham_vdpa_ring(vdev, idx);

	mutex_lock(&port->ctl);
	r->num = num <= CHAM_RING_NUM_MAX && is_power_of_2(num) ? num : 0;
	mutex_unlock(&port->ctl);
}

static void cham_vdpa_kick_work(struct irq_work *work)
{
	napi_schedule(&container_of(work, struct cham_ring, kick)->napi);
}

/*
 * From vhost-vdpa with interrupts off, under the lock of an eventfd: no place
 * to poll. A softirq raised there by a process waits for the next interrupt,
 * which may be a timer tick away, so make one. From an ioctl of it with everything
 * on, when the eventfd that it is given counts already: the softirq runs at once.
 */
static void cham_vdpa_kick_vq(struct vdpa_device *vdev, u16 idx)
{
	struct cham_ring *r = cham_vdpa_ring(vdev, idx);

	if (!rcu_access_pointer(r->mem))
		return;
	if (cham_vdpa_is_ctrl(r)) {
		cham_ctrl_kick(r->port);
	} else if (r->index & 1 && irqs_disabled()) {
		if (in_interrupt())
			napi_schedule(&r->napi);
		else
			irq_work_queue(&r->kick);
	} else if (r->index & 1) {
		local_bh_disable();
		napi_schedule(&r->napi);
		local_bh_enable();
	}
}

static void cham_vdpa_set_vq_cb(struct vdpa_device *vdev, u16 idx,
				struct vdpa_callback *cb)
{
	struct cham_ring *r = cham_vdpa_ring(vdev, idx);

	spin_lock_bh(&r->lock);
	r->cb = *cb;
	spin_unlock_bh(&r->lock);
}

static void cham_vdpa_set_vq_ready(struct vdpa_device *vdev, u16 idx, bool ready)
{
	struct cham_port *port = cham_vdpa_port(vdev);
	struct cham_ring *r = cham_vdpa_ring(vdev, idx);

	mutex_lock(&port->ctl);
	r->ready = ready;
	cham_vdpa_reconcile(port);
	mutex_unlock(&port->ctl);
}

static bool cham_vdpa_get_vq_ready(struct vdpa_device *vdev, u16 idx)
{
	return READ_ONCE(cham_vdpa_ring(vdev, idx)->ready);
}

static bool cham_vdpa_packed(const struct cham_port *port)
{
	return port->features & BIT_ULL(VIRTIO_F_RING_PACKED);
}

/* Where a packed ring goes on. Who tells nothing of what was used (DPDK) says
 * that the whole ring is on its way; nothing ever is.
 */
static int cham_vdpa_set_packed(struct cham_ring *r,
				const struct vdpa_vq_state_packed *s)
{
	u16 avail = s->last_avail_idx | s->last_avail_counter << 15;
	u16 used = s->last_used_idx | s->last_used_counter << 15;

	if (s->last_avail_idx >= r->num || s->last_used_idx >= r->num)
		return -EINVAL;
	if (s->last_avail_idx == s->last_used_idx)
		used = avail;
	r->last_avail = cham_packed_pos(avail, r->num);
	r->used_next = cham_packed_pos(used, r->num);
	return 0;
}

static int cham_vdpa_set_vq_state(struct vdpa_device *vdev, u16 idx,
				  const struct vdpa_vq_state *state)
{
	struct cham_port *port = cham_vdpa_port(vdev);
	struct cham_ring *r = cham_vdpa_ring(vdev, idx);
	int err = 0;

	mutex_lock(&port->ctl);
	if (r->owned)
		err = -EBUSY;
	else if (cham_vdpa_packed(port))
		err = cham_vdpa_set_packed(r, &state->packed);
	else
		r->last_avail = state->split.avail_index;
	if (!err) {
		r->started = false;
		port->moved |= r->last_avail;
	}
	mutex_unlock(&port->ctl);
	return err;
}

static int cham_vdpa_get_vq_state(struct vdpa_device *vdev, u16 idx,
				  struct vdpa_vq_state *state)
{
	struct cham_port *port = cham_vdpa_port(vdev);
	struct cham_ring *r = cham_vdpa_ring(vdev, idx);
	u16 avail, used;

	mutex_lock(&port->ctl);
	avail = READ_ONCE(r->last_avail);
	used = READ_ONCE(r->used_next);
	if (!cham_vdpa_packed(port)) {
		state->split.avail_index = avail;
	} else {
		avail = cham_packed_wrap(avail, r->num);
		used = cham_packed_wrap(used, r->num);
		state->packed = (struct vdpa_vq_state_packed){
			.last_avail_counter = avail >> 15,
			.last_avail_idx = avail & 0x7fff,
			.last_used_counter = used >> 15,
			.last_used_idx = used & 0x7fff,
		};
	}
	mutex_unlock(&port->ctl);
	return 0;
}

static int cham_vdpa_put_stat(struct sk_buff *msg, const char *name, u64 value)
{
	if (nla_put_string(msg, VDPA_ATTR_DEV_VENDOR_ATTR_NAME, name) ||
	    nla_put_u64_64bit(msg, VDPA_ATTR_DEV_VENDOR_ATTR_VALUE, value,
			      VDPA_ATTR_PAD))
		return -EMSGSIZE;
	return 0;
}

static int cham_vdpa_get_vendor_vq_stats(struct vdpa_device *vdev, u16 idx,
					 struct sk_buff *msg,
					 struct netlink_ext_ack *extack)
{
	/* In the order of enum cham_ring_stat. */
	static const char * const names[] = {
#define X(id, name) name,
		CHAM_RING_STAT_LIST(X)
#undef X
	};
	const struct cham_ring *r;
	unsigned int i;
	u64 chains;
	int err;

	if (idx >= vdev->nvqs) {
		NL_SET_ERR_MSG_FMT_MOD(extack, "queue index %u is not below %u",
				       idx, vdev->nvqs);
		return -ERANGE;
	}
	r = cham_vdpa_ring(vdev, idx);
	chains = u64_stats_read(&r->stats[CHAM_RING_CHAINS]);
	/* The names other vDPA devices use: taken, and given back. The ring
	 * is worked on in order, the rest is what waits to be published: in a
	 * packed ring that counts places.
	 */
	err = cham_vdpa_put_stat(msg, "received_desc", chains) ?:
	      cham_vdpa_put_stat(msg, "completed_desc", chains -
				 (u16)(READ_ONCE(r->used_next) - READ_ONCE(r->used_pub)));
	for (i = 0; !err && i < __CHAM_RING_STAT_MAX; i++) {
		u64 value = u64_stats_read(&r->stats[i]);

		if (i != CHAM_RING_CHAINS && (value || i <= CHAM_RING_BYTES))
			err = cham_vdpa_put_stat(msg, names[i], value);
	}
	return err;
}

static u32 cham_vdpa_get_vq_align(struct vdpa_device *vdev)
{
	return PAGE_SIZE;
}

static u32 cham_vdpa_get_vq_group(struct vdpa_device *vdev, u16 idx)
{
	return cham_vdpa_is_ctrl(cham_vdpa_ring(vdev, idx)) ? CHAM_GROUP_CTRL :
							      CHAM_GROUP_DATA;
}

static int cham_vdpa_set_group_asid(struct vdpa_device *vdev, unsigned int group,
				    unsigned int asid)
{
	struct cham_port *port = cham_vdpa_port(vdev);

	if (group >= CHAM_GROUPS || asid >= CHAM_SPACES)
		return -EINVAL;
	mutex_lock(&port->ctl);
	port->space[group] = asid;
	cham_vdpa_reconcile(port);
	mutex_unlock(&port->ctl);
	return 0;
}

/* The device. */

/* QEMU migrates only a device that offers a process nothing that its shadow
 * queues do not know. Who asks for the rest all the same gets it, and so does
 * everybody where the provider chose the features.
 */
static u64 cham_vdpa_get_device_features(struct vdpa_device *vdev)
{
	const struct cham_port *port = cham_vdpa_port(vdev);

	if (port->offered_fixed || cham_vdpa_in_kernel_owner(port))
		return port->offered;
	return port->offered & ~CHAM_FEATURES_NOT_SHADOWED;
}

/* A driver that asks for what was not offered does not get FEATURES_OK (virtio 1.2, 2.2.2):
 * it would act on what it believes was agreed.
 */
static int cham_vdpa_set_driver_features(struct vdpa_device *vdev, u64 features)
{
	struct cham_port *port = cham_vdpa_port(vdev);
	int err = -EINVAL;

	mutex_lock(&port->ctl);
	if (port->status & VIRTIO_CONFIG_S_DRIVER_OK) {
		err = -EBUSY;
	} else if (!(CHAM_FEATURES_NEEDED & ~features) && !(features & ~port->offered) &&
		   (features & BIT_ULL(VIRTIO_NET_F_CTRL_VQ) ||
		    !(features & CHAM_FEATURES_CTRL))) {
		cham_vdpa_set_features(port, features);
		cham_vdpa_set_offloads(port, CHAM_FEATURES_OFFLOADS);
		err = 0;
	}
	mutex_unlock(&port->ctl);
	return err;
}

/* Who brings a guest from elsewhere first tells the control queue what it had
 * set up, then lets the others run.
 */
static u64 cham_vdpa_get_backend_features(const struct vdpa_device *vdev)
{
	return BIT_ULL(VHOST_BACKEND_F_ENABLE_AFTER_DRIVER_OK);
}

static u64 cham_vdpa_get_driver_features(struct vdpa_device *vdev)
{
	return READ_ONCE(cham_vdpa_port(vdev)->features);
}

static void cham_vdpa_set_config_cb(struct vdpa_device *vdev,
				    struct vdpa_callback *cb)
{
	struct cham_port *port = cham_vdpa_port(vdev);

	spin_lock_bh(&port->cfg_lock);
	port->cfg_cb = *cb;
	spin_unlock_bh(&port->cfg_lock);
}

static u16 cham_vdpa_get_vq_num_max(struct vdpa_device *vdev)
{
	return CHAM_RING_NUM_MAX;
}

static u32 cham_vdpa_get_device_id(struct vdpa_device *vdev)
{
	return VIRTIO_ID_NET;
}

static u32 cham_vdpa_get_vendor_id(struct vdpa_device *vdev)
{
	return CHAM_VDPA_VENDOR;
}

static u8 cham_vdpa_get_status(struct vdpa_device *vdev)
{
	struct cham_port *port = cham_vdpa_port(vdev);
	u8 status = READ_ONCE(port->status);

	if (READ_ONCE(port->broken))
		status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	return status;
}

static void cham_vdpa_set_status(struct vdpa_device *vdev, u8 status)
{
	struct cham_port *port = cham_vdpa_port(vdev);
	struct cham_map *map;
	bool up, was;
	const char *why;

	mutex_lock(&port->ctl);
	was = port->status & VIRTIO_CONFIG_S_DRIVER_OK;
	/* A driver that offers no usable features does not get FEATURES_OK. */
	if (!port->features)
		status &= ~(VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
	WRITE_ONCE(port->status, status & ~VIRTIO_CONFIG_S_NEEDS_RESET);
	up = status & VIRTIO_CONFIG_S_DRIVER_OK;
	map = port->map[0];
	if (up && !was && !port->user_map[0] && cham_vdpa_in_kernel_owner(port)) {
		map = cham_map_identity(cham_vdpa_dma_dev(vdev), &why);
		if (!map)
			cham_port_break(port, why);
	}
	if (up != was) {
		cham_vdpa_remap(port, 0, map);
		if (up)
			netif_carrier_on(port->dev);
		else
			netif_carrier_off(port->dev);
		if (up && port->moved)
			cham_vdpa_came_back(port);
		port->moved = false;
	}
	mutex_unlock(&port->ctl);
	if (up != was)
		cham_port_event_changed(port);
}

static int cham_vdpa_reset(struct vdpa_device *vdev)
{
	struct cham_port *port = cham_vdpa_port(vdev);
	unsigned int i;
	bool was;

	/* virtio-vdpa frees what the callbacks point to and never says so. */
	spin_lock_bh(&port->cfg_lock);
	port->cfg_cb = (struct vdpa_callback){};
	spin_unlock_bh(&port->cfg_lock);

	mutex_lock(&port->ctl);
	was = port->status || READ_ONCE(port->broken);
	WRITE_ONCE(port->status, 0);
	port->suspended = false;
	port->moved = false;
	netif_carrier_off(port->dev);
	/* A process' mappings live until it takes them back: vhost-vdpa says
	 * so with set_map. The identity goes with the driver.
	 */
	cham_vdpa_remap(port, 0, port->user_map[0] ? port->map[0] : NULL);
	memset(port->space, 0, sizeof(port->space));
	port->pairs_on = 1;
	WRITE_ONCE(port->active, 1);
	cham_vdpa_set_features(port, 0);
	cham_vdpa_set_offloads(port, CHAM_FEATURES_OFFLOADS);
	for (i = 0; i < cham_port_rings(port); i++) {
		struct cham_ring *r = cham_port_ring(port, i);

		spin_lock_bh(&r->lock);
		r->cb = (struct vdpa_callback){};
		spin_unlock_bh(&r->lock);
		r->ready = false;
		r->started = false;
		r->last_avail = 0;
		r->avail_seen = 0;
		r->used_next = 0;
		r->used_pub = 0;
		r->num = 0;
		r->desc_iova = 0;
		r->avail_iova = 0;
		r->used_iova = 0;
	}
	WRITE_ONCE(port->broken, NULL);
	mutex_unlock(&port->ctl);
	if (was)
		cham_port_event_changed(port);
	return 0;
}

static int cham_vdpa_set_suspended(struct vdpa_device *vdev, bool suspended)
{
	struct cham_port *port = cham_vdpa_port(vdev);

	mutex_lock(&port->ctl);
	port->suspended = suspended;
	cham_vdpa_reconcile(port);
	if (!suspended)
		cham_vdpa_came_back(port);
	mutex_unlock(&port->ctl);
	return 0;
}

static int cham_vdpa_suspend(struct vdpa_device *vdev)
{
	return cham_vdpa_set_suspended(vdev, true);
}

static int cham_vdpa_resume(struct vdpa_device *vdev)
{
	return cham_vdpa_set_suspended(vdev, false);
}

static size_t cham_vdpa_get_config_size(struct vdpa_device *vdev)
{
	return sizeof(struct virtio_net_config);
}

static void cham_vdpa_get_config(struct vdpa_device *vdev, unsigned int offset,
				 void *buf, unsigned int len)
{
	struct cham_port *port = cham_vdpa_port(vdev);
	struct virtio_net_config cfg = {};
	u16 link = 0;

	if (READ_ONCE(port->admin_up))
		link = VIRTIO_NET_S_LINK_UP;
	mutex_lock(&port->ctl);
	ether_addr_copy(cfg.mac, port->mac);
	if (port->announce)
		link |= VIRTIO_NET_S_ANNOUNCE;
	mutex_unlock(&port->ctl);
	cfg.status = __cpu_to_virtio16(true, link);
	cfg.max_virtqueue_pairs = __cpu_to_virtio16(true, port->pairs);
	cfg.mtu = __cpu_to_virtio16(true, port->mtu);
	cfg.speed = cpu_to_le32(CHAM_VDPA_SPEED);
	cfg.duplex = DUPLEX_FULL;

	memset(buf, 0, len);
	if (offset < sizeof(cfg))
		memcpy(buf, (u8 *)&cfg + offset,
		       min_t(size_t, len, sizeof(cfg) - offset));
}

/* Nothing of a modern network device's configuration is the driver's to set. */
static void cham_vdpa_set_config(struct vdpa_device *vdev, unsigned int offset,
				 const void *buf, unsigned int len)
{
}

static u32 cham_vdpa_get_generation(struct vdpa_device *vdev)
{
	return READ_ONCE(cham_vdpa_port(vdev)->generation);
}

static int cham_vdpa_set_map(struct vdpa_device *vdev, unsigned int asid,
			     struct vhost_iotlb *iotlb)
{
	struct cham_port *port = cham_vdpa_port(vdev);
	struct cham_map *map;
	const char *why;

	if (asid >= CHAM_SPACES)
		return -EINVAL;
	map = cham_map_from_iotlb(iotlb, &why);
	mutex_lock(&port->ctl);
	if (!map)
		cham_port_break(port, why);
	port->user_map[asid] = true;
	cham_vdpa_remap(port, asid, map);
	mutex_unlock(&port->ctl);
	return map ? 0 : -EINVAL;
}

/* The process is gone, and its address space with it. */
static int cham_vdpa_reset_map(struct vdpa_device *vdev, unsigned int asid)
{
	struct cham_port *port = cham_vdpa_port(vdev);

	if (asid >= CHAM_SPACES)
		return -EINVAL;
	mutex_lock(&port->ctl);
	port->user_map[asid] = false;
	cham_vdpa_remap(port, asid, NULL);
	mutex_unlock(&port->ctl);
	return 0;
}

const struct vdpa_config_ops cham_vdpa_ops = {
	.set_vq_address		= cham_vdpa_set_vq_address,
	.set_vq_num		= cham_vdpa_set_vq_num,
	.kick_vq		= cham_vdpa_kick_vq,
	.set_vq_cb		= cham_vdpa_set_vq_cb,
	.set_vq_ready		= cham_vdpa_set_vq_ready,
	.get_vq_ready		= cham_vdpa_get_vq_ready,
	.set_vq_state		= cham_vdpa_set_vq_state,
	.get_vq_state		= cham_vdpa_get_vq_state,
	.get_vendor_vq_stats	= cham_vdpa_get_vendor_vq_stats,
	.get_vq_align		= cham_vdpa_get_vq_align,
	.get_vq_group		= cham_vdpa_get_vq_group,
	.set_group_asid		= cham_vdpa_set_group_asid,
	.get_device_features	= cham_vdpa_get_device_features,
	.get_backend_features	= cham_vdpa_get_backend_features,
	.set_driver_features	= cham_vdpa_set_driver_features,
	.get_driver_features	= cham_vdpa_get_driver_features,
	.set_config_cb		= cham_vdpa_set_config_cb,
	.get_vq_num_max		= cham_vdpa_get_vq_num_max,
	.get_device_id		= cham_vdpa_get_device_id,
	.get_vendor_id		= cham_vdpa_get_vendor_id,
	.get_status		= cham_vdpa_get_status,
	.set_status		= cham_vdpa_set_status,
	.reset			= cham_vdpa_reset,
	.suspend		= cham_vdpa_suspend,
	.resume			= cham_vdpa_resume,
	.get_config_size	= cham_vdpa_get_config_size,
	.get_config		= cham_vdpa_get_config,
	.set_config		= cham_vdpa_set_config,
	.get_generation		= cham_vdpa_get_generation,
	.set_map		= cham_vdpa_set_map,
	.reset_map		= cham_vdpa_reset_map,
};

/**
 * cham_vdpa_setup() - the device half of a new port
 * @port: port with its identity filled in
 */
void cham_vdpa_setup(struct cham_port *port)
{
	unsigned int i;

	for (i = 0; i < port->pairs; i++)
		init_irq_work(&port->tx[i].kick, cham_vdpa_kick_work);
	INIT_WORK(&port->break_work, cham_vdpa_break_work);
	cham_ctrl_init(port);
	mutex_lock(&port->ctl);
	cham_vdpa_set_features(port, 0);
	mutex_unlock(&port->ctl);
}

/**
 * cham_vdpa_teardown() - stop what may still run for a port
 * @port: port without a driver
 */
void cham_vdpa_teardown(struct cham_port *port)
{
	unsigned int i;

	mutex_lock(&port->ctl);
	WRITE_ONCE(port->status, 0);
	for (i = 0; i < CHAM_SPACES; i++)
		cham_vdpa_remap(port, i, NULL);
	mutex_unlock(&port->ctl);
	for (i = 0; i < port->pairs; i++)
		irq_work_sync(&port->tx[i].kick);
	cham_ctrl_exit(port);
	cancel_work_sync(&port->break_work);
}
