// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The contract: what a tenant's object may be, have and cost. The same judge
 * answers "chamctl prog check", which needs no privilege, and "prog load".
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>
#include <linux/bpf.h>

#include "cost.h"
#include "judge.h"
#include "text.h"

#define R_BPF_64_64	1
#define R_BPF_64_32	10
#define CHAM_CPUS	64	/* that per-CPU maps are judged for */
#define NAME_CHARS	"_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define TYPES_MAX	2000
#define PER_CPU_MAX	(32U << 10)	/* the kernel's, of a value */
#define SAME_MAX	16	/* types of one name and kind; ours have three */
#define PACKET_PAGE	4096	/* no more of a packet is in one piece */

struct judge {
	struct cham *h;
	const struct cham_object *o;
	struct cham_prog_report *r;
	uint32_t max_cycles;
	struct btf *btf;
	struct cham_code code;
	struct cham_ref *ref;
	struct cham_map_size *map;	/* by symbol */
	/* lines of the source, sorted by instruction */
	const struct bpf_line_info *line;
	unsigned int n_lines, line_size;
};

static const struct bpf_line_info *line_at(const struct judge *j, unsigned int i)
{
	return (const void *)((const char *)j->line + (size_t)i * j->line_size);
}

/* The line that an instruction is of. They are in order, or the kernel takes none; where
 * they are not it is some other line, and soon, however many there are.
 */
static const struct bpf_line_info *line_of(const struct judge *j, uint32_t insn)
{
	unsigned int from = 0, to = j->n_lines, mid;

	while (from < to) {
		mid = from + (to - from) / 2;
		if (line_at(j, mid)->insn_off / 8 <= insn)
			from = mid + 1;
		else
			to = mid;
	}
	return from ? line_at(j, from - 1) : NULL;
}

static const char *btf_text(const struct judge *j, uint32_t off)
{
	const char *text = btf__name_by_offset(j->btf, off);

	return text ? text : "";
}

static int no(struct judge *j, const struct cham_verdict_at *at)
{
	const struct bpf_line_info *l = line_of(j, at->insn);
	const char *text = l ? btf_text(j, l->line_off) : "";
	char file[200], line[200];

	text += strspn(text, " \t");
	if (!l)
		return cham__fail(j->h, at->err, "%s: instruction %u %s", j->o->path, at->insn,
				  at->text);
	/* What says where is one line, whatever the file says. */
	snprintf(file, sizeof(file), "%s", btf_text(j, l->file_name_off));
	snprintf(line, sizeof(line), "%s", text);
	cham_printable_name(file);
	cham_printable_name(line);
	return cham__fail(j->h, at->err, "%s: %s:%u: %s%s%s%s", j->o->path, file,
			  BPF_LINE_INFO_LINE_NUM(l->line_col), at->text, *line ? " [" : "",
			  line, *line ? "]" : "");
}

static int damaged(struct judge *j, const char *what)
{
	return cham__fail(j->h, -EINVAL, "%s: damaged: %s", j->o->path, what);
}

/* ---- code ----------------------------------------------------------------- */

static int by_start(const void *a, const void *b)
{
	const struct cham_func *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static int read_functions(struct judge *j)
{
	const struct cham_object *o = j->o;
	struct cham_code *c = &j->code;
	unsigned int i, n = 0;
	uint64_t end = 0;
	size_t size;

	c->insn = cham_object__section(o, o->text, &size);
	if (!c->insn || !size || size % 8 || o->sh[o->text].sh_offset % 8)
		return damaged(j, ".text is no code");
	c->n = size / 8;
	if (c->n > CHAM_SHARE_INSNS)
		return cham__fail(j->h, -E2BIG,
				  "%s: has %u instructions; a tenant's share of a composition's is %u",
				  o->path, c->n, CHAM_SHARE_INSNS);
	for (i = 0; i < o->n_syms; i++)
		n += ELF64_ST_TYPE(o->syms[i].st_info) == STT_FUNC;
	if (n > CHAM_SHARE_FUNCS)
		return cham__fail(j->h, -E2BIG,
				  "%s: has %u functions; a tenant's share of the datapath's subprograms is %u",
				  o->path, n, CHAM_SHARE_FUNCS);
	c->func = calloc(n + 1, sizeof(*c->func));
	if (!c->func)
		return -ENOMEM;
	for (i = 0; i < o->n_syms; i++) {
		const Elf64_Sym *s = &o->syms[i];

		if (ELF64_ST_TYPE(s->st_info) != STT_FUNC)
			continue;
		if (s->st_shndx != o->text || s->st_value % 8 || s->st_size % 8 ||
		    s->st_value > size || s->st_size > size - s->st_value)
			return damaged(j, "a function is not in .text");
		c->func[c->n_func++] = (struct cham_func){
			.start = s->st_value / 8, .len = s->st_size / 8,
			.name = cham_object__symbol(o, s),
			.global = ELF64_ST_BIND(s->st_info) == STB_GLOBAL,
		};
	}
	qsort(c->func, c->n_func, sizeof(*c->func), by_start);
	for (i = 0; i < c->n_func; i++) {
		if (c->func[i].start < end)
			return cham__fail(j->h, -EINVAL,
					  "%s: \"%s\" is an alias of other code, or overlaps it",
					  o->path, c->func[i].name);
		if (c->func[i].start > end)
			return damaged(j, "there is code that belongs to no function");
		end = c->func[i].start + c->func[i].len;
	}
	return end == c->n ? 0 : damaged(j, "there is code that belongs to no function");
}

static int func_at(const struct judge *j, uint64_t insn)
{
	unsigned int i;

	for (i = 0; i < j->code.n_func; i++)
		if (j->code.func[i].start == insn)
			return i;
	return -1;
}

static bool is_data_symbol(const struct cham_object *o, const Elf64_Sym *s)
{
	return s->st_shndx < o->n_sh && cham_object__is_data(o, s->st_shndx);
}

/* What each relocated instruction refers to. */
static int read_relocations(struct judge *j)
{
	const struct cham_object *o = j->o;
	const Elf64_Rel *rel;
	unsigned int i, n;
	size_t size;
	bool call;
	int f;

	j->ref = calloc(j->code.n, sizeof(*j->ref));
	if (!j->ref)
		return -ENOMEM;
	j->code.ref = j->ref;
	rel = cham_object__section(o, o->rel_text, &size);
	if (rel && (o->sh[o->rel_text].sh_info != o->text ||
		    o->sh[o->rel_text].sh_link != o->symtab ||
		    o->sh[o->rel_text].sh_offset % 8))
		return damaged(j, ".rel.text is of another section");
	n = size / sizeof(*rel);
	for (i = 0; i < n; i++, rel++) {
		const struct bpf_insn *in;
		const Elf64_Sym *s;
		struct cham_ref *ref;
		uint64_t at = rel->r_offset / 8, to;

		if (rel->r_offset % 8 || at >= j->code.n ||
		    ELF64_R_SYM(rel->r_info) >= o->n_syms)
			return damaged(j, "a relocation leads out of the file");
		in = &j->code.insn[at];
		ref = &j->ref[at];
		s = &o->syms[ELF64_R_SYM(rel->r_info)];
		call = in->code == (BPF_JMP | BPF_CALL) && in->src_reg == BPF_PSEUDO_CALL;
		if (ref->kind || !(call ? ELF64_R_TYPE(rel->r_info) == R_BPF_64_32 :
				   in->code == (BPF_LD | BPF_DW | BPF_IMM) && at + 1 < j->code.n &&
				   ELF64_R_TYPE(rel->r_info) == R_BPF_64_64))
			return damaged(j, "a relocation is of what has none");
		/* Of a symbol the instruction's own number is added to where that is. */
		if (ELF64_ST_TYPE(s->st_info) != STT_SECTION &&
		    (call ? in->imm != -1 : in->imm || in[1].imm))
			return damaged(j, "a relocation leads past its symbol");
		if (s->st_shndx != o->text) {
			if (call || (s->st_shndx != o->maps && !is_data_symbol(o, s)))
				return damaged(j, "a relocation is of neither code nor data");
			ref->kind = s->st_shndx == o->maps ? CHAM_REF_MAP : CHAM_REF_DATA;
			/* By its name alone it is the same in a composition. */
			if (ref->kind == CHAM_REF_MAP &&
			    s->st_info != ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT))
				return damaged(j, "a map is not known by its name");
			ref->index = ELF64_R_SYM(rel->r_info);
			continue;
		}
		/* To the section: the instruction says how far into it. */
		to = s->st_value / 8;
		if (ELF64_ST_TYPE(s->st_info) == STT_SECTION)
			to = call ? (uint64_t)(int64_t)in->imm + 1 : (uint32_t)in->imm / 8;
		f = func_at(j, to);
		if (f < 0 || (!call && in->imm % 8))
			return damaged(j, "a call goes into the middle of a function");
		ref->kind = CHAM_REF_FUNC;
		ref->index = f;
	}
	/* Calls within the section need no relocation. */
	for (i = 0; i < j->code.n; i++) {
		const struct bpf_insn *in = &j->code.insn[i];

		if (in->code != (BPF_JMP | BPF_CALL) || in->src_reg != BPF_PSEUDO_CALL ||
		    j->ref[i].kind)
			continue;
		f = func_at(j, (int64_t)i + 1 + in->imm);
		if (f < 0)
			return damaged(j, "a call goes into the middle of a function");
		j->ref[i].kind = CHAM_REF_FUNC;
		j->ref[i].index = f;
	}
	return 0;
}

/* The records of one part of .BTF.ext: those of .text, there is no other code. */
static int ext_part(struct judge *j, const void *part, uint32_t len, size_t least,
		    const void **rec, unsigned int *n, unsigned int *size)
{
	const __u32 *word = part;

	*n = 0;
	if (len < 3 * sizeof(*word))
		return 0;
	*size = word[0];
	if (*size < least || *size % 4 || strcmp(btf_text(j, word[1]), ".text") ||
	    (uint64_t)word[2] * *size != len - 3 * sizeof(*word))
		return damaged(j, ".BTF.ext is not of .text alone");
	*rec = word + 3;
	*n = word[2];
	return 0;
}

/* The type of each function, which the verifier goes by; nothing that is filled in later. */
static int read_types(struct judge *j, const struct bpf_func_info *info, unsigned int n,
		      unsigned int size)
{
	unsigned int i, k;

	for (i = 0; i < j->code.n_func; i++) {
		struct cham_func *f = &j->code.func[i];
		const struct bpf_func_info *at = NULL;
		const struct btf_type *t;

		for (k = 0; k < n && !at; k++) {
			at = (const void *)((const char *)info + (size_t)k * size);
			if (at->insn_off != f->start * 8)
				at = NULL;
		}
		t = at ? btf__type_by_id(j->btf, at->type_id) : NULL;
		if (!t || n != j->code.n_func || !btf_is_func(t) ||
		    strcmp(btf_text(j, t->name_off), f->name) ||
		    btf_vlen(t) != (f->global ? BTF_FUNC_GLOBAL : BTF_FUNC_STATIC))
			return cham__fail(j->h, -EINVAL,
					  "%s: damaged: the type of %s() is another's", j->o->path,
					  f->name);
		f->type = at->type_id;
	}
	return 0;
}

static int read_ext(struct judge *j)
{
	const struct cham_object *o = j->o;
	const struct {
		__u16 magic;
		__u8 version, flags;
		__u32 hdr_len, func_off, func_len, line_off, line_len, core_off, core_len;
	} *hdr;
	unsigned int n, func_size = 0;
	const void *func = NULL, *line = NULL;
	const char *parts;
	size_t size, left;
	int err;

	hdr = cham_object__section(o, o->btf_ext, &size);
	if (!hdr || o->sh[o->btf_ext].sh_offset % 4 || size < sizeof(*hdr) ||
	    hdr->magic != 0xeb9f || hdr->version != 1 || hdr->hdr_len > size)
		return damaged(j, ".BTF.ext is cut off");
	left = size - hdr->hdr_len;
	if (hdr->func_off > left || hdr->func_len > left - hdr->func_off ||
	    hdr->line_off > left || hdr->line_len > left - hdr->line_off ||
	    (hdr->hdr_len | hdr->func_off | hdr->line_off) % 4)
		return damaged(j, ".BTF.ext is cut off");
	if (hdr->hdr_len != sizeof(*hdr) || hdr->core_len)
		return cham__fail(j->h, -EPERM,
				  "%s: has numbers that only the kernel fills in (CO-RE: vmlinux.h, __builtin_preserve_...): nobody knows what they will be",
				  o->path);
	parts = (const char *)hdr + hdr->hdr_len;
	err = ext_part(j, parts + hdr->func_off, hdr->func_len, sizeof(struct bpf_func_info),
		       &func, &n, &func_size);
	if (!err)
		err = read_types(j, func, n, func_size);
	if (!err)
		err = ext_part(j, parts + hdr->line_off, hdr->line_len, sizeof(*j->line), &line,
			       &j->n_lines, &j->line_size);
	j->line = line;
	return err;
}

/* ---- types ---------------------------------------------------------------- */

/* Each tells the verifier, or the kernel, what else a thing is. */
static int judge_tags(struct judge *j)
{
	static const char *const harmless[] = { "arg:nonnull", "arg:nullable", "arg:ctx" };
	unsigned int i, k;

	for (i = 1; i < btf__type_cnt(j->btf); i++) {
		const struct btf_type *t = btf__type_by_id(j->btf, i);

		if (!btf_is_decl_tag(t) && !btf_is_type_tag(t))
			continue;
		for (k = 0; k < sizeof(harmless) / sizeof(harmless[0]); k++)
			if (btf_is_decl_tag(t) && !strcmp(btf_text(j, t->name_off), harmless[k]))
				break;
		if (k == sizeof(harmless) / sizeof(harmless[0]))
			return cham__fail(j->h, -EPERM,
					  "%s: the tag \"%s\" is not for handlers; accepted: arg:nonnull, arg:nullable, arg:ctx",
					  j->o->path, btf_text(j, t->name_off));
	}
	return 0;
}

/* Is @name there for @t to be its: a global symbol for a function or a variable, a section
 * for a layout of one? Any other type's name is nobody's but its own.
 */
static bool names_something(const struct judge *j, const struct btf_type *t, const char *name)
{
	const struct cham_object *o = j->o;
	unsigned int k;

	if (btf_is_datasec(t)) {
		for (k = 1; k < o->n_sh; k++)
			if (cham_object__is_called(o, k, name))
				return true;
		return false;
	}
	if (!btf_is_func(t) && !btf_is_var(t))
		return true;
	for (k = 1; k < o->n_syms; k++)
		if (ELF64_ST_BIND(o->syms[k].st_info) == STB_GLOBAL &&
		    !strcmp(cham_object__symbol(o, &o->syms[k]), name))
			return true;
	return false;
}

/* How many of the types before @id are of its kind and called like it. */
static unsigned int same_before(const struct judge *j, unsigned int id, const char *name)
{
	const struct btf_type *t = btf__type_by_id(j->btf, id), *u;
	unsigned int k, same = 0;

	for (k = 1; k < id; k++) {
		u = btf__type_by_id(j->btf, k);
		same += btf_kind(u) == btf_kind(t) && !strcmp(btf_text(j, u->name_off), name);
	}
	return same;
}

/* Of two types of one name libbpf's linker takes the first: there is one of each, it is of
 * a symbol of ours, and there are so few that comparing them takes nobody's time.
 */
static int judge_names(struct judge *j)
{
	unsigned int i, n = btf__type_cnt(j->btf), same;

	if (n > TYPES_MAX)
		return cham__fail(j->h, -E2BIG, "%s: has %u types; a tenant's share is %d",
				  j->o->path, n, TYPES_MAX);
	for (i = 1; i < n; i++) {
		const struct btf_type *t = btf__type_by_id(j->btf, i);
		const char *name = btf_text(j, t->name_off);
		bool type = btf_is_composite(t) || btf_is_any_enum(t);

		if ((btf_is_func(t) && btf_vlen(t) > BTF_FUNC_GLOBAL) ||
		    (btf_is_var(t) && btf_var(t)->linkage > BTF_VAR_GLOBAL_ALLOCATED))
			return damaged(j, "a type is of what is elsewhere");
		if ((btf_is_func(t) && btf_vlen(t) == BTF_FUNC_STATIC) ||
		    (btf_is_var(t) && btf_var(t)->linkage == BTF_VAR_STATIC) || !*name ||
		    !(btf_is_func(t) || btf_is_var(t) || btf_is_datasec(t) || type))
			continue;
		if (!names_something(j, t, name))
			return cham__fail(j->h, -EINVAL, "%s: damaged: \"%s\" is a type of nothing",
					  j->o->path, name);
		same = same_before(j, i, name);
		if (same > (type ? SAME_MAX : 0))
			return cham__fail(j->h, -EINVAL, "%s: has %u types called \"%s\"",
					  j->o->path, same + 1, name);
	}
	return 0;
}

/* Without const and volatile, of which a damaged file may have a circle. */
static const struct btf_type *plain(const struct judge *j, const struct btf_type *t)
{
	unsigned int turns = 0;

	while (t && (btf_is_const(t) || btf_is_volatile(t) || btf_is_typedef(t)))
		t = turns++ < 16 ? btf__type_by_id(j->btf, t->type) : NULL;
	return t;
}

static const struct btf_type *pointee(const struct judge *j, uint32_t id)
{
	const struct btf_type *t = btf__type_by_id(j->btf, id);

	return t && btf_is_ptr(t) ? plain(j, btf__type_by_id(j->btf, t->type)) : NULL;
}

static bool is_struct(const struct judge *j, uint32_t id, const char *name, uint32_t size)
{
	const struct btf_type *t = pointee(j, id);

	return t && btf_is_struct(t) && (!size || t->size == size) &&
	       !strcmp(btf_text(j, t->name_off), name);
}

static int judge_signature(struct judge *j, const struct cham_func *func)
{
	const struct btf_type *proto, *ret;
	const struct btf_param *p;
	const char *hook = func->name;

	proto = btf__type_by_id(j->btf, btf__type_by_id(j->btf, func->type)->type);
	if (!proto || !btf_is_func_proto(proto))
		return damaged(j, "a hook has no type");
	p = btf_params(proto);
	ret = btf__type_by_id(j->btf, proto->type);
	if (ret && btf_is_int(ret) && ret->size == 4 && btf_vlen(proto) == 3 &&
	    is_struct(j, p[0].type, "xdp_md", 0) &&
	    is_struct(j, p[1].type, "cham_pkt", sizeof(struct cham_pkt)) &&
	    is_struct(j, p[2].type, "cham_area", sizeof(struct cham_area)))
		return 0;
	return cham__fail(j->h, -EINVAL,
			  "%s: %s() must be int %s(struct xdp_md *, struct cham_pkt *, struct cham_area *): CHAM_HOOK(%s)",
			  j->o->path, hook, hook, hook);
}

static const struct {
	uint32_t type;
	const char *name;
	uint32_t per_entry;	/* bytes besides key and value, about */
	bool per_cpu;
} map_types[] = {
	{ BPF_MAP_TYPE_HASH, "hash", 80, false },
	{ BPF_MAP_TYPE_ARRAY, "array", 0, false },
	{ BPF_MAP_TYPE_PERCPU_HASH, "percpu-hash", 80, true },
	{ BPF_MAP_TYPE_PERCPU_ARRAY, "percpu-array", 8, true },
	{ BPF_MAP_TYPE_RINGBUF, "ringbuf", 1, false },
};

static void at_least(uint32_t *most, uint32_t n)
{
	if (n > *most)
		*most = n;
}

/* The number in __uint(name, number): elements of an array that is pointed to. Nothing is
 * skipped on the way there: libbpf skips other things. Return: whether it is one.
 */
static bool map_number(const struct judge *j, const struct btf_member *m, uint32_t *n)
{
	const struct btf_type *t = btf__type_by_id(j->btf, m->type);

	t = t && btf_is_ptr(t) ? btf__type_by_id(j->btf, t->type) : NULL;
	if (!t || !btf_is_array(t))
		return false;
	*n = btf_array(t)->nelems;
	return true;
}

static bool type_size(const struct judge *j, const struct btf_member *m, uint32_t *n)
{
	const struct btf_type *t = btf__type_by_id(j->btf, m->type);
	int64_t size = t && btf_is_ptr(t) ? btf__resolve_size(j->btf, t->type) : 0;

	*n = size;
	return size > 0 && size <= CHAM_SHARE_MEMORY;
}

/* For who asks by the map's symbol. */
static void tell_sizes(struct judge *j, const char *name, uint32_t key, uint32_t value)
{
	const struct cham_object *o = j->o;
	unsigned int i;

	for (i = 1; i < o->n_syms; i++)
		if (o->syms[i].st_shndx == o->maps &&
		    !strcmp(cham_object__symbol(o, &o->syms[i]), name))
			j->map[i] = (struct cham_map_size){ .key = key, .value = value };
}

/* What the kernel would refuse with a number only; and *@entries as libbpf makes it. */
static int judge_shape(struct judge *j, const char *name, uint32_t type, uint32_t key,
		       uint32_t value, uint32_t *entries)
{
	bool array = type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_PERCPU_ARRAY;
	bool per_cpu = type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY;
	const char *path = j->o->path;
	uint32_t room = 4096;

	if (!*entries)
		return cham__fail(j->h, -EINVAL,
				  "%s: map %s: has no max_entries: how many at most, or a ringbuf's bytes",
				  path, name);
	if (type == BPF_MAP_TYPE_RINGBUF) {
		if (key || value)
			return cham__fail(j->h, -EINVAL,
					  "%s: map %s: a ringbuf has neither key nor value",
					  path, name);
		while (room < *entries && room < 1U << 31)
			room *= 2;
		*entries = room;
		return 0;
	}
	if (!key || !value)
		return cham__fail(j->h, -EINVAL, "%s: map %s: has no %s", path, name,
				  key ? "value" : "key");
	if (array && key != 4)
		return cham__fail(j->h, -EINVAL,
				  "%s: map %s: an array's key has 4 bytes, a __u32; this one has %u",
				  path, name, key);
	if (per_cpu && value > PER_CPU_MAX)
		return cham__fail(j->h, -E2BIG,
				  "%s: map %s: a value of %u bytes; one of each CPU has at most %u",
				  path, name, value, PER_CPU_MAX);
	return 0;
}

static int judge_map(struct judge *j, const struct btf_type *var)
{
	const char *name = btf_text(j, var->name_off);
	const struct btf_type *def = btf__type_by_id(j->btf, var->type);
	uint32_t type = 0, key = 0, value = 0, entries = 0, flags = 0;
	const struct btf_member *m;
	uint64_t bytes, spare;
	size_t k;
	int i, err;
	bool ok;

	def = plain(j, def);
	if (!def || !btf_is_struct(def))
		return damaged(j, "a map has no definition");
	/* It becomes a file's name. */
	if (!*name || name[strspn(name, NAME_CHARS)])
		return cham__fail(j->h, -EINVAL,
				  "%s: a map is called \"%s\": letters, digits and _ are what a name has",
				  j->o->path, name);
	for (i = 0, m = btf_members(def); i < btf_vlen(def); i++, m++) {
		const char *what = btf_text(j, m->name_off);

		if (!strcmp(what, "type"))
			ok = map_number(j, m, &type);
		else if (!strcmp(what, "max_entries"))
			ok = map_number(j, m, &entries);
		else if (!strcmp(what, "map_flags"))
			ok = map_number(j, m, &flags);
		else if (!strcmp(what, "key_size"))
			ok = map_number(j, m, &key);
		else if (!strcmp(what, "value_size"))
			ok = map_number(j, m, &value);
		else if (!strcmp(what, "key"))
			ok = type_size(j, m, &key);
		else if (!strcmp(what, "value"))
			ok = type_size(j, m, &value);
		else
			return cham__fail(j->h, -EPERM,
					  "%s: map %s: \"%s\" is not for handlers; accepted: type, key, value, key_size, value_size, max_entries",
					  j->o->path, name, what);
		if (!ok)
			return cham__fail(j->h, -EINVAL,
					  "%s: map %s: %s is not what __uint() or __type() makes, of a type that has a size",
					  j->o->path, name, what);
	}
	if (type == BPF_MAP_TYPE_LRU_HASH)
		return cham__fail(j->h, -EPERM,
				  "%s: map %s: a full lru_hash evicts 128 entries in one packet's time; take a hash, and delete",
				  j->o->path, name);
	for (k = 0; k < sizeof(map_types) / sizeof(map_types[0]); k++)
		if (map_types[k].type == type)
			break;
	if (k == sizeof(map_types) / sizeof(map_types[0]))
		return cham__fail(j->h, -EPERM,
				  "%s: map %s: type %u is not for handlers; accepted: hash, array, percpu_hash, percpu_array, ringbuf",
				  j->o->path, name, type);
	/* The seed that nobody knows is what keeps hash chains short. */
	if (flags)
		return cham__fail(j->h, -EPERM, "%s: map %s: flags 0x%x; handlers' maps have none",
				  j->o->path, name, flags);
	err = judge_shape(j, name, type, key, value, &entries);
	if (err)
		return err;
	/* A hash has an element more for each CPU. */
	spare = type == BPF_MAP_TYPE_HASH || type == BPF_MAP_TYPE_PERCPU_HASH ? CHAM_CPUS : 0;
	/* libbpf and the kernel refuse what is too large for 64 bits here. */
	bytes = ((uint64_t)key + (value + 7ULL) / 8 * 8 * (map_types[k].per_cpu ? CHAM_CPUS : 1) +
		 map_types[k].per_entry) * (entries + spare);
	if (entries > CHAM_SHARE_MEMORY || value > CHAM_SHARE_MEMORY || key > CHAM_SHARE_MEMORY)
		bytes = UINT32_MAX;
	j->r->map_bytes += bytes;
	j->r->maps++;
	tell_sizes(j, name, key, value);
	at_least(&j->code.sizes.key, key);
	at_least(&j->code.sizes.value, value);
	if (type == BPF_MAP_TYPE_PERCPU_HASH)
		at_least(&j->code.sizes.copies, CHAM_CPUS);
	return 0;
}

/* What helpers can be given is in the packet's first page, on the stack, or in a map. */
static int judge_maps(struct judge *j)
{
	const struct cham_object *o = j->o;
	unsigned int i, k;
	uint64_t bytes;
	int err = 0;

	for (i = 1; !err && i < btf__type_cnt(j->btf); i++) {
		const struct btf_type *t = btf__type_by_id(j->btf, i);
		const struct btf_var_secinfo *vi;

		if (!btf_is_datasec(t) || strcmp(btf_text(j, t->name_off), ".maps"))
			continue;
		for (k = 0, vi = btf_var_secinfos(t); !err && k < btf_vlen(t); k++, vi++) {
			const struct btf_type *var = btf__type_by_id(j->btf, vi->type);

			err = var && btf_is_var(var) ? judge_map(j, var) :
			      damaged(j, "a map is no variable");
		}
	}
	/* Each section of data becomes a map. */
	for (i = 1; i < o->n_sh; i++) {
		if (!o->sh[i].sh_size || !cham_object__is_data(o, i))
			continue;
		/* Sums stay within 64 bits. */
		bytes = o->sh[i].sh_size < UINT32_MAX ? o->sh[i].sh_size : UINT32_MAX;
		j->r->maps++;
		j->r->map_bytes += bytes;
		at_least(&j->code.sizes.value, bytes);
	}
	if (!err && j->r->maps > CHAM_SHARE_MAPS)
		err = cham__fail(j->h, -E2BIG,
				 "%s: has %u maps (.rodata, .data and .bss are one each); a tenant's share of the datapath's is %u",
				 o->path, j->r->maps, CHAM_SHARE_MAPS);
	if (!err && j->r->map_bytes > CHAM_SHARE_MEMORY)
		err = cham__fail(j->h, -EDQUOT,
				 "%s: its maps take %llu bytes; a tenant's share is %u", o->path,
				 (unsigned long long)j->r->map_bytes, CHAM_SHARE_MEMORY);
	return err;
}

/* ---- verdict -------------------------------------------------------------- */

/* The lines of the costliest way, each with what it adds. */
static void tell_path(struct judge *j, uint32_t f, struct cham_hook_report *hook)
{
	const struct cham_code *c = &j->code;
	uint32_t at = c->func[f].start, next;

	for (;; at = next) {
		const struct bpf_line_info *l = line_of(j, at);
		uint32_t line = l ? BPF_LINE_INFO_LINE_NUM(l->line_col) : 0;
		const char *file = l ? btf_text(j, l->file_name_off) : "?";
		struct cham_path_line *p = NULL;
		uint64_t own = c->cost[at].cycles;
		unsigned int i;

		next = c->next[at];
		if (next)
			own -= c->cost[next].cycles;
		for (i = 0; i < hook->lines && !p; i++)
			if (hook->line[i].number == line &&
			    !strncmp(hook->line[i].file, file, sizeof(hook->line[i].file) - 1))
				p = &hook->line[i];
		if (!p && hook->lines < CHAM_PATH_LINES) {
			p = &hook->line[hook->lines++];
			p->number = line;
			snprintf(p->file, sizeof(p->file), "%s", file);
			snprintf(p->text, sizeof(p->text), "%s",
				 l ? btf_text(j, l->line_off) : "");
			cham_printable_name(p->file);
			cham_printable(p->text);
		}
		if (p)
			p->cycles += own;
		if (!next)
			break;
	}
}

/* The number of a hook's function, or that of all functions. */
static unsigned int function_of(const struct judge *j, unsigned int hook)
{
	unsigned int i;

	for (i = 0; i < j->code.n_func; i++)
		if (j->code.func[i].global &&
		    !strcmp(j->code.func[i].name, cham_hook__name(hook)))
			break;
	return i;
}

static int judge_hook(struct judge *j, unsigned int hook)
{
	struct cham_hook_report *r = &j->r->hook[hook];
	unsigned int i = function_of(j, hook);
	struct cham_verdict_at at;
	const struct cham_func *f;

	/* read_functions() has seen each that cham_object__read() has. */
	if (i == j->code.n_func)
		return damaged(j, "a hook is nowhere");
	if (judge_signature(j, &j->code.func[i]))
		return -EINVAL;
	if (cham_cost_of(&j->code, i, &at))
		return no(j, &at);
	f = &j->code.func[i];
	r->insns = f->cost.insns;
	r->cycles = f->cost.cycles;
	tell_path(j, i, r);
	if (r->cycles > j->max_cycles)
		return cham__fail(j->h, -E2BIG,
				  "%s: %s() may take %llu cycles; max-cycles is %u. See \"chamctl prog check\" for the lines",
				  j->o->path, cham_hook__name(hook),
				  (unsigned long long)r->cycles, j->max_cycles);
	return 0;
}

/* Functions that no hook calls are judged as well: they are in the object. */
static int judge_rest(struct judge *j)
{
	struct cham_verdict_at at;
	unsigned int i;

	for (i = 0; i < j->code.n_func; i++)
		if (cham_cost_of(&j->code, i, &at))
			return no(j, &at);
	j->r->functions = j->code.n_func;
	return 0;
}

/* Behind judge_rest(), which has walked through all of the code. */
static int judge_leaks(struct judge *j)
{
	struct cham_verdict_at at;
	unsigned int hook;
	int err;

	for (hook = 0; hook < __CHAM_HOOK_MAX; hook++) {
		if (!(j->o->hooks & 1U << hook))
			continue;
		err = cham_leak_of(&j->code, function_of(j, hook), &at);
		if (err)
			return err == -ENOMEM ? err : no(j, &at);
	}
	return 0;
}

/* Behind judge_leaks(), which has seen how much of it is used, by whatever function. */
static int judge_stack(struct judge *j)
{
	struct cham_hook_report *r = j->r->hook;
	unsigned int hook;

	for (hook = 0; hook < __CHAM_HOOK_MAX; hook++) {
		if (!(j->o->hooks & 1U << hook))
			continue;
		r[hook].stack = j->code.func[function_of(j, hook)].stack;
		if (r[hook].stack > CHAM_SHARE_STACK)
			return cham__fail(j->h, -E2BIG,
					  "%s: %s() takes %u bytes of stack with what it calls; a tenant's share is %u",
					  j->o->path, cham_hook__name(hook), r[hook].stack,
					  CHAM_SHARE_STACK);
	}
	return 0;
}

static void tell_helpers(struct judge *j)
{
	unsigned int i;

	for (i = 0; i < j->code.n; i++) {
		const struct bpf_insn *in = &j->code.insn[i];

		/* What is never reached was not judged, and may be anything. */
		if (in->code == (BPF_JMP | BPF_CALL) && !in->src_reg && in->imm >= 0 &&
		    in->imm < (int)(sizeof(j->r->helpers) * 8))
			j->r->helpers[in->imm / 8] |= 1U << in->imm % 8;
	}
}

int cham_judge(struct cham *h, const struct cham_object *o, uint32_t max_cycles,
	       struct cham_prog_report *r)
{
	struct judge j = { .h = h, .o = o, .r = r, .max_cycles = max_cycles };
	const void *raw;
	unsigned int hook;
	size_t size;
	int err;

	memset(r, 0, sizeof(*r));
	memcpy(r->name, o->meta.name, sizeof(r->name));
	r->abi = o->meta.abi;
	r->layout = o->meta.layout;
	r->flags = o->meta.flags;
	r->hooks = o->hooks;
	raw = cham_object__section(o, o->btf, &size);
	j.btf = raw ? btf__new(raw, size) : NULL;
	err = j.btf ? 0 : damaged(&j, "its type information cannot be read");
	if (!err)
		err = judge_tags(&j);
	if (!err)
		err = judge_names(&j);
	if (!err)
		err = read_functions(&j);
	if (!err)
		err = read_ext(&j);
	if (!err)
		err = read_relocations(&j);
	if (!err) {
		j.map = calloc(o->n_syms + 1, sizeof(*j.map));
		j.code.map = j.map;
		j.code.n_map = o->n_syms;
		j.code.normalised = o->normalised;
		j.code.order = calloc(j.code.n, sizeof(*j.code.order));
		j.code.cost = calloc(j.code.n, sizeof(*j.code.cost));
		j.code.next = calloc(j.code.n, sizeof(*j.code.next));
		j.code.target = calloc(j.code.n + 1, 1);
		j.code.mark = calloc(j.code.n, 1);
		j.code.todo = calloc(2 * j.code.n + j.code.n_func, sizeof(*j.code.todo));
		if (!j.code.cost || !j.code.next || !j.code.target || !j.code.mark ||
		    !j.code.todo || !j.code.order || !j.map)
			err = -ENOMEM;
	}
	if (!err)
		err = judge_maps(&j);
	j.code.sizes.memory = PACKET_PAGE;
	at_least(&j.code.sizes.memory, j.code.sizes.value);
	for (hook = 0; !err && hook < __CHAM_HOOK_MAX; hook++)
		if (o->hooks & 1U << hook)
			err = judge_hook(&j, hook);
	if (!err)
		err = judge_rest(&j);
	if (!err)
		err = judge_leaks(&j);
	if (!err)
		err = judge_stack(&j);
	if (!err)
		tell_helpers(&j);
	if (err == -ENOMEM)
		cham__fail(h, err, "%s", strerror(ENOMEM));
	free(j.map);
	free(j.code.order);
	free(j.code.todo);
	free(j.code.mark);
	free(j.code.target);
	free(j.code.next);
	free(j.code.cost);
	free(j.code.func);
	free(j.ref);
	btf__free(j.btf);
	return err;
}
