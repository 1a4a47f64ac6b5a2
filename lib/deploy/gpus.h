/*
 * gpus - which GPUs the first executors get, one each: "0,1,GPU-8f2ba1a5-…".
 *	list = id *( "," id )    id = a number without leading zeros, or "GPU-" / "MIG-" and a UUID, as nvidia-smi -L prints it
 * Pure.
 */
#ifndef GPUS_H
#define GPUS_H

#include <stddef.h>

#include "buf.h"

#define GPU_ID_MAX	40	/* "GPU-" and the 36 characters of a UUID */

struct gpu {
	char id[GPU_ID_MAX + 1];
};

struct gpus {
	struct gpu	*item;		/* none twice */
	size_t		 n;
};

#define GPUS_INIT { NULL, 0 }

/* 0; -EINVAL, a sentence naming the id appended to why; -ENOMEM. */
int	gpus_parse(const char *text, struct gpus *ret, struct buf *why);
void	gpus_release(struct gpus *g);

#endif
