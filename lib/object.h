/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* A tenant's object file: read, judged, and given its place in a composition. */
#ifndef CHAM_OBJECT_H
#define CHAM_OBJECT_H

#include <elf.h>
#include "internal.h"

struct btf;

struct cham_object {
	char *path;
	bool normalised;	/* made of what the normaliser has made */
	uint8_t *data;
	size_t size;
	Elf64_Shdr *sh;
	unsigned int n_sh;
	const Elf64_Sym *syms;
	unsigned int n_syms;
	const char *strtab;
	size_t strtab_size;
	/* section numbers, 0: has none */
	unsigned int text, rel_text, maps, btf, btf_ext, meta_sec, symtab, str_sec;
	struct cham_meta meta;
	uint32_t hooks;			/* bits of enum cham_hook */
};

/* All return 0 or a negative errno and say why in @h. */
int cham_file__read(struct cham *h, const char *path, uint8_t **data, size_t *size);
/* All of it or nothing: under another name first. */
int cham_file__write(struct cham *h, const char *path, const void *data, size_t size);
/* @data is the object's from now on, or freed. */
int cham_object__read(struct cham *h, const char *path, uint8_t *data, size_t size,
		      struct cham_object **op);
int cham_object__open(struct cham *h, const char *path, struct cham_object **op);
void cham_object__close(struct cham_object *o);
/* The object with its symbols and sections renamed for tenant and cell, in @fd. */
int cham_object__place(struct cham *h, const struct cham_object *o, uint32_t tenant,
		       uint32_t cell, int fd);

/* Context: @i is a section's number. Return: its bytes, NULL without any. */
const void *cham_object__section(const struct cham_object *o, unsigned int i,
				 size_t *size);
/* .rodata, .data, .bss, and what begins so. */
bool cham_object__is_data(const struct cham_object *o, unsigned int i);
bool cham_object__is_called(const struct cham_object *o, unsigned int i, const char *name);
const char *cham_object__symbol(const struct cham_object *o, const Elf64_Sym *sym);

#endif
