/* KERNEL before a function definition compiles it once per CPU level and picks
 * at load time. One source, same bytes at every level: the build forbids FMA
 * contraction and reordering, so only the width of the loops differs.
 * Sanitizer builds and BRINK_LEVEL builds (see `make levels`) leave it out, and clang's:
 * it (14) gives the resolvers of static functions global names, which then collide.
 * SPDX-License-Identifier: MIT */
#ifndef BRINK_CPU_H
#define BRINK_CPU_H

#if defined(__x86_64__) && defined(__linux__) && defined(BRINK_CLONES) && !defined(__clang__) && __has_attribute(target_clones)
#define KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define KERNEL
#endif

#endif
