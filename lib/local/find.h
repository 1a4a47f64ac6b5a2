/*
 * find - where a program is, and what came with it.  The commands of one installation find each other beside themselves first, so that a tree
 * works wherever it lies, and in PATH then.
 */
#ifndef FIND_H
#define FIND_H

#include <limits.h>

/* As a shell would: a name with a slash is a path, else PATH is searched.  Absolute in ret.  0; -ENOENT, -EACCES. */
int	find_program(const char *name, char ret[static PATH_MAX]);
/* Beside the running program, else as above. */
int	find_sibling(const char *name, char ret[static PATH_MAX]);

/*
 * A file or directory that came with the programs: "presets" is BIN/../share/execmgr/presets where they are installed,
 * BIN/../../share/presets where they were built.  0; -ENOENT, -ENAMETOOLONG.
 */
int	find_share(const char *name, char ret[static PATH_MAX]);

#endif
