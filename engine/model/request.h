/* A request on its way to a worker: its frame, and the shared memory for large
 * data. SPDX-License-Identifier: MIT */
#ifndef BRINK_REQUEST_H
#define BRINK_REQUEST_H

#include "model/process.h"

/* A descriptor for data of a request; -1: there is none. */
int request_memory(void);
/* Length, header, data in `out`; with memory >= 0 the data of WORKER_SHARED_FROM bytes and more go there. */
bool request_write(const Ask *a, int64_t id, int memory, Buf *out, Err *err);

#endif
