/* SPDX-License-Identifier: GPL-2.0 */
/* What seg.c takes from the kernel, for building it on the host. */
#ifndef CHAM_SEG_HOST_H
#define CHAM_SEG_HOST_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;

#endif
