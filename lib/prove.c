// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * The proof on the finished joint object: a compiler that saw datapath and handlers
 * together has concluded nothing from one about the other that matters. From each
 * place where the number of the packet's cell is at hand (a label names the place and
 * the register), every way through the code is followed, with what is known of that
 * number. On each:
 *
 * - bpf_cham_enter() is asked, and its answer tested, before any handler runs;
 * - a handler's code is reached with its own number alone, by comparisons that stand
 *   in the object, and each handler is reached;
 * - no number that has a handler gets past it;
 * - bpf_cham_leave() comes next, always; nothing in between returns or calls what
 *   only the datapath may.
 *
 * And of data: what is a tenant's by its name lies in a section that is this tenant's by
 * its name, or is a map that was judged; nothing else does.
 */
#include <elf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cost.h"
#include "prove.h"

#define STATES_MAX	(1U << 20)
#define MORE		63	/* of the numbers 0 to 63 stands for all above, too */

enum phase {
	BEFORE,		/* has the number */
	ASKED,		/* has an answer, untested */
	ADMITTED,	/* may run a handler */
	INSIDE,		/* runs it */
	DONE,		/* ran it */
};

struct state {
	uint64_t numbers;	/* that the cell's may be */
	uint64_t cell_at, area_at;	/* slots of the stack that hold a copy */
	uint32_t pc;
	uint16_t cell_in, area_in;	/* registers that do */
	uint8_t phase;
	uint8_t cell;		/* INSIDE, DONE: whose */
	uint8_t pad[6];
};

struct code {
	const struct bpf_insn *in;
	uint32_t n;
	unsigned int sec;
};

struct proof {
	struct cham *h;
	const struct cham_claim *claim;
	const uint8_t *data;
	size_t size;
	const Elf64_Shdr *sh;
	unsigned int n_sh;
	const Elf64_Sym *sym;
	unsigned int n_sym;
	const char *names;
	size_t names_size;
	const char *sec_names;
	size_t sec_names_size;
	struct code code;
	const char **calls;	/* by instruction: the symbol that it calls */
	uint8_t *seen;		/* by instruction: a way led here */
	const Elf64_Sym *from;	/* the label that ways are followed from, and its hook */
	int hook;
	uint32_t reached;
	struct state *states;
	uint32_t *index, n_states, next;
};

static int not_so(struct proof *p, uint32_t pc, const char *what)
{
	return cham__fail(p->h, -EPROTO, "the joint datapath is not proved: instruction %u: %s",
			  pc, what);
}

static int damaged(struct proof *p)
{
	return cham__fail(p->h, -EPROTO, "the joint datapath is not proved: the object is damaged");
}

static bool starts(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

static const char *name_of(const struct proof *p, const Elf64_Sym *s)
{
	return s->st_name < p->names_size ? p->names + s->st_name : "";
}

/* ---- the file -------------------------------------------------------------- */

static bool inside(const struct proof *p, const Elf64_Shdr *s)
{
	return s->sh_offset <= p->size && s->sh_size <= p->size - s->sh_offset &&
	       !(s->sh_offset % 8);
}

/* Names, the last of which ends. */
static const char *read_names(const struct proof *p, unsigned int sec, size_t *size)
{
	const Elf64_Shdr *s = sec < p->n_sh ? &p->sh[sec] : NULL;

	if (!s || s->sh_offset > p->size || s->sh_size > p->size - s->sh_offset ||
	    !s->sh_size || p->data[s->sh_offset + s->sh_size - 1])
		return NULL;
	*size = s->sh_size;
	return (const char *)p->data + s->sh_offset;
}

static int read_file(struct proof *p)
{
	const Elf64_Ehdr *eh = (const void *)p->data;
	unsigned int i;

	if (p->size < sizeof(*eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG) ||
	    eh->e_shentsize != sizeof(*p->sh) || eh->e_shoff % 8 || eh->e_shoff > p->size ||
	    eh->e_shnum > (p->size - eh->e_shoff) / sizeof(*p->sh))
		return damaged(p);
	p->sh = (const void *)(p->data + eh->e_shoff);
	p->n_sh = eh->e_shnum;
	p->sec_names = read_names(p, eh->e_shstrndx, &p->sec_names_size);
	for (i = 0; i < p->n_sh && p->sec_names; i++) {
		const Elf64_Shdr *s = &p->sh[i];

		if (s->sh_type != SHT_SYMTAB)
			continue;
		p->names = read_names(p, s->sh_link, &p->names_size);
		if (!inside(p, s) || !p->names)
			return damaged(p);
		p->sym = (const void *)(p->data + s->sh_offset);
		p->n_sym = s->sh_size / sizeof(*p->sym);
		return 0;
	}
	return damaged(p);
}

/* The code of one section, and what each call in it is to. */
static int read_code(struct proof *p, unsigned int sec)
{
	struct code *c = &p->code;
	unsigned int i, k;

	if (!inside(p, &p->sh[sec]) || p->sh[sec].sh_type != SHT_PROGBITS)
		return damaged(p);
	c->in = (const void *)(p->data + p->sh[sec].sh_offset);
	c->n = p->sh[sec].sh_size / sizeof(*c->in);
	c->sec = sec;
	free(p->calls);
	free(p->seen);
	p->calls = calloc(c->n + 1, sizeof(*p->calls));
	p->seen = calloc(c->n + 1, 1);
	if (!p->calls || !p->seen)
		return -ENOMEM;
	for (i = 0; i < p->n_sh; i++) {
		const Elf64_Shdr *s = &p->sh[i];
		const Elf64_Rel *r = (const void *)(p->data + s->sh_offset);

		if (s->sh_type != SHT_REL || s->sh_info != sec)
			continue;
		if (!inside(p, s))
			return damaged(p);
		for (k = 0; k < s->sh_size / sizeof(*r); k++, r++) {
			const Elf64_Sym *to = &p->sym[ELF64_R_SYM(r->r_info)];

			if (r->r_offset % 8 || r->r_offset / 8 >= c->n ||
			    ELF64_R_SYM(r->r_info) >= p->n_sym)
				return damaged(p);
			if (ELF64_ST_TYPE(to->st_info) != STT_SECTION)
				p->calls[r->r_offset / 8] = name_of(p, to);
		}
	}
	return 0;
}

/* ---- data ------------------------------------------------------------------ */

/* Whose, "5" of "t5_seen" or of ".data.t5": as text, @n digits. Return: NULL, nobody's. */
static const char *owner(const char *name, bool section, size_t *n)
{
	const char *at = section ? strrchr(name, '.') : name;

	*n = 0;
	if (!at || at[section] != 't')
		return NULL;
	at += 1 + section;
	*n = strspn(at, "0123456789");
	return *n && at[*n] == (section ? '\0' : '_') ? at : NULL;
}

static bool was_judged(const struct proof *p, const char *map)
{
	const char *const *m = p->claim->maps;

	while (m && *m && strcmp(*m, map))
		m++;
	return m && *m;
}

static int misplaced(struct proof *p, const char *name, const char *in)
{
	return cham__fail(p->h, -EPROTO,
			  "the joint datapath is not proved: \"%.64s\" is in section %.64s, %s",
			  name, in, strcmp(in, ".maps") ? "which is not its owner's" :
			  "and was not judged as a map");
}

static int prove_data(struct proof *p)
{
	size_t n_name, n_in;
	unsigned int i;

	for (i = 1; i < p->n_sym; i++) {
		const Elf64_Sym *y = &p->sym[i];
		const char *name = name_of(p, y), *in = "none", *whose, *of;

		if (ELF64_ST_TYPE(y->st_info) == STT_SECTION)
			continue;
		if (y->st_shndx != SHN_UNDEF && y->st_shndx < p->n_sh) {
			if (p->sh[y->st_shndx].sh_name >= p->sec_names_size)
				return damaged(p);
			in = p->sec_names + p->sh[y->st_shndx].sh_name;
		}
		whose = owner(name, false, &n_name);
		of = owner(in, true, &n_in);
		if (!whose && !of)
			continue;
		if (whose && of && n_name == n_in && !memcmp(whose, of, n_in))
			continue;
		if (!whose || strcmp(in, ".maps") || !was_judged(p, name))
			return misplaced(p, name, in);
	}
	return 0;
}

/* ---- states ---------------------------------------------------------------- */

static int visit(struct proof *p, const struct state *s)
{
	const uint8_t *bytes = (const void *)s;
	uint32_t hash = 2166136261U, at;
	unsigned int i;

	for (i = 0; i < sizeof(*s); i++)
		hash = (hash ^ bytes[i]) * 16777619U;
	for (at = hash; ; at++) {
		uint32_t *slot = &p->index[at % (2 * STATES_MAX)];

		if (!*slot) {
			if (p->n_states == STATES_MAX)
				return not_so(p, s->pc, "there are too many ways to follow");
			p->states[p->n_states++] = *s;
			*slot = p->n_states;
			return 0;
		}
		if (!memcmp(&p->states[*slot - 1], s, sizeof(*s)))
			return 0;
	}
}

static int hook_in(const char *name, size_t *n)
{
	int i;

	for (i = 0; i < __CHAM_HOOK_MAX; i++) {
		*n = strlen(cham_hook__name(i));
		if (!strncmp(name, cham_hook__name(i), *n) && name[*n] == '_')
			return i;
	}
	return -1;
}

/* "cham_in_rx_3_17": the number, 0 if it is none of @what and this hook */
static unsigned int label_cell(const struct proof *p, const char *name, const char *what)
{
	size_t n;

	if (!starts(name, what) || hook_in(name + strlen(what), &n) != p->hook)
		return 0;
	return strtoul(name + strlen(what) + n + 1, NULL, 10);
}

/* A handler's code begins, or it is called: is it the packet's own? */
static int begin(struct proof *p, struct state *s, unsigned int cell, enum phase next)
{
	if (s->phase != ADMITTED)
		return not_so(p, s->pc, "a handler runs that was not asked for");
	if (s->numbers != 1ULL << (cell - 1))
		return not_so(p, s->pc, "a handler runs on packets of another tenant");
	s->phase = next;
	s->cell = cell;
	p->reached |= 1U << cell;
	return 0;
}

static int pass_labels(struct proof *p, struct state *s, bool *end)
{
	unsigned int i, cell;
	int err, turn;

	for (turn = 0; turn < 2; turn++)
		for (i = 0; i < p->n_sym; i++) {
			const Elf64_Sym *y = &p->sym[i];
			const char *name = name_of(p, y);

			if (y->st_shndx != p->code.sec || y->st_value != 8ULL * s->pc ||
			    ELF64_ST_TYPE(y->st_info) != STT_NOTYPE)
				continue;
			cell = label_cell(p, name, "cham_out_");
			if (cell && s->phase == INSIDE && s->cell == cell)
				s->phase = DONE;
			cell = turn ? 0 : label_cell(p, name, "cham_in_");
			err = cell ? begin(p, s, cell, INSIDE) : 0;
			if (err)
				return err;
			if (!starts(name, "cham_cell_") || y == p->from)
				continue;
			if (s->phase != BEFORE)
				return not_so(p, s->pc, "one handler leads to another");
			/* Another place: it is followed from there. */
			*end = true;
		}
	return 0;
}

/* ---- instructions ---------------------------------------------------------- */

static bool holds(const struct bpf_insn *in, uint64_t v)
{
	uint64_t k = (uint32_t)in->imm;

	switch (BPF_OP(in->code)) {
	case BPF_JEQ:
		return v == k;
	case BPF_JNE:
		return v != k;
	case BPF_JGT:
	case BPF_JSGT:
		return v > k;
	case BPF_JGE:
	case BPF_JSGE:
		return v >= k;
	case BPF_JLT:
	case BPF_JSLT:
		return v < k;
	case BPF_JLE:
	case BPF_JSLE:
		return v <= k;
	}
	return false;
}

static bool is_signed(unsigned int op)
{
	return op == BPF_JSGT || op == BPF_JSGE || op == BPF_JSLT || op == BPF_JSLE;
}

static int go(struct proof *p, struct state s, int64_t pc)
{
	if (pc < 0 || pc >= p->code.n)
		return not_so(p, s.pc, "a jump leads out of the code");
	s.pc = pc;
	return visit(p, &s);
}

static int branch(struct proof *p, const struct state *s, const struct bpf_insn *in)
{
	int64_t next = s->pc + 1, to = next + in->off;
	struct state yes = *s, no = *s;
	bool constant = BPF_SRC(in->code) == BPF_K;
	unsigned int op = BPF_OP(in->code), v;
	int err = 0;

	if (constant && s->cell_in >> in->dst_reg & 1 && op != BPF_JSET &&
	    in->imm >= 0 && in->imm < MORE) {
		yes.numbers = 0;
		no.numbers = 0;
		for (v = 0; v <= MORE; v++) {
			/* What is above may be below, as a signed number. */
			bool either = v == MORE && is_signed(op);

			if (!(s->numbers >> v & 1))
				continue;
			if (either || holds(in, v))
				yes.numbers |= 1ULL << v;
			if (either || !holds(in, v))
				no.numbers |= 1ULL << v;
		}
	}
	if (constant && s->area_in >> in->dst_reg & 1 && s->phase == ASKED && !in->imm &&
	    (op == BPF_JEQ || op == BPF_JNE) && BPF_CLASS(in->code) == BPF_JMP) {
		struct state *has = op == BPF_JEQ ? &no : &yes;

		/* Without an area there is nothing to prove. */
		(op == BPF_JEQ ? &yes : &no)->numbers = 0;
		has->phase = ADMITTED;
	}
	if (yes.numbers)
		err = go(p, yes, to);
	if (!err && no.numbers)
		err = go(p, no, next);
	return err;
}

static int call(struct proof *p, struct state *s, const struct bpf_insn *in, bool *end)
{
	const char *name = p->calls[s->pc];
	unsigned int cell = 0;
	size_t n;

	if (in->src_reg == BPF_PSEUDO_CALL && name && starts(name, "cham_") &&
	    hook_in(name + 5, &n) == p->hook)
		cell = strtoul(name + 5 + n + 1, NULL, 10);
	if (cell && cell < 32) {
		if (!(p->claim->separate[p->hook] >> cell & 1))
			return not_so(p, s->pc, "a cell is called that is nobody's");
		s->cell_in &= ~0x3f;
		s->area_in &= ~0x3f;
		return begin(p, s, cell, DONE);
	}
	if (name && !strcmp(name, "bpf_cham_enter")) {
		if (s->phase != BEFORE)
			return not_so(p, s->pc, "a handler's area is asked for twice");
		s->phase = ASKED;
		s->cell_in &= ~0x3f;
		s->area_in = 1;
		s->area_at = 0;
		return 0;
	}
	if (name && !strcmp(name, "bpf_cham_leave")) {
		/* Of cells, that count from 1; the number at hand, from 0. */
		uint32_t all = (p->claim->inlined[p->hook] | p->claim->separate[p->hook]) >> 1;

		if (s->phase != DONE && (s->phase != ADMITTED || s->numbers & all))
			return not_so(p, s->pc, "a packet gets past its handler");
		*end = true;
		return 0;
	}
	if (!in->src_reg && s->phase == INSIDE && !cham_helper_name(in->imm))
		return not_so(p, s->pc, "a handler calls a helper that handlers may not");
	if (in->src_reg) {
		if (s->phase != BEFORE)
			return not_so(p, s->pc, "a handler calls what only the datapath may");
		/* Nothing was begun, and this ends it. */
		*end = true;
		return 0;
	}
	s->cell_in &= ~0x3f;
	s->area_in &= ~0x3f;
	return 0;
}

static uint64_t slot(int off)
{
	return off < 0 && off >= -512 ? 1ULL << (-off - 1) / 8 : 0;
}

/* What a register holds, or no longer. */
static void move(struct state *s, const struct bpf_insn *in)
{
	uint16_t to = 1 << in->dst_reg, from = 1 << in->src_reg;
	bool cell = false, area = false, whole = BPF_SIZE(in->code) == BPF_DW;

	switch (BPF_CLASS(in->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		if (BPF_OP(in->code) == BPF_MOV && BPF_SRC(in->code) == BPF_X && !in->off) {
			cell = s->cell_in & from;
			area = s->area_in & from && BPF_CLASS(in->code) == BPF_ALU64;
		}
		break;
	case BPF_LDX:
		if (in->src_reg == BPF_REG_10 && BPF_MODE(in->code) == BPF_MEM &&
		    (whole || (BPF_SIZE(in->code) == BPF_W && !(in->off % 8)))) {
			cell = s->cell_at & slot(in->off);
			area = whole && s->area_at & slot(in->off);
		}
		break;
	case BPF_ST:
	case BPF_STX:
		if (in->dst_reg == BPF_REG_10) {
			s->cell_at &= ~slot(in->off);
			s->area_at &= ~slot(in->off);
			if (BPF_CLASS(in->code) == BPF_STX && BPF_MODE(in->code) == BPF_MEM &&
			    !(in->off % 8)) {
				if (s->cell_in & from && (whole || BPF_SIZE(in->code) == BPF_W))
					s->cell_at |= slot(in->off);
				if (s->area_in & from && whole)
					s->area_at |= slot(in->off);
			}
		}
		/* What an atomic operation fetches. */
		if (BPF_MODE(in->code) != BPF_ATOMIC)
			return;
		to = from | 1;
		break;
	}
	s->cell_in = (s->cell_in & ~to) | (cell ? to : 0);
	s->area_in = (s->area_in & ~to) | (area ? to : 0);
}

static int step(struct proof *p, struct state s)
{
	const struct bpf_insn *in = &p->code.in[s.pc];
	unsigned int class = BPF_CLASS(in->code), op = BPF_OP(in->code);
	bool end = false;
	int err;

	err = pass_labels(p, &s, &end);
	if (err || end)
		return err;
	p->seen[s.pc] = 1;
	if (in->dst_reg > BPF_REG_10 || in->src_reg > BPF_REG_10)
		return damaged(p);
	if (class == BPF_JMP && op == BPF_EXIT)
		return s.phase == BEFORE ? 0 :
		       not_so(p, s.pc, "a handler ends the datapath's program");
	if (class == BPF_JMP && op == BPF_CALL) {
		err = call(p, &s, in, &end);
		return err || end ? err : go(p, s, s.pc + 1);
	}
	if ((class == BPF_JMP || class == BPF_JMP32) && op == BPF_JA)
		return go(p, s, s.pc + 1 + (int64_t)(class == BPF_JMP ? in->off : in->imm));
	if (class == BPF_JMP || class == BPF_JMP32)
		return branch(p, &s, in);
	move(&s, in);
	return go(p, s, s.pc + (in->code == (BPF_LD | BPF_DW | BPF_IMM) ? 2 : 1));
}

/* From one label of the datapath's, "cham_cell_rx_5_r4". */
static int follow(struct proof *p, const Elf64_Sym *y)
{
	const char *name = name_of(p, y) + strlen("cham_cell_"), *reg = strrchr(name, '_');
	struct state s;
	size_t n;
	int err;

	p->hook = hook_in(name, &n);
	if (p->hook < 0 || !reg || (reg[1] != 'r' && reg[1] != 'w') ||
	    y->st_value % 8 || y->st_value / 8 >= p->code.n)
		return damaged(p);
	memset(&s, 0, sizeof(s));
	s.pc = y->st_value / 8;
	s.numbers = ~0ULL;
	s.cell_in = 1 << (strtoul(reg + 2, NULL, 10) & 15);
	p->from = y;
	p->reached = 0;
	p->n_states = 0;
	memset(p->index, 0, 2 * STATES_MAX * sizeof(*p->index));
	err = visit(p, &s);
	for (p->next = 0; !err && p->next < p->n_states; p->next++)
		err = step(p, p->states[p->next]);
	if (err)
		return err;
	if (p->reached != (p->claim->inlined[p->hook] | p->claim->separate[p->hook]))
		return not_so(p, y->st_value / 8, "a handler is not reached any more");
	return 0;
}

static int prove_section(struct proof *p, unsigned int sec, unsigned int *places)
{
	unsigned int i;
	int err = read_code(p, sec);

	for (i = 0; !err && i < p->n_sym; i++) {
		const Elf64_Sym *y = &p->sym[i];

		if (y->st_shndx != sec || ELF64_ST_TYPE(y->st_info) != STT_NOTYPE ||
		    !starts(name_of(p, y), "cham_cell_"))
			continue;
		err = follow(p, y);
		(*places)++;
	}
	for (i = 0; !err && i < p->code.n; i++)
		if (p->calls[i] && !p->seen[i] &&
		    (!strcmp(p->calls[i], "bpf_cham_enter") ||
		     !strcmp(p->calls[i], "bpf_cham_leave")))
			err = not_so(p, i, "a handler is charged for without a number");
	return err;
}

int cham_prove(struct cham *h, const uint8_t *data, size_t size, const struct cham_claim *claim)
{
	struct proof p = { .h = h, .claim = claim, .data = data, .size = size };
	unsigned int i, places = 0;
	int err;

	p.states = malloc(STATES_MAX * sizeof(*p.states));
	p.index = malloc(2 * STATES_MAX * sizeof(*p.index));
	err = p.states && p.index ? read_file(&p) : -ENOMEM;
	if (!err)
		err = prove_data(&p);
	for (i = 1; !err && i < p.n_sh; i++)
		if (p.sh[i].sh_flags & SHF_EXECINSTR && p.sh[i].sh_size)
			err = prove_section(&p, i, &places);
	if (!err && !places)
		err = cham__fail(h, -EPROTO,
				 "the joint datapath is not proved: it has no place for handlers");
	if (err == -ENOMEM)
		cham__fail(h, err, "%s", strerror(ENOMEM));
	free(p.calls);
	free(p.seen);
	free(p.states);
	free(p.index);
	return err;
}
