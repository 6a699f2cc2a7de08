// SPDX-License-Identifier: GPL-2.0
/* The same with another layout of its area. */
#define VERSION 2
#include "verdicts.bpf.c"
