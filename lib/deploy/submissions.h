/*
 * submissions - a directory of the host for what each executor hands in: DIR/container_000, DIR/container_001, …
 * DIR, where it is made here, is for its owner alone (the Docker daemon passes it as root), so that the directories in it can be
 * open to everybody: the user inside a container is the image's business.  Nothing below DIR is followed if it is a link, since
 * code in a container may have written there.
 */
#ifndef SUBMISSIONS_H
#define SUBMISSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "buf.h"

struct submissions {
	char	*path;		/* DIR, absolute, links resolved; NULL: none */
	int	 fd;
	bool	 made;		/* DIR was not there before */
	struct submission {
		bool	made;
		mode_t	before;	/* permissions of one that was there and was opened to everybody; 0: untouched */
	} *item;
	size_t	 n;		/* done so far */
};

#define SUBMISSIONS_INIT { .fd = -1 }

/*
 * Make what is missing of DIR (its parent must be there) and n directories.  One that exists keeps its content; it is opened to
 * everybody where it is ours, and left alone where it is another user's.
 * 0; -errno, with the path at fault appended to where, and all taken back.
 */
int	submissions_make(struct submissions *s, const char *dir, size_t n, struct buf *where);
void	submissions_undo(struct submissions *s);	/* remove what was made, empty as it is */
void	submissions_release(struct submissions *s);

/* The name of executor i's directory below DIR: "container_007". */
void	submissions_name(size_t i, char ret[static 32]);

#endif
