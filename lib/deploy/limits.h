/*
 * limits - how much of the machine an executor gets, as the variables MEM_LIMIT, CPUS and MEM_RESERVATION say.
 * What they hold is read by quantity.h.  These steer the deployment and are not handed to a container.  Pure.
 */
#ifndef LIMITS_H
#define LIMITS_H

#include <stdint.h>

#include "buf.h"
#include "env.h"

struct limits {
	const char *memory;		/* a size, as Compose takes it; borrowed from the environment, or static */
	const char *cpus;		/* decimal */
	const char *reservation;	/* a size, not above memory; NULL: none */
	int64_t	    memory_bytes;	/* what memory says */
	int	    threads;		/* as many as keep those processors busy: cpus rounded up */
};

#define LIMITS_INIT { "256M", "0.25", NULL, 256 << 20, 1 }

bool	limits_is(const char *name);	/* one of the three variables */
/* 0; -EINVAL, -EBADMSG as env_refuse(). */
int	limits_take(const struct env *e, struct limits *ret, struct buf *why);

#endif
