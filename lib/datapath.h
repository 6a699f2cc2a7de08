/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/*
 * How tenants' programs become what is attached, from below:
 *
 *	plan.c		what is to be, and the lock
 *	compose.c	the linked object of a composition
 *	joint.c		its joint one
 *	dispatch.c	whose packet is it, when there are several
 *	load.c		objects into the kernel
 *	maps.c		what of them stays when they are replaced
 *	alone.c		one tenant's, to be verified by itself
 *	datapath.c	onto the devices
 *	programs.c	load and unload; what somebody died at
 *	tiers.c		from linked to joint
 */
#ifndef CHAM_DATAPATH_H
#define CHAM_DATAPATH_H

#include "internal.h"

enum { CHAM_PROG_UPLINK, CHAM_PROG_PORT, CHAM_PROGS };

struct bpf_object;
struct cham_object;

/* A tenant's program in a composition. */
struct cham_part {
	uint32_t tenant;
	uint32_t cell;		/* 1..CHAM_CELLS */
	uint32_t layout;
	uint32_t version;	/* of the tenant's loads */
	bool stopped;		/* for a fault */
	bool inlined;		/* in the joint object */
	char why[200];		/* not */
};

/* One composition: a whole datapath with these. */
struct cham_parts {
	struct cham_part part[CHAM_CELLS];
	unsigned int n;
	unsigned int number;
	const char *joint;	/* takes the place of the datapath's object, or NULL */
};

/* All that there are beside each other. The first always is; others with programs. */
struct cham_plan {
	struct cham_parts of[CHAM_PARTITIONS];
	uint32_t make;		/* bits: these anew, the rest stays as it is */
	uint32_t replaces;	/* version of the program that a load replaces, 0: none */
	int lock;
};

#define CHAM_PROGRAMS_DIR	CHAM_STATE_DIR "/programs"
#define CHAM_PLAN_ALL	((1U << CHAM_PARTITIONS) - 1)

/* Loads @path with the layouts of @parts; the programs of @names, which NULL ends, become
 * @progs, and are owned by *@obj, which the caller closes.
 */
int cham_load_object(struct cham *h, const char *path, const struct cham_parts *parts,
		     const char *const *names, int *progs, struct bpf_object **obj);

/* What libbpf says from now on is kept; cham_log_end() gives its end back. */
void cham_log_begin(void);
const char *cham_log_end(void);

/* ---- maps.c ---- */

/* The maps and variables that programs of @parts have already become those of @obj, which
 * is not loaded yet.
 */
int cham_maps__take(struct cham *h, struct bpf_object *obj, const struct cham_parts *parts);
/* @obj is to be attached: its tenants' maps get pins, beside those of the one before. */
int cham_maps__pin(struct cham *h, struct bpf_object *obj, const struct cham_parts *parts);
/* @keep: @obj is attached, and they are what the next one takes; or they go again. */
void cham_maps__keep(struct bpf_object *obj, const struct cham_parts *parts, bool keep);
/* Those of no program in @plan go; without one, all. */
void cham_maps__sweep(struct cham_plan *plan);

/* ---- plan.c ---- */

/* Of the programs that the module knows of, all to be made; one change at a time.
 * Return: 0, and the lock is held; or a negative errno.
 */
int cham_plan__open(struct cham *h, struct cham_plan **plan);
void cham_plan__unlock(struct cham_plan *plan);
void cham_plan__close(struct cham_plan *plan);

/*
 * While things are changed the lock says so, and says it still when who changed them
 * died: then what is attached, what is kept and what the module knows may be of
 * different ages. cham_plan__torn() reads what died replaced into @plan->replaces.
 * A load that cannot say so (a full disk) is none; others make what the next one would.
 */
int cham_plan__changing(const struct cham_plan *plan, bool yes);
bool cham_plan__torn(struct cham_plan *plan);

/* Files that are of no program: its tenant is gone, or who made them died. */
void cham_plan__sweep(struct cham_plan *plan);

/* The tenant's program, and which composition @parts it is in; or NULL. */
struct cham_part *cham_plan__find(struct cham_plan *plan, uint32_t tenant,
				  struct cham_parts **parts);
/* A place for one more: in the first that has room. */
struct cham_part *cham_plan__add(struct cham *h, struct cham_plan *plan, uint32_t tenant,
				 struct cham_parts **parts);
void cham_plan__drop(struct cham_plan *plan, struct cham_parts *parts, uint32_t tenant);
/* Which of them has the tenant's program, 0 without one. */
unsigned int cham_plan__number(const struct cham_plan *plan, uint32_t tenant);

/* What is kept of a tenant's program, each in a file that is named so. */
#define CHAM_PART_OBJECT	"o"	/* what was loaded */
#define CHAM_PART_BITCODE	"bc"	/* the bitcode that it was made from */
#define CHAM_PART_FORMER	"former"	/* what the one before was made from */

/* Where the tenant's is. */
void cham_part__path(char *path, size_t size, uint32_t tenant, const char *kind);

/* ---- compose.c ---- */

/* Is one of @parts not inlined? */
bool cham_parts__linked(const struct cham_parts *parts);
/* Of @parts that are not inlined. Return: the linked object's file, or a negative errno. */
int cham_compose(struct cham *h, const char *base, const struct cham_parts *parts);
/* Of @o, which need not be loaded, as @part. */
int cham_compose_one(struct cham *h, const char *base, const struct cham_object *o,
		     const struct cham_part *part);

/* ---- alone.c ---- */

/* What the verifier says of a tenant's handlers; @base: the datapath's object; *@verified:
 * instructions that it followed.
 */
int cham_alone(struct cham *h, const char *base, const struct cham_object *o,
	       uint32_t *verified);

/* ---- joint.c ---- */

#define CHAM_NOT_BITCODE	"came as an object: load it as C or bitcode"
#define CHAM_NO_BITCODE		"came as an object, or what would be made of it is refused: " \
				"prog check says why"
#define CHAM_DATAPATH_BITCODE	"datapath.bpf.bc"

/* The tool that prepares bitcode for it: where it is, beside @base. */
int cham_normaliser(struct cham *h, const char *base, char *path, size_t size);
/* Runs it on @bitcode of @file, for a place; *@data is what it makes of it. @tenant 0: by
 * itself.
 */
int cham_normalise(struct cham *h, const char *tool, const char *file, uint32_t tenant,
		   uint32_t cell, int bitcode, uint8_t **data, size_t *size);
/* The object of what is in @bitcode, made as it would be in a joint one. */
int cham_joint__alone(struct cham *h, const char *file, int bitcode, struct cham_object **o);

struct cham_joint;

/* Reads what a joint object of @parts is made from; the lock is held. */
int cham_joint__open(struct cham *h, const char *base, const struct cham_parts *parts,
		     struct cham_joint **j);
/* Makes it; seconds, and needs no lock. */
int cham_joint__make(struct cham_joint *j);
/* None is made of these, or the kernel takes none, and @said why: the largest program of
 * those that are in it is not to be in the next, which may be made. Return: is there any
 * left?
 */
bool cham_joint__leave_out(struct cham_joint *j, const char *said);
/* To a file, with the lock: then @parts say so, and who is in it. */
int cham_joint__put(struct cham_joint *j, struct cham_parts *parts);
void cham_joint__close(struct cham_joint *j);

enum cham_tier {
	CHAM_TIER_LINKED,
	CHAM_TIER_JOINT,
	CHAM_TIER_REFUSED,	/* linked, because a joint one was refused */
};

enum cham_tier cham_tiers__get(unsigned int number);
/* What is attached now; @why: no joint one could be made, or NULL. */
void cham_tiers__put(const struct cham_parts *parts, const char *why);

/* ---- dispatch.c: whose packet is it, when there are several compositions ---- */

struct cham_dispatch;

/* What is attached; else it is made if @base, the datapath's object, is not NULL, and
 * *@d is NULL if it is.
 */
int cham_dispatch__open(struct cham *h, const char *base, struct cham_dispatch **d);
void cham_dispatch__close(struct cham_dispatch *d);
/* No device runs it any more. */
void cham_dispatch__remove(void);
/* For the uplink. */
int cham_dispatch__prog(const struct cham_dispatch *d);
/* @prog: the uplink's program of composition @number, -1 for none. */
int cham_dispatch__set(struct cham *h, struct cham_dispatch *d, unsigned int number, int prog);
/* Each tenant's packets to where its program is. */
int cham_dispatch__aim(struct cham *h, struct cham_dispatch *d, const struct cham_plan *plan);

/* ---- datapath.c ---- */

/* What is installed beside the datapath's object. */
int cham_file__beside(struct cham *h, const char *base, const char *name, char *path,
		      size_t size);
/* The datapath's object: @objdir, or in it. */
int cham_datapath__object(char *path, size_t size, const char *objdir);

/* Attaches the datapath of @plan; as cham_datapath__attach(). */
int cham_datapath__put(struct cham *h, const char *objdir, unsigned int flags,
		       const struct cham_plan *plan);
bool cham_datapath__generic(void);

/* Turns the kernel's refusal to attach into what to do; returns @err. */
int cham_explain_attach(struct cham *h, const char *ifname, uint32_t ifindex,
			bool generic, int err);

/* ---- programs.c ---- */

/* As cham_plan__open(), of an attached datapath; what somebody died at is ended first. */
int cham_programs__open(struct cham *h, const char *objdir, struct cham_plan **plan);
/* In the mode that it is attached in. */
int cham_programs__put(struct cham *h, const char *objdir, struct cham_plan *plan);

#endif
