/*
 * volumes - directories of the host that executors see: DIR, which they see read-only at /code, or SRC:DST[:ro].
 * SRC may hold colons, DST may not: what stands behind the last colon (before ":ro") is DST.  So a directory with a colon in
 * its name cannot be given alone; it is written DIR:/code:ro.
 * Pure: whether SRC is there is the caller's to look at.
 */
#ifndef VOLUMES_H
#define VOLUMES_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

#define VOLUMES_CODE		"/code"
#define VOLUMES_SUBMISSION	"/submission"

struct volume {
	char	*source;	/* as given, until the caller puts a path of its own in its place */
	char	*target;	/* absolute and plain; no other volume's */
	bool	 read_only;
};

struct volumes {
	struct volume	*item;
	size_t		 n;
};

#define VOLUMES_INIT { NULL, 0 }

/* Add one.  0; -EINVAL, a sentence appended to why; -ENOMEM. */
int	volumes_parse(struct volumes *v, const char *text, struct buf *why);
const struct volume *volumes_at(const struct volumes *v, const char *target);	/* NULL: none */
void	volumes_release(struct volumes *v);

#endif
