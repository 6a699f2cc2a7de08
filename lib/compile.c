// SPDX-License-Identifier: LGPL-2.1 OR BSD-2-Clause
/*
 * C and bitcode become an object by Debian's LLVM, in a child that can do little
 * (jail.c); then it is judged as one that came so. C goes by way of bitcode, so
 * that what is judged and what is optimised with the datapath have one origin.
 *
 * The headers are those that this library was built with: the compiler sees them
 * in a directory that is nowhere.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "compile.h"
#include "jail.h"
#include "text.h"

#define LLVM		"19"
#define HEADERS		"/chamelio"	/* where there is no such directory */
#define FIRST		"/proc/self/fd/3"
#define SAID		1600		/* bytes of what a compiler says */
#define OUT_MAX		(16 << 20)

/* @name[] is the file, with a zero behind it. */
#define TEXT_OF(name, file)						\
__asm__(".pushsection .rodata\n"					\
	#name ":\n.incbin \"" file "\"\n" #name "_end:\n.byte 0\n"	\
	".popsection\n");						\
extern const char name[] __attribute__((visibility("hidden")));		\
extern const char name##_end[] __attribute__((visibility("hidden")))

TEXT_OF(cham_text_handler, "bpf/handler.h");
TEXT_OF(cham_text_uapi, "uapi/chamelio_handler.h");

/* All files that there are for who includes: of any other not even whether it exists can be
 * asked. %s: where LLVM is.
 */
static const char overlay[] =
	"{ 'version': 0, 'use-external-names': false, 'redirecting-with': 'redirect-only',\n"
	"'roots': [\n"
	"{ 'name': '" HEADERS "', 'type': 'directory', 'contents': [\n"
	"{ 'name': 'handler.h', 'type': 'file', 'external-contents': '/proc/self/fd/4' },\n"
	"{ 'name': 'chamelio_handler.h', 'type': 'file', 'external-contents': '/proc/self/fd/5' }\n"
	"]},\n"
	"{ 'name': '" FIRST "', 'type': 'file', 'external-contents': '" FIRST "' },\n"
	"{ 'name': '/usr', 'type': 'directory-remap', 'external-contents': '/usr' },\n"
	"{ 'name': '%1$s', 'type': 'directory-remap', 'external-contents': '%1$s' }]}\n";

/* ---- tools ---------------------------------------------------------------- */

static bool in_path(const char *name, char *path, size_t size)
{
	const char *at = getenv("PATH"), *end;
	struct stat st;
	int n;

	if (!at)
		at = "/usr/local/bin:/usr/bin:/bin";
	for (; *at; at = *end ? end + 1 : end) {
		end = strchrnul(at, ':');
		n = snprintf(path, size, "%.*s/%s", (int)(end - at), at, name);
		/* A relative one would be looked for where the child is. */
		if (*at == '/' && n < (int)size && !access(path, X_OK) &&
		    !stat(path, &st) && S_ISREG(st.st_mode))
			return true;
	}
	return false;
}

/* Is it of the version that we know? */
static bool is_ours(struct cham *h, const char *path)
{
	const char *argv[3] = { path, "--version", NULL };
	char said[SAID], answer[512];
	struct cham_jail j = { .tool = path, .argv = argv, .said = said,
			       .size = sizeof(said) };
	const char *version = NULL;
	ssize_t n;

	j.out = cham_memfd(h, NULL, 0, false);
	if (j.out < 0)
		return false;
	if (!cham_jail__run(&j)) {
		n = pread(j.out, answer, sizeof(answer) - 1, 0);
		answer[n < 0 ? 0 : n] = '\0';
		version = strstr(answer, "version " LLVM ".");
	}
	close(j.out);
	return version;
}

int cham_llvm__find(struct cham *h, const char *file, const char *name, char *path,
		    size_t size)
{
	char versioned[64];

	snprintf(versioned, sizeof(versioned), "%s-" LLVM, name);
	if (in_path(versioned, path, size))
		return 0;
	if (in_path(name, path, size) && is_ours(h, path))
		return 0;
	return cham__fail(h, -ENOPKG,
			  "%s: C and bitcode need LLVM %s, and %s is not in PATH (Debian packages clang-%s and llvm-%s); without it prepared objects are taken: clang -target bpf -mcpu=v3 -O2 -g -c",
			  file, LLVM, versioned, LLVM, LLVM);
}

/* What a compiler says is shown on a terminal, and names files as we do. */
static void tidy(char *said, const char *file)
{
	static const char *const ours[] = { FIRST, HEADERS "/" };
	const char *name = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
	char text[SAID];
	const char *at = said;
	size_t n = 0, len;

	while (*at && n + 1 < sizeof(text)) {
		if (!strncmp(at, ours[0], strlen(ours[0]))) {
			len = snprintf(text + n, sizeof(text) - n, "%s", name);
			n = n + len < sizeof(text) ? n + len : sizeof(text) - 1;
			at += strlen(ours[0]);
		} else if (!strncmp(at, ours[1], strlen(ours[1]))) {
			at += strlen(ours[1]);
		} else {
			text[n++] = isprint((unsigned char)*at) || *at == '\n' ? *at :
				    *at == '\t' ? ' ' : '?';
			at++;
		}
	}
	text[n] = '\0';
	memcpy(said, text, n + 1);
}

static int take_output(struct cham *h, const char *file, int fd, uint8_t **data,
		       size_t *size)
{
	struct stat st;
	ssize_t n;

	*data = NULL;
	if (fstat(fd, &st) || !st.st_size || st.st_size > OUT_MAX)
		return cham__fail(h, -E2BIG,
				  "%s: the compiler made %lld bytes of it; accepted: up to %d",
				  file, (long long)st.st_size, OUT_MAX);
	*data = malloc(st.st_size + 1);
	if (!*data)
		return cham__fail(h, -ENOMEM, "%s", strerror(ENOMEM));
	for (*size = 0; *size < (size_t)st.st_size; *size += n) {
		n = pread(fd, *data + *size, st.st_size - *size, *size);
		if (n <= 0)
			return cham__fail(h, -EIO, "%s: what the compiler made cannot be read",
					  file);
	}
	return 0;
}

#define ALONE "it is compiled by itself, with handler.h and the system's headers; of more files make bitcode: clang -target bpf -mcpu=v3 -O2 -g -emit-llvm -c"

int cham_llvm__run_tool(struct cham *h, const char *file, const char *failed,
			const char *path, const char *const *argv, const int *in,
			unsigned int n_in, uint8_t **data, size_t *size)
{
	char said[SAID];
	struct cham_jail j = { .tool = path, .argv = argv, .in = in, .n_in = n_in,
			       .said = said, .size = sizeof(said) };
	int err;

	*data = NULL;
	j.out = cham_memfd(h, NULL, 0, false);
	if (j.out < 0)
		return j.out;
	err = cham_jail__run(&j);
	if (err) {
		tidy(said, file);
		cham__fail(h, err, "%s: %s:\n%s%s", file, failed, said,
			   strstr(said, "file not found") ? ALONE : "");
	} else {
		err = take_output(h, file, j.out, data, size);
	}
	close(j.out);
	if (err) {
		free(*data);
		*data = NULL;
	}
	return err;
}

int cham_llvm__run(struct cham *h, const char *file, const char *name,
		   const char *const *argv, const int *in, unsigned int n_in,
		   uint8_t **data, size_t *size)
{
	char path[512];
	int err;

	*data = NULL;
	err = cham_llvm__find(h, file, name, path, sizeof(path));
	return err ? err : cham_llvm__run_tool(h, file, "does not compile", path, argv, in, n_in,
					       data, size);
}

/* ---- forms ---------------------------------------------------------------- */

static uint32_t form_of(const char *path, const uint8_t *data, size_t size)
{
	static const uint8_t raw[] = { 'B', 'C', 0xc0, 0xde };
	static const uint8_t wrapped[] = { 0xde, 0xc0, 0x17, 0x0b };
	size_t n = strlen(path);

	if (size >= sizeof(raw) && (!memcmp(data, raw, sizeof(raw)) ||
				    !memcmp(data, wrapped, sizeof(wrapped))))
		return CHAM_PROG_FORM_BITCODE;
	return n > 2 && !strcmp(path + n - 2, ".c") ? CHAM_PROG_FORM_C : CHAM_PROG_FORM_OBJECT;
}

/* Without its directory, and without what means something to a compiler. */
static void name_of(const char *path, char *name, size_t size)
{
	const char *p = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;

	for (; *p && size > 1; p++, size--)
		*name++ = isalnum((unsigned char)*p) || strchr("._+-", *p) ? *p : '_';
	*name = '\0';
}

/*
 * C to bitcode, with the source in it: the judge shows lines. Without what keeps a
 * handler from being inlined (lib/llvm/normalise.c): vectors, which BPF has not, and
 * two stores to members of the packet's description sunk into one with a variable
 * offset. And without what the verifier does not follow: the half of ctx->data that C
 * sees, kept from before a resize where that did not happen.
 */
static int compile(struct cham *h, const char *path, const uint8_t *c, size_t c_size,
		   uint8_t **data, size_t *size)
{
	char map[256] = "-ffile-prefix-map=" FIRST "=", machine[sizeof(struct utsname) + 32];
	char arch[sizeof(struct utsname) + 8];
	int in[4] = { -1, -1, -1, -1 }, err;
	char clang[512], where[4096 + sizeof(overlay)], *prefix;
	const char *argv[40] = {
		"clang", "--no-default-config", "-target", "bpf", CHAM_BPF_TENANT, "-O2", arch,
		"-fno-vectorize", "-fno-slp-vectorize", "-mllvm", "-sink-common-insts=false",
		"-mllvm", "-enable-load-pre=false",
		"-gdwarf-5", "-gembed-source", "-std=gnu11", "-fno-crash-diagnostics",
		"-fno-color-diagnostics", "-ferror-limit=3", "-ivfsoverlay",
		"/proc/self/fd/6", "-I" HEADERS, machine, "-fdebug-compilation-dir=" HEADERS,
		map, "-emit-llvm", "-c", "-o", "-", "-x", "c", FIRST, NULL,
	};
	struct utsname uts;
	unsigned int i;

	err = cham_llvm__find(h, path, "clang", clang, sizeof(clang));
	if (err)
		return err;
	prefix = cham_jail__prefix(clang);
	snprintf(where, sizeof(where), overlay, prefix ? prefix : "/usr");
	free(prefix);
	uname(&uts);
	/* The C library's headers ask whose they are. */
	snprintf(arch, sizeof(arch), "-D__%s__", uts.machine);
	snprintf(machine, sizeof(machine), "-I/usr/include/%s-linux-gnu", uts.machine);
	name_of(path, map + strlen(map), sizeof(map) - strlen(map));
	in[0] = cham_memfd(h, c, c_size, true);
	in[1] = cham_memfd(h, cham_text_handler, cham_text_handler_end - cham_text_handler, true);
	in[2] = cham_memfd(h, cham_text_uapi, cham_text_uapi_end - cham_text_uapi, true);
	in[3] = cham_memfd(h, where, strlen(where), true);
	for (i = 0; i < 4; i++)
		err = in[i] < 0 ? in[i] : err;
	if (!err)
		err = cham_llvm__run_tool(h, path, "does not compile", clang, argv, in, 4, data,
					  size);
	for (i = 0; i < 4; i++)
		if (in[i] >= 0)
			close(in[i]);
	return err;
}

int cham_llvm__assemble(struct cham *h, const char *file, const char *cpu, int in,
			uint8_t **data, size_t *size)
{
	const char *argv[9] = { "llc", "-mtriple=bpfel", cpu, "-O2", "-filetype=obj",
			       "-o", "-", FIRST, NULL };

	return cham_llvm__run(h, file, "llc", argv, &in, 1, data, size);
}

static int assemble(struct cham *h, const char *path, const uint8_t *bc, size_t bc_size,
		    uint8_t **data, size_t *size)
{
	int in = cham_memfd(h, bc, bc_size, true), err;

	if (in < 0)
		return in;
	err = cham_llvm__assemble(h, path, CHAM_BPF_TENANT, in, data, size);
	close(in);
	return err;
}

int cham_source__open(struct cham *h, const char *path, struct cham_source *s)
{
	uint8_t *data;
	size_t size;
	int err;

	memset(s, 0, sizeof(*s));
	err = cham_file__read(h, path, &data, &size);
	if (err)
		return err;
	s->form = form_of(path, data, size);
	if (s->form == CHAM_PROG_FORM_C) {
		s->text = (char *)data;
		err = compile(h, path, data, size, &data, &size);
		if (err) {
			cham_source__close(s);
			return err;
		}
	}
	if (s->form != CHAM_PROG_FORM_OBJECT) {
		s->bitcode = data;
		s->bitcode_size = size;
		err = assemble(h, path, s->bitcode, s->bitcode_size, &data, &size);
		if (!err && size > CHAM_PROG_FILE_MAX) {
			free(data);
			err = cham__fail(h, -EFBIG,
					 "%s: makes an object of %zu bytes; accepted: up to %d",
					 path, size, CHAM_PROG_FILE_MAX);
		}
	}
	if (!err)
		err = cham_object__read(h, path, data, size, &s->object);
	if (err)
		cham_source__close(s);
	return err;
}

void cham_source__forget(struct cham_source *s)
{
	free(s->bitcode);
	s->bitcode = NULL;
	s->bitcode_size = 0;
}

void cham_source__close(struct cham_source *s)
{
	cham_object__close(s->object);
	free(s->bitcode);
	free(s->text);
	memset(s, 0, sizeof(*s));
}

/* Line @n of @text. */
static void line_of(const char *text, uint32_t n, char *line, size_t size)
{
	size_t len;

	while (--n && (text = strchr(text, '\n')))
		text++;
	if (!text)
		return;
	len = strcspn(text, "\n");
	snprintf(line, size, "%.*s", len < size ? (int)len : (int)size - 1, text);
}

/* clang embeds no text in a file whose first declaration a macro makes. */
void cham_source__tell(const struct cham_source *s, const char *path,
		       struct cham_prog_report *report)
{
	unsigned int i, k;
	char name[128];

	if (!s->text)
		return;
	name_of(path, name, sizeof(name));
	for (i = 0; i < __CHAM_HOOK_MAX; i++)
		for (k = 0; k < report->hook[i].lines; k++) {
			struct cham_path_line *l = &report->hook[i].line[k];

			if (l->number && !l->text[0] && !strcmp(l->file, name)) {
				line_of(s->text, l->number, l->text, sizeof(l->text));
				cham_printable(l->text);
			}
		}
}
