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
#define PACKET_PAGE	4096	/* no more of a packet is in one piece */

struct judge {
	struct cham *h;
	const struct cham_object *o;
	struct cham_prog_report *r;
	uint32_t max_cycles;
	struct btf *btf;
	struct cham_code code;
	struct cham_ref *ref;
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

	text += strspn(text, " \t");
	if (!l)
		return cham__fail(j->h, at->err, "%s: instruction %u %s", j->o->path, at->insn,
				  at->text);
	return cham__fail(j->h, at->err, "%s: %s:%u: %s%s%s%s", j->o->path,
			  btf_text(j, l->file_name_off), BPF_LINE_INFO_LINE_NUM(l->line_col),
			  at->text, *text ? " [" : "", text, *text ? "]" : "");
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

/* What each relocated instruction refers to. */
static int read_relocations(struct judge *j)
{
	const struct cham_object *o = j->o;
	const Elf64_Rel *rel;
	unsigned int i, n;
	size_t size;
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
		if (s->st_shndx == o->text) {
			/* To the section: the instruction says how far into it. */
			to = s->st_value / 8;
			if (ELF64_ST_TYPE(s->st_info) == STT_SECTION)
				to = in->code == (BPF_JMP | BPF_CALL) ?
				     (uint64_t)(int64_t)in->imm + 1 : (uint32_t)in->imm / 8;
			f = func_at(j, to);
			if (f < 0)
				return damaged(j, "a call goes into the middle of a function");
			ref->kind = CHAM_REF_FUNC;
			ref->index = f;
		} else {
			ref->kind = s->st_shndx == o->maps ? CHAM_REF_MAP : CHAM_REF_DATA;
		}
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

static int read_lines(struct judge *j)
{
	const struct cham_object *o = j->o;
	const struct {
		__u16 magic;
		__u8 version, flags;
		__u32 hdr_len, func_off, func_len, line_off, line_len;
	} *hdr;
	const __u32 *sec;
	size_t size, left;

	hdr = cham_object__section(o, o->btf_ext, &size);
	if (!hdr || o->sh[o->btf_ext].sh_offset % 4 || size < sizeof(*hdr) ||
	    hdr->hdr_len > size || hdr->line_off > size - hdr->hdr_len ||
	    hdr->line_len > size - hdr->hdr_len - hdr->line_off)
		return damaged(j, ".BTF.ext is cut off");
	left = hdr->line_len;
	if (left < 4 + 8 || (hdr->hdr_len + hdr->line_off) % 4)
		return 0;
	sec = (const void *)((const char *)hdr + hdr->hdr_len + hdr->line_off);
	j->line_size = sec[0];
	if (j->line_size < sizeof(*j->line) || j->line_size % 4)
		return damaged(j, ".BTF.ext has lines that are none");
	sec++;
	left -= 4;
	while (left >= 8) {
		uint64_t bytes = (uint64_t)sec[1] * j->line_size;

		if (bytes > left - 8)
			return damaged(j, ".BTF.ext is cut off");
		if (!strcmp(btf_text(j, sec[0]), ".text")) {
			j->line = (const void *)(sec + 2);
			j->n_lines = sec[1];
			return 0;
		}
		sec = (const void *)((const char *)(sec + 2) + bytes);
		left -= 8 + bytes;
	}
	return 0;
}

/* ---- types ---------------------------------------------------------------- */

static const struct btf_type *pointee(const struct judge *j, uint32_t id)
{
	const struct btf_type *t = btf__type_by_id(j->btf, id);

	if (!t || !btf_is_ptr(t))
		return NULL;
	t = btf__type_by_id(j->btf, t->type);
	while (t && (btf_is_const(t) || btf_is_volatile(t)))
		t = btf__type_by_id(j->btf, t->type);
	return t;
}

static bool is_struct(const struct judge *j, uint32_t id, const char *name, uint32_t size)
{
	const struct btf_type *t = pointee(j, id);

	return t && btf_is_struct(t) && (!size || t->size == size) &&
	       !strcmp(btf_text(j, t->name_off), name);
}

static int judge_signature(struct judge *j, const char *hook)
{
	const struct btf_type *f, *proto, *ret;
	const struct btf_param *p;
	int id;

	id = btf__find_by_name_kind(j->btf, hook, BTF_KIND_FUNC);
	f = id > 0 ? btf__type_by_id(j->btf, id) : NULL;
	proto = f ? btf__type_by_id(j->btf, f->type) : NULL;
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
	{ BPF_MAP_TYPE_HASH, "hash", 64, false },
	{ BPF_MAP_TYPE_ARRAY, "array", 0, false },
	{ BPF_MAP_TYPE_PERCPU_HASH, "percpu-hash", 64, true },
	{ BPF_MAP_TYPE_PERCPU_ARRAY, "percpu-array", 8, true },
	{ BPF_MAP_TYPE_RINGBUF, "ringbuf", 1, false },
};

static void at_least(uint32_t *most, uint32_t n)
{
	if (n > *most)
		*most = n;
}

/* The number in __uint(name, number): elements of an array that is pointed to. */
static uint32_t map_number(const struct judge *j, const struct btf_member *m)
{
	const struct btf_type *t = pointee(j, m->type);

	return t && btf_is_array(t) ? btf_array(t)->nelems : 0;
}

static uint32_t type_size(const struct judge *j, const struct btf_member *m)
{
	const struct btf_type *t = btf__type_by_id(j->btf, m->type);
	int64_t n;

	if (!t || !btf_is_ptr(t))
		return 0;
	n = btf__resolve_size(j->btf, t->type);
	return n < 0 ? 0 : n;
}

static int judge_map(struct judge *j, const struct btf_type *var)
{
	const char *name = btf_text(j, var->name_off);
	const struct btf_type *def = btf__type_by_id(j->btf, var->type);
	uint32_t type = 0, key = 0, value = 0, entries = 0, flags = 0;
	const struct btf_member *m;
	uint64_t bytes;
	size_t k;
	int i;

	while (def && (btf_is_const(def) || btf_is_typedef(def) || btf_is_volatile(def)))
		def = btf__type_by_id(j->btf, def->type);
	if (!def || !btf_is_struct(def))
		return damaged(j, "a map has no definition");
	for (i = 0, m = btf_members(def); i < btf_vlen(def); i++, m++) {
		const char *what = btf_text(j, m->name_off);

		if (!strcmp(what, "type"))
			type = map_number(j, m);
		else if (!strcmp(what, "max_entries"))
			entries = map_number(j, m);
		else if (!strcmp(what, "map_flags"))
			flags = map_number(j, m);
		else if (!strcmp(what, "key_size"))
			key = map_number(j, m);
		else if (!strcmp(what, "value_size"))
			value = map_number(j, m);
		else if (!strcmp(what, "key"))
			key = type_size(j, m);
		else if (!strcmp(what, "value"))
			value = type_size(j, m);
		else
			return cham__fail(j->h, -EPERM,
					  "%s: map %s: \"%s\" is not for handlers; accepted: type, key, value, key_size, value_size, max_entries",
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
	bytes = ((uint64_t)key + (value + 7) / 8 * 8 * (map_types[k].per_cpu ? CHAM_CPUS : 1) +
		 map_types[k].per_entry) * entries;
	j->r->map_bytes += bytes;
	j->r->maps++;
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
		j->r->maps++;
		j->r->map_bytes += o->sh[i].sh_size;
		at_least(&j->code.sizes.value, o->sh[i].sh_size);
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
			cham_printable(p->file);
			cham_printable(p->text);
		}
		if (p)
			p->cycles += own;
		if (!next)
			break;
	}
}

static int judge_hook(struct judge *j, unsigned int hook)
{
	struct cham_hook_report *r = &j->r->hook[hook];
	struct cham_verdict_at at;
	const struct cham_func *f;
	unsigned int i;

	for (i = 0; i < j->code.n_func; i++)
		if (!strcmp(j->code.func[i].name, cham_hook__name(hook)))
			break;
	if (judge_signature(j, cham_hook__name(hook)))
		return -EINVAL;
	if (cham_cost_of(&j->code, i, &at))
		return no(j, &at);
	f = &j->code.func[i];
	r->insns = f->cost.insns;
	r->cycles = f->cost.cycles;
	r->stack = f->stack;
	tell_path(j, i, r);
	if (r->cycles > j->max_cycles)
		return cham__fail(j->h, -E2BIG,
				  "%s: %s() may take %llu cycles; max-cycles is %u. See \"chamctl prog check\" for the lines",
				  j->o->path, cham_hook__name(hook),
				  (unsigned long long)r->cycles, j->max_cycles);
	if (r->stack > CHAM_SHARE_STACK)
		return cham__fail(j->h, -E2BIG,
				  "%s: %s() takes %u bytes of stack with what it calls; a tenant's share is %u",
				  j->o->path, cham_hook__name(hook), r->stack, CHAM_SHARE_STACK);
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
		err = read_lines(&j);
	if (!err)
		err = read_functions(&j);
	if (!err)
		err = read_relocations(&j);
	if (!err) {
		j.code.cost = calloc(j.code.n, sizeof(*j.code.cost));
		j.code.next = calloc(j.code.n, sizeof(*j.code.next));
		j.code.target = calloc(j.code.n + 1, 1);
		j.code.mark = calloc(j.code.n, 1);
		j.code.todo = calloc(2 * j.code.n + j.code.n_func, sizeof(*j.code.todo));
		if (!j.code.cost || !j.code.next || !j.code.target || !j.code.mark ||
		    !j.code.todo)
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
		tell_helpers(&j);
	if (err == -ENOMEM)
		cham__fail(h, err, "%s", strerror(ENOMEM));
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
