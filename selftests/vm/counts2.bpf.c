// SPDX-License-Identifier: GPL-2.0
#define ATOMIC
#include "counts.bpf.c"
