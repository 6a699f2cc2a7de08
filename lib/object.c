// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * A tenant's object file. Nothing in it is believed: every offset is checked
 * against the file before it is followed, and a section that a handler has no
 * use for is refused instead of carried along.
 *
 * An object gets its place in a composition by its names: hooks become those
 * that stand empty in the datapath, everything else global gets the tenant's
 * prefix, and each data section stays a map of its own, so that no tenant's
 * bytes share one with another's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/btf.h>

#include "foreign.h"
#include "object.h"
#include "prove.h"
#include "text.h"

#ifndef EM_BPF
#define EM_BPF 247
#endif

#ifndef SHT_LLVM_ADDRSIG
#define SHT_LLVM_ADDRSIG 0x6fff4c03
#endif

#define NAME_MAX_LEN 200	/* of a symbol, a section, a type */
#define SECTIONS_MAX 64
#define SYMBOLS_MAX 512		/* libbpf's linker looks at each for each */
#define ALIGN_MAX 4096
#define BTF_MAX (512 << 10)	/* bytes; a composition's is the kernel's at most 16 MB */

static int wrong(struct cham *h, const struct cham_object *o, const char *what)
{
	return cham__fail(h, -EINVAL, "%s: %s", o->path, what);
}

/* The whole file: what is judged is what is used. */
int cham_file__read(struct cham *h, const char *path, uint8_t **data, size_t *size)
{
	struct stat st;
	ssize_t n;
	int fd;

	*size = 0;
	*data = NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return cham__fail(h, -errno, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return cham__fail(h, -EINVAL, "%s: not a regular file", path);
	}
	if (st.st_size > CHAM_PROG_FILE_MAX) {
		close(fd);
		return cham__fail(h, -EFBIG, "%s: %lld bytes are no program; accepted: up to %d",
				  path, (long long)st.st_size, CHAM_PROG_FILE_MAX);
	}
	*data = calloc(1, st.st_size + 1);
	while (*data && *size < (size_t)st.st_size) {
		n = read(fd, *data + *size, st.st_size - *size);
		if (n <= 0)
			break;
		*size += n;
	}
	close(fd);
	if (!*data)
		return cham__fail(h, -ENOMEM, "%s", strerror(ENOMEM));
	if (*size == (size_t)st.st_size)
		return 0;
	free(*data);
	*data = NULL;
	return cham__fail(h, -EINVAL, "%s: cannot be read whole", path);
}

int cham_file__write(struct cham *h, const char *path, const void *data, size_t size)
{
	char fresh[4096];
	ssize_t n;
	int fd, err;

	snprintf(fresh, sizeof(fresh), "%s.new", path);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return cham__fail(h, -errno, "%s: %s", fresh, strerror(errno));
	n = write(fd, data, size);
	err = n < 0 ? -errno : n != (ssize_t)size ? -ENOSPC : 0;
	if (close(fd) && !err)
		err = -errno;
	if (!err && rename(fresh, path))
		err = -errno;
	if (!err)
		return 0;
	unlink(fresh);
	return cham__fail(h, err, "%s: cannot be written: %s", path, strerror(-err));
}

const void *cham_object__section(const struct cham_object *o, unsigned int i,
				 size_t *size)
{
	const Elf64_Shdr *sh = &o->sh[i];

	*size = 0;
	if (!i || i >= o->n_sh || sh->sh_type == SHT_NOBITS || sh->sh_type == SHT_NULL)
		return NULL;
	*size = sh->sh_size;
	return o->data + sh->sh_offset;
}

static const char *section_name(const struct cham_object *o, unsigned int i)
{
	return o->sh[i].sh_name < o->strtab_size ? o->strtab + o->sh[i].sh_name : NULL;
}

const char *cham_object__symbol(const struct cham_object *o, const Elf64_Sym *sym)
{
	return sym->st_name < o->strtab_size ? o->strtab + sym->st_name : "";
}

static int read_headers(struct cham *h, struct cham_object *o)
{
	const Elf64_Ehdr *eh = (const void *)o->data;
	unsigned int i;

	if (o->size < sizeof(*eh))
		return cham__fail(h, -EINVAL, "%s: %zu bytes are no object", o->path, o->size);
	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) || eh->e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh->e_ident[EI_DATA] != ELFDATA2LSB || eh->e_ident[EI_VERSION] != EV_CURRENT ||
	    eh->e_version != EV_CURRENT || eh->e_type != ET_REL ||
	    eh->e_machine != EM_BPF)
		return wrong(h, o,
			     "not a BPF object, as clang -target bpf -O2 -g -c makes, nor bitcode; C is known by its name, .c");
	if (eh->e_shentsize != sizeof(Elf64_Shdr) || !eh->e_shnum || eh->e_shoff % 8 ||
	    eh->e_shoff > o->size ||
	    eh->e_shnum > (o->size - eh->e_shoff) / sizeof(Elf64_Shdr) ||
	    eh->e_shnum > SECTIONS_MAX || eh->e_shstrndx >= eh->e_shnum)
		return wrong(h, o, "damaged or cut off: its section headers are not in the file");
	o->sh = (void *)(o->data + eh->e_shoff);
	o->n_sh = eh->e_shnum;
	for (i = 0; i < o->n_sh; i++) {
		const Elf64_Shdr *sh = &o->sh[i];

		/* The file's header is nobody's: a copy's says where other things are. */
		if (sh->sh_type != SHT_NOBITS && sh->sh_type != SHT_NULL &&
		    (sh->sh_offset < sizeof(*eh) || sh->sh_offset > o->size ||
		     sh->sh_size > o->size - sh->sh_offset))
			return cham__fail(h, -EINVAL,
					  "%s: damaged or cut off: section %u is not in the file",
					  o->path, i);
	}
	o->str_sec = eh->e_shstrndx;
	if (o->sh[o->str_sec].sh_type != SHT_STRTAB || !o->sh[o->str_sec].sh_size)
		return wrong(h, o, "damaged: has no names");
	o->strtab = (const char *)o->data + o->sh[o->str_sec].sh_offset;
	o->strtab_size = o->sh[o->str_sec].sh_size;
	if (o->strtab[o->strtab_size - 1])
		return wrong(h, o, "damaged: a name does not end");
	return 0;
}

static bool starts(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

static bool is_data(const char *name)
{
	return starts(name, ".rodata") || starts(name, ".data") || starts(name, ".bss");
}

bool cham_object__is_called(const struct cham_object *o, unsigned int i, const char *name)
{
	const char *is = section_name(o, i);

	return is && !strcmp(is, name);
}

bool cham_object__is_data(const struct cham_object *o, unsigned int i)
{
	const char *name = section_name(o, i);

	return name && is_data(name);
}

/* We know sections by their names, libbpf knows some by what they say of themselves: each
 * has to be, once, what its name says, or what is judged is not what runs.
 */
static int take_section(struct cham *h, struct cham_object *o, unsigned int i)
{
	const struct {
		const char *name;
		unsigned int type;
		unsigned int *to;
		bool family;		/* and what begins so */
	} known[] = {
		{ ".text", SHT_PROGBITS, &o->text, false },
		{ ".rel.text", SHT_REL, &o->rel_text, false },
		{ ".maps", SHT_PROGBITS, &o->maps, false },
		{ ".BTF", SHT_PROGBITS, &o->btf, false },
		{ ".BTF.ext", SHT_PROGBITS, &o->btf_ext, false },
		{ CHAM_META_SECTION, SHT_PROGBITS, &o->meta_sec, false },
		{ ".symtab", SHT_SYMTAB, &o->symtab, false },
		{ "license", SHT_PROGBITS, NULL, false },
		{ ".strtab", SHT_STRTAB, NULL, false },
		{ ".llvm_addrsig", SHT_LLVM_ADDRSIG, NULL, false },
		{ ".rel.BTF", SHT_REL, NULL, false },
		{ ".rel.BTF.ext", SHT_REL, NULL, false },
		{ ".rel.debug_", SHT_REL, NULL, true },
		{ ".debug_", SHT_PROGBITS, NULL, true },
		{ ".rodata", SHT_PROGBITS, NULL, true },
		{ ".data", SHT_PROGBITS, NULL, true },
		{ ".bss", SHT_NOBITS, NULL, true },
	};
	const char *name = section_name(o, i);
	const Elf64_Shdr *sh = &o->sh[i];
	unsigned int k;
	bool code;

	if (!name)
		return wrong(h, o, "damaged: a section's name is not in the file");
	for (k = 0; k < sizeof(known) / sizeof(known[0]); k++)
		if (known[k].family ? starts(name, known[k].name) : !strcmp(name, known[k].name))
			break;
	if (k == sizeof(known) / sizeof(known[0]) && starts(name, ".rel.") && strstr(name, "data"))
		return cham__fail(h, -EINVAL,
				  "%s: %.64s is data with addresses in it, which nobody fills in: have arrays instead of pointers to strings, data or functions",
				  o->path, name + 4);
	if (k == sizeof(known) / sizeof(known[0]))
		return cham__fail(h, -EINVAL,
				  "%s: section %.64s is foreign; a handler's code is in .text (no SEC), and accepted besides are .maps, .rodata, .data, .bss, license and %s",
				  o->path, name, CHAM_META_SECTION);
	if (strlen(name) > NAME_MAX_LEN)
		return cham__fail(h, -EINVAL, "%s: the name of section %u is longer than %d bytes",
				  o->path, i, NAME_MAX_LEN);
	code = known[k].to == &o->text;
	/* Relocations that are not whole, and what is compressed, libelf does not give out,
	 * and libbpf takes what it got without a look.
	 */
	if (sh->sh_type != known[k].type || sh->sh_addralign > ALIGN_MAX ||
	    !(sh->sh_flags & SHF_EXECINSTR) == code || sh->sh_flags & SHF_COMPRESSED ||
	    (sh->sh_type == SHT_REL && (sh->sh_size % sizeof(Elf64_Rel) ||
					sh->sh_entsize != sizeof(Elf64_Rel))))
		return cham__fail(h, -EINVAL, "%s: damaged: section %s is not what its name says",
				  o->path, name);
	for (k = 1; k < i; k++)
		if (!strcmp(name, section_name(o, k)))
			return cham__fail(h, -EINVAL, "%s: two sections are called %s", o->path,
					  name);
	for (k = 0; k < sizeof(known) / sizeof(known[0]); k++)
		if (known[k].to && !strcmp(name, known[k].name))
			*known[k].to = i;
	return 0;
}

/* Else, among others' sections of that name, it would be theirs. */
static bool is_within(const Elf64_Sym *s, const Elf64_Shdr *sh)
{
	if (s->st_shndx == SHN_UNDEF)
		return true;
	if (ELF64_ST_TYPE(s->st_info) == STT_SECTION && s->st_value)
		return false;
	return s->st_value <= sh->sh_size && s->st_size <= sh->sh_size - s->st_value;
}

static int read_symbols(struct cham *h, struct cham_object *o)
{
	const Elf64_Shdr *sh = &o->sh[o->symtab];
	unsigned int i;
	size_t size;

	if (!o->symtab || sh->sh_entsize != sizeof(Elf64_Sym) || sh->sh_offset % 8 ||
	    sh->sh_link != o->str_sec)
		return wrong(h, o, "damaged: has no symbols that can be read");
	o->syms = cham_object__section(o, o->symtab, &size);
	o->n_syms = size / sizeof(Elf64_Sym);
	if (o->n_syms > SYMBOLS_MAX)
		return cham__fail(h, -E2BIG, "%s: has %u symbols; a tenant's share is %d", o->path,
				  o->n_syms, SYMBOLS_MAX);
	for (i = 0; i < o->n_syms; i++) {
		const Elf64_Sym *s = &o->syms[i];

		if (s->st_name >= o->strtab_size ||
		    (s->st_shndx < SHN_LORESERVE &&
		     (s->st_shndx >= o->n_sh || !is_within(s, &o->sh[s->st_shndx]))))
			return cham__fail(h, -EINVAL, "%s: damaged: symbol %u", o->path, i);
		if (strlen(cham_object__symbol(o, s)) > NAME_MAX_LEN)
			return cham__fail(h, -EINVAL,
					  "%s: the name of symbol %u is longer than %d bytes",
					  o->path, i, NAME_MAX_LEN);
	}
	return 0;
}

static int hook_of(const char *name)
{
	int hook;

	for (hook = 0; hook < __CHAM_HOOK_MAX; hook++)
		if (!strcmp(name, cham_hook__name(hook)))
			return hook;
	return -1;
}

/* In which section the type information says a symbol of elsewhere is, "" without any. */
static void section_of(const struct cham_object *o, const char *name, char *in, size_t in_size)
{
	size_t size = 0;
	const void *raw = o->btf ? cham_object__section(o, o->btf, &size) : NULL;
	struct btf *btf = raw && size <= BTF_MAX ? btf__new(raw, size) : NULL;
	unsigned int i, k;

	*in = '\0';
	for (i = 1; btf && i < btf__type_cnt(btf); i++) {
		const struct btf_type *t = btf__type_by_id(btf, i), *of;

		for (k = 0; btf_is_datasec(t) && k < btf_vlen(t); k++) {
			of = btf__type_by_id(btf, btf_var_secinfos(t)[k].type);
			if (of && !strcmp(name, btf__str_by_offset(btf, of->name_off) ?: ""))
				snprintf(in, in_size, "%s",
					 btf__str_by_offset(btf, t->name_off) ?: "");
		}
	}
	btf__free(btf);
}

/* It is not the tenant's own. */
static int refuse_foreign(struct cham *h, const struct cham_object *o, const char *name)
{
	char in[16];

	section_of(o, name, in, sizeof(in));
	return cham__fail(h, -EINVAL, "%s: \"%s\" %s", o->path, name, cham_foreign(name, in));
}

/* Each global symbol is a hook, a map or a function of the tenant's own. */
static int judge_symbols(struct cham *h, struct cham_object *o)
{
	unsigned int i, type;
	int hook;

	for (i = 0; i < o->n_syms; i++) {
		const Elf64_Sym *s = &o->syms[i];
		const char *name = cham_object__symbol(o, s);

		type = ELF64_ST_TYPE(s->st_info);
		/* Of what is hidden libbpf makes a static function, which the verifier
		 * follows into the datapath's own frame.
		 */
		if (ELF64_ST_VISIBILITY(s->st_other) != STV_DEFAULT)
			return cham__fail(h, -EINVAL,
					  "%s: \"%s\" is hidden or protected: leave its visibility as it is",
					  o->path, name);
		if (ELF64_ST_BIND(s->st_info) == STB_LOCAL) {
			if (type == STT_FUNC && hook_of(name) >= 0)
				return cham__fail(h, -EINVAL, "%s: %s() is a hook, and static",
						  o->path, name);
			/* libbpf's linker asks for what is there by its name alone. */
			if (o->maps && s->st_shndx == o->maps && type != STT_SECTION)
				return cham__fail(h, -EINVAL,
						  "%s: \"%s\" is a map, and static: leave \"static\" away",
						  o->path, name);
			continue;
		}
		if (s->st_shndx == SHN_UNDEF)
			return refuse_foreign(h, o, name);
		if (s->st_shndx >= SHN_LORESERVE)
			return cham__fail(h, -EINVAL, "%s: symbol \"%s\" is in no section",
					  o->path, name);
		if (ELF64_ST_BIND(s->st_info) != STB_GLOBAL)
			return cham__fail(h, -EINVAL,
					  "%s: \"%s\" is weak: which one would run, nobody could say",
					  o->path, name);
		hook = hook_of(name);
		if (hook < 0)
			continue;
		if (type != STT_FUNC || s->st_shndx != o->text)
			return cham__fail(h, -EINVAL, "%s: \"%s\" is a hook's name and no function",
					  o->path, name);
		if (o->hooks & 1U << hook)
			return cham__fail(h, -EINVAL, "%s: damaged: there are two of %s()",
					  o->path, name);
		o->hooks |= 1U << hook;
	}
	if (!o->hooks)
		return wrong(h, o,
#define X(id, name, text) " " name
			     "has none of the hooks" CHAM_HOOK_LIST(X)
#undef X
			     ": define one with CHAM_HOOK()");
	return 0;
}

static int judge_licence(struct cham *h, const struct cham_object *o)
{
	unsigned int i;
	size_t size;

	for (i = 1; i < o->n_sh; i++) {
		const char *text;

		if (strcmp(section_name(o, i), "license"))
			continue;
		text = cham_object__section(o, i, &size);
		if (text && size == 4 && !memcmp(text, "GPL", 4))
			return 0;
		return wrong(h, o,
			     "its licence is not \"GPL\", once, as that of the datapath it joins");
	}
	return wrong(h, o, "has no licence; CHAM_PROGRAM() gives it \"GPL\"");
}

static int judge_meta(struct cham *h, struct cham_object *o)
{
	const void *meta;
	size_t size;

	meta = cham_object__section(o, o->meta_sec, &size);
	if (!meta)
		return wrong(h, o, "does not say what it is; use CHAM_PROGRAM()");
	if (size < sizeof(o->meta.abi))
		return wrong(h, o, "damaged: " CHAM_META_SECTION " is too short");
	memcpy(&o->meta, meta, size < sizeof(o->meta) ? size : sizeof(o->meta));
	if (o->meta.abi != CHAM_ABI_VERSION)
		return cham__fail(h, -EPROTO,
				  "%s: is for version %u of the handler ABI, this library for version %d",
				  o->path, o->meta.abi, CHAM_ABI_VERSION);
	if (size != sizeof(o->meta))
		return wrong(h, o, "damaged: " CHAM_META_SECTION " is not of one CHAM_PROGRAM()");
	if (!o->meta.name[0])
		return wrong(h, o, "CHAM_PROGRAM() gives it no name");
	if (!memchr(o->meta.name, 0, sizeof(o->meta.name)))
		return wrong(h, o, "CHAM_PROGRAM() has a name of more than 31 bytes");
	cham_printable_name(o->meta.name);
	if (o->meta.flags & ~CHAM_PROG_FLAGS_MASK)
		return cham__fail(h, -EINVAL, "%s: unknown program flags 0x%x", o->path,
				  o->meta.flags & ~CHAM_PROG_FLAGS_MASK);
	return 0;
}

int cham_object__read(struct cham *h, const char *path, uint8_t *data, size_t size,
		      struct cham_object **op)
{
	struct cham_object *o = calloc(1, sizeof(*o));
	unsigned int i;
	size_t code;
	int err;

	*op = NULL;
	if (o)
		o->path = strdup(path);
	if (!o || !o->path) {
		free(o);
		free(data);
		return cham__fail(h, -ENOMEM, "%s", strerror(ENOMEM));
	}
	o->data = data;
	o->size = size;
	err = read_headers(h, o);
	for (i = 1; !err && i < o->n_sh; i++)
		err = take_section(h, o, i);
	if (!err && (!cham_object__section(o, o->text, &code) || !code))
		err = wrong(h, o,
			    "has no code in .text: no global function rx, tx, timer or open, or what it does is undefined throughout");
	if (!err && (!o->btf || !o->btf_ext))
		err = wrong(h, o, "has no type information; compile it with -g");
	if (!err && o->sh[o->btf].sh_size > BTF_MAX)
		err = cham__fail(h, -E2BIG,
				 "%s: its type information has %llu bytes; a tenant's share is %d",
				 o->path, (unsigned long long)o->sh[o->btf].sh_size, BTF_MAX);
	if (!err)
		err = read_symbols(h, o);
	if (!err)
		err = judge_meta(h, o);
	if (!err)
		err = judge_licence(h, o);
	if (!err)
		err = judge_symbols(h, o);
	if (err)
		cham_object__close(o);
	else
		*op = o;
	return err;
}

int cham_object__open(struct cham *h, const char *path, struct cham_object **op)
{
	uint8_t *data;
	size_t size;
	int err = cham_file__read(h, path, &data, &size);

	*op = NULL;
	return err ? err : cham_object__read(h, path, data, size, op);
}

void cham_object__close(struct cham_object *o)
{
	if (!o)
		return;
	free(o->path);
	free(o->data);
	free(o);
}

/* ---- its place ---------------------------------------------------------- */

struct place {
	uint32_t tenant;
	uint32_t cell;
	char *names;		/* the file's, and ours behind them */
	size_t size;
	size_t room;
};

static void place_name(const struct place *p, const char *name, char *to, size_t size)
{
	if (hook_of(name) >= 0)
		snprintf(to, size, "cham_%s_%u", name, p->cell);
	else
		snprintf(to, size, "t%u_%s", p->tenant, name);
}

/* Offset of @name among the names. */
static long add_name(struct place *p, const char *name)
{
	size_t n = strlen(name) + 1, at = p->size;
	char *more;

	if (p->size + n > p->room) {
		p->room = 2 * (p->size + n);
		more = realloc(p->names, p->room);
		if (!more)
			return -ENOMEM;
		p->names = more;
	}
	memcpy(p->names + at, name, n);
	p->size += n;
	return at;
}

/* BTF's functions, variables and sections follow their symbols. */
static int place_btf(struct cham *h, const struct cham_object *o,
		     const struct place *p, struct btf **btfp)
{
	char name[NAME_MAX_LEN + 32];
	const void *raw;
	struct btf *btf;
	unsigned int i;
	size_t size;
	int off;

	raw = cham_object__section(o, o->btf, &size);
	btf = btf__new(raw, size);
	if (!btf)
		return wrong(h, o, "damaged: its type information cannot be read");
	*btfp = btf;
	cham_btf__fit(btf);
	for (i = 1; i < btf__type_cnt(btf); i++) {
		const struct btf_type *t = btf__type_by_id(btf, i);
		const char *old = btf__name_by_offset(btf, t->name_off);

		if (!old || !(btf_is_func(t) || btf_is_var(t) || btf_is_datasec(t)))
			continue;
		if (strlen(old) > NAME_MAX_LEN)
			return cham__fail(h, -EINVAL, "%s: a type's name is longer than %d bytes",
					  o->path, NAME_MAX_LEN);
		if ((btf_is_func(t) && btf_vlen(t) == BTF_FUNC_GLOBAL) ||
		    (btf_is_var(t) && btf_var(t)->linkage == BTF_VAR_GLOBAL_ALLOCATED &&
		     strcmp(old, "LICENSE")))
			place_name(p, old, name, sizeof(name));
		else if (btf_is_datasec(t) && is_data(old))
			snprintf(name, sizeof(name), "%s.t%u", old, p->tenant);
		else if (btf_is_datasec(t) && !strcmp(old, CHAM_META_SECTION))
			snprintf(name, sizeof(name), ".debug_cham");
		else
			continue;
		off = btf__add_str(btf, name);
		if (off < 0)
			return cham__fail(h, off, "%s: type information: %s", o->path,
					  strerror(-off));
		/* Adding a string may have moved the types. */
		((struct btf_type *)btf__type_by_id(btf, i))->name_off = off;
	}
	return 0;
}

static long place_section(const struct cham_object *o, struct place *p, unsigned int i)
{
	char name[NAME_MAX_LEN + 32];
	const char *old = section_name(o, i);

	if (i == o->meta_sec)
		return add_name(p, ".debug_cham");
	if (!is_data(old))
		return o->sh[i].sh_name;
	snprintf(name, sizeof(name), "%s.t%u", old, p->tenant);
	return add_name(p, name);
}

static long place_symbol(const struct cham_object *o, struct place *p,
			 const Elf64_Sym *s)
{
	const char *old = cham_object__symbol(o, s);
	unsigned int type = ELF64_ST_TYPE(s->st_info);
	char name[NAME_MAX_LEN + 32];

	/* What is static might be called as what is global will be, and nobody asks for it
	 * by name but for functions.
	 */
	if (ELF64_ST_BIND(s->st_info) == STB_LOCAL && type != STT_FUNC && type != STT_SECTION)
		return 0;
	if (ELF64_ST_BIND(s->st_info) == STB_LOCAL || !strcmp(old, "LICENSE"))
		return s->st_name;
	place_name(p, old, name, sizeof(name));
	return add_name(p, name);
}

static int put(int fd, const void *data, size_t size, off_t at)
{
	ssize_t n;

	for (; size; data = (const char *)data + n, size -= n, at += n) {
		n = pwrite(fd, data, size, at);
		if (n <= 0)
			return n ? -errno : -ENOSPC;
	}
	return 0;
}

/* The file as it was judged, byte for byte; what changes stands behind it, once more, and
 * the header says so: sections may lie over each other, and over what describes them.
 */
static int place_all(struct cham *h, const struct cham_object *o, struct place *p,
		     const struct btf *btf, Elf64_Shdr *sh, Elf64_Sym *syms, int fd)
{
	Elf64_Ehdr eh = *(const Elf64_Ehdr *)o->data;
	size_t sh_size = o->n_sh * sizeof(*sh), sym_size = o->n_syms * sizeof(*syms);
	size_t at = (o->size + 7) & ~7UL;
	const void *raw;
	uint32_t size;
	unsigned int i;
	long name;
	int err;

	for (i = 1; i < o->n_sh; i++) {
		name = place_section(o, p, i);
		if (name < 0)
			return name;
		sh[i].sh_name = name;
	}
	for (i = 0; i < o->n_syms; i++) {
		name = place_symbol(o, p, &o->syms[i]);
		if (name < 0)
			return name;
		syms[i].st_name = name;
	}
	raw = btf__raw_data(btf, &size);
	if (!raw)
		return -ENOMEM;
	eh.e_shoff = at;
	sh[o->symtab].sh_offset = at + sh_size;
	sh[o->btf].sh_offset = at + sh_size + sym_size;
	sh[o->btf].sh_size = size;
	sh[o->str_sec].sh_offset = at + sh_size + sym_size + size;
	sh[o->str_sec].sh_size = p->size;
	err = put(fd, o->data, o->size, 0);
	if (!err)
		err = put(fd, &eh, sizeof(eh), 0);
	if (!err)
		err = put(fd, sh, sh_size, at);
	if (!err)
		err = put(fd, syms, sym_size, sh[o->symtab].sh_offset);
	if (!err)
		err = put(fd, raw, size, sh[o->btf].sh_offset);
	if (!err)
		err = put(fd, p->names, p->size, sh[o->str_sec].sh_offset);
	return err ? cham__fail(h, err, "%s: %s", o->path, strerror(-err)) : 0;
}

static void *copy_of(const void *data, size_t size)
{
	void *copy = malloc(size);

	return copy ? memcpy(copy, data, size) : NULL;
}

int cham_object__place(struct cham *h, const struct cham_object *o, uint32_t tenant,
		       uint32_t cell, int fd)
{
	struct place p = { .tenant = tenant, .cell = cell,
			   .names = copy_of(o->strtab, o->strtab_size),
			   .size = o->strtab_size, .room = o->strtab_size };
	Elf64_Shdr *sh = copy_of(o->sh, o->n_sh * sizeof(*sh));
	Elf64_Sym *syms = copy_of(o->syms, o->n_syms * sizeof(*syms));
	struct btf *btf = NULL;
	int err = -ENOMEM;

	if (sh && syms && p.names) {
		err = place_btf(h, o, &p, &btf);
		if (!err)
			err = place_all(h, o, &p, btf, sh, syms, fd);
	}
	if (err == -ENOMEM)
		cham__fail(h, err, "%s", strerror(ENOMEM));
	btf__free(btf);
	free(p.names);
	free(syms);
	free(sh);
	return err;
}
