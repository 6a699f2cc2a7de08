// SPDX-License-Identifier: GPL-2.0
/*
 * A tenant's object file, from its first byte to its place in a composition:
 * nothing in it may lead out of it, and what is refused is refused with words.
 */
#include "fail.h"

#include <sys/mman.h>
#include <unistd.h>

#include "../../lib/object.h"
#include "../../lib/judge.h"

static int file_of(const void *data, size_t size)
{
	int fd = memfd_create("object", 0);

	must(fd >= 0 && write(fd, data, size) == (ssize_t)size, "no memfd");
	return fd;
}

/* Placed, nothing but code is asked for by a name that the tenant has chosen. */
static void named(const struct cham_object *o, int fd)
{
	Elf64_Shdr symtab;
	Elf64_Ehdr eh;
	Elf64_Sym s;
	size_t i;

	must(pread(fd, &eh, sizeof(eh), 0) == sizeof(eh), "no header");
	must(pread(fd, &symtab, sizeof(symtab), eh.e_shoff + o->symtab * sizeof(symtab)) ==
	     sizeof(symtab), "no symbols");
	for (i = 0; i < symtab.sh_size / sizeof(s); i++) {
		must(pread(fd, &s, sizeof(s), symtab.sh_offset + i * sizeof(s)) == sizeof(s),
		     "no symbol");
		must(ELF64_ST_BIND(s.st_info) != STB_LOCAL || !s.st_name ||
		     ELF64_ST_TYPE(s.st_info) == STT_FUNC ||
		     ELF64_ST_TYPE(s.st_info) == STT_SECTION, "a static variable has a name");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct cham_prog_report report;
	struct cham_object *o = NULL;
	char path[64];
	int fd, to, err;

	libbpf_set_print(quiet);
	fd = file_of(data, size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	said[0] = '\0';
	err = cham_object__open(NULL, path, &o);
	must(!err == !!o, "an object and an error");
	if (!err)
		err = cham_judge(NULL, o, CHAM_CYCLES_DEFAULT, &report);
	must(!err || said[0], "refused without a word");
	if (o) {
		/* What is refused might be placed, too: it must be as safe. */
		to = file_of("", 0);
		if (!cham_object__place(NULL, o, 2047, 16, to))
			named(o, to);
		close(to);
	}
	cham_object__close(o);
	close(fd);
	return 0;
}
