/* The one allocator. Sizes are checked for overflow, failure is a NULL to be
 * handled, and a test can make the k-th allocation fail (once or from then on).
 * Thread-safe. SPDX-License-Identifier: MIT */
#ifndef BRINK_MEM_H
#define BRINK_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *mem_alloc(size_t count, size_t size);             /* uninitialised; NULL on overflow or failure */
void *mem_calloc(size_t count, size_t size);            /* zeroed */
void *mem_realloc(void *old, size_t count, size_t size); /* old stays valid on failure */
void *mem_aligned(size_t bytes);                        /* 64-byte aligned; release with mem_free */
void mem_free(void *p);                                 /* NULL-safe */
char *mem_strdup(const char *s);

/* Test double. k >= 1: the k-th allocation from now fails; sticky: all later ones too. 0 turns it off.
 * Also armed at start from the environment: BRINK_FAIL_ALLOC=k or k+ (sticky). */
void mem_fail_at(uint64_t k, bool sticky);
uint64_t mem_count(void); /* allocations asked for since mem_fail_at */

#endif
