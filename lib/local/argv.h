/*
 * argv - a growing list of strings that ends with NULL: a program's arguments, or its environment.
 * As with buf, what finds no memory sets `failed`, and the caller checks once, with argv_error().
 */
#ifndef ARGV_H
#define ARGV_H

#include <stdbool.h>
#include <stddef.h>

struct argv {
	char	**item;		/* owned strings, then NULL; itself NULL until the first is added */
	size_t	  n, cap;
	bool	  failed;	/* something found no memory */
};

#define ARGV_INIT { NULL, 0, 0, false }

void	argv_release(struct argv *a);
void	argv_add(struct argv *a, const char *text);
void	argv_addf(struct argv *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* For an environment: "name=value", in the place of a former one. */
void	argv_setenv(struct argv *a, const char *name, const char *value);
const char *argv_getenv(const struct argv *a, const char *name);	/* borrowed; NULL: none */
char	*const *argv_list(const struct argv *a);	/* never NULL; ends with NULL */
int	argv_error(const struct argv *a);		/* 0 or -ENOMEM */

#endif
