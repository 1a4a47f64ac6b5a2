/*
 * env - environment variables of a deployment, from the command line and from files.
 *	list = var *( "," var )		a comma separates only where NAME= follows; any other belongs to the value
 *	file = lines, each [ "export " ] var, or blank, or a comment from "#"; the value is the rest of the line as it is:
 *	       no quotes, no escapes, as docker run --env-file has it.  CR LF ends a line too.
 *	var  = NAME "=" VALUE		NAME = a letter or "_", then letters, digits, "_"
 * A value may be empty, and is UTF-8 without control characters but tab and newline.  Of one name the last counts, in the
 * place of the first.  Pure: no I/O, no printing.
 */
#ifndef ENV_H
#define ENV_H

#include <stddef.h>

#include "buf.h"

#define ENV_MAX		1000		/* variables; more is a mistaken file */
#define ENV_BYTES_MAX	131071		/* of "NAME=VALUE": execve(2) takes no longer string */

struct env_var {
	char		*name, *value;
	const char	*file;		/* where it was said last, borrowed; NULL: on the command line */
	unsigned	 line;		/* from 1 */
};

struct env {
	struct env_var	*var;
	size_t		 n;
};

#define ENV_INIT { NULL, 0 }

/*
 * Add what a text says.  0; -EINVAL: a sentence appended to why, which names variables but no values (they may be secret),
 * and e holds what came before; -ENOMEM.
 */
int	env_parse_list(struct env *e, const char *text, struct buf *why);
int	env_parse_file(struct env *e, const char *path, const char *text, size_t len, struct buf *why);
void	env_release(struct env *e);

const struct env_var *env_get(const struct env *e, const char *name);	/* NULL: none */
/* Refuse a variable for its value or name, where it was said.  -EINVAL: on the command line; -EBADMSG: in a file. */
int	env_refuse(const struct env_var *v, struct buf *why, const char *what);

#endif
