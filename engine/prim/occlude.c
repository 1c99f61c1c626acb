/* SPDX-License-Identifier: MIT */
#include "prim/prim.h"

const Prim PRIM_OCCLUDE[] = {{0}};
