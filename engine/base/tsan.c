/* Debian's Lua leaves its frames by __longjmp_chk, which the thread sanitizer does not see: its own stack of calls would grow
 * with every Lua error and every yield. SPDX-License-Identifier: MIT */
typedef int base_tsan_not_empty;

#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif

#ifdef __SANITIZE_THREAD__
#include <setjmp.h>

_Noreturn void __longjmp_chk(jmp_buf env, int value);
void __longjmp_chk(jmp_buf env, int value) { longjmp(env, value); }
#endif
