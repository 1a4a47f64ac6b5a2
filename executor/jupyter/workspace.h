/*
 * workspace - which files of WORKSPACE_FOLDER are run in a new kernel: regular ones of the kernel's extension, not starting
 * with '_' or '.', sorted by bytes.
 */
#ifndef WORKSPACE_H
#define WORKSPACE_H

#include <stddef.h>
#include <stdint.h>

#define WORKSPACE_FILES_MAX 1000
#define WORKSPACE_BYTES_MAX (16 << 20)	/* of one file, where its text is sent */

struct workspace {
	char	**path;		/* absolute where the folder is */
	size_t	  n;
};

#define WORKSPACE_ENTRIES_MAX 4096	/* of the folder and all below, to be looked at for changes */

#define WORKSPACE_INIT { NULL, 0 }

/* 0, also where there is no such folder; -E2BIG: more than WORKSPACE_FILES_MAX; -errno of reading it. */
int	workspace_list(const char *dir, const char *extension, struct workspace *ret);
/*
 * A number that changes when something in the folder or below it does: name, size, time, inode, mode.  0, also where there is no
 * such folder; -E2BIG: more than WORKSPACE_ENTRIES_MAX; -errno of reading it.
 */
int	workspace_mark(const char *dir, uint64_t *ret);
void	workspace_release(struct workspace *w);

#endif
