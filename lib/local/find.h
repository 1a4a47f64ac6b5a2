/*
 * find - where a program is.  The commands of one installation find each other beside themselves first, so that a tree
 * works wherever it lies, and in PATH then.
 */
#ifndef FIND_H
#define FIND_H

#include <limits.h>

/* As a shell would: a name with a slash is a path, else PATH is searched.  Absolute in ret.  0; -ENOENT, -EACCES. */
int	find_program(const char *name, char ret[static PATH_MAX]);
/* Beside the running program, else as above. */
int	find_sibling(const char *name, char ret[static PATH_MAX]);

#endif
