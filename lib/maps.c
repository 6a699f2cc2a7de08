// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * A tenant's maps and variables are its program's for as long as areas of that layout
 * are, whatever it is composed with: a neighbour that loads, another tier and a version
 * of the same layout find them as they are. They are known by their pins:
 *
 *	CHAM_DATAPATH_DIR/maps/<tenant>-<layout>/<map>
 *						-data, -bss	variables
 *
 * Variables that another compiler has put in another order are copied, by name: what
 * the old program writes until every device runs the new one is lost then. Constants
 * are the program's own.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "datapath.h"

#define MAPS		CHAM_DATAPATH_DIR "/maps"
#define FILE_MAX	192

/* The variables of one map. */
struct vars {
	struct btf *own;		/* to be freed */
	const struct btf *btf;
	const struct btf_type *sec;
	uint8_t *data;
	uint32_t size;
};

static void dir_of(const struct cham_part *part, char *path, size_t size)
{
	snprintf(path, size, MAPS "/%u-%x", part->tenant, part->layout);
}

static void path_of(const struct cham_part *part, const char *file, char *path, size_t size)
{
	snprintf(path, size, MAPS "/%u-%x/%s", part->tenant, part->layout, file);
}

/* Where one waits that shall take its place; no map has such a name. */
static void fresh_of(const struct cham_part *part, const char *file, char *path, size_t size)
{
	snprintf(path, size, MAPS "/%u-%x/+%s", part->tenant, part->layout, file);
}

/* Whose is it, and under which name is it kept? Constants are not. */
static const struct cham_part *owner_of(const struct bpf_map *map,
					const struct cham_parts *parts, char *file)
{
	const char *name = bpf_map__name(map), *end = strrchr(name, '.');
	uint32_t tenant;
	unsigned int i;
	int n = 0;
	char *c;

	if (!bpf_map__is_internal(map)) {
		if (sscanf(name, "t%u_%n", &tenant, &n) != 1 || !n)
			return NULL;
		snprintf(file, FILE_MAX, "%s", name + n);
	} else {
		if (!strncmp(name, ".rodata", 7) || !end || end == name ||
		    sscanf(end, ".t%u", &tenant) != 1)
			return NULL;
		/* as the joint tier calls the other's */
		if (!strncmp(name, ".data.bss.t", 11))
			name += 5;
		snprintf(file, FILE_MAX, "%.*s", (int)(end - name), name);
		/* bpffs takes no dots */
		for (c = file; *c; c++)
			if (*c == '.')
				*c = '-';
	}
	for (i = 0; i < parts->n; i++)
		if (parts->part[i].tenant == tenant)
			return &parts->part[i];
	return NULL;
}

static int open_kept(const struct cham_part *part, const char *file, struct bpf_map_info *info)
{
	char path[128 + FILE_MAX];
	uint32_t len = sizeof(*info);
	int fd;

	path_of(part, file, path, sizeof(path));
	fd = bpf_obj_get(path);
	memset(info, 0, sizeof(*info));
	if (fd >= 0 && bpf_obj_get_info_by_fd(fd, info, &len)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static bool same_kind(const struct bpf_map *map, const struct bpf_map_info *info)
{
	return info->type == bpf_map__type(map) && info->key_size == bpf_map__key_size(map) &&
	       info->value_size == bpf_map__value_size(map) &&
	       info->max_entries == bpf_map__max_entries(map) &&
	       info->map_flags == bpf_map__map_flags(map);
}

/* ---- variables ------------------------------------------------------------- */

static const char *var_name(const struct vars *v, unsigned int i)
{
	const struct btf_var_secinfo *vi = btf_var_secinfos(v->sec) + i;
	const char *name = btf__name_by_offset(v->btf, btf__type_by_id(v->btf, vi->type)->name_off);
	uint32_t tenant;
	int n = 0;

	/* as a tier has named it */
	return sscanf(name, "t%u_%n", &tenant, &n) == 1 ? name + n : name;
}

static bool inside(const struct vars *v, unsigned int i)
{
	const struct btf_var_secinfo *vi = btf_var_secinfos(v->sec) + i;

	return vi->offset <= v->size && vi->size <= v->size - vi->offset;
}

static bool same_order(const struct vars *a, const struct vars *b)
{
	unsigned int i;

	if (a->size != b->size || btf_vlen(a->sec) != btf_vlen(b->sec))
		return false;
	for (i = 0; i < btf_vlen(a->sec); i++) {
		const struct btf_var_secinfo *x = btf_var_secinfos(a->sec) + i;
		const struct btf_var_secinfo *y = btf_var_secinfos(b->sec) + i;

		if (x->offset != y->offset || x->size != y->size ||
		    strcmp(var_name(a, i), var_name(b, i)))
			return false;
	}
	return true;
}

static void copy_vars(const struct vars *from, struct vars *to)
{
	unsigned int i, k;

	for (i = 0; i < btf_vlen(to->sec); i++)
		for (k = 0; k < btf_vlen(from->sec); k++) {
			const struct btf_var_secinfo *x = btf_var_secinfos(from->sec) + k;
			const struct btf_var_secinfo *y = btf_var_secinfos(to->sec) + i;

			if (x->size == y->size && inside(from, k) && inside(to, i) &&
			    !strcmp(var_name(from, k), var_name(to, i)))
				memcpy(to->data + y->offset, from->data + x->offset, x->size);
		}
}

static void close_vars(struct vars *v)
{
	btf__free(v->own);
	free(v->data);
	memset(v, 0, sizeof(*v));
}

/* What the new object says of @map, and begins with. */
static bool new_vars(const struct bpf_object *obj, struct bpf_map *map, struct vars *v)
{
	size_t size = 0;
	const void *initial = bpf_map__initial_value(map, &size);
	int id;

	*v = (struct vars){ .btf = bpf_object__btf(obj), .size = size };
	id = v->btf ? btf__find_by_name_kind(v->btf, bpf_map__name(map), BTF_KIND_DATASEC) : -1;
	if (id < 0 || !initial)
		return false;
	v->sec = btf__type_by_id(v->btf, id);
	v->data = malloc(size + 1);
	if (v->data)
		memcpy(v->data, initial, size);
	return v->data;
}

/* What a map that was kept says of itself, and has now. */
static bool kept_vars(int fd, const struct bpf_map_info *info, struct vars *v)
{
	uint32_t zero = 0;

	*v = (struct vars){ .size = info->value_size };
	if (info->type != BPF_MAP_TYPE_ARRAY || info->max_entries != 1)
		return false;
	v->own = btf__load_from_kernel_by_id(info->btf_id);
	v->btf = v->own;
	v->sec = v->own ? btf__type_by_id(v->own, info->btf_value_type_id) : NULL;
	v->data = malloc(info->value_size + 1);
	if (v->sec && btf_is_datasec(v->sec) && v->data &&
	    !bpf_map_lookup_elem(fd, &zero, v->data))
		return true;
	close_vars(v);
	return false;
}

static void copy_all(const struct cham_part *part, struct vars *to)
{
	struct bpf_map_info info;
	struct vars from;
	struct dirent *e;
	char path[128];
	DIR *d;
	int fd;

	dir_of(part, path, sizeof(path));
	d = opendir(path);
	while (d && (e = readdir(d))) {
		if (e->d_name[0] != '-')
			continue;
		fd = open_kept(part, e->d_name, &info);
		if (fd < 0)
			continue;
		if (kept_vars(fd, &info, &from)) {
			copy_vars(&from, to);
			close_vars(&from);
		}
		close(fd);
	}
	if (d)
		closedir(d);
}

static int take_vars(const struct bpf_object *obj, struct bpf_map *map,
		     const struct cham_part *part, int fd, const struct bpf_map_info *info)
{
	struct vars now, was;
	bool same = false;
	int err;

	if (!new_vars(obj, map, &now))
		return 0;
	if (fd >= 0 && same_kind(map, info) && kept_vars(fd, info, &was)) {
		same = same_order(&was, &now);
		close_vars(&was);
	}
	if (same) {
		err = bpf_map__reuse_fd(map, fd);
	} else {
		copy_all(part, &now);
		err = bpf_map__set_initial_value(map, now.data, now.size);
	}
	close_vars(&now);
	return err;
}

/* ---- maps ------------------------------------------------------------------ */

int cham_maps__take(struct cham *h, struct bpf_object *obj, const struct cham_parts *parts)
{
	const struct cham_part *part;
	struct bpf_map_info info;
	struct bpf_map *map;
	char file[FILE_MAX];
	int fd, err = 0;

	bpf_object__for_each_map(map, obj) {
		part = owner_of(map, parts, file);
		if (!part)
			continue;
		fd = open_kept(part, file, &info);
		if (bpf_map__is_internal(map))
			err = take_vars(obj, map, part, fd, &info);
		else if (fd >= 0 && same_kind(map, &info))
			err = bpf_map__reuse_fd(map, fd);
		if (fd >= 0)
			close(fd);
		if (err)
			return cham__fail(h, err, "map %s: %s", bpf_map__name(map),
					  strerror(-err));
	}
	return 0;
}

static bool is_kept(struct bpf_object *obj, const struct cham_parts *parts,
		    const struct cham_part *part, const char *name)
{
	struct bpf_map *map;
	char file[FILE_MAX];

	bpf_object__for_each_map(map, obj)
		if (owner_of(map, parts, file) == part && !strcmp(file, name))
			return true;
	return false;
}

static uint32_t id_of(int fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

static int pin_one(struct bpf_map *map, const struct cham_part *part, const char *file)
{
	struct bpf_map_info info;
	char path[128 + FILE_MAX];
	int fd = open_kept(part, file, &info);

	if (fd >= 0) {
		close(fd);
		if (info.id == id_of(bpf_map__fd(map)))
			return 0;
	}
	dir_of(part, path, sizeof(path));
	if ((mkdir(MAPS, 0700) && errno != EEXIST) || (mkdir(path, 0700) && errno != EEXIST))
		return -errno;
	fresh_of(part, file, path, sizeof(path));
	unlink(path);
	return bpf_obj_pin(bpf_map__fd(map), path) ? -errno : 0;
}

/* What is in @part's directory and not @obj's any more; all of it without an @obj. */
static void forget(struct bpf_object *obj, const struct cham_parts *parts,
		   const struct cham_part *part, const char *dir)
{
	char path[600];
	struct dirent *e;
	DIR *d = opendir(dir);

	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.' || (obj && is_kept(obj, parts, part, e->d_name)))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		unlink(path);
	}
	if (d)
		closedir(d);
	if (!obj)
		rmdir(dir);
}

int cham_maps__pin(struct cham *h, struct bpf_object *obj, const struct cham_parts *parts)
{
	const struct cham_part *part;
	struct bpf_map *map;
	char file[FILE_MAX];
	int err;

	bpf_object__for_each_map(map, obj) {
		part = owner_of(map, parts, file);
		err = part ? pin_one(map, part, file) : 0;
		if (err)
			return cham__fail(h, err, "pin map %s: %s", bpf_map__name(map),
					  strerror(-err));
	}
	return 0;
}

void cham_maps__keep(struct bpf_object *obj, const struct cham_parts *parts, bool keep)
{
	char file[FILE_MAX], dir[128], fresh[128 + FILE_MAX], path[128 + FILE_MAX];
	const struct cham_part *part;
	struct bpf_map *map;
	unsigned int i;

	bpf_object__for_each_map(map, obj) {
		part = owner_of(map, parts, file);
		if (!part)
			continue;
		fresh_of(part, file, fresh, sizeof(fresh));
		path_of(part, file, path, sizeof(path));
		if (keep)
			rename(fresh, path);	/* none: it is there already */
		else
			unlink(fresh);
	}
	for (i = 0; keep && i < parts->n; i++) {
		dir_of(&parts->part[i], dir, sizeof(dir));
		forget(obj, parts, &parts->part[i], dir);
	}
}

static bool is_wanted(struct cham_plan *plan, const char *name)
{
	const struct cham_part *part;
	struct cham_parts *parts;
	uint32_t tenant, layout;

	if (!plan || sscanf(name, "%u-%x", &tenant, &layout) != 2)
		return false;
	part = cham_plan__find(plan, tenant, &parts);
	return part && part->layout == layout;
}

void cham_maps__sweep(struct cham_plan *plan)
{
	struct dirent *e;
	char path[400];
	DIR *d = opendir(MAPS);

	while (d && (e = readdir(d))) {
		if (e->d_name[0] == '.' || is_wanted(plan, e->d_name))
			continue;
		snprintf(path, sizeof(path), MAPS "/%s", e->d_name);
		forget(NULL, NULL, NULL, path);
	}
	if (d)
		closedir(d);
	if (!plan)
		rmdir(MAPS);
}
