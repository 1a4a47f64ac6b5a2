/* refuse - one sentence on what cannot be:  return refuse(why, "--gpu-ids %s: is named twice", id); */
#ifndef REFUSE_H
#define REFUSE_H

#include "buf.h"

int	refuse(struct buf *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));	/* appends; -EINVAL */

#endif
