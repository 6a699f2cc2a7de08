/* SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause */
/* From what a tenant brings (C, LLVM bitcode, an object) to the object to judge. */
#ifndef CHAM_COMPILE_H
#define CHAM_COMPILE_H

#include "object.h"

struct cham_source {
	uint32_t form;			/* enum cham_prog_form */
	struct cham_object *object;	/* what is judged, and what runs */
	uint8_t *bitcode;		/* what it was made from; NULL: an object came */
	size_t bitcode_size;
	char *text;			/* the C that it was made from, or NULL */
};

/* Return: 0 or a negative errno, said in @h; @s is closed then. */
int cham_source__open(struct cham *h, const char *path, struct cham_source *s);
void cham_source__close(struct cham_source *s);
/* What it was made from: only the object is wanted. */
void cham_source__forget(struct cham_source *s);
/* The lines that the object does not have with it. */
void cham_source__tell(const struct cham_source *s, const char *path,
		       struct cham_prog_report *report);

/* A tool of LLVM, by its name without a version; @path is long. */
int cham_llvm__find(struct cham *h, const char *file, const char *name, char *path,
		    size_t size);
/* Runs it on what is in @in; its output is @data. @file: what it is about. */
int cham_llvm__run(struct cham *h, const char *file, const char *name,
		   const char *const *argv, const int *in, unsigned int n_in,
		   uint8_t **data, size_t *size);

/* The same by its path; @failed: what is said of @file when it does. */
int cham_llvm__run_tool(struct cham *h, const char *file, const char *failed,
			const char *path, const char *const *argv, const int *in,
			unsigned int n_in, uint8_t **data, size_t *size);
/* Bitcode in @in to an object, for a version of BPF. */
#define CHAM_BPF_TENANT		"-mcpu=v3"
#define CHAM_BPF_DATAPATH	"-mcpu=v4"	/* as xdp/ is compiled */
int cham_llvm__assemble(struct cham *h, const char *file, const char *cpu, int in,
			uint8_t **data, size_t *size);

#endif
