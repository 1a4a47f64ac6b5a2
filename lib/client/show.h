/*
 * show - an executor's answer to /execute as text: the kernel's stdout to stdout, its stderr and tracebacks to stderr, results
 * and displays as their text/plain to stdout, in the order in which the kernel produced them; pictures into a directory.
 */
#ifndef SHOW_H
#define SHOW_H

#include <stdbool.h>

#include "buf.h"
#include "json.h"

struct show {
	bool		 tame_out, tame_err;	/* that descriptor is a terminal: no control sequences */
	const char	*save_dir;		/* pictures go here, NULL: nowhere */
	int		 watch;			/* as cli_write()'s */
	unsigned	 next_image;		/* number to try next */
	int		 ex;			/* exit status of the first picture that could not be saved, 0: none */
	int		 ex_items;		/* of a stream: as show_exit() */
	bool		 done;			/* of a stream: its last line has come */
};

#define SHOW_INIT { .watch = -1, .next_image = 1 }

/* Is it an answer of the executor contract?  NULL, or what is wrong with it: "has no outputs". */
const char *show_check(struct json answer);
/*
 * The exit status it stands for: 0, 1 the code raised, 124 ran out of time, 137 the kernel died.  An answer without `status` (an
 * executor of the plain contract) is judged by its error items.
 */
int	show_exit(struct json answer);
/* Print it all and save its pictures.  0, -EINTR, or -errno of a write to standard output. */
int	show_outputs(struct show *s, struct json answer);
/* Print one line of a streamed answer, or save its picture; the last one sets done.  As show_outputs(). */
int	show_line(struct show *s, struct json line);
/* Save its pictures only. */
void	show_save(struct show *s, struct json answer);

#endif
