/* SPDX-License-Identifier: MIT */
#include "prim/prim.h"

const Prim PRIM_NOISE[] = {{0}};
