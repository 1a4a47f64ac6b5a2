/*
 * view - which of this machine's files a sandbox shows: /usr and the directories or links beside it, what programs
 * commonly read in /etc, the kernelspecs of the user, and what --ro names.
 */
#ifndef VIEW_H
#define VIEW_H

#include "local/argv.h"
#include "local/sandbox.h"

struct view {
	struct sandbox_bind *bind;	/* strings are the view's */
	size_t		     n;
	struct argv	     text;	/* where they are kept */
	struct argv	     jupyter;	/* JUPYTER_PATH inside, an entry each */
};

#define VIEW_INIT { NULL, 0, ARGV_INIT, ARGV_INIT }

int	view_add(struct view *v, const char *from, const char *at, bool is_link);	/* 0, -ENOMEM */
/* The machine's base: /usr, /bin …, parts of /etc; with net also what names hosts.  0, -ENOMEM. */
int	view_add_base(struct view *v, bool net);
/* Directories "kernels" below JUPYTER_PATH, JUPYTER_DATA_DIR and ~/.local/share/jupyter.  0, -ENOMEM. */
int	view_add_kernels(struct view *v);
/* True if the host's path can be seen under its own name. */
bool	view_shows(const struct view *v, const char *path);
void	view_release(struct view *v);

#endif
