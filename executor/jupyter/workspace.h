/*
 * workspace - which files of WORKSPACE_FOLDER are run in a new kernel: regular ones of the kernel's extension, not starting
 * with '_' or '.', sorted by bytes.
 */
#ifndef WORKSPACE_H
#define WORKSPACE_H

#include <stddef.h>

#define WORKSPACE_FILES_MAX 1000
#define WORKSPACE_BYTES_MAX (16 << 20)	/* of one file, where its text is sent */

struct workspace {
	char	**path;		/* absolute where the folder is */
	size_t	  n;
};

#define WORKSPACE_INIT { NULL, 0 }

/* 0, also where there is no such folder; -E2BIG: more than WORKSPACE_FILES_MAX; -errno of reading it. */
int	workspace_list(const char *dir, const char *extension, struct workspace *ret);
void	workspace_release(struct workspace *w);

#endif
