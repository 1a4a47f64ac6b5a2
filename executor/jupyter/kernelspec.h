/*
 * kernelspec - finds a kernel by name in the Jupyter paths and says how it is started.
 * Searched, first match wins: JUPYTER_PATH (each with /kernels), JUPYTER_DATA_DIR, $XDG_DATA_HOME/jupyter or
 * ~/.local/share/jupyter, /usr/local/share/jupyter, /usr/share/jupyter.  Source: jupyter_client, "Kernel specs".
 */
#ifndef KERNELSPEC_H
#define KERNELSPEC_H

#include <stdbool.h>

#include "base/buf.h"

#define KERNELSPEC_BYTES_MAX (1 << 20)

struct kernelspec {
	char	 *name;			/* as asked for */
	char	 *dir;			/* where its kernel.json is: {resource_dir} */
	char	 *display_name;
	char	 *language;		/* "python"; "" where it does not say */
	char	**argv;			/* NULL at the end; {connection_file}, {resource_dir} not yet filled in */
	char	**env;			/* "NAME=value", NULL at the end; ${NAME} filled in */
	bool	  interrupt_by_message;	/* interrupt_mode: message */
	bool	  is_ipykernel;		/* argv runs ipykernel: it takes IPython's options */
};

#define KERNELSPEC_INIT { 0 }

/*
 * Find and read the kernelspec `name`.  0; -EINVAL: no name a kernel can have; -ENOENT: not found; -EBADMSG: its kernel.json is
 * not what it should be; -errno of reading it.  Where it fails a sentence's end is appended to why ("…: argv is empty").
 */
int	kernelspec_find(const char *name, struct kernelspec *ret, struct buf *why);
void	kernelspec_release(struct kernelspec *spec);

/* Take a kernel.json apart (dir is its directory); as above. */
int	kernelspec_parse(const char *text, size_t len, const char *dir, struct kernelspec *ret, struct buf *why);

/* One word of argv with {connection_file} and {resource_dir} filled in, appended to out. */
void	kernelspec_fill(const struct kernelspec *spec, const char *word, const char *connection_file, struct buf *out);

/* Names of the kernels there are, separated by blanks, appended to out. */
void	kernelspec_list(struct buf *out);

#endif
