/* The signals that end a run, for loop.c. SPDX-License-Identifier: MIT */
#ifndef BRINK_SIGNALS_H
#define BRINK_SIGNALS_H

#include <stdbool.h>
#include <uv.h>

/* owner: whoever asks, compared by address only. */
bool signals_take(const void *owner, uv_async_t *wake); /* false: they are taken already, by owner or somebody else */
bool signals_give(const void *owner);                   /* false: owner had none */
void signals_notify(const void *owner, void (*call)(void *data), void *data);
int signals_seen(const void *owner);
void signals_clear(const void *owner);

#endif
