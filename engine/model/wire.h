/* The worker's end of the protocol (PROTOCOL.md), for a worker that is brink
 * itself. What libraries print goes to standard error from wire_open on. Reads
 * and writes block. SPDX-License-Identifier: MIT */
#ifndef BRINK_WIRE_H
#define BRINK_WIRE_H

#include "base/buf.h"
#include "base/err.h"
#include "model/tensor.h"

typedef struct Wire { int in, out; } Wire; /* -1: closed */

bool wire_open(Wire *w, Err *err);
void wire_close(Wire *w);
/* The next request: 1; 0 at the end of input; -1 with err. */
int wire_read(Wire *w, Buf *header, Buf *body, Err *err);
/* A frame with this header, which says how many bytes follow: those of the tensors. */
bool wire_write(Wire *w, const char *header, size_t n, Tensor *const *tensors, int n_tensors, Err *err);

#endif
