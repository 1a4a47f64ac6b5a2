/*
 * cli - what the commands that talk to the manager have in common: the options -u -q -v and --color, the manager's
 * url, reading standard input, writing standard output.
 */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "api.h"
#include "opt.h"

struct cli {
	const char	*url;
	const char	*color;
	bool		 quiet, verbose;
};

#define CLI_INIT { .url = API_DEFAULT_URL, .color = "auto" }

/* In a command's table; c is its struct cli. */
#define CLI_URL_OPTION(c) \
	{ 'u', "url", "URL", "the manager (EXECMGR_URL, http://127.0.0.1:5000)", OPT_STRING, .dest = &(c).url, .env = "EXECMGR_URL" }
#define CLI_TALK_OPTIONS(c) \
	{ 'q', "quiet", NULL, "no warnings", OPT_FLAG, .dest = &(c).quiet }, \
	{ 'v', "verbose", NULL, "say on stderr what is being done", OPT_FLAG, .dest = &(c).verbose }

/* After opt_parse(): set what is said, make the api.  A bad url ends the program (64). */
struct api *cli_open(const struct opt_usage *usage, const struct cli *c);
/* --filter's program; one that jq refuses ends the program (64). */
struct json_filter *cli_filter(const struct opt_usage *usage, const char *program);
/*
 * What filter makes of one JSON text (NULL: the text as it came, on one line), appended to out; no control sequences where standard
 * output is a terminal.  0, or an exit status with its message said.
 */
int	cli_add_json(struct json_filter *filter, struct json value, struct buf *out);
/*
 * Write all of it.  0; -EINTR: `watch` (a descriptor, -1: none) became readable meanwhile, also if the reader takes
 * nothing; -errno of write(2).
 */
int	cli_write(int fd, const char *bytes, size_t len, int watch);
/* The exit status for what cli_write() said of standard output, with a message; a reader that left ends the process by SIGPIPE
 * as it would have without our help, unless SIGPIPE is ignored (74). */
int	cli_write_failed(int r);

#endif
