/*
 * upload - a file that appears beneath a directory (beneath.h) when it is complete, and not before.
 * Until then it lies in the directory itself under a name of its own, ".upload-" and a random number.  Then the directories of its
 * path are made, and it takes the place of what has that name, a symbolic link too; not that of a directory.
 * All of this blocks: it is for a thread.
 */
#ifndef UPLOAD_H
#define UPLOAD_H

#include <stdbool.h>
#include <stdint.h>

struct upload {
	int		 dir;		/* the caller's */
	int		 fd;		/* -1: none is under way */
	int64_t		 size;		/* bytes written */
	char		 name[32];
};

#define UPLOAD_INIT { -1, -1, 0, "" }

/* Begin, if the path will do: -EISDIR, -ENOTDIR, and what beneath_open() has.  0, -errno. */
int	upload_begin(struct upload *u, int dir, const char *path);
int	upload_write(struct upload *u, const char *bytes, size_t len);	/* all of them; 0, -errno */
/* 0, *ret_is_new: there was none of that name; -errno.  Either way nothing is under way any more. */
int	upload_finish(struct upload *u, const char *path, bool *ret_is_new);
/* Leave nothing, if it is under way. */
void	upload_drop(struct upload *u);

#endif
